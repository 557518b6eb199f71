import csv
from pathlib import Path

import steradian as sr


def test_two_tables_are_matched(shelf: Path, run, write_rows, tmp_path: Path) -> None:
    test, out = shelf / "test.csv", tmp_path / "matches.csv"
    known = write_rows(tmp_path / "known.csv", [{"a": f"s{n}", "b": f"s{n}"} for n in range(100, 150)])
    code, printed, complaint = run(
        "match", shelf / "size", test, test, "--known", known, "--precision", 0.9, "--out", out
    )
    assert (code, complaint) == (0, "") and "of 50 known objects" in " ".join(printed.split())
    assert printed.endswith(f"wrote 10 pairs to {out}\n")
    model = sr.SphereEmbedder.load(shelf / "size")
    found = sr.match_tables(model, test, test, known=known, precision=0.9)
    with open(out, encoding="utf-8") as file:
        written = [*csv.DictReader(file)]
    assert [(row["first"], row["second"], row["verdict"]) for row in written] == [
        (row["first"], row["second"], row["verdict"]) for row in found.to_dict()["pairs"]
    ]
    code, printed, _ = run("match", shelf / "size", test, test, "--limit", found.limit)
    assert code == 0 and printed.startswith("Matches: 60 pairs")


def test_mistakes_are_told(shelf: Path, run, write_rows, tmp_path: Path) -> None:
    test = shelf / "test.csv"
    known = write_rows(tmp_path / "known.csv", [{"a": "s100", "b": "s1011"}])
    for words, told in (
        ((), "the matches: want --known TABLE or --limit DOUBT, got neither. Give one of them"),
        (("--known", known), "--known: want ids of the second table, got 's1011'. Did you mean 's1"),
        (("--known", known, "--out", known), "--out: want a file of its own"),
        (("--known", known, "--precision", 95), "--precision: want a share"),
    ):
        code, printed, complaint = run("match", shelf / "size", test, test, *words)
        assert (code, printed) == (2, "") and told in complaint and complaint.count("\n") == 1
