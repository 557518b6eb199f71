import json
from pathlib import Path


def test_the_better_of_two_models_that_read_other_columns_is_named(shelf: Path, run, tmp_path: Path) -> None:
    out = tmp_path / "differences.json"
    code, printed, complaint = run("compare", shelf / "weight", shelf / "size", shelf / "test.csv", "--out", out)
    assert (code, complaint) == (0, "")
    assert "ModelComparison: 60 objects of 3 classes" in printed and f"wrote {out}" in printed
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    scores = {score["name"]: score for score in json.loads(out.read_text())["scores"]}
    assert set(scores) == {"accuracy", "R@1", "MAP@R"}
    assert scores["accuracy"]["second"] == 1.0 and scores["accuracy"]["better"] == "second"
    # With a gallery of its training objects the score is another one.
    gallery = run("compare", shelf / "weight", shelf / "size", shelf / "test.csv", "--gallery", shelf / "train.csv")
    assert gallery[0] == 0 and gallery[1].splitlines()[:2] == printed.splitlines()[:2]
    assert gallery[1].splitlines()[3] != printed.splitlines()[3]
