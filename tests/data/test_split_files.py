"""Files split into files: every row is in one of them, as it stood."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from steradian import InputError
from steradian.data.split_files import split_file

FRAME = pd.DataFrame(
    {
        "title": [f'a "quoted", {row}\nthing' for row in range(20)],
        "code": ["007", "NA", "", "1.50"] * 5,
        "kind": ["x", "y"] * 10,
        "shop": [row // 4 for row in range(20)],
    }
)


def write(folder: Path, ending: str) -> Path:
    path = folder / f"table{ending}"
    match ending:
        case ".parquet":
            FRAME.to_parquet(path)
        case ".jsonl":
            FRAME.to_json(path, orient="records", lines=True)
        case _:
            FRAME.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    return path


def rows(path: Path) -> list[tuple[str, ...]]:
    match path.suffix:
        case ".parquet":
            frame = pd.read_parquet(path)
        case ".jsonl":
            frame = pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
        case ending:
            sep = "\t" if ending == ".tsv" else ","
            frame = pd.read_csv(path, sep=sep, dtype=str, keep_default_na=False)
    return [tuple(map(str, row)) for row in frame.itertuples(index=False)]


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".tsv", ".jsonl"])
def test_every_row_is_in_one_file_as_it_stood(ending: str, tmp_path: Path) -> None:
    path = write(tmp_path, ending)
    written = split_file(path, tmp_path, test_size=0.3, validation_size=4, label="kind")
    assert {part.name: count for part, count in written.items()} == {
        f"train{ending}": 10,
        f"validation{ending}": 4,
        f"test{ending}": 6,
    }
    parts = [rows(part) for part in written]
    assert sorted(row for part in parts for row in part) == sorted(rows(path))
    assert sorted(row[2] for row in parts[2]) == ["x"] * 3 + ["y"] * 3


def test_groups_and_new_classes(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv")
    train, test = (rows(part) for part in split_file(path, tmp_path, test_size=0.4, groups="shop"))
    assert not {row[3] for row in train} & {row[3] for row in test} and len(test) == 8
    train, test = (rows(part) for part in split_file(path, tmp_path, test_size=0, label="kind", unseen_classes=1))
    assert not {row[2] for row in train} & {row[2] for row in test}
    with pytest.raises(InputError, match=r"got 'shopp'. Did you mean 'shop'\?"):
        split_file(path, tmp_path, groups="shopp")
    with pytest.raises(InputError, match="want the column of classes"):
        split_file(path, tmp_path, unseen_classes=1)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_pictures_are_found_from_another_folder(ending: str, tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    absolute = str(tmp_path / "a.png")
    cells = ["a.png", "b.JPG", absolute, None, "gone.png", "https://a.b/a.png"] * 2
    lists = [["a.png", "b.JPG"], ["a.png"]] * 6
    frame = pd.DataFrame({"photo": cells, "all": lists, "words": ["see a.png, b"] * 12})
    path = tmp_path / f"table{ending}"
    if ending == ".csv":
        frame.assign(all=[json.dumps(each) for each in lists]).to_csv(path, index=False)
    elif ending == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    (tmp_path / "parts").mkdir()
    written = split_file(path, tmp_path / "parts", test_size=3)
    got = [row for part in written for row in rows(part)]
    moved = ["../a.png", "../b.JPG", absolute, "gone.png", "https://a.b/a.png"]
    assert {row[0] for row in got} - {"", "None", "nan"} == set(moved)
    assert all(re.findall(r"[\w./]+png", row[1]) == ["../a.png"] for row in got)
    assert {row[2] for row in got} == {"see a.png, b"}
    # In the folder of the table nothing moves.
    kept = [row for part in split_file(path, tmp_path, test_size=3) for row in rows(part)]
    assert {row[0] for row in kept} >= {"a.png", "b.JPG"}
