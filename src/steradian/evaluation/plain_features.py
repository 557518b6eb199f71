"""Plain features of a table: each modality as fixed numbers, side by side, as one would make them without a model."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Pillow
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, normalize
from sklearn.random_projection import SparseRandomProjection

from steradian.data import ObjectTable
from steradian.data.modality import Values
from steradian.data.prefetch import prefetched
from steradian.data.sets import SET_SIZES, ItemCells
from steradian.errors import ConfigError, InputError, MissingExtraError
from steradian.modalities import Audio, Image, Series, Tabular, Text, Vector
from steradian.modalities.log_mel import log_mel
from steradian.modalities.pictures import open_picture
from steradian.modalities.waveform import decode_sound

__all__ = ["PlainFeatures", "PlainModality"]

LARGEST = 1e150
"""Larger numbers are cut off: their squares would overflow."""
FARTHEST = 10.0
"""Standard deviations from the mean at most."""
SIDE, COMPONENTS = 16, 150
"""Pixels a side and principal components of a picture, as in the demo's baseline (docs/lab-log.md)."""
LONGEST_NGRAM, BUCKETS, SUMS, CHARACTERS = 4, 1 << 16, 512, 1000
"""Of texts: characters of an n-gram, hashed n-grams, random sums of these, and characters looked at."""
CATEGORIES = 100
"""Categories of a column with a number of their own."""
WIDEST = 2048
"""Numbers of a vector; of longer ones, so many random sums, which keep distances within a few percent."""

Read = Callable[[Values, np.ndarray], tuple[Any, np.ndarray | None]]
"""From the values and row numbers of the objects that have a modality to their items as they are, first axis items, and
how many each object has, int64 [objects]; None: one each."""
Encode = Callable[[Any], np.ndarray]
"""From items to numbers [items, features]."""


class PlainModality(NamedTuple):
    """How a modality became numbers.

    Args:
        name: of the modality.
        features: how many numbers.
        words: what they are.
    """

    name: str
    features: int
    words: str


@dataclass(frozen=True)
class _Block:
    """One modality's features, brought to mean 0 and to a mean squared length of 1 over the training objects."""

    name: str
    read: Read
    encode: Encode
    mean: np.ndarray
    length: float

    def __call__(self, objects: ObjectTable) -> np.ndarray:
        """Features float32 [objects, features]."""
        values, has = _present(objects, self.name)
        if not has.any():
            return np.zeros((len(objects), len(self.mean)), dtype=np.float32)
        items, sizes = self.read(values, objects.rows[has])
        return self.scaled(_means(self.encode(items), sizes), has)

    def scaled(self, found: np.ndarray, has: np.ndarray) -> np.ndarray:
        """All objects' features of those of the objects that have the modality; elsewhere 0, the training mean."""
        block = np.zeros((len(has), len(self.mean)), dtype=np.float32)
        block[has] = (found - self.mean) / self.length
        return block


class PlainFeatures:
    """Fixed features of each modality, fitted on training objects; every modality has the same weight.

    Args:
        train: the training objects.
        random_state: of random projections.

    Attributes:
        trained: the features of the training objects, float32 [objects, features].
        modalities: what became of each modality.
        notes: what was left out or replaced, as full sentences.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [1.0, 2.0, None], "title": ["cup", "jar", "jug"], "label": ["a", "b", "b"]}
        >>> schema = sr.Schema({"specs": sr.Tabular(numeric=["size"]), "title": sr.Text("title")})
        >>> features = PlainFeatures(sr.read_objects(table, schema))
        >>> [(modality.name, modality.features) for modality in features.modalities]
        [('specs', 1), ('title', 512)]
        >>> features.trained[:, 0].tolist()
        [-1.0, 1.0, 0.0]
    """

    def __init__(self, train: ObjectTable, *, random_state: int = 0) -> None:
        self._blocks: list[_Block] = []
        self.modalities: list[PlainModality] = []
        self.notes: list[str] = []
        trained = [np.zeros((len(train), 0), dtype=np.float32)]
        for name, modality in train.schema.modalities.items():
            values, has = _present(train, name)
            if type(modality) not in _KINDS or not has.any():
                known = type(modality) in _KINDS
                why = (
                    "no training object has it" if known else f"{type(modality).__name__} is no kind the baseline knows"
                )
                self.notes.append(f"{name} is left out: {why}.")
                continue
            try:
                read, fit = self._kind(name, modality, values)
            except (ConfigError, MissingExtraError) as error:
                self.notes.append(f"{name} is left out: {error}")
                continue
            items, sizes = read(values, train.rows[has])
            # The spread of one object is 0 / 0, and what it would divide comes out as 0.
            with np.errstate(all="ignore"):
                words, encode = fit(items, random_state)
            found = _means(encode(items), sizes)
            mean = found.mean(axis=0)
            length = float(np.sqrt(np.square(found - mean).sum(axis=1).mean())) or 1.0
            self._blocks.append(_Block(name, read, encode, mean, length))
            self.modalities.append(PlainModality(name, len(mean), words))
            trained.append(self._blocks[-1].scaled(found, has))
        self.trained = np.concatenate(trained, axis=1)

    def transform(self, objects: ObjectTable) -> np.ndarray:
        """Features float32 [objects, features], the modalities side by side; 0 where one is missing.

        Args:
            objects: of a schema with the same modalities, in any order.

        Raises:
            InputError: an item that cannot be read, or of another size than in training.
        """
        empty = np.zeros((len(objects), 0), dtype=np.float32)
        return np.concatenate([empty, *(block(objects) for block in self._blocks)], axis=1)

    def _kind(self, name: str, modality: Any, values: Values) -> tuple[Read, "_Fit"]:
        """How to read and encode a modality; a pretrained encoder where it is frozen, since its features are kept."""
        kind = _KINDS[type(modality)]
        if getattr(modality, "encoder", None) is None:
            return kind(modality)
        if not modality.trainable:
            return _frozen(modality, values)
        self.notes.append(f"{name}: its encoder is not used, since it is trained; plain features stand in its place.")
        return kind(modality)


