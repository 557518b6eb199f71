"""Part files: each file of a table once, whatever is killed, changed or begun again."""

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import steradian as sr
from steradian.commands.part_files import part_name, write_parts
from steradian.errors import InputError


class Killed(BaseException):
    """The end of a process."""


@pytest.fixture(scope="module")
def model(shelf: Path) -> sr.SphereEmbedder:
    return sr.SphereEmbedder.load(shelf / "size")


@pytest.fixture
def files(shelf: Path, tmp_path: Path) -> list[Path]:
    """The test table in three files."""
    header, *rows = (shelf / "test.csv").read_text().splitlines(keepends=True)
    paths = [tmp_path / "in" / f"{name}.csv" for name in "abc"]
    paths[0].parent.mkdir()
    for number, path in enumerate(paths):
        path.write_text(header + "".join(rows[number::3]))
    return paths


def read(path: Path) -> sr.ObjectTable:
    schema = sr.Schema({"size": sr.Tabular(numeric=["size"])}, label="kind", id="sku")
    return sr.read_objects(path, schema, labelled=False)


def test_parts_hold_each_row_once_with_its_vector(model: sr.SphereEmbedder, files: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_parts(model, [*files, files[0]], out, read) == (3, 60, 0, 0)
    found = pq.read_table(out)
    objects = sr.read_objects(files, model.schema_)
    order = np.argsort(found["id"].to_pylist())
    np.testing.assert_array_equal(np.sort(objects.ids), np.array(found["id"].to_pylist())[order])
    np.testing.assert_array_equal(objects.labels[np.argsort(objects.ids)], np.array(found["label"].to_pylist())[order])
    vectors = np.array(found["vector"].to_pylist())[order]
    np.testing.assert_allclose(vectors, model.transform(objects)[np.argsort(objects.ids)], atol=1e-6)
    assert sorted(os.listdir(out)) == sorted(part_name(path, model.fingerprint) for path in files)


def test_a_run_that_was_killed_anywhere_goes_on(
    model: sr.SphereEmbedder, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace
    for steps in range(3):
        left = iter(range(steps))

        def renamed(unfinished: Path, part: Path, left=left) -> None:
            if next(left, None) is None:
                (part.parent / f"{unfinished.name}left").write_bytes(b"torn")
                raise Killed
            replace(unfinished, part)

        out = tmp_path / f"killed{steps}"
        with monkeypatch.context() as killing, pytest.raises(Killed):
            killing.setattr(os, "replace", renamed)
            write_parts(model, files, out, read)
        assert sum(not name.startswith(".") for name in os.listdir(out)) == steps
        assert write_parts(model, files, out, read)[:3] == (3 - steps, (3 - steps) * 20, steps)
        assert len(set(pq.read_table(out)["id"].to_pylist())) == pq.read_table(out).num_rows == 60
        assert not [name for name in os.listdir(out) if name.startswith(".")]


def test_a_file_that_has_changed_has_its_part_replaced(
    model: sr.SphereEmbedder, files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write_parts(model, files, out, read)
    files[1].write_text("".join(files[1].read_text().splitlines(keepends=True)[:11]))
    assert write_parts(model, files, out, read) == (1, 10, 2, 0)
    assert pq.read_table(out).num_rows == 50
    # Files that are not named stay, and are told; another way to read gives other parts.
    assert write_parts(model, files[:1], out, read, reading="missing") == (1, 20, 0, 2)
    assert pq.read_table(out).num_rows == 50


def test_runs_at_the_same_time_do_not_disturb_each_other(
    model: sr.SphereEmbedder, files: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def other_run_first(path: Path) -> sr.ObjectTable:
        if path == files[1]:
            write_parts(model, files, out, read)
        return read(path)

    # The first run has made one part, the other one the rest, of which the first has begun one too.
    assert write_parts(model, files, out, other_run_first) == (2, 40, 1, 0)
    assert pq.read_table(out).num_rows == 60


def test_what_another_run_has_cleaned_away_is_no_error_where_the_part_is_there(
    model: sr.SphereEmbedder, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, replace = tmp_path / "out", os.replace

    def replaced(unfinished: Path, part: Path) -> None:
        monkeypatch.setattr(os, "replace", replace)
        write_parts(model, files, out, read)
        replace(unfinished, part)

    monkeypatch.setattr(os, "replace", replaced)
    assert write_parts(model, files, out, read) == (0, 0, 3, 0)
    assert pq.read_table(out).num_rows == 60


def test_mistakes_name_their_file(model: sr.SphereEmbedder, files: list[Path], tmp_path: Path) -> None:
    files[1].write_text("sku,kind,size\na,b,large\n")
    with pytest.raises(InputError, match=r"b\.csv, row 0 .*column 'size'"):
        write_parts(model, files, tmp_path / "out", read)


def test_parts_of_another_model_and_the_tables_own_folder_are_refused(
    model: sr.SphereEmbedder, shelf: Path, files: list[Path], tmp_path: Path
) -> None:
    write_parts(model, files[:1], tmp_path / "out", read)
    with pytest.raises(InputError, match="parts of this model"):
        write_parts(sr.SphereEmbedder.load(shelf / "weight"), files, tmp_path / "out", read)
    with pytest.raises(InputError, match="does not lie in"):
        write_parts(model, files, files[0].parent, read)


def test_rows_without_ids_are_known_by_their_file(files: list[Path], tmp_path: Path) -> None:
    schema = sr.Schema({"size": sr.Tabular(numeric=["size"])}, label="kind")
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(sr.read_objects(files, schema))
    write_parts(model, files[:2], tmp_path / "out", lambda path: sr.read_objects(path, schema))
    found = pq.read_table(tmp_path / "out")
    assert sorted(zip(*(found[name].to_pylist() for name in ("file", "id")), strict=True)) == [
        (str(path), row) for path in files[:2] for row in range(20)
    ]
