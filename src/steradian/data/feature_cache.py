"""Features of pretrained encoders kept on disk: what was encoded once is not encoded again, by any later process.

A cache is a folder of shards, files of records of one length: the item's digest, its features, a checksum. Shards only
grow, and each writer has its own, so processes that write at the same time do not meet. A record that was cut off or
damaged is as good as none: its item is encoded again.
"""

import os
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steradian.errors import warn_user
from steradian.progress_bar import ProgressBar

if TYPE_CHECKING:
    pass

__all__ = ["FeatureCache", "cache_folder"]

DIGEST = 32
"""Bytes of a SHA-256."""

CHUNK = 1 << 14
"""Records read at a time."""

SHARD = re.compile(r"([1-9][0-9]{0,5})-[0-9a-f]+\.features")
"""The name of a shard, which begins with the number of features; files of other names are left alone."""

SECONDS_BEFORE_BAR = 2.0


def cache_folder() -> Path:
    """Where features are kept: `features` in $STERADIAN_CACHE, else in `steradian` of $XDG_CACHE_HOME or ~/.cache."""
    if own := os.environ.get("STERADIAN_CACHE"):
        return Path(own).expanduser() / "features"
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path counts as none.
    root = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~/.cache"))
    return root / "steradian" / "features"


class FeatureCache:
    """The features of items that one encoder has encoded, by digest.

    Args:
        folder: of this encoder alone; made when the first features are written.

    Examples:
        >>> import tempfile
        >>> digests = [bytes(32), bytes(32), bytes([1] * 32)]
        >>> def encode(items):
        ...     print("encoding items", items)
        ...     return np.ones((len(items), 4))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first = FeatureCache(Path(folder)).features(digests, encode, batch_size=8)
        ...     again = FeatureCache(Path(folder)).features(digests, encode, batch_size=8)
        encoding items [0 2]
        >>> first.shape, bool((first == again).all())
        ((3, 4), True)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: dict[Path, _Shard] = {}
        self._writing: tuple[int, Path] | None = None
        self._writable = True

    def features(
        self, digests: Sequence[bytes], encode: Callable[[np.ndarray], np.ndarray], *, batch_size: int
    ) -> np.ndarray:
        """Features float32 [items, features], from disk where they are there; each batch is kept as soon as it is done.

        A folder that cannot be written to is a warning, not an error.

        Args:
            digests: 32 bytes an item; items of one digest are encoded once. At least one item.
            encode: from the numbers of some items int64 [batch], in ascending order, to their features
                [batch, features].
            batch_size: items encoded at a time.
        """
        numbers: dict[bytes, int] = {}
        which = np.array([numbers.setdefault(digest, len(numbers)) for digest in digests])
        first = np.unique(which, return_index=True)[1]
        distinct = np.frombuffer(b"".join(numbers), dtype=np.uint8).reshape(-1, DIGEST)
        vectors, known = self._look_up(distinct)
        missing = np.flatnonzero(~known)
        from rich.console import Console

        console = Console(stderr=True)
        with ProgressBar("encoding", len(missing), console=console, after=SECONDS_BEFORE_BAR) as bar:
            for start in range(0, len(missing), batch_size):
                batch = missing[start : start + batch_size]
                encoded = np.asarray(encode(first[batch]), dtype=np.float32)
                if vectors is None:
                    vectors = np.empty((len(distinct), encoded.shape[1]), dtype=np.float32)
                vectors[batch] = encoded
                self._append(distinct[batch], encoded)
                bar.show(start + len(batch))
        if vectors is None:
            raise ValueError("features need at least one item")
        features: np.ndarray = vectors[which]
        return features

    def _look_up(self, digests: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
        """Vectors [digests, features], None where none is known, and which of them are."""
        vectors, known = None, np.zeros(len(digests), dtype=bool)
        for shard in self._opened():
            missing = np.flatnonzero(~known)
            for start in range(0, len(missing), CHUNK):
                part = missing[start : start + CHUNK]
                found, records = shard.find(digests[part])
                # What has another length than the rest was made by another encoder.
                if not len(found) or (vectors is not None and records["features"].shape[1] != vectors.shape[1]):
                    continue
                if vectors is None:
                    vectors = np.empty((len(digests), records["features"].shape[1]), dtype=np.float32)
                vectors[part[found]] = records["features"]
                known[part[found]] = True
        return vectors, known

    def _opened(self) -> "list[_Shard]":
        """Every shard, as long as it is now."""
        paths = sorted(self._folder.glob("*.features")) if self._folder.is_dir() else []
        for path in paths:
            name = SHARD.fullmatch(path.name)
            try:
                if name and (path not in self._shards or path.stat().st_size != self._shards[path].size):
                    self._shards[path] = _Shard(path, int(name[1]))
            except OSError:
                # Removed or unreadable: the items are encoded again.
                self._shards.pop(path, None)
        return [self._shards[path] for path in paths if path in self._shards]

    def _append(self, digests: np.ndarray, vectors: np.ndarray) -> None:
        if not self._writable:
            return
        # A process that was forked off starts a shard of its own.
        if self._writing is None or self._writing[0] != os.getpid():
            name = f"{vectors.shape[1]}-{os.urandom(8).hex()}.features"
            self._writing = os.getpid(), self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # One call that the system carries out whole or, when the process is killed or the disk is full, cuts off.
            with self._writing[1].open("ab", buffering=0) as file:
                file.write(_records(digests, vectors).tobytes())
        except OSError as error:
            self._writable = False
            warn_user(
                f"features cannot be kept in {self._folder} ({error}); they will be encoded again next time. "
                "Set STERADIAN_CACHE to a folder that can be written to."
            )


class _Shard:
    """The whole records of a file, memory-mapped, and an index of their digests."""

    def __init__(self, path: Path, features: int) -> None:
        self.size = path.stat().st_size
        kind = _record(features)
        count = self.size // kind.itemsize
        # An empty file cannot be mapped.
        self._records = np.memmap(path, dtype=kind, mode="r", shape=count) if count else np.zeros(0, dtype=kind)
        heads = _heads(self._records["digest"])
        self._order = np.argsort(heads, kind="stable")
        self._heads = heads[self._order]

    def find(self, digests: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of those digests [digests, 32] that have a whole record, and these records."""
        heads = _heads(digests)
        places = np.searchsorted(self._heads, heads)
        places[places == len(self._heads)] = 0
        likely = np.flatnonzero(self._heads[places] == heads) if len(self._heads) else np.zeros(0, dtype=np.int64)
        records = np.asarray(self._records[self._order[places[likely]]])
        whole = (records["digest"] == digests[likely]).all(axis=1) & (records["check"] == _checks(records))
        return likely[whole], records[whole]


def _record(features: int) -> np.dtype[np.void]:
    return np.dtype([("digest", "u1", DIGEST), ("features", "<f4", features), ("check", "<u4")])


def _records(digests: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    records = np.zeros(len(digests), dtype=_record(vectors.shape[1]))
    records["digest"], records["features"] = digests, vectors
    records["check"] = _checks(records)
    return records


def _checks(records: np.ndarray) -> np.ndarray:
    """A CRC-32 of each record but its last field, in which it stands."""
    rows = records.view(np.uint8).reshape(len(records), records.itemsize)
    return np.array([zlib.crc32(row[:-4].data) for row in rows], dtype=np.uint32)


def _heads(digests: np.ndarray) -> np.ndarray:
    """The first 8 bytes of digests [digests, 32] as numbers; of a million, two are equal once in 30 million caches."""
    return np.ascontiguousarray(digests[:, :8]).view("<u8")[:, 0]
