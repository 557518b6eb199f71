"""Hashed TF-IDF of texts: against dictionaries, in chunks and alone, and texts that training never met."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.sparse_rows import SparseRows, scrambled
from steradian.modalities import text_features
from steradian.modalities.text_features import COLUMNS, SUMS, WORDS, HashedNgrams, TextFeatures
from steradian.modalities.text_ngrams import BUCKETS, hash_ngrams, split_words

TEXTS = ["red shoe", "red red hat", "Blue", "", "blue shoe, blue hat", "das rote Schuhwerk", "赤い靴", "!?", "red shoe"]


def hashed(texts: list[str]) -> HashedNgrams:
    words, split = split_words(texts)
    return HashedNgrams(split, hash_ngrams(words))


def sparse(features: TextFeatures, texts: list[str]) -> SparseRows:
    found = features(hashed(texts))
    assert isinstance(found, SparseRows)
    return found


def dense(rows: SparseRows) -> np.ndarray:
    """The columns that any row has."""
    columns, places = np.unique(rows.columns.flat, return_inverse=True)
    found = np.zeros((len(rows), len(columns)))
    np.add.at(found, (np.repeat(np.arange(len(rows)), rows.columns.lengths), places), rows.values)
    return found


def likeness(features: TextFeatures, one: str, other: str) -> float:
    wide = dense(sparse(features, [one, other]))
    return float(wide[0] @ wide[1])


def ngrams_of(text: str) -> Counter[tuple[bool, int, int]]:
    """How often each n-gram stands in a text, by whether it is a whole word, its sign and its column."""
    counts: Counter[tuple[bool, int, int]] = Counter()
    words, split = split_words([text])
    ngrams = hash_ngrams(words).rows()
    for word in split.flat:
        for bucket in ngrams[word].tolist():
            number = int(scrambled(np.array([bucket], np.uint64))[0])
            counts[bucket >= BUCKETS, 1 if number >> 63 else -1, number % COLUMNS] += 1
    return counts


def slow_rarity(texts: list[str]) -> dict[int, float]:
    frequency = Counter(column for text in texts for column in {column for _, _, column in ngrams_of(text)})
    return {column: math.log((1 + len(texts)) / (1 + count)) + 1 for column, count in frequency.items()}


def slow_row(text: str, rarity: dict[int, float], unknown: float) -> dict[int, float]:
    """A text's columns and values."""
    parts: list[dict[tuple[int, int], float]] = [{}, {}]
    for (whole, sign, column), count in ngrams_of(text).items():
        parts[whole][sign, column] = (1 + math.log(count)) * rarity.get(column, unknown)
    row: dict[int, float] = {}
    for part, share in zip(parts, (1, WORDS), strict=True):
        length = math.sqrt(sum(weight**2 for weight in part.values()))
        for (sign, column), weight in part.items():
            row[column] = row.get(column, 0) + sign * share * weight / length / math.sqrt(1 + WORDS**2)
    return row


def test_rows_are_those_of_dictionaries() -> None:
    unseen = ["new shoes", "red", "赤"]
    features, rarity = TextFeatures.fit(hashed(TEXTS)), slow_rarity(TEXTS)
    found = sparse(features, TEXTS + unseen)
    assert (found.width, found.values.dtype) == (COLUMNS, np.float32)
    rows = np.split(found.values, found.columns.offsets[1:-1])
    for text, columns, values in zip(TEXTS + unseen, found.columns.rows(), rows, strict=True):
        slow = slow_row(text, rarity, math.log(1 + len(TEXTS)) + 1)
        assert columns.tolist() == sorted(slow)
        np.testing.assert_allclose(values, [slow[column] for column in sorted(slow)], rtol=1e-4, atol=1e-6)


def test_rarity_is_that_of_dictionaries_and_largest_for_what_was_never_met() -> None:
    found, slow = TextFeatures.fit(hashed(TEXTS)).rarity, slow_rarity(TEXTS)
    assert (found.shape, found.dtype) == ((COLUMNS,), np.float32)
    np.testing.assert_allclose(found[list(slow)], list(slow.values()), rtol=1e-5)
    others = np.setdiff1d(np.arange(COLUMNS), list(slow))
    np.testing.assert_allclose(found[others], found.max())


