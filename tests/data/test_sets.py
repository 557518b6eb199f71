"""Cells that hold several items are taken apart and put together again."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.columns import to_objects
from steradian.data.modality import IndexedArrays
from steradian.data.sets import SET_SIZES, ItemCells

LEAVES = st.one_of(st.none(), st.integers(0, 9), st.just(float("nan")))
CELLS = st.lists(st.one_of(st.integers(0, 9), st.lists(LEAVES, max_size=4)), max_size=8)


def known(cell: Any) -> list[Any]:
    entries = cell if isinstance(cell, list) else [cell]
    return [entry for entry in entries if entry is not None and entry == entry]


@given(CELLS)
def test_items_stand_in_order_without_what_is_missing(cells: list[Any]) -> None:
    found = ItemCells.of(to_objects(cells))
    assert found.items.tolist() == [item for cell in cells for item in known(cell)]
    sizes = [1] * len(cells) if found.sizes is None else found.sizes.tolist()
    assert sizes == [len(known(cell)) for cell in cells]


@given(CELLS)
def test_each_item_knows_its_row(cells: list[Any]) -> None:
    rows = np.arange(len(cells)) * 10 + 3
    found = ItemCells.of(to_objects(cells)).rows(rows)
    assert found.tolist() == [row for row, cell in zip(rows.tolist(), cells, strict=True) for _ in known(cell)]


def test_cells_of_one_item_pass_as_they_are() -> None:
    cells = to_objects(["a.png", "b.png"])
    items = IndexedArrays({"values": np.zeros((2, 1))})
    assert ItemCells.of(cells).items is cells
    assert ItemCells.of(cells).grouped(items) is items


def test_an_array_is_one_item_and_a_tuple_several() -> None:
    array = np.zeros(3)
    found = ItemCells.of(to_objects([array, (array, array)]))
    assert len(found.items) == 3
    assert found.sizes is not None
    assert found.sizes.tolist() == [1, 2]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_batch_of_sets_holds_the_items_of_its_rows(sizes: list[int], random: Any) -> None:
    cells = to_objects([f"{row}{item}" for item in range(size)] for row, size in enumerate(sizes))
    found = ItemCells.of(cells)
    numbers = np.arange(len(found.items))
    rows = np.array([random.randrange(len(sizes)) for _ in range(5)])
    batch = found.grouped(IndexedArrays({"number": numbers}))(rows)
    assert batch[SET_SIZES].tolist() == [sizes[row] for row in rows]
    assert found.items[batch["number"]].tolist() == [item for row in rows for item in cells[row]]
