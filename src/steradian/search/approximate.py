"""Approximate search: FAISS looks into a few of many lists, and how much it finds is measured when they are made.

Vectors are put into lists by the nearest of some centers, and a query looks into the lists whose centers are nearest to
it. So many lists are opened that of drawn rows, each left out of its own search, the wanted share of the exact
neighbors is found. What is found gets the same exact cosines as `Index.search` without it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steradian.errors import ConfigError, MissingExtraError
from steradian.metrics import nearest
from steradian.metrics.exact_cosines import NO_ROW, decode_keys, fixed_point, ranking_keys
from steradian.metrics.nearest import CheckedRows, check_vectors

__all__ = ["ApproximateSearch"]

NEIGHBORS = 10
"""Of these the recall is measured."""
_LISTS_A_ROOT = 4
_ROWS_A_LIST = 39
"""FAISS warns of fewer."""
_TRAINED_A_LIST, _ROUNDS = 64, 8
_QUERIES = 500
_QUERIES_A_CHUNK = 1024


@dataclass(frozen=True, eq=False, repr=False)
class ApproximateSearch:
    """Inverted lists over the rows of an index; `ApproximateSearch.build` makes them.

    Args:
        rows: what is searched.
        lists: the FAISS index.
        recall: the share of the 10 exact neighbors that were found, of drawn rows that were left out of their search.
        queries: how many were drawn.
    """

    rows: CheckedRows
    lists: Any = field(repr=False)
    recall: float
    queries: int

    @classmethod
    def build(cls, rows: CheckedRows, *, recall: float, random_state: int) -> "ApproximateSearch":
        """Put rows into lists and open as many as the recall asks for.

        Args:
            rows: unit float32 rows [rows, dim], checked.
            recall: the share of the exact neighbors to find at least.
            random_state: of the draws.

        Raises:
            ConfigError: a recall that is no share.
            MissingExtraError: FAISS is not installed: `pip install 'steradian[faiss]'`.
        """
        if not 0 < recall <= 1:
            raise ConfigError("a share above 0, at most 1", repr(recall), "approximate(recall=...)", "Leave it out.")
        try:
            import faiss
        except ImportError as error:
            raise MissingExtraError("faiss", "faiss", "approximate search") from error
        total, dim = rows.vectors.shape
        count = max(1, min(int(_LISTS_A_ROOT * total**0.5), total // _ROWS_A_LIST))
        lists = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, count, faiss.METRIC_INNER_PRODUCT)
        lists.cp.niter, lists.cp.max_points_per_centroid, lists.cp.seed = _ROUNDS, _TRAINED_A_LIST, random_state
        lists.train(rows.vectors)
        lists.add(rows.vectors)
        drawn = np.sort(np.random.default_rng(random_state).permutation(total)[:_QUERIES])
        made, k = cls(rows, lists, 1.0, len(drawn)), min(NEIGHBORS, total - 1)
        if not k:
            return made
        exact, _ = nearest(rows.vectors[drawn], rows, k=k, exclude=drawn)
        found, opened, lists.nprobe = 0.0, 1, 0
        while found < recall and lists.nprobe < count:
            lists.nprobe = min(opened, count)
            near, _ = made.nearest(rows.vectors[drawn], k=k + 1)
            # A row finds itself first, or one that is the same to the last bit.
            others = near != drawn[:, None]
            hits = (near[:, :, None] == exact[:, None, :]).any(axis=2) & others
            found, opened = float(hits.sum() / exact.size), opened + (opened + 1) // 2
        return cls(rows, lists, found, len(drawn))

    def nearest(self, queries: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest rows of the opened lists: as `steradian.metrics.nearest` gives them, but some may be missing.

        Where the opened lists hold fewer than k rows, all rows are searched.

        Args:
            queries: [queries, dim], real numbers, no row zero.
            k: neighbors a query.

        Returns:
            Rows int64 [queries, k], nearest first, and their cosines float32 [queries, k].
        """
        check_vectors(queries, where="queries")
        keys = np.empty((len(queries), k))
        for start in range(0, len(queries), _QUERIES_A_CHUNK):
            part = slice(start, start + _QUERIES_A_CHUNK)
            exact = fixed_point(queries[part])
            _, rows = self.lists.search(exact.astype(np.float32), k)
            for place in range(k):
                found = fixed_point(self.rows.vectors[rows[:, place]])
                keys[part, place] = ranking_keys(np.einsum("qd,qd->q", exact, found), rows[:, place])
            keys[part][rows < 0] = NO_ROW
        keys.sort(axis=1)
        rows, cosines = decode_keys(keys[:, ::-1])
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            rows[short], cosines[short] = nearest(queries[short], self.rows, k=k)
        return rows, cosines

    def __repr__(self) -> str:
        opened, count = self.lists.nprobe, self.lists.nlist
        return f"{opened:,} of {count:,} lists, recall@{NEIGHBORS} {self.recall:.3f} of {self.queries:,} drawn rows"
