"""Text in any script, without a tokenizer to download: its words by hashed character n-grams, and the whole of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.modality import Columns, FittedModality, Items, Modality, ReadValues, Values, is_missing, shown
from steradian.data.ragged import Ragged
from steradian.data.sets import ItemCells
from steradian.data.shown import Shown
from steradian.data.sparse_rows import SparseRows
from steradian.errors import InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.pretrained import encoder_name, fit_pretrained
from steradian.modalities.pretrained_items import Pooling
from steradian.modalities.text_features import SUMS, HashedNgrams, TextFeatures
from steradian.modalities.text_ngrams import MAX_TOKENS, hash_ngrams, split_words
from steradian.modalities.text_vocabulary import Vocabulary, landmark_projection, ngrams_where

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FittedText", "Text"]

MAX_LANDMARKS = 2000
"""Training texts, spread evenly over the table, to which every text is compared as a whole."""


@telling_of_misspelt
@dataclass(frozen=True)
class Text(Modality):
    """One or several columns of text, joined with a space. Empty text counts as missing.

    A list in a cell is a set of several texts: each of its entries is one, and what the other columns hold, joined, is
    one more. Their order does not matter, and what stands there twice counts once.

    Args:
        names: the columns to join.
        columns: further ones, one name or a list, as a schema file has them.
        encoder: a folder or the name of a pretrained encoder on the hub; None: our own.
        trainable: whether training changes a pretrained encoder; if not, it runs once for each distinct text.
        pooling: "mean" or "cls": what of a pretrained encoder's output counts.

    Raises:
        ConfigError: options of an encoder that cannot be.

    Examples:
        >>> Text("title", "brand").columns
        ('title', 'brand')
    """

    columns: tuple[str, ...]
    encoder: str | None = None
    trainable: bool = False
    pooling: Pooling = "mean"

    holds_lists = True
    query_option = "text"

    def __init__(
        self,
        *names: str,
        columns: str | Sequence[str] = (),
        encoder: str | Path | None = None,
        trainable: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        every = (*names, *([columns] if isinstance(columns, str) else columns))
        for name, value in (("columns", every), ("trainable", trainable), ("pooling", pooling), ("encoder", encoder)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "encoder", encoder_name(self))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.columns

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """Its text; several stand one after the other."""
        text = values["text"]
        return Shown(text=" · ".join(text) if isinstance(text, list) else text)

    def read(self, columns: Columns) -> ReadValues:
        """Join the columns to `text`, an object array [objects] of strings, or lists of them where there are several.

        Raises:
            InputError: a cell that is no text.
        """
        own = [columns[name] for name in self.columns]
        if all(set(map(type, column)) <= {str, type(None)} for column in own):
            texts = to_objects(_plain_texts(own))
        else:
            rows = enumerate(zip(*own, strict=True))
            texts = to_objects(_one_or_list(self._items(cells, row)) for row, cells in rows)
        return ReadValues({"text": texts}, np.array([text is not None for text in texts], dtype=bool))

    def _items(self, cells: tuple[Any, ...], row: int) -> list[str]:
        """The distinct texts of a row."""
        joined, several = [], []
        for name, cell in zip(self.columns, cells, strict=True):
            if isinstance(cell, (list, tuple)):
                several += [self._text(entry, row, name) for entry in cell]
            else:
                joined.append(self._text(cell, row, name))
        items = [" ".join(filter(None, joined)), *several]
        return list(dict.fromkeys(filter(None, items)))

    @staticmethod
    def _text(value: Any, row: int, column: str) -> str:
        """The text, empty where it is missing or only space."""
        if isinstance(value, str):
            return value if value.strip() else ""
        if is_missing(value):
            return ""
        raise InputError(
            want="text, or a list of texts",
            got=shown(value),
            where=f"row {row} (counted from 0), column {column!r}",
            fix="Convert the column to strings, or declare it as Tabular or Vector.",
        )

    def fit(self, values: Values) -> FittedModality:
        """Keep the most frequent n-grams, and training texts to compare others to, or fetch the encoder."""
        if self.encoder is not None:
            return fit_pretrained(self, "text", values)
        words, texts = split_words(ItemCells.of(values["text"]).items)
        ngrams = hash_ngrams(words)
        vocabulary = Vocabulary.of(texts, ngrams)
        chosen = np.unique(np.linspace(0, len(texts) - 1, MAX_LANDMARKS).astype(np.int64))
        landmarks = SparseRows.joined(list(vocabulary.vectors(texts.take(chosen), vocabulary.known(ngrams))))
        return FittedText(
            *(vocabulary.buckets, vocabulary.rarity, vocabulary.shared),
            landmark_ngrams=landmarks.columns.flat.astype(np.int32),
            landmark_weights=landmarks.values,
            landmark_offsets=landmarks.columns.offsets,
            projection=landmark_projection(landmarks),
        )


def _one_or_list(items: list[str]) -> list[str] | str | None:
    return items if len(items) > 1 else items[0] if items else None


def _plain_texts(columns: list[np.ndarray]) -> list[str | None]:
    """What `Text.read` makes of columns without lists: each row's texts joined, None where there is none."""
    cells = [["" if cell is None or cell.isspace() else cell for cell in column] for column in columns]
    joined = cells[0] if len(cells) == 1 else [" ".join(filter(None, row)) for row in zip(*cells, strict=True)]
    return [text or None for text in joined]


