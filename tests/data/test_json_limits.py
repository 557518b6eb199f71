"""Nesting of JSON: the same as counting while parsing; what is deeper or longer is refused with its line."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian import InputError
from steradian.data import json_limits
from steradian.data.json_limits import MOST_NESTED, nesting, parse_json, refuse_deep_lines


def slow_nesting(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(slow_nesting, value), default=0) if isinstance(value, list) else 0


texts = st.text(st.sampled_from('[]{}"\\ a,:\né'), max_size=8)
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@settings(max_examples=300, deadline=None)
@given(values, st.booleans())
def test_nesting_is_that_of_the_parsed_value(value: Any, plain: bool) -> None:
    assert nesting(json.dumps(value, ensure_ascii=plain).encode()) == slow_nesting(value)


@pytest.mark.parametrize(("text", "deep"), [("", 0), ("]]][[", 2), ('"[[["', 0), ("[" * 999, 999), ("[]" * 99, 1)])
def test_nesting_of_what_is_not_json(text: str, deep: int) -> None:
    assert nesting(text.encode()) == deep


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 40 + "]" * 40, "[1", "nul"])
def test_what_is_no_short_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("line", ["[" * 500 + "]" * 500, '{"a":' * 33, '"' + "]" * 40 + '", ' + "[" * 40], ids=range(3))
def test_a_deep_line_is_named(line: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_limits, "BLOCK", block)
    for before in ('{"a": "]]"}\n', ']]]"]]\n', "[[[\n" * 40):
        (tmp_path / "a.jsonl").write_text(before + f"{line}\n[]\n")
        with pytest.raises(InputError, match=rf"want JSON nested at most {MOST_NESTED} deep, got .* brackets") as error:
            refuse_deep_lines(tmp_path / "a.jsonl")
        assert error.value.where == f"{tmp_path / 'a.jsonl'}, line {before.count(chr(10)) + 1}"


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_lines_within_the_limits_pass(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_limits, "BLOCK", block)
    draw = random.Random(0)
    rows = [{"a": "[" * draw.randrange(99) + '"\\', "b": [[1] * 9] * draw.randrange(9)} for _ in range(50)]
    deepest = "[" * MOST_NESTED + "]" * MOST_NESTED
    (tmp_path / "a.jsonl").write_text("\n".join([*map(json.dumps, rows), "[\n" * 99, deepest]))
    refuse_deep_lines(tmp_path / "a.jsonl")


def test_a_line_that_does_not_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_limits, "BLOCK", 1 << 10)
    monkeypatch.setattr(json_limits, "LONGEST_LINE", 1 << 20)
    (tmp_path / "a.jsonl").write_text("{}\n" + "a" * ((1 << 20) + (1 << 10)))
    with pytest.raises(InputError, match="line 2: want lines of at most 1 MiB, got a longer one"):
        refuse_deep_lines(tmp_path / "a.jsonl")
