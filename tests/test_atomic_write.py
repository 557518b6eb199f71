"""A file is the old one or the new one, nothing is left beside it, and errors name it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.atomic_write import write_whole


def test_text_and_bytes_are_written_as_they_are_into_a_folder_that_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "page.html"
    write_whole(path, "é\r\n漢\n")
    assert path.read_bytes() == "é\r\n漢\n".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert os.listdir(path.parent) == ["page.html"]


@given(st.text(st.characters(codec=None, categories=["Cs", "Lu", "Po"]), max_size=8))
def test_any_text_comes_back_from_json(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "text.json"
    write_whole(path, json.dumps([text], ensure_ascii=False))
    # Two halves that follow each other are one character to JSON.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert json.loads(path.read_text(encoding="utf-8")) == [whole]


@pytest.mark.parametrize("step", ["write", "rename"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt("odd")])
def test_what_fails_or_is_interrupted_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException
) -> None:
    path = tmp_path / "old.json"
    path.write_text("old")

    def fail(*_: Any) -> None:
        raise failure

    monkeypatch.setattr(*((Path, "write_bytes") if step == "write" else (os, "replace")), fail)
    with pytest.raises(type(failure)) as raised:
        write_whole(path, "new")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["old.json"]
    if isinstance(failure, OSError):
        assert str(raised.value) == f"[Errno 28] No space left on device: {str(path)!r}"


@pytest.mark.parametrize("name", ["folder", "folder/."])
def test_an_error_names_what_was_to_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as raised:
        write_whole(tmp_path / name, "new")
    assert (raised.value.filename, raised.value.filename2) == (str(tmp_path / "folder"), None)
    assert os.listdir(tmp_path) == ["folder"]


def test_the_folder_one_is_in_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError) as raised:
        write_whole(Path("."), "new")
    assert raised.value.filename == "." and os.listdir(tmp_path) == []
