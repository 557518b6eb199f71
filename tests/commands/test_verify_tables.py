import csv
from pathlib import Path

import numpy as np

import steradian as sr


def test_tables_are_compared_row_by_row_or_by_ids(shelf: Path, run, write_rows, tmp_path: Path) -> None:
    test, out = shelf / "test.csv", tmp_path / "same.csv"
    code, printed, complaint = run("verify", shelf / "size", test, test)
    assert (code, complaint) == (0, "") and "Verification: 60 pairs, 60 taken for the same" in printed
    # The kinds follow each other: 100 and 103 are cups, 101 is a jar.
    pairs = write_rows(tmp_path / "pairs.csv", [{"a": "s100", "b": "s103"}, {"a": "s100", "b": "s101"}])
    code, printed, _ = run("verify", shelf / "size", test, test, "--pairs", pairs, "--out", out)
    assert (code, printed) == (0, f"wrote 2 pairs, 1 the same, to {out}\n")
    with open(out, encoding="utf-8") as file:
        written = [*csv.DictReader(file)]
    assert [(row["first"], row["second"], row["same"]) for row in written] == [
        ("s100", "s103", "True"),
        ("s100", "s101", "False"),
    ]
    model = sr.SphereEmbedder.load(shelf / "size")
    objects = sr.read_objects(test, model.schema_)
    angle = np.arccos(np.clip(model.transform(objects[:1]) @ model.transform(objects[1:2]).T, -1, 1)).item()
    np.testing.assert_allclose(float(written[1]["angle"]), angle, atol=1e-3)


def test_mistakes_are_told(shelf: Path, run, write_rows, tmp_path: Path) -> None:
    test, train, new = shelf / "test.csv", shelf / "train.csv", shelf / "new.csv"
    ids = write_rows(tmp_path / "ids.csv", [{"a": "s100", "b": "s1011"}])
    three = write_rows(tmp_path / "three.csv", [{"a": "s100", "b": "s101", "c": "s102"}])
    for words, told in (
        ((shelf / "size", test, new), "want as many objects in both tables, got 60 and 5"),
        ((shelf / "weight", test, train), f"{shelf / 'weight'}: want a model with thresholds"),
        ((shelf / "size", test, test, "--pairs", ids), "got 's1011'. Did you mean 's1"),
        ((shelf / "size", test, test, "--pairs", three), "--pairs: want a table of two columns, got 3 columns"),
        ((shelf / "size", test, train, "--out", test), "--out: want a file of its own"),
    ):
        code, printed, complaint = run("verify", *words)
        assert (code, printed) == (2, "") and told in complaint and complaint.count("\n") == 1
