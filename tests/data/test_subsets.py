"""Which subsets of modalities are chosen."""

import pytest

from steradian.data.subsets import choose_subsets, named_subsets, subsets_to_measure
from steradian.errors import InputError


def test_up_to_six_modalities_all_subsets_are_chosen() -> None:
    for number in range(1, 7):
        chosen = choose_subsets("abcdef"[:number], max_subsets=63, random_state=0)
        assert len(set(chosen)) == len(chosen) == 2**number - 1
        assert chosen[0] == tuple("abcdef"[:number])
        assert [len(subset) for subset in chosen] == sorted((len(subset) for subset in chosen), reverse=True)


@pytest.mark.parametrize(
    ("number", "max_subsets", "count"), [(7, 63, 63), (12, 63, 63), (40, 63, 81), (4, 14, 14), (4, 1, 9)]
)
def test_more_are_sampled(number: int, max_subsets: int, count: int) -> None:
    names = [f"m{place:02}" for place in range(number)]
    chosen = choose_subsets(names, max_subsets=max_subsets, random_state=1)
    assert len(set(chosen)) == len(chosen) == count
    must = {tuple(names), *((name,) for name in names), *(tuple(n for n in names if n != name) for name in names)}
    assert must <= set(chosen)
    assert all(list(subset) == sorted(subset) for subset in chosen)
    assert chosen == choose_subsets(names, max_subsets=max_subsets, random_state=1)
    if count > len(must) and count < 2**number - 2:
        assert chosen != choose_subsets(names, max_subsets=max_subsets, random_state=2)
        assert {len(subset) for subset in chosen} == set(range(1, number + 1))


def test_named_subsets_come_once_in_the_order_of_the_schema_behind_the_whole() -> None:
    names = ("photo", "title", "price")
    chosen = named_subsets(["title", ("title",), ("price", "photo"), ("photo", "price")], names)
    assert chosen == [names, ("title",), ("photo", "price")]
    with pytest.raises(InputError, match="subsets, 'smell': want modalities of photo, title, price, got 'smell'"):
        named_subsets(["smell"], names)


def test_what_is_measured_is_what_is_named_or_else_all() -> None:
    assert subsets_to_measure(["b"], "abc") == named_subsets(["b"], "abc")
    assert subsets_to_measure(None, "abc") == choose_subsets("abc", max_subsets=63, random_state=0)
