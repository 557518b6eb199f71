"""Margins by the size of the class against their formula written out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.losses import (
    class_margins,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


@given(counts=st.lists(st.integers(1, 10_000_000), min_size=2, max_size=30).filter(lambda c: min(c) < max(c)))
def test_class_margins_are_those_of_the_formula(counts: list[int]) -> None:
    rarity = [n**-0.25 for n in counts]
    expected = [0.05 + 0.45 * (r - min(rarity)) / (max(rarity) - min(rarity)) for r in rarity]
    found = class_margins(torch.tensor(counts))
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


@given(counts=st.lists(st.integers(1, 1000), min_size=1, max_size=30), low=st.floats(0, 1), more=st.floats(0, 2))
def test_a_rarer_class_never_has_a_smaller_margin(counts: list[int], low: float, more: float) -> None:
    margins = class_margins(torch.tensor(counts), low=low, high=low + more)
    assert (margins[torch.tensor(counts).argsort()].diff() <= 1e-7).all()
    assert ((margins >= low - 1e-6) & (margins <= low + more + 1e-6)).all()


@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_equal_classes_have_the_margin_in_the_middle(count: int) -> None:
    margins = class_margins(torch.full((4,), count), low=0.1, high=0.4)
    torch.testing.assert_close(margins, torch.full((4,), 0.25))


@pytest.mark.parametrize("counts", [[3, 0], [-1, 5], [math.nan, 2.0], [], [[1, 2]]])
def test_counts_below_1_are_refused(counts: list[float]) -> None:
    with pytest.raises(InputError, match="one count a class, each at least 1"):
        class_margins(torch.tensor(counts))
