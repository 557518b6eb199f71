from pathlib import Path

import steradian as sr


def test_new_classes_are_kept_in_another_folder_or_in_the_model(shelf: Path, run, tmp_path: Path) -> None:
    larger = tmp_path / "larger"
    code, printed, complaint = run("add-classes", shelf / "size", shelf / "new.csv", "--out", larger)
    assert (code, complaint) == (0, "")
    assert "AddedClasses: 1 new class from 5 examples, 4 classes in all" in printed
    assert f"kept in {larger}, which now has 4 classes" in printed
    assert sr.SphereEmbedder.load(larger).predict({"size": 30.0}).tolist() == ["pan"]
    assert len(sr.SphereEmbedder.load(shelf / "size").classes_) == 3
    code, _, complaint = run("add-classes", larger, shelf / "new.csv")
    assert code == 2 and "pan" in complaint and complaint.count("\n") == 1


def test_without_out_the_model_itself_gets_them(shelf: Path, run, tmp_path: Path) -> None:
    sr.SphereEmbedder.load(shelf / "size").save(tmp_path / "model")
    assert run("add-classes", tmp_path / "model", shelf / "new.csv")[0] == 0
    assert "pan" in sr.SphereEmbedder.load(tmp_path / "model").classes_
