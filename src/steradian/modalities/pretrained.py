"""Pretrained encoders in the place of the built-in ones: frozen, with their features kept on disk, or fine-tuned."""

import copy
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

import numpy as np

from steradian.data.feature_cache import FeatureCache, cache_folder
from steradian.data.modality import FittedModality, Items, Values
from steradian.data.sets import ItemCells
from steradian.errors import ConfigError, InputError
from steradian.modalities.kernel_features import KernelFeatures
from steradian.modalities.pretrained_items import ItemReader, Kind, Pooling, item_digest
from steradian.modalities.vector import FittedVector, Vector

if TYPE_CHECKING:
    from torch import nn

    from steradian.modalities.pretrained_encoder import EncoderFiles, PooledEncoder

__all__ = ["EncoderChoice", "FittedFineTuned", "FittedPretrained", "FrozenEncoder", "encoder_name", "fit_pretrained"]

BATCH = 32
"""Items encoded at a time: on CPU larger ones are no faster, and a kill loses one batch at most."""

PREPARATION = 1
"""To be raised when pictures, sounds or texts are brought to an encoder's input in another way, so that features kept
by an older version are not mistaken for ours."""


class EncoderChoice(Protocol):
    """What `Text`, `Image` and `Audio` say of a pretrained encoder."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""

    @property
    def encoder(self) -> str | None:
        """A folder or the name of a model on the hub; None: the built-in encoder."""

    @property
    def trainable(self) -> bool:
        """Whether training changes its weights."""

    @property
    def pooling(self) -> Pooling:
        """What of its output counts."""


def encoder_name(choice: EncoderChoice) -> str | None:
    """The encoder as a string, though it may be given as a path; None where there is none.

    Args:
        choice: a modality.

    Raises:
        ConfigError: options that cannot be.

    Examples:
        >>> import steradian as sr
        >>> sr.Text("title", encoder=Path("models") / "minilm").encoder
        'models/minilm'
    """
    mistakes = []
    if choice.encoder is not None and not (isinstance(choice.encoder, (str, Path)) and str(choice.encoder)):
        mistakes.append(("encoder", "a folder or the name of a model on the hub, or None"))
    if not isinstance(choice.trainable, bool):
        mistakes.append(("trainable", "True or False"))
    elif choice.trainable and choice.encoder is None:
        mistakes.append(("trainable", "False without encoder, since the built-in encoder is always trained"))
    if choice.pooling not in get_args(Pooling):
        mistakes.append(("pooling", f"one of {', '.join(get_args(Pooling))}"))
    if mistakes:
        raise ConfigError(
            want="; ".join(f"{name} {wanted}" for name, wanted in mistakes),
            got=", ".join(f"{name}={getattr(choice, name)!r}" for name, _ in mistakes),
            where=_named(choice),
            fix='Write for example encoder="FOLDER", trainable=False, pooling="mean".',
        )
    return None if choice.encoder is None else str(choice.encoder)


def fit_pretrained(choice: EncoderChoice, kind: Kind, values: Values) -> "FittedPretrained | FittedFineTuned":
    """Fetch an encoder, and learn the statistics of its features on training rows if it is frozen.

    Args:
        choice: a modality with an encoder.
        kind: "text", "image" or "audio".
        values: one array of cells, present rows only.

    Raises:
        MissingExtraError: `transformers` is not installed.
        ConfigError: no such encoder, or one of another kind.
    """
    from steradian.modalities.pretrained_encoder import read_encoder

    where = f"{_named(choice)}, encoder={choice.encoder!r}"
    files, processor, encoder = read_encoder(str(choice.encoder), kind=kind, pooling=choice.pooling, where=where)
    fit = _fit_fine_tuned if choice.trainable else _fit_frozen
    return fit(_cells(values).items, files, processor, encoder, ", ".join(choice.columns))


def _fit_frozen(
    items: np.ndarray, files: "EncoderFiles", processor: Any, encoder: "PooledEncoder", columns: str
) -> "FittedPretrained":
    kind, pooling = encoder.kind, encoder.pooling
    frozen = FrozenEncoder(files.with_weights(encoder), kind=kind, pooling=pooling, columns=columns)
    frozen.loaded = encoder, processor
    try:
        features = frozen.features(items, np.arange(len(items)))
    except InputError:
        # `prepare`, which comes next, meets the same item and names its row of the user's table.
        features = np.zeros((1, 1), dtype=np.float32)
    vector = Vector(columns).fit({"values": features})
    fitted = FittedPretrained(kind, columns, pooling, frozen.files.sizes, frozen.files.content, vector.mean, vector.std)
    vars(fitted)["_frozen"] = frozen
    return fitted


def _fit_fine_tuned(
    items: np.ndarray, files: "EncoderFiles", processor: Any, encoder: "PooledEncoder", columns: str
) -> "FittedFineTuned":
    reader = ItemReader(processor, encoder.kind, columns)
    features = 0
    # The first that can be read; where none can, `prepare`, which comes next, names its row of the user's table.
    for item in items:
        with suppress(InputError):
            features = encoder.encoded(reader.inputs(reader.arrays([item], np.zeros(1)))).shape[1]
            break
    fitted = FittedFineTuned(encoder.kind, columns, encoder.pooling, features, files.sizes, files.content)
    vars(fitted).update(_reader=reader, _start=encoder)
    return fitted


@dataclass(frozen=True)
class FittedPretrained(FittedModality):
    """A frozen encoder, and the means and standard deviations of its features on the training rows.

    Args:
        kind: "text", "image" or "audio".
        columns: the user's columns, for messages.
        pooling: "mean" or "cls".
        sizes: bytes of each of the encoder's files, by name.
        content: these files end to end, weights included, uint8 [bytes].
        mean: float32 [features].
        std: float32 [features]; 1 where a feature is constant.
    """

    kind: Kind
    columns: str
    pooling: Pooling
    sizes: dict[str, int]
    content: np.ndarray
    mean: np.ndarray
    std: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Encode what was never encoded, and standardise the features; see `FittedModality.prepare`."""
        cells = _cells(values)
        item_rows = cells.rows(rows)
        features = np.zeros((0, len(self.mean)), dtype=np.float32)
        if len(cells.items):
            features = self._frozen.features(cells.items, item_rows)
        return cells.grouped(self._vector.prepare({"values": features}, item_rows))

    def feature_inputs(self, items: Items, rows: np.ndarray) -> np.ndarray:
        """As of a vector."""
        return self._vector.feature_inputs(items, rows)

    def feature_map(self, inputs: np.ndarray, *, most: int, novel: bool) -> KernelFeatures:
        """As of a vector."""
        return self._vector.feature_map(inputs, most=most, novel=novel)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """That of a vector."""
        return self._vector.tokenizer(width, dropout)

    @property
    def _vector(self) -> FittedVector:
        return FittedVector(self.mean, self.std)

    @cached_property
    def _frozen(self) -> "FrozenEncoder":
        files = _encoder_files(self.sizes, self.content)
        return FrozenEncoder(files, kind=self.kind, pooling=self.pooling, columns=self.columns)

    def __getstate__(self) -> dict[str, Any]:
        return _fields(self)