def _present(objects: ObjectTable, name: str) -> tuple[Values, np.ndarray]:
    """The values of the objects that have a modality, and which these are, bool [objects]."""
    has = objects.present[:, list(objects.schema.modalities).index(name)]
    return {key: array[has] for key, array in objects.values[name].items()}, has


def _means(items: np.ndarray, sizes: np.ndarray | None) -> np.ndarray:
    """The mean of each object's items, float64 [objects, features]."""
    items = np.asarray(items, dtype=np.float64)
    if sizes is None:
        return items
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return np.asarray(np.add.reduceat(items, starts, axis=0) / sizes[:, None])


# -- How each kind is read, and what is fitted on its items


def _vector(modality: Any) -> "_Kind":
    def read(values: Values, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        cells = values["values"]
        if cells.dtype != object:
            return cells, None
        return np.concatenate(list(cells)), np.array([len(cell) for cell in cells])

    def fit(items: np.ndarray, random_state: int) -> tuple[str, Encode]:
        standardise = _standardiser(items, modality)
        if items.shape[1] <= WIDEST:
            return "standardised", standardise
        sums = SparseRandomProjection(WIDEST, random_state=random_state).fit(items[:1])
        return "standardised, random projection", lambda items: sums.transform(standardise(items))

    return read, fit


def _tabular(modality: Any) -> "_Kind":
    def read(values: Values, rows: np.ndarray) -> tuple[Any, None]:
        categories = values["categories"]
        return (values["numbers"], np.where(categories == np.array(None), "", categories)), None

    def fit(items: Any, random_state: int) -> tuple[str, Encode]:
        numbers, categories = items
        standardise, gaps = _standardiser(numbers, modality), np.isnan(numbers).any(axis=0)
        one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=CATEGORIES, sparse_output=False)
        chosen = (
            one_hot.fit(categories).transform if categories.size else (lambda categories: np.zeros(categories.shape))
        )

        def encode(items: Any) -> np.ndarray:
            numbers, categories = items
            absent = np.isnan(numbers)[:, gaps]
            return np.concatenate([standardise(numbers), absent, chosen(categories)], axis=1)

        return "standardised numbers, one-hot categories", encode

    return read, fit


def _text(modality: Any) -> "_Kind":
    def read(values: Values, rows: np.ndarray) -> tuple[list[str], np.ndarray | None]:
        cells = ItemCells.of(values["text"])
        # Halves of surrogate pairs are no characters, and cannot be hashed.
        items = [text[:CHARACTERS].encode(errors="replace").decode() for text in cells.items]
        return items, cells.sizes

    def fit(items: list[str], random_state: int) -> tuple[str, Encode]:
        ngrams = HashingVectorizer(
            analyzer="char_wb",
            ngram_range=(1, LONGEST_NGRAM),
            strip_accents="unicode",
            n_features=BUCKETS,
            alternate_sign=False,
            norm=None,
        )
        # Sums keep n-grams that training texts lack; an SVD drops them, and with them half the hits on emoji's names.
        sums = SparseRandomProjection(SUMS, density=1 / 64, dense_output=True, random_state=random_state)
        reduce = make_pipeline(ngrams, TfidfTransformer(sublinear_tf=True), sums).fit(items)
        return f"1-{LONGEST_NGRAM} character n-grams, TF-IDF", lambda items: normalize(reduce.transform(items))

    return read, fit


