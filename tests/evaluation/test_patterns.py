"""Patterns of present modalities against a plain count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.evaluation.patterns import frequent_patterns

NAMES = ("a", "b", "c", "d")


@given(st.lists(st.tuples(*[st.booleans()] * 4).filter(any), max_size=60), st.integers(1, 16))
def test_every_object_is_in_one_pattern_and_the_most_frequent_come_first(
    rows: list[tuple[bool, ...]], most: int
) -> None:
    found = frequent_patterns(np.array(rows, dtype=bool).reshape(-1, 4), NAMES, most=most)
    counts = Counter(tuple(name for name, has in zip(NAMES, row, strict=True) if has) for row in rows)
    assert len(found) == min(most, len(counts))
    assert sorted(number for _, numbers in found for number in numbers) == list(range(len(rows)))
    named = [(pattern, numbers) for pattern, numbers in found if pattern]
    assert len(found) - len(named) == (len(counts) > most)
    sizes = [len(numbers) for _, numbers in named]
    assert sizes == sorted(counts.values(), reverse=True)[: len(named)]
    for pattern, numbers in named:
        assert len(numbers) == counts[pattern]
        assert list(numbers) == [number for number, row in enumerate(rows) if tuple(np.compress(row, NAMES)) == pattern]


def test_of_equal_counts_the_fuller_comes_first_then_the_earlier() -> None:
    rows = ["c", "ab", "b", "ac", "a", "abcd", "bc"]
    present = np.array([[name in row for name in NAMES] for row in rows])
    found = ["".join(pattern) for pattern, _ in frequent_patterns(present, NAMES, most=99)]
    assert found == ["abcd", "ab", "ac", "bc", "a", "b", "c"]


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_no_pattern_at_all_is_refused(most: float) -> None:
    with pytest.raises(InputError, match="max_patterns: want an integer from 1"):
        frequent_patterns(np.ones((2, 4), dtype=bool), NAMES, most=most)  # type: ignore[arg-type]
