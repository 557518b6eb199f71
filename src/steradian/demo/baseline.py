"""The plain baseline beside the model: pixels by PCA, names by character n-grams, one after the other in one vector."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from PIL import Image as Pillow
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize

__all__ = ["PlainBaseline"]

SIDE = 16
"""Pixels a side: of 8 to 48, the size whose vectors found most (docs/lab-log.md)."""

COMPONENTS = 150
"""Of the PCA; 100 to 300 differ by less than 0.3 points."""

LONGEST_NGRAM = 4
BUCKETS = 1 << 20


class PlainBaseline:
    """Pictures and names as unit vectors of fixed features, side by side; what is missing is zero.

    Pictures: 16 x 16 pixels, PCA. Names: n-grams of 1 to 4 characters within words, accents removed, hashed so that
    those new in the test count too, TF-IDF. Both parts have length 1 and so the same weight.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> pictures = np.empty(9, dtype=object)
        >>> pictures[:] = list(rng.integers(0, 256, (9, 72, 72, 3), dtype=np.uint8))
        >>> columns = {"picture": pictures, "name": np.array([f"name {i}" for i in range(9)], dtype=object)}
        >>> baseline = PlainBaseline().fit(columns)
        >>> vectors = baseline.transform(columns, ["name"])
        >>> (vectors @ vectors.T).toarray().argmax(axis=1)
        array([0, 1, 2, 3, 4, 5, 6, 7, 8])
    """

    def fit(self, columns: Mapping[str, np.ndarray]) -> Self:
        """Learn the principal components and the rarity of n-grams.

        Args:
            columns: `picture`, uint8 arrays or None, and `name`, text or None [objects].
        """
        pictures = list({id(picture): picture for picture in columns["picture"] if picture is not None}.values())
        names = sorted({name for name in columns["name"] if name is not None})
        self._pca = PCA(min(COMPONENTS, len(pictures) - 1), svd_solver="full").fit(_pixels(pictures))
        ngrams = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=(1, LONGEST_NGRAM),
            strip_accents="unicode",
            n_features=BUCKETS,
            alternate_sign=False,
            norm=None,
        )
        self._names = make_pipeline(ngrams, TfidfTransformer(sublinear_tf=True)).fit(names)
        return self

    def transform(self, columns: Mapping[str, np.ndarray], modalities: Sequence[str]) -> csr_matrix:
        """Unit rows, sparse [objects, features].

        Args:
            columns: as for `fit`.
            modalities: which of picture and name to use; the other's features are zero.
        """
        length = len(columns["name"])
        pictures = np.zeros((length, self._pca.n_components_), dtype=np.float32)
        names = csr_matrix((length, BUCKETS), dtype=np.float32)
        if "picture" in modalities:
            rows = [row for row, picture in enumerate(columns["picture"]) if picture is not None]
            if rows:
                pictures[rows] = normalize(self._pca.transform(_pixels([columns["picture"][row] for row in rows])))
        if "name" in modalities:
            names = self._names.transform([name or "" for name in columns["name"]])
        return normalize(hstack([csr_matrix(pictures), names], format="csr"))


def _pixels(pictures: Sequence[np.ndarray]) -> np.ndarray:
    small = [Pillow.fromarray(p).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR) for p in pictures]
    return np.stack([np.asarray(picture, dtype=np.float32).ravel() / 255 for picture in small])