class FrozenEncoder:
    """An encoder that is run once for each distinct item.

    Args:
        files: of the encoder, with its weights.
        kind: "text", "image" or "audio".
        pooling: "mean" or "cls".
        columns: the user's columns, for messages.
    """

    def __init__(self, files: "EncoderFiles", *, kind: Kind, pooling: Pooling, columns: str) -> None:
        self.files = files
        self._kind, self._pooling, self._columns = kind, pooling, columns
        key = sha256(f"{PREPARATION} {kind} {pooling} float32 {files.digest}".encode()).hexdigest()
        self._cache = FeatureCache(cache_folder() / key)

    @cached_property
    def loaded(self) -> "tuple[PooledEncoder, Any]":
        """The encoder and its processor, built when something has to be encoded for the first time."""
        return self.files.encoder(self._kind, self._pooling), self.files.processor(self._kind)

    def features(self, items: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Features float32 [items, features].

        Args:
            items: raw texts, pictures or sounds [items]; at least one.
            rows: the user's row of each, for messages.

        Raises:
            InputError: an item that cannot be read, or of which the encoder makes no finite numbers.
        """
        digests = [
            item_digest(item, kind=self._kind, row=int(row), columns=self._columns)
            for item, row in zip(items, rows, strict=True)
        ]
        # Texts of one length waste no padding; the longest first, so that what does not fit in memory fails at once.
        lengths = [-len(item) if self._kind == "text" else 0 for item in items]
        order = np.argsort(lengths, kind="stable")
        features = np.empty_like(
            ordered := self._cache.features(
                [digests[i] for i in order],
                lambda numbers: self._encode(items[order[numbers]], rows[order[numbers]]),
                batch_size=BATCH,
            )
        )
        features[order] = ordered
        return features

    def _encode(self, items: np.ndarray, rows: np.ndarray) -> np.ndarray:
        encoder, processor = self.loaded
        reader = ItemReader(processor, self._kind, self._columns)
        numbers = encoder.encoded(reader.inputs(reader.arrays(items, rows)))
        broken = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(broken):
            raise InputError(
                want="finite features",
                got="an infinite one or NaN",
                where=f"row {rows[broken[0]]} (counted from 0), column {self._columns!r}, its pretrained encoder",
                fix="Look at this item; if others fail too, the encoder's weights are broken: fetch them again.",
            )
        return numbers


@dataclass(frozen=True)
class FittedFineTuned(FittedModality):
    """An encoder that is trained on; its weights are the model's own and stand among them.

    Args:
        kind: "text", "image" or "audio".
        columns: the user's columns, for messages.
        pooling: "mean" or "cls".
        features: numbers that the encoder makes of an item.
        sizes: bytes of each of the encoder's files, by name.
        content: these files end to end, without weights, uint8 [bytes].
    """

    kind: Kind
    columns: str
    pooling: Pooling
    features: int
    sizes: dict[str, int]
    content: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Bring each distinct item to the encoder's input; see `FittedModality.prepare`."""
        cells = _cells(values)
        numbers: dict[Any, int] = {}
        keys = (item if isinstance(item, (str, Path, bytes)) else id(item) for item in cells.items)
        which = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
        first = np.unique(which, return_index=True)[1]
        arrays = self._reader.arrays(cells.items[first], cells.rows(rows)[first], compact=True)
        return cells.grouped(FineTunedItems(arrays, which, self._reader))

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """The encoder itself and a few linear views of its features."""
        from steradian.modalities.pretrained_tokenizer import PretrainedTokenizer

        start, files = vars(self).get("_start"), _encoder_files(self.sizes, self.content)
        # Without its pretrained weights it waits for those of a saved model.
        encoder = files.encoder(self.kind, self.pooling) if start is None else copy.deepcopy(start)
        return PretrainedTokenizer(encoder, self.features, width=width, dropout=dropout)

    @cached_property
    def _reader(self) -> ItemReader:
        files = _encoder_files(self.sizes, self.content)
        return ItemReader(files.processor(self.kind), self.kind, self.columns)

    def __getstate__(self) -> dict[str, Any]:
        return _fields(self)


@dataclass(frozen=True)
class FineTunedItems:
    """Distinct items as the encoder takes them, and which of them each row has.

    Args:
        arrays: of each item.
        which: int64 [rows].
        reader: makes batches of them.
    """

    arrays: list[list[np.ndarray]]
    which: np.ndarray
    reader: ItemReader

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What `PooledEncoder` takes of these rows."""
        return self.reader.inputs([self.arrays[number] for number in self.which[rows]])


def _named(choice: EncoderChoice) -> str:
    return f"{type(choice).__name__}({', '.join(map(repr, choice.columns))})"


def _cells(values: Values) -> ItemCells:
    """The items of the one array of cells that a modality read."""
    (cells,) = values.values()
    return ItemCells.of(cells)


def _encoder_files(sizes: dict[str, int], content: np.ndarray) -> "EncoderFiles":
    """The files of an encoder; what builds one of them needs torch."""
    from steradian.modalities.pretrained_encoder import EncoderFiles

    return EncoderFiles(sizes, content)


def _fields(fitted: Any) -> dict[str, Any]:
    """What makes a fitted modality; the encoder it has loaded is no part of it, nor are files it has mapped."""
    return {field.name: getattr(fitted, field.name) for field in fields(fitted)}
