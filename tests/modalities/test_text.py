"""Text against a slow reference: n-grams hashed one by one in plain Python."""

import math
import time
import unicodedata
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.columns import to_objects
from steradian.errors import InputError
from steradian.modalities import Text, text
from steradian.modalities.text import FittedText, TextItems

SCRIPTS = [
    "Red shoe",
    "red SHOE, size 42",
    "東京タワー",
    "東京 大阪",
    "🐙 octopus 🐙🦑",
    "ærø ﬁne",
    "e\u0301tude",
    "\ud800 x",
]


def slow_words(value: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", value).casefold()
    words = "".join(c for c in plain if not "\u0300" <= c <= "\u036f").split()
    pieces = [word[start : start + 128] for word in words for start in range(0, len(word), 128)]
    return pieces[:64] or [""]


def slow_mix(hashed: int) -> int:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashed = (hashed ^ (hashed >> shift)) * factor % 2**64
    return hashed ^ (hashed >> 31)


def slow_buckets(word: str) -> list[int]:
    """The buckets of all 1- to 5-grams of a word between its borders."""
    between = f"\x02{word}\x03"
    buckets = []
    for length in range(1, 6):
        for start in range(len(between) - length + 1):
            hashed = 0
            for place, character in enumerate(between[start : start + length], 1):
                hashed = slow_mix((hashed * 0x9E3779B97F4A7C15 + ord(character) + place) % 2**64)
            buckets.append(hashed % 2**20)
    return buckets


def slow_fit(texts: list[str]) -> dict[int, float]:
    """Rarity of the n-grams that two texts or more hold."""
    frequency = Counter(b for value in texts for b in {b for word in slow_words(value) for b in slow_buckets(word)})
    return {b: math.log((1 + len(texts)) / (1 + n)) + 1 for b, n in sorted(frequency.items()) if n >= 2}


def fit(texts: list[str]) -> FittedText:
    return Text("t").fit({"text": to_objects(texts)})  # type: ignore[return-value]


def prepare(fitted: FittedText, texts: list[str]) -> TextItems:
    return fitted.prepare({"text": to_objects(texts)}, np.arange(len(texts)))  # type: ignore[return-value]


def words_of(fitted: FittedText, texts: list[str]) -> list[list[dict[int, float]]]:
    """For each text and each of its words, the weight of each known bucket."""
    tensors = prepare(fitted, texts)(np.arange(len(texts)))
    ends = [*tensors["offsets"].tolist()[1:], len(tensors["ngrams"])]
    words = []
    for start, end in zip(tensors["offsets"].tolist(), ends, strict=True):
        weights: Counter[int] = Counter()
        for n, weight in zip(tensors["ngrams"][start:end], tensors["weights"][start:end], strict=True):
            weights[int(fitted.buckets[n])] += float(weight)  # type: ignore[assignment]
        words.append(dict(weights))
    rows = iter(words)
    return [[next(rows) for _ in range(int(real))] for real in tensors["mask"].sum(dim=1)]


def check_against_reference(training: list[str], others: list[str]) -> None:
    fitted, rarity = fit(training), slow_fit(training)
    assert fitted.buckets.tolist() == list(rarity)
    np.testing.assert_allclose(fitted.rarity, list(rarity.values()), rtol=1e-6)
    for value, words in zip([*training, *others], words_of(fitted, [*training, *others]), strict=True):
        assert len(words) == len(slow_words(value))
        for word, found in zip(slow_words(value), words, strict=True):
            known = [b for b in slow_buckets(word) if b in rarity]
            length = math.sqrt(sum(rarity[b] ** 2 for b in known))
            expected: Counter[int] = Counter()
            for b in known:
                expected[b] += rarity[b] / length  # type: ignore[assignment]
            assert found == pytest.approx(expected, rel=1e-5)


# -- Reading -----------------------------------------------------------------------------------------------------------


def test_columns_are_joined_and_empty_cells_left_out() -> None:
    columns = {
        "title": to_objects(["red shoe", None, "  ", "", "a", math.nan]),
        "brand": to_objects(["acme", "b", " \n", None, "", "c"]),
    }
    read = Text("title", "brand").read(columns)
    assert read.present.tolist() == [True, True, False, False, True, True]
    assert read.values["text"][read.present].tolist() == ["red shoe acme", "b", "a", "c"]


@pytest.mark.parametrize("cell", [3, 3.5, b"bytes", ["a"], True])
def test_a_cell_that_is_no_text_is_refused_with_its_row_and_column(cell: object) -> None:
    columns = {"title": to_objects(["a", "b", "c"]), "brand": to_objects([None, "b", cell])}
    with pytest.raises(
        InputError, match=r"^row 2 \(counted from 0\), column 'brand': want text, got " + type(cell).__name__
    ):
        Text("title", "brand").read(columns)


def test_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(InputError, match=r"row 1 .*column 'title': want text, got float 2.0"):
        Text("title").read({"title": np.array([math.nan, 2.0])})


def test_a_schema_file_may_name_one_column_or_a_list() -> None:
    assert Text.from_options({"columns": "title"}) == Text("title")
    assert Text.from_options({"columns": ["title", "brand"]}) == Text("title", "brand")


# -- N-grams -----------------------------------------------------------------------------------------------------------


def test_all_scripts_are_as_the_reference_says() -> None:
    check_against_reference([*SCRIPTS, *SCRIPTS[:5], "shoe"], ["shoes", "東京都", "🦑", "\udfff", "new", ""])


@given(
    st.lists(st.text(st.sampled_from("abcß é🐙東\ud800\x02\x03 "), max_size=12), min_size=1, max_size=6),
    st.lists(st.text(max_size=8), max_size=3),
)
def test_any_text_is_as_the_reference_says(training: list[str], others: list[str]) -> None:
    check_against_reference(training, others)


def test_an_ngram_has_one_bucket_wherever_it_stands_and_borders_belong_to_it() -> None:
    fitted = fit(["ab xabx xab"] * 2)
    whole, inside, end = (set(word) for word in words_of(fitted, ["ab xabx xab"])[0])
    # In the order of the lines: both borders, a, b, ab; then b and ab with the end; then a and ab from the beginning.
    assert len(whole & inside & end) == 5
    assert len(whole & end - inside) == 2
    assert len(whole - inside - end) == 3


def test_case_width_accents_and_composition_do_not_matter() -> None:
    fitted = fit(["étude ﬁne STRASSE ἄλφα", "etude fine strasse άλφα"])
    plain = words_of(fitted, ["etude fine strasse αλφα"])[0]
    for spelling in (
        "étude fine straße ἄλφα",
        "e\u0301tude ﬁne Straße ΑΛΦΑ",
        "ÉTUDE \uff26\uff29\uff2e\uff25 STRASSE Ἄλφα",
        "\U0001d404tud\u00e8 \u2131ine STRASSE ὰλφὰ",
    ):
        assert words_of(fitted, [spelling])[0] == plain


def test_marks_that_make_another_letter_matter() -> None:
    fitted = fit(["が か", "が か"])
    voiced, voiceless = words_of(fitted, ["が か"])[0]
    assert voiced != voiceless


def test_rows_are_counted_not_distinct_texts() -> None:
    assert fit(["abc", "abc", "xyz"]).buckets.tolist() == sorted(set(slow_buckets("abc")))
    assert set(fit(["abc abc", "xyz"]).buckets) == set(slow_buckets("abc")) & set(slow_buckets("xyz"))


def test_the_most_frequent_ngrams_are_kept_where_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["aa bb", "aa bb", "aa", "cc"]
    frequency = Counter(b for value in texts for b in {b for word in value.split() for b in slow_buckets(word)})
    for most in (1, 3, 8):
        monkeypatch.setattr(text, "MAX_NGRAMS", most)
        kept = fit(texts).buckets.tolist()
        assert len(kept) == most
        assert kept == sorted(kept)
        assert sorted((frequency[b] for b in kept), reverse=True) == sorted(frequency.values(), reverse=True)[:most]


def test_no_shared_ngram_at_all() -> None:
    fitted = fit(["lonely"])
    assert len(fitted.buckets) == 0
    tokenizer = fitted.tokenizer(8, 0.5).eval()
    tokens = tokenizer(**prepare(fitted, ["lonely text", "x"])(np.array([0, 1])))
    place = tokenizer.place
    assert torch.equal(tokens.values[0], place[:2])
    assert tokens.mask.tolist() == [[True, True], [True, False]]


# -- Limits ------------------------------------------------------------------------------------------------------------


def test_64_words_are_read() -> None:
    fitted = fit(["a b", "a b"])
    words = words_of(fitted, [" ".join(["a"] * 63 + ["b", "a", "b"])])[0]
    assert len(words) == 64
    assert words[63] == words_of(fitted, ["b"])[0][0]


def test_long_words_are_cut_into_pieces_of_128() -> None:
    fitted = fit(["x" * 300, "x" * 300])
    assert words_of(fitted, ["x" * 300]) == words_of(fitted, [" ".join(["x" * 128, "x" * 128, "x" * 44])])


@pytest.mark.parametrize("space", [" ", "\n", "\u3000"])
def test_wide_space_hides_no_word(space: str) -> None:
    fitted = fit(["red shoe", "red shoe"])
    wide = f"{space * 20_000}red{space * 20_000}shoe"
    assert words_of(fitted, [wide]) == words_of(fitted, ["red shoe"])


def test_long_words_of_composed_characters_are_read_whole() -> None:
    composed = " ".join(["ệ" * 126] * 64)
    apart = unicodedata.normalize("NFD", composed)
    assert len(apart) > 2.9 * len(composed)
    fitted = fit([composed, composed])
    assert words_of(fitted, [apart]) == words_of(fitted, [composed])


@pytest.mark.parametrize("value", ["x" * 2**20, "word " * 2**18, " " * 2**20 + "x", "🐙" * 2**20, "ﷺ" * 2**18])
def test_a_megabyte_of_text_takes_no_time(value: str) -> None:
    begun = time.process_time()
    fitted = fit([value] * 3)
    tensors = prepare(fitted, [value] * 3)(np.arange(3))
    assert time.process_time() - begun < 5.0
    assert tensors["mask"].shape[1] <= 64
    assert len(tensors["ngrams"]) < 3 * 64 * 130 * 5


# -- Tokens ------------------------------------------------------------------------------------------------------------


def test_a_token_is_the_weighted_sum_of_its_ngrams_and_its_place() -> None:
    texts = ["red shoe", "red octopus shoe", "red"]
    fitted = fit(texts)
    tokenizer = fitted.tokenizer(8, 0.3).eval()
    tokens = tokenizer(**prepare(fitted, texts)(np.array([1, 2])))
    number = {int(bucket): n for n, bucket in enumerate(fitted.buckets)}
    assert tokens.mask.tolist() == [[True, True, True], [True, False, False]]
    for row, words in enumerate(words_of(fitted, ["red octopus shoe", "red"])):
        for place, word in enumerate(words):
            expected = tokenizer.place[place].clone()
            for bucket, weight in word.items():
                expected += weight * tokenizer.ngrams.weight[number[bucket]]
            torch.testing.assert_close(tokens.values[row, place], expected, rtol=0, atol=1e-5)


def test_rows_are_taken_in_any_order_and_none_too() -> None:
    texts = [*SCRIPTS, "a", *SCRIPTS]
    fitted = fit(texts)
    items, tokenizer = prepare(fitted, texts), fitted.tokenizer(8, 0.3).eval()
    whole = tokenizer(**items(np.arange(len(texts))))
    for row in (16, 3, 8):
        tokens = tokenizer(**items(np.array([row])))
        real = whole.mask[row]
        torch.testing.assert_close(tokens.values[0], whole.values[row, real], rtol=0, atol=1e-6)
    empty = tokenizer(**items(np.array([], dtype=np.int64)))
    assert empty.values.shape == (0, 1, 8)
    assert empty.mask.shape == (0, 1)


def test_a_table_without_any_text() -> None:
    fitted = fit(["red shoe", "red shoe"])
    tokens = fitted.tokenizer(8, 0.3)(**prepare(fitted, [])(np.array([], dtype=np.int64)))
    assert len(tokens.values) == 0


def test_ngrams_are_left_out_in_training_only() -> None:
    fitted = fit(["red shoe", "red shoe"])
    tokenizer, tensors = fitted.tokenizer(8, 0.5), prepare(fitted, ["red shoe"])(np.array([0]))
    assert not torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    tokenizer.eval()
    assert torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)


def test_gradient_reaches_the_ngrams_of_the_text_and_the_places() -> None:
    fitted = fit(["red shoe", "red shoe", "blue", "blue"])
    tokenizer = fitted.tokenizer(8, 0.0)
    tokenizer(**prepare(fitted, ["red"])(np.array([0]))).values.sum().backward()
    met = tokenizer.ngrams.weight.grad.abs().sum(dim=1) > 0
    assert set(fitted.buckets[met.numpy()]) == set(slow_buckets("red"))
    assert tokenizer.place.grad[0].all()
