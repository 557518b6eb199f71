"""What cannot be written is refused before any work, and nothing is left behind by asking."""

import os
import re
from pathlib import Path

import pytest

from steradian.atomic_write import write_whole
from steradian.errors import InputError
from steradian.out_paths import check_file, check_folder, telling_of_replaced


def test_what_can_be_written_passes_and_nothing_is_made(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there.json").write_text("{}")
    for path in ("there", "new", "new/deep", "model.v2", ".", str(tmp_path / "new")):
        check_folder(path)
    for path in ("there.json", "new.json", "new/deep/scores.json", "there/x", str(tmp_path / "x.csv"), None):
        check_file(path, others=["other.csv", None])
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["there", "there.json"]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("", "no name. Add the name of a folder."),
        ("file", "file, which is a file. Choose another name."),
        ("file/model", "file/model, but "),
        ("vectors.npy", "vectors.npy, the name of a file. Name a folder."),
        ("model.PT", "model.PT, the name of a file. Name a folder."),
        ("x" * 300 + "/model", "File name too long"),
    ],
)
def test_a_folder_that_cannot_be_is_refused(path: str, complaint: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as refused:
        check_folder(path)
    assert complaint in str(refused.value) and refused.value.where == "--out"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("folder", "folder, which is a folder. Add the name of a file."),
        (".", "., which is a folder"),
        ("", "no name"),
        ("x" * 300, "File name too long"),
        ("file/scores.json", "file/scores.json, but file is a file"),
        ("folder/../table.csv", "which the command uses for something else"),
        pytest.param(os.devnull, "a pipe or a device", marks=pytest.mark.skipif(os.name != "posix", reason="POSIX")),
    ],
)
def test_a_file_that_cannot_be_is_refused(path: str, complaint: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError) as refused:
        check_file(path, option="--robustness", others=[None, "table.csv"])
    assert complaint in str(refused.value) and refused.value.where == "--robustness"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch) -> None:
    def read_only(dir: Path) -> None:
        assert dir == tmp_path
        raise OSError(30, "Read-only file system", str(dir))

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    for check, path in (
        (check_file, tmp_path / "new" / "a.json"),
        (check_folder, tmp_path),
        (check_folder, tmp_path / "a"),
    ):
        with pytest.raises(InputError, match=r"want a place that can be written, got .*: Read-only file system"):
            check(str(path))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_rights_are_asked_for(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="Permission denied"):
        check_folder(str(tmp_path / "model"))
    tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["config.json", "README.md"], "the model in {folder}"),
        (["index.json"], "the index in {folder}"),
        (["train.csv", "test.csv"], "test.csv, train.csv in {folder}"),
        (["a", "b", "c", "d"], "a, b, c and others in {folder}"),
    ],
)
def test_what_was_replaced_is_told_with_its_date(names: list[str], told: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "stays").write_text("")
    with telling_of_replaced(str(tmp_path)):
        for name in names:
            write_whole(tmp_path / name, "{}")
    for name in names:
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    for folder in (None, str(tmp_path), str(tmp_path / "none")):
        with telling_of_replaced(folder):
            pass
    assert capsys.readouterr().err == ""
    with telling_of_replaced(str(tmp_path), str(tmp_path / names[0])):
        for name in names:
            write_whole(tmp_path / name, "{}")
    lines = capsys.readouterr().err.splitlines()
    where = [told.format(folder=tmp_path), str(tmp_path / names[0])]
    for line, what in zip(lines, where, strict=True):
        assert re.fullmatch(rf"steradian: this replaced {re.escape(what)}, written 2001-09-\d\d \d\d:\d\d", line)
