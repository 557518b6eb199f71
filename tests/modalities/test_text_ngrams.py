"""Words and n-grams against a slow reference: split and hashed one by one in plain Python."""

import time
import unicodedata
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.modalities import text_ngrams
from steradian.modalities.text_ngrams import BUCKETS, hash_ngrams, split_words

SCRIPTS = [
    "Red shoe",
    "red SHOE, size 42",
    "東京タワー",
    "東京 大阪",
    "🐙 octopus 🐙🦑",
    "ærø ﬁne",
    "e\u0301tude",
    "\ud800 x \x00 \x00y",
    "\u200f\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
]


def slow_words(text: str, most: int = 2048) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).casefold()
    words = "".join(c for c in plain if not "\u0300" <= c <= "\u036f").split()
    pieces = [word[start : start + 128] for word in words for start in range(0, len(word), 128)]
    return pieces[:most] or [""]


def slow_mix(hashed: int) -> int:
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashed = (hashed ^ (hashed >> shift)) * factor % 2**64
    return hashed ^ (hashed >> 31)


def slow_buckets(word: str) -> list[int]:
    """The buckets of all 1- to 5-grams of a word between its borders, and of the word."""
    between = f"\x02{word}\x03"
    buckets = []
    for length in range(1, 6):
        for start in range(len(between) - length + 1):
            hashed = 0
            for place, character in enumerate(between[start : start + length], 1):
                hashed = slow_mix((hashed * 0x9E3779B97F4A7C15 + ord(character) + place) % 2**64)
            buckets.append(hashed % 2**20)
    return [*buckets, 2**20 + zlib.crc32(word.encode("utf-8", "surrogatepass")) % 2**20]


def words_of(texts: list[str]) -> list[list[str]]:
    words, rows = split_words(texts)
    assert len(set(words)) == len(words)
    return [[words[n] for n in row] for row in np.split(rows.flat, rows.offsets[1:-1])] if texts else []


def check(texts: list[str]) -> None:
    assert words_of(texts) == [slow_words(text) for text in texts]
    words, _ = split_words(texts)
    ngrams = hash_ngrams(words)
    for word, found in zip(words, np.split(ngrams.flat, ngrams.offsets[1:-1]), strict=True):
        assert found.tolist() == slow_buckets(word)


def test_all_scripts_are_as_the_reference_says() -> None:
    check([*SCRIPTS, *SCRIPTS[:3], ""])


@given(st.lists(st.text(st.sampled_from("abcß é🐙東\ud800\x00\x02\x03 \u200f"), max_size=12) | st.text(), min_size=1))
def test_any_text_is_as_the_reference_says(texts: list[str]) -> None:
    check(texts)


def test_no_text_at_all() -> None:
    words, texts = split_words([])
    assert (words, len(texts), len(hash_ngrams(words))) == ([], 0, 0)


def test_an_ngram_has_one_bucket_wherever_it_stands_and_borders_belong_to_it() -> None:
    whole, inside, end = (set(hash_ngrams([word]).flat[hash_ngrams([word]).flat < BUCKETS]) for word in WORDS)
    # In the order of the lines: both borders, a, b, ab; then b and ab with the end; then a and ab from the beginning.
    assert len(whole & inside & end) == 5
    assert len(whole & end - inside) == 2
    assert len(whole - inside - end) == 3


WORDS = ("ab", "xabx", "xab")


@pytest.mark.parametrize(
    "spelling",
    [
        "étude fine straße ἄλφα",
        "e\u0301tude ﬁne Straße ΑΛΦΑ",
        "ÉTUDE \uff26\uff29\uff2e\uff25 STRASSE Ἄλφα",
        "\U0001d404tud\u00e8 \u2131ine STRASSE ὰλφὰ",
    ],
)
def test_case_width_accents_and_composition_do_not_matter(spelling: str) -> None:
    assert words_of([spelling]) == [["etude", "fine", "strasse", "αλφα"]]


def test_marks_that_make_another_letter_matter() -> None:
    ((voiced, voiceless),) = words_of(["が か"])
    assert voiced != voiceless


# -- Limits ------------------------------------------------------------------------------------------------------------


def test_words_are_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_ngrams, "MAX_WORDS", 3)
    assert words_of(["a b c d", "a", "x" * 300 + " y"]) == [["a", "b", "c"], ["a"], ["x" * 128, "x" * 128, "x" * 44]]


@pytest.mark.parametrize("space", [" ", "\n", "\u3000"])
def test_wide_space_hides_no_word(space: str) -> None:
    assert words_of([f"{space * 20_000}red{space * 20_000}shoe"]) == [["red", "shoe"]]


def test_characters_are_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_ngrams, "MAX_CHARACTERS", 5)
    assert words_of(["ab  \n cd ef", "abcdefg"]) == [["ab", "cd"], ["abcde"]]


@pytest.mark.parametrize(
    "text",
    [
        *("x" * 2**20, "word " * 2**18, " " * 2**20 + "x", "🐙" * 2**20, "ﷺ" * 2**18, "\ud800" * 2**20, "\x00" * 2**20),
        "".join(map(chr, range(0x4E00, 0x9FFF))) * 50,
        " ".join(map(str, range(150_000))),
    ],
    ids=["x", "words", "space", "emoji", "ligatures", "surrogates", "nul", "han", "numbers"],
)
def test_a_megabyte_of_text_takes_no_time(text: str) -> None:
    begun = time.process_time()
    words, texts = split_words([text] * 3)
    ngrams = hash_ngrams(words)
    assert time.process_time() - begun < 5.0
    assert texts.lengths.max() <= 2048
    assert len(ngrams.flat) <= 2048 * 130 * 5
