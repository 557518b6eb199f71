"""Neighbors: angles, selection, and a table that fits the terminal."""

import unicodedata
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from steradian.search import Neighbors


def terminal_columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me") for character in text)


def some(queries: int, k: int, *, label: str | None = "cat", name: str = "object 7") -> Neighbors:
    rows = np.arange(queries * k).reshape(queries, k)
    cosines = np.linspace(1, -1, queries * k, dtype=np.float32).reshape(queries, k)
    labels = None if label is None else np.full((queries, k), label)
    return Neighbors(rows, cosines, ids=np.full((queries, k), name), labels=labels)


def test_angles_are_in_radians_and_finite_at_the_ends() -> None:
    cosines = np.array([[1.0, 0.5, 0.0, -1.0, np.nextafter(np.float32(1), np.float32(2))]], dtype=np.float32)
    neighbors = Neighbors(np.arange(5)[None], cosines, ids=np.arange(5)[None])
    np.testing.assert_allclose(neighbors.angles, [[0, np.pi / 3, np.pi / 2, np.pi, 0]], rtol=1e-7)
    assert neighbors.angles.dtype == np.float64


def test_queries_are_selected_with_both_axes_kept() -> None:
    neighbors = some(4, 3)
    for key, want in ((1, [1]), (-1, [3]), (slice(1, 3), [1, 2]), (np.array([2, 0]), [2, 0])):
        chosen = neighbors[key]
        np.testing.assert_array_equal(chosen.rows, neighbors.rows[want])
        np.testing.assert_array_equal(chosen.cosines, neighbors.cosines[want])
        assert chosen.labels is not None
        assert chosen.ids.shape == chosen.labels.shape == (len(want), 3)
    assert [len(one) for one in neighbors] == [1, 1, 1, 1]
    assert some(2, 2, label=None)[0].labels is None
    with pytest.raises(IndexError):
        neighbors[4]


def test_it_prints_as_a_table() -> None:
    neighbors = Neighbors(
        np.array([[3, 1]]), np.array([[1.0, -1.0]], dtype=np.float32), np.array([["x7", "x2"]]), np.array([[8, 9]])
    )
    assert repr(neighbors).splitlines() == [
        "Neighbors: 1 query, the 2 nearest objects",
        "query rank  id                      label                         cosine  angle",
        "    0    1  x7                      8                              1.000  0.000",
        "    0    2  x2                      9                             -1.000  3.142",
    ]
    assert "label" not in repr(some(1, 1, label=None))


@pytest.mark.parametrize("name", ["a", "long " * 30, "line\nbreak\x1b[31m", "🐙🦑" * 20, "é" * 40, "漢字" * 30])
def test_every_line_fits_80_columns(name: str) -> None:
    lines = repr(some(12, 30, label=name, name=name)).splitlines()
    assert {terminal_columns(line) for line in lines[1:-1]} == {79}
    assert len(lines) == 1 + 1 + 5 * 10 + 1
    assert lines[-1] == "... up to 10 neighbors of the first 5 queries shown"
    assert "\x1b" not in "".join(lines)


def on_a_terminal(thing: object, width: int) -> list[str]:
    console = Console(width=width, file=StringIO(), color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(thing)
    return [line.rstrip() for line in capture.get().splitlines()]


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    neighbors = some(2, 12, label="[red]cat[/red]", name="[/] a\x1b[31mb")
    lines = on_a_terminal(neighbors, 100)
    assert lines[0] == "Neighbors: 2 queries, the 12 nearest objects"
    assert lines[1].split() == ["query", "rank", "id", "label", "cosine", "angle"]
    assert sum("[/] a [31mb " in line and " [red]cat[/red] " in line for line in lines) == 2 * 10
    plain = [line.split() for line in repr(neighbors).splitlines()]
    assert [line.split() for line in lines if "cat" in line] == plain[2:-1]
    assert lines[-1] == "... up to 10 neighbors of the first 5 queries shown"
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_narrow_terminal_words_are_cut_and_numbers_are_not(width: int) -> None:
    lines = on_a_terminal(some(1, 12, label="漢字" * 30, name="long " * 30), width)
    assert max(map(terminal_columns, lines)) <= width
    assert [line.split()[-2:] for line in lines if "漢" in line] == [
        line.split()[-2:] for line in repr(some(1, 12)).splitlines()[2:]
    ]


def test_all_neighbors_stand_in_a_frame() -> None:
    rows, cosines = np.array([[4, 0], [1, 2]]), np.array([[1.0, 0.5], [0.25, 0.0]], dtype=np.float32)
    found = Neighbors(rows, cosines, ids=rows, columns={"price": rows * 10})
    frame = found[1:].to_pandas()
    assert frame.columns.tolist() == ["query", "rank", "id", "cosine", "angle", "price"]
    assert frame["id"].tolist() == [1, 2] and frame["rank"].tolist() == [1, 2] and frame["price"].tolist() == [10, 20]
    assert Neighbors(rows, cosines, ids=rows, labels=rows).to_pandas()["label"].tolist() == [4, 0, 1, 2]