@dataclass(frozen=True)
class FittedText(FittedModality):
    """The n-grams known, and the landmarks: training texts to which each text is compared as a whole.

    Args:
        buckets: int64 [n-grams], see `Vocabulary`.
        rarity: float32 [n-grams].
        shared: bool [n-grams]; these are worth an embedding.
        landmark_ngrams: int32 [entries], the n-grams of all landmarks one after another.
        landmark_weights: float32 [entries].
        landmark_offsets: int64 [landmarks + 1], where each landmark's entries begin and end.
        projection: float32 [landmarks, features], from a text's likeness to each landmark to its features.
    """

    buckets: np.ndarray
    rarity: np.ndarray
    shared: np.ndarray
    landmark_ngrams: np.ndarray
    landmark_weights: np.ndarray
    landmark_offsets: np.ndarray
    projection: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Hash the n-grams of every word; see `FittedModality.prepare`."""
        cells = ItemCells.of(values["text"])
        words, texts = split_words(cells.items)
        return cells.grouped(TextItems(HashedNgrams(texts, hash_ngrams(words)), self))

    def feature_inputs(self, items: Items, rows: np.ndarray) -> HashedNgrams:
        """All n-grams of these texts."""
        return cast(TextItems, items).hashed.take(rows)

    def feature_map(self, inputs: HashedNgrams, *, most: int, novel: bool) -> TextFeatures:
        """Hashed TF-IDF."""
        return TextFeatures.fit(inputs, sums=SUMS if novel else 0)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A token a word, and one of the whole text."""
        from steradian.modalities.text_tokenizer import TextTokenizer

        return TextTokenizer(int(self.shared.sum()), self.projection.shape[1], width=width, dropout=dropout)

    @cached_property
    def components(self) -> np.ndarray:
        """From a text's unit vector to its features, float32 [n-grams, features]."""
        columns = Ragged(self.landmark_ngrams, self.landmark_offsets)
        landmarks = SparseRows(columns, self.landmark_weights, len(self.buckets))
        return landmarks.transposed() @ self.projection


@dataclass(frozen=True)
class TextItems:
    """Texts as words and words as n-grams; what only a tokenizer needs is made when it is first asked for.

    Args:
        hashed: all words and all n-grams, known or not.
        fitted: what training learnt.
    """

    hashed: HashedNgrams
    fitted: FittedText

    @cached_property
    def _tokens(self) -> tuple[Ragged, Ragged, np.ndarray]:
        """The first words of each text, the embedded n-grams of each word, and float16 [texts, features]."""
        fitted, texts = self.fitted, self.hashed.texts
        vocabulary = Vocabulary(fitted.buckets, fitted.rarity, fitted.shared)
        known = vocabulary.known(self.hashed.words)
        features = np.empty((len(texts), fitted.projection.shape[1]), dtype=np.float16)
        start = 0
        for vectors in vocabulary.vectors(texts, known):
            features[start : start + len(vectors)] = vectors @ fitted.components
            start += len(vectors)
        embedded = ngrams_where(known, fitted.shared[known.flat])
        numbers = np.cumsum(fitted.shared) - 1
        return _first_words(texts), Ragged(numbers[embedded.flat], embedded.offsets), features

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The n-grams of each distinct word of these rows in one flat list, and which word of which text is which."""
        all_texts, all_words, features = self._tokens
        texts, rarity = all_texts.take(rows), self.fitted.rarity[self.fitted.shared]
        _, mask = texts.padded(int(texts.lengths.max(initial=1)))
        distinct, which = np.unique(texts.flat, return_inverse=True)
        words = all_words.take(distinct)
        weights, owners = rarity[words.flat], np.repeat(np.arange(len(words)), words.lengths)
        lengths = np.sqrt(np.bincount(owners, weights**2, minlength=len(words)))
        return {
            "ngrams": words.flat,
            "offsets": words.offsets[:-1],
            "weights": (weights / lengths[owners]).astype(np.float32),
            "words": which,
            "mask": mask,
            "features": features[rows],
        }


def _first_words(texts: Ragged) -> Ragged:
    """The words that become tokens of their own."""
    places = np.arange(len(texts.flat)) - np.repeat(texts.offsets[:-1], texts.lengths)
    return Ragged.from_lengths(texts.flat[places < MAX_TOKENS], np.minimum(texts.lengths, MAX_TOKENS))
