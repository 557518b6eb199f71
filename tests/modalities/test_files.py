"""Files that cannot be read: each mistake in a user's words, and short."""

from pathlib import Path

import pytest

import steradian as sr
from steradian.modalities.files import file_mistake, refuse_plain_text

REPLACE = "Replace the sound, or put None where it is missing."


def mistake(path: Path) -> tuple[str, str]:
    """What is told of a file that is opened and is none."""
    try:
        path.read_bytes()
        raise ValueError("no header.")
    except (OSError, ValueError) as error:
        return file_mistake(str(path), error, kind="sound")


def test_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "note.wav").write_text("a note")
    assert mistake(tmp_path / "empty.wav") == (f"an empty file: '{tmp_path}/empty.wav'", REPLACE)
    assert mistake(tmp_path / "note.wav") == (f"no header in the file '{tmp_path}/note.wav'", REPLACE)
    assert mistake(tmp_path / "none.wav")[0] == f"no such file: '{tmp_path}/none.wav'"
    assert mistake(tmp_path)[0] == f"the folder '{tmp_path}'"
    assert "a list of paths is a set of several sounds" in mistake(tmp_path)[1]


def test_paths_that_cannot_be() -> None:
    assert mistake(Path("a\0b"))[0] == r"embedded null byte in the file 'a\x00b'"
    assert mistake(Path("\ud800.wav"))[0].startswith("'utf-8' codec can't encode character")
    got, _ = mistake(Path("x" * 5000))
    assert got.startswith("File name too long: 'xxx")
    assert len(got) < 400


@pytest.mark.parametrize(
    ("value", "got"),
    [(b"", "no bytes"), (b"x", "no header"), (3, "no header"), ("http://a/b.png", "the URL 'http://a/b.png'")],
)
def test_what_is_no_file(value: object, got: str) -> None:
    assert file_mistake(value, ValueError(" no\nheader. "), kind="picture")[0] == got


def test_an_error_without_words_is_named() -> None:
    assert file_mistake(b"x", MemoryError(), kind="picture")[0] == "MemoryError"


@pytest.mark.parametrize(("modality", "kind"), [(sr.Image("file"), "picture"), (sr.Audio("file"), "sound")])
def test_a_text_that_is_no_path_is_refused_when_it_is_read(modality: sr.Image | sr.Audio, kind: str, tmp_path) -> None:
    (tmp_path / "without ending").write_bytes(b"")
    schema = sr.Schema({"file": modality})
    there = [str(tmp_path / "without ending"), "My Pictures/3f2a", "moved/away.jpg", b"bytes", None, " "]
    for cells in (there, [there[:4]]):
        assert sr.read_objects({"file": cells[:4]}, schema, labelled=False).present.all()
    for cells in (["red shoe, no. 3"], [["a.png", "red shoe, no. 3"]]):
        told = rf"row 0 .*: want a {kind} that can be read, got no such file: 'red shoe, no\. 3'\. Check the path"
        with pytest.raises(sr.InputError, match=told):
            sr.read_objects({"file": cells}, schema, labelled=False)
    refuse_plain_text("https://a/b", kind=kind, where="there")