@given(st.lists(st.text(max_size=20), min_size=1, max_size=6))
def test_rows_of_any_text_have_about_length_1(texts: list[str]) -> None:
    found = sparse(TextFeatures.fit(hashed(texts)), texts)
    assert found.columns.lengths.all()
    # Where a word meets its n-grams in a column, or two signs cancel out, the length moves a little.
    np.testing.assert_allclose(np.linalg.norm(dense(found), axis=1), 1, atol=0.2)


def test_a_long_text_has_length_1() -> None:
    text = " ".join(f"word{number}" for number in range(300))
    assert np.linalg.norm(sparse(TextFeatures.fit(hashed([text])), [text]).values) == pytest.approx(1, abs=0.05)


def test_empty_text_is_a_text_like_any_other() -> None:
    features = TextFeatures.fit(hashed(TEXTS))
    assert likeness(features, "", " \n") == pytest.approx(1, abs=1e-5)
    assert abs(likeness(features, "", "shoe")) < 0.3
    alone = sparse(TextFeatures.fit(hashed([""])), [""])
    assert np.linalg.norm(alone.values) == pytest.approx(1, abs=1e-5)


def test_ngrams_never_met_in_training_count_too() -> None:
    features = TextFeatures.fit(hashed(["red shoe", "blue hat"]))
    assert likeness(features, "zygomorph", "zygomorphic") > likeness(features, "zygomorph", "quixotry") + 0.3


def test_rare_ngrams_weigh_more() -> None:
    features = TextFeatures.fit(hashed(["shoe red"] * 20 + ["shoe blue", "shoe green"]))
    assert likeness(features, "shoe blue", "hat blue") > likeness(features, "shoe blue", "shoe hat")


def test_words_in_another_order_are_the_same_text() -> None:
    features = TextFeatures.fit(hashed(TEXTS))
    np.testing.assert_allclose(*dense(sparse(features, ["red shoe hat", "hat red shoe"])), atol=1e-6)


@pytest.mark.parametrize("sums", [0, 64])
@pytest.mark.parametrize("chunk", [1, 2, 7])
def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch, chunk: int, sums: int) -> None:
    def rows() -> tuple[np.ndarray, np.ndarray]:
        features = TextFeatures.fit(hashed(TEXTS), sums=sums)
        found = features(hashed(TEXTS))
        return features.rarity, dense(found) if isinstance(found, SparseRows) else found

    whole = rows()
    monkeypatch.setattr(text_features, "CHUNK", chunk)
    for one, other in zip(whole, rows(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("sums", [0, 64])
def test_a_row_knows_no_other_row(sums: int) -> None:
    features = TextFeatures.fit(hashed(TEXTS), sums=sums)
    together = features(hashed(TEXTS))
    for row, text in enumerate(TEXTS):
        alone, same = features(hashed([text])), np.array([row])
        if isinstance(together, SparseRows):
            np.testing.assert_array_equal(alone.values, together.take(same).values)
        else:
            np.testing.assert_array_equal(alone, together[same])


def test_sums_are_the_sketch_of_the_columns() -> None:
    inputs = hashed(TEXTS)
    wide, narrow = TextFeatures.fit(inputs)(inputs), TextFeatures.fit(inputs, sums=SUMS)(inputs)
    assert isinstance(wide, SparseRows)
    assert isinstance(narrow, np.ndarray)
    assert (narrow.shape, narrow.dtype) == ((len(TEXTS), SUMS), np.float32)
    np.testing.assert_array_equal(narrow, wide.sketch(SUMS))
    np.testing.assert_allclose(narrow @ narrow.T, dense(wide) @ dense(wide).T, atol=0.15)


@pytest.mark.parametrize("sums", [0, 64])
def test_no_texts_have_no_rows(sums: int) -> None:
    features = TextFeatures.fit(hashed(TEXTS), sums=sums)
    found = features(hashed(TEXTS).take(np.arange(0)))
    assert len(found) == 0
    assert found.width == COLUMNS if isinstance(found, SparseRows) else found.shape == (0, 64)


def test_texts_are_taken_in_any_order() -> None:
    features, order = TextFeatures.fit(hashed(TEXTS), sums=64), np.array([4, 0, 4])
    found = features(hashed(TEXTS).take(order))
    np.testing.assert_array_equal(found, features(hashed([TEXTS[row] for row in order])))