def _image(modality: Any) -> "_Kind":
    def pixels(picture: Any, row: int) -> np.ndarray:
        opened = open_picture(picture, where=_where(modality, row), enough=SIDE)
        return np.asarray(opened.resize((SIDE, SIDE), Pillow.Resampling.BILINEAR), dtype=np.float32).ravel() / 255

    def read(values: Values, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return _decoded(pixels, values["picture"], rows)

    def fit(items: np.ndarray, random_state: int) -> tuple[str, Encode]:
        components = PCA(min(COMPONENTS, *items.shape), random_state=random_state).fit(items)
        return f"{SIDE} x {SIDE} pixels, PCA", components.transform

    return read, fit


def _series(modality: Any) -> "_Kind":
    def read(values: Values, rows: np.ndarray) -> tuple[np.ndarray, None]:
        return np.stack([_summary(series) for series in values["series"]]), None

    def fit(items: np.ndarray, random_state: int) -> tuple[str, Encode]:
        return "mean, deviation, least, largest", _standardiser(items, modality)

    return read, fit


def _audio(modality: Any) -> "_Kind":
    def bands(sound: Any, row: int) -> np.ndarray:
        windows = decode_sound(sound, modality.rate, where=_where(modality, row))
        return _summary(np.concatenate(log_mel(windows, modality.rate)))

    def read(values: Values, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return _decoded(bands, values["sound"], rows)

    def fit(items: np.ndarray, random_state: int) -> tuple[str, Encode]:
        return "log-mel: mean, deviation, least, largest", _standardiser(items, modality)

    return read, fit


def _frozen(modality: Any, values: Values) -> "_Kind":
    fitted = modality.fit(values)

    def read(values: Values, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        items = fitted.prepare(values, rows)(np.arange(len(rows)))
        return items["values"], items.get(SET_SIZES)

    return read, lambda items, random_state: ("the pretrained encoder's features", lambda items: items)


_Fit = Callable[[Any, int], tuple[str, Encode]]
"""From training items and a seed to the features in words and as a function."""
_Kind = tuple[Read, _Fit]
_KINDS: dict[type, Callable[[Any], _Kind]] = {
    Vector: _vector,
    Tabular: _tabular,
    Text: _text,
    Image: _image,
    Series: _series,
    Audio: _audio,
}
"""By exact type: what a class derived from one of these reads is its own affair."""


def _decoded(
    decode: Callable[[Any, int], np.ndarray], cells: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """Each item decoded to numbers, and the sizes of cells."""
    sets, cores = ItemCells.of(cells), os.cpu_count() or 1
    pairs = zip(sets.items, sets.rows(rows).tolist(), strict=True)
    return np.stack(list(prefetched(lambda pair: decode(*pair), pairs, ahead=4 * cores, threads=cores))), sets.sizes


def _standardiser(numbers: np.ndarray, modality: Any) -> Encode:
    """Standardises numbers [items, features] as these are; what is NaN becomes 0, their mean."""

    def within(numbers: np.ndarray) -> np.ndarray:
        return np.clip(numbers.astype(np.float64), -LARGEST, LARGEST)

    scaler = StandardScaler().fit(within(numbers)) if numbers.size else None

    def standardise(numbers: np.ndarray) -> np.ndarray:
        if scaler is None:
            return numbers
        if numbers.shape[1] != scaler.n_features_in_:
            raise InputError(
                want=f"{scaler.n_features_in_} numbers, as in training",
                got=str(numbers.shape[1]),
                where=f"columns {', '.join(modality.columns)}",
                fix="Give the same columns in the same order as in the training table.",
            )
        standardised: np.ndarray = scaler.transform(within(numbers))
        return np.asarray(np.nan_to_num(standardised).clip(-FARTHEST, FARTHEST))

    return standardise


def _summary(steps: np.ndarray) -> np.ndarray:
    """Mean, standard deviation, least and largest of the known steps of each channel [4 * channels]; NaN of none."""
    known = ~np.isnan(steps).all(axis=0)
    found = np.full((4, steps.shape[1]), np.nan)
    steps = steps[:, known].astype(np.float64)
    found[:, known] = [
        np.nanmean(steps, axis=0),
        np.nanstd(steps, axis=0),
        np.nanmin(steps, axis=0),
        np.nanmax(steps, axis=0),
    ]
    return found.ravel()


def _where(modality: Any, row: int) -> str:
    return f"row {row} (counted from 0), column {modality.column!r}"
