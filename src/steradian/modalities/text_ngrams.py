"""Texts as words and words as hashed character n-grams: any script, and no vocabulary to download."""

import unicodedata
import zlib
from collections.abc import Iterable

import numpy as np

from steradian.data.ragged import Ragged
from steradian.data.sparse_rows import scrambled

__all__ = ["BUCKETS", "MAX_TOKENS", "hash_ngrams", "split_words"]

MAX_WORDS, MAX_CHARACTERS = 2048, 1 << 17
"""Read of one text; what follows is left out, so that one long text cannot fill the memory."""

MAX_TOKENS = 64
"""Words of a text that become tokens of their own; what follows counts in the token of the whole."""

MAX_WORD_LENGTH = 128
"""Characters of one word; longer ones (unspaced scripts, links) are cut into pieces."""

ACCENTS = dict.fromkeys(range(0x300, 0x370))
"""Combining marks of alphabets that can be read without; those of other scripts carry meaning and stay."""

LONGEST_NGRAM = 5
BUCKETS = 1 << 20
"""Hash buckets of character n-grams; as many again, behind these, are of whole words."""


def split_words(texts: Iterable[str]) -> tuple[list[str], Ragged]:
    """All distinct words, and each text as numbers of words, int64; a text without any has the empty word.

    Args:
        texts: any, lone surrogates and NUL characters too.

    Examples:
        >>> words, texts = split_words(["Red shoe", "RED"])
        >>> words, texts.flat, texts.lengths
        (['red', 'shoe'], array([0, 1, 0]), array([2, 1]))
    """
    numbers: dict[str, int] = {}
    flat: list[int] = []
    lengths = []
    for text in texts:
        # What follows the limits is cut off first, but wide space counts as one character.
        prefix = " ".join(text.split(maxsplit=MAX_WORDS)[:MAX_WORDS])[:MAX_CHARACTERS]
        pieces = [
            word[start : start + MAX_WORD_LENGTH]
            for word in _plain(prefix).split()
            for start in range(0, len(word), MAX_WORD_LENGTH)
        ]
        found = [numbers.setdefault(word, len(numbers)) for word in pieces[:MAX_WORDS] or [""]]
        flat += found
        lengths.append(len(found))
    return list(numbers), Ragged.from_lengths(np.array(flat, dtype=np.int64), np.array(lengths, dtype=np.int64))


def hash_ngrams(words: list[str]) -> Ragged:
    """Hash buckets of the 1- to 5-grams of each word between its borders, and of the word itself, int64.

    Args:
        words: what `split_words` found.
    """
    codes = np.frombuffer(
        "".join(f"\x02{word}\x03" for word in words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32
    )
    lengths = np.array([len(word) + 2 for word in words], dtype=np.int64)
    word_of_code = np.repeat(np.arange(len(words)), lengths)
    end_of_word = np.repeat(np.cumsum(lengths), lengths)
    start = np.arange(len(codes))
    hashed = np.zeros(len(codes), dtype=np.uint64)
    buckets, owners = [], []
    for n in range(1, LONGEST_NGRAM + 1):
        inside = start + n <= end_of_word
        last = codes[np.minimum(start + n - 1, max(len(codes) - 1, 0))]
        hashed = scrambled(hashed * np.uint64(0x9E3779B97F4A7C15) + last + np.uint64(n))
        buckets.append((hashed[inside] % np.uint64(BUCKETS)).astype(np.int64))
        owners.append(word_of_code[inside])
    whole = (zlib.crc32(word.encode("utf-8", "surrogatepass")) % BUCKETS + BUCKETS for word in words)
    buckets.append(np.fromiter(whole, dtype=np.int64, count=len(words)))
    owners.append(np.arange(len(words)))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return Ragged.from_lengths(np.concatenate(buckets)[order], np.bincount(owner, minlength=len(words)))


def _plain(text: str) -> str:
    """Case, width and the accents of Latin, Greek and Cyrillic letters removed, so that relatives share n-grams."""
    return unicodedata.normalize("NFKD", text).casefold().translate(ACCENTS)
