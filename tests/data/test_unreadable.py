"""What is told of items that could not be read."""

import numpy as np
import pytest

from steradian.data.unreadable import Unreadable, UnreadableItem


def items(*modalities: str) -> tuple[UnreadableItem, ...]:
    """An item of each modality, in rows 0, 10, 20 ..."""
    return tuple(UnreadableItem(10 * i, f"k{i}", name, name, f"fault {i}") for i, name in enumerate(modalities))


def test_items_are_counted_by_modality_and_objects_apart() -> None:
    everything = Unreadable(items("photo", "clip", "photo"), {4: 4, 9: "k9"})
    assert everything.counts == [
        "3 unreadable items treated as missing: photo 2, clip 1",
        "2 objects left out, with nothing to read: row 4, 9 (id 'k9')",
    ]
    assert str(everything).splitlines() == [
        everything.counts[0],
        "  row 0 (id 'k0'), column 'photo': fault 0",
        "  row 10 (id 'k1'), column 'clip': fault 1",
        "  row 20 (id 'k2'), column 'photo': fault 2",
        everything.counts[1],
    ]


def test_rows_that_cannot_be_named_are_told_by_reason() -> None:
    some = Unreadable(items("photo"), {}, {"without a label": {1: "k1"}, "without an id": {3: None, 5: None}})
    assert some.counts[1:] == [
        "1 object left out, without a label: row 1 (id 'k1')",
        "2 objects left out, without an id: row 3, 5",
    ]
    both = some + Unreadable((), {7: 7}, {"without a label": {9: 9}})
    assert both.unnamed == {"without a label": {1: "k1", 9: 9}, "without an id": {3: None, 5: None}}
    assert bool(Unreadable((), {}, {"without an id": {3: None}})) and not some.of(np.array([1])).unnamed


def test_one_is_one() -> None:
    assert Unreadable(items("photo"), {4: 4}).counts == [
        "1 unreadable item treated as missing: photo 1",
        "1 object left out, with nothing to read: row 4",
    ]


def test_of_many_the_first_are_printed() -> None:
    many = Unreadable(items(*["photo"] * 1234), dict(enumerate(range(7))))
    lines = str(many).splitlines()
    assert lines[0] == "1,234 unreadable items treated as missing: photo 1,234"
    assert lines[-2:] == [
        "  and 1,229 more",
        "7 objects left out, with nothing to read: row 0, 1, 2, 3, 4 and 2 more",
    ]
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("unreadable", "text"),
    [
        (Unreadable(), ""),
        (Unreadable(left_out={3: 3}), "1 object left out, with nothing to read: row 3"),
    ],
)
def test_without_items(unreadable: Unreadable, text: str) -> None:
    assert str(unreadable) == text
    assert bool(unreadable) == bool(text)


def test_parts_of_a_table_keep_their_items() -> None:
    everything = Unreadable(items("photo", "clip", "photo"), {4: 4})
    assert everything.of(np.array([20, 5, 0])) == Unreadable(items("photo", "clip", "photo")[::2])
    assert not everything.of(np.array([4, 5]))


def test_two_readings_add_up() -> None:
    first, second = Unreadable(items("photo"), {4: 4}), Unreadable(items("clip"), {5: 5})
    assert first + second == Unreadable(items("photo") + items("clip"), {4: 4, 5: 5})
