"""TF-IDF vectors against plain Python, and features whose products are those of the texts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian.data.ragged import Ragged
from steradian.data.sparse_rows import SparseRows
from steradian.modalities import text_vocabulary
from steradian.modalities.text_ngrams import BUCKETS, hash_ngrams, split_words
from steradian.modalities.text_vocabulary import Vocabulary, landmark_projection, ngrams_where

TEXTS = ["red shoe", "red SHOE size 42", "東京タワー 東京", "🐙 octopus 🐙🦑", "", "red red red"]


def parts(texts: list[str]) -> tuple[Ragged, Ragged]:
    words, rows = split_words(texts)
    return rows, hash_ngrams(words)


def counts_of(text: str) -> Counter[int]:
    rows, ngrams = parts([text])
    return Counter(ngrams.take(rows.flat).flat.tolist())


def slow_vector(text: str, rarity: dict[int, float]) -> dict[int, float]:
    weights = {b: (1 + math.log(n)) * rarity[b] for b, n in counts_of(text).items() if b in rarity}
    kinds = [{b: w for b, w in weights.items() if (b >= BUCKETS) == whole} for whole in (False, True)]
    filled = [kind for kind in kinds if kind]
    return {
        b: w / math.sqrt(len(filled) * sum(v * v for v in kind.values())) for kind in filled for b, w in kind.items()
    }


def vectors_of(vocabulary: Vocabulary, texts: list[str]) -> np.ndarray:
    rows, ngrams = parts(texts)
    return dense(SparseRows.joined(list(vocabulary.vectors(rows, vocabulary.known(ngrams)))))


def dense(rows: SparseRows) -> np.ndarray:
    return rows @ np.eye(rows.width, dtype=np.float32)


def check(training: list[str], others: list[str]) -> None:
    vocabulary = Vocabulary.of(*parts(training))
    frequency = Counter(b for text in training for b in counts_of(text))
    assert vocabulary.buckets.tolist() == sorted(frequency)
    rarity = {b: math.log((1 + len(training)) / (1 + n)) + 1 for b, n in sorted(frequency.items())}
    np.testing.assert_allclose(vocabulary.rarity, list(rarity.values()), rtol=1e-6)
    assert vocabulary.shared.tolist() == [frequency[b] >= 2 for b in sorted(frequency)]
    for text, vector in zip([*training, *others], vectors_of(vocabulary, [*training, *others]), strict=True):
        expected = slow_vector(text, rarity)
        found = {int(vocabulary.buckets[n]): vector[n] for n in np.flatnonzero(vector)}
        assert found == pytest.approx(expected, rel=1e-4)
        assert not expected or np.linalg.norm(vector) == pytest.approx(1.0, rel=1e-4)


def test_real_texts_are_as_the_reference_says() -> None:
    check(TEXTS, ["shoes", "東京都", "🦑", "new", ""])


@settings(max_examples=20)
@given(st.lists(st.text("ab 東"), min_size=1, max_size=5), st.lists(st.text("abc "), max_size=3))
def test_any_text_is_as_the_reference_says(training: list[str], others: list[str]) -> None:
    check(training, others)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Vocabulary.of(*parts(TEXTS))
    vectors = vectors_of(whole, TEXTS)
    monkeypatch.setattr(text_vocabulary, "CHUNK", 2)
    cut = Vocabulary.of(*parts(TEXTS))
    assert np.array_equal(cut.buckets, whole.buckets)
    assert np.array_equal(cut.rarity, whole.rarity)
    assert np.array_equal(vectors_of(cut, TEXTS), vectors)
    assert list(whole.vectors(*parts([]))) == []


def test_the_most_frequent_ngrams_are_kept_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aa bb", "aa bb", "aa", "cc"]
    frequency = Counter(b for text in texts for b in counts_of(text))
    for most in (1, 3, 8):
        monkeypatch.setattr(text_vocabulary, "MAX_NGRAMS", most)
        kept = Vocabulary.of(*parts(texts)).buckets.tolist()
        assert len(kept) == most
        assert kept == sorted(kept)
        assert sorted((frequency[b] for b in kept), reverse=True) == sorted(frequency.values(), reverse=True)[:most]


def test_nothing_known_is_nothing_found() -> None:
    nothing = Vocabulary(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32), np.zeros(0, dtype=bool))
    rows, ngrams = parts(["a b", "a"])
    known = nothing.known(ngrams)
    assert known.lengths.tolist() == [0, 0]
    (vectors,) = nothing.vectors(rows, known)
    assert (len(vectors), vectors.width, len(vectors.values)) == (2, 0, 0)


def test_words_with_some_of_their_ngrams() -> None:
    words = Ragged.from_lengths(np.arange(6), np.array([3, 0, 2, 1]))
    kept = ngrams_where(words, np.array([True, False, True, False, False, True]))
    assert (kept.flat.tolist(), kept.lengths.tolist()) == ([0, 2, 5], [2, 0, 0, 1])


def sparse(matrix: np.ndarray) -> SparseRows:
    columns = Ragged.from_lengths(np.nonzero(matrix)[1], np.count_nonzero(matrix, axis=1))
    return SparseRows(columns, matrix[np.nonzero(matrix)].astype(np.float32), matrix.shape[1])


def random_landmarks(rng: np.random.Generator, number: int) -> np.ndarray:
    weights = np.abs(rng.normal(size=(number, 30))) * (rng.random((number, 30)) < 0.4)
    return (weights / np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def test_features_have_the_products_of_the_texts(rng: np.random.Generator) -> None:
    landmarks = random_landmarks(rng, 12)
    products = landmarks @ landmarks.T
    features = products @ landmark_projection(sparse(landmarks))
    assert features.shape == (12, 12)
    assert np.mean(features**2) == pytest.approx(1.0, rel=1e-3)
    found = features @ features.T
    np.testing.assert_allclose(found / found.trace(), products / products.trace(), atol=1e-5)


def test_few_features_keep_most_of_the_products(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    landmarks = random_landmarks(rng, 20)
    products = landmarks @ landmarks.T
    monkeypatch.setattr(text_vocabulary, "MAX_FEATURES", 3)
    features = products @ landmark_projection(sparse(landmarks))
    assert features.shape == (20, 3)
    values, vectors = np.linalg.eigh(products)
    best = vectors[:, -3:] @ np.diag(values[-3:]) @ vectors[:, -3:].T
    found = features @ features.T
    np.testing.assert_allclose(found / found.trace(), best / best.trace(), atol=1e-5)


@pytest.mark.parametrize("landmarks", [np.eye(1, 4), np.tile(np.eye(1, 4), (5, 1)), np.zeros((3, 4))])
def test_landmarks_that_are_one_or_all_alike_or_empty(landmarks: np.ndarray) -> None:
    projection = landmark_projection(sparse(landmarks))
    assert np.isfinite(projection).all()
    assert projection.shape == (len(landmarks), int(landmarks.any()))
