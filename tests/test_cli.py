"""The commands, as a person types them."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.cli import COMMANDS, main
from steradian.training import Progress

SCHEMA = """
modalities:
  title: {type: Text, columns: title}
  size: {type: Tabular, numeric: [height, width]}
label: kind
id: sku
"""
FAST = ("--epochs", "15", "--batch-size", "8", "--embedding-dim", "8", "--width", "16", "--heads", "2")


def write_table(path: Path, objects: int = 40, random_state: int = 0) -> Path:
    rng = np.random.default_rng(random_state)
    kinds = ["cup", "lamp"]
    lines = ["sku,kind,title,height,width"]
    for row in range(objects):
        kind = row % 2
        title = "" if row % 5 == 0 else f"{['drinking', 'reading'][kind]} {kinds[kind]} {rng.integers(9)}"
        lines.append(f"s{row},{kinds[kind]},{title},{10 + 30 * kind + rng.normal():.2f},{rng.integers(5, 9)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit:
        main([str(word) for word in words])
    return int(exit.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table, a schema and the model that `steradian fit` made of them."""
    folder = tmp_path_factory.mktemp("cli")
    write_table(folder / "table.csv")
    (folder / "schema.yaml").write_text(SCHEMA)
    assert run("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", folder / "model", *FAST) == 0
    return folder


def test_fit_writes_a_model_an_index_and_a_log(folder: Path) -> None:
    files = {path.name for path in (folder / "model").iterdir()}
    assert {"config.json", "index", "training.jsonl"} < files
    assert not any(name.startswith(".") for name in files)
    records = [json.loads(line) for line in (folder / "model" / "training.jsonl").read_text().splitlines()]
    assert records and records[-1]["loss"] < records[0]["loss"]


def test_evaluate_prints_a_table_and_writes_scores(folder: Path, capsys) -> None:
    test = write_table(folder / "test.csv", random_state=1)
    scores = folder / "scores.json"
    assert run("evaluate", folder / "model", test, "--gallery", folder / "table.csv", "--out", scores) == 0
    printed = capsys.readouterr().out
    assert "whole object" in printed and "title" in printed
    assert "Certified (no missing modality changes the class): " in printed
    assert max(len(line) for line in printed.splitlines()) <= 80
    written = json.loads(scores.read_text())
    assert written["modalities"] == ["title", "size"]
    assert 0 <= written["certified_right"] <= written["certified"] <= 1


def test_evaluate_draws_the_robustness_curve(folder: Path, capsys) -> None:
    test, curve = write_table(folder / "test.csv", random_state=1), folder / "curve.json"
    assert run("evaluate", folder / "model", test, "--robustness", curve) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert [line.split()[0] for line in lines if "%" in line] == [f"{10 * tenth}%" for tenth in range(10)]
    assert max(map(len, lines)) <= 80
    assert len(json.loads(curve.read_text())["shares"]) == 10


def test_evaluate_shows_the_geometry(folder: Path, capsys) -> None:
    test = write_table(folder / "test.csv", random_state=1)
    assert run("evaluate", folder / "model", test) == 0
    assert "Geometry" not in capsys.readouterr().out
    assert run("evaluate", folder / "model", test, "--geometry") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert "Geometry: 40 objects of 2 classes, vectors of 8 numbers" in lines
    assert any(line.startswith("modality gap within classes") for line in lines)
    assert max(map(len, lines)) <= 80


def test_evaluate_shows_the_decisions(folder: Path, capsys) -> None:
    test = write_table(folder / "test.csv", random_state=1)
    assert run("evaluate", folder / "model", test, "--decisions") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "Decisions" in captured.out
    assert max(map(len, captured.out.splitlines())) <= 80


def test_calibrate_keeps_its_thresholds_with_the_model(folder: Path, capsys) -> None:
    held_out = write_table(folder / "held_out.csv", objects=60, random_state=2)
    copy = folder / "calibrated"
    shutil.copytree(folder / "model", copy)
    assert run("calibrate", copy, held_out, "--coverage", 0.9) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "at least 90.0% of the objects of known classes are accepted" in captured.out
    assert f"kept in {copy}: " in captured.out
    model = sr.SphereEmbedder.load(copy)
    assert model.calibration_.rate == 0.9
    # Its index and its history stay the model's own.
    assert len(sr.Index.load(copy / "index", model=model)) == 40
    assert model.training_.history == sr.SphereEmbedder.load(folder / "model").training_.history
    assert run("calibrate", copy, held_out, "--precision", 0.999) == 2
    assert "--precision 0.999 needs, got 60" in capsys.readouterr().err
    assert sr.SphereEmbedder.load(copy).calibration_.rate == 0.9


def test_calibrating_on_training_objects_is_told(folder: Path, capsys) -> None:
    copy = folder / "overfitted"
    shutil.copytree(folder / "model", copy)
    assert run("calibrate", copy, folder / "table.csv", "--coverage", 0.9) == 0
    assert "of the 40 objects seem to be training objects" in capsys.readouterr().err


def test_predict_writes_classes_and_angles(folder: Path, capsys) -> None:
    test = write_table(folder / "test.csv", random_state=1)
    assert run("predict", folder / "model", test) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "id,class,angle" and len(lines) == 41
    assert all(line.split(",")[:2] == [f"s{row}", ("cup", "lamp")[row % 2]] for row, line in enumerate(lines[1:]))
    answers = folder / "answers.csv"
    assert run("predict", folder / "model", test, "--reject") == 2
    assert "--reject: want a model with thresholds" in (told := capsys.readouterr().err)
    assert "Run this first: steradian calibrate MODEL TABLE" in told
    copy = folder / "rejecting"
    shutil.copytree(folder / "model", copy)
    assert (
        run("calibrate", copy, write_table(folder / "held_out.csv", objects=60, random_state=2), "--coverage", 0.5) == 0
    )
    assert run("predict", copy, test, "--reject", "--out", answers) == 0
    assert f"wrote 40 predictions to {answers}" in capsys.readouterr().out
    assert {line.split(",")[1] for line in answers.read_text().splitlines()[1:]} >= {"lamp", "unknown"}


def test_audit_lists_and_writes_what_it_finds(folder: Path, capsys) -> None:
    test = write_table(folder / "copied.csv", random_state=1)
    of_training = (folder / "table.csv").read_text().splitlines()[2]
    test.write_text(test.read_text() + of_training.replace("s1,", "s99,") + "\n")
    findings = folder / "findings.json"
    assert run("audit", folder / "model", test, "--against", folder / "table.csv", "--out", findings) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and "s99" in captured.out
    assert max(map(len, captured.out.splitlines())) <= 80
    written = json.loads(findings.read_text())["findings"]
    assert any(entry["kind"] == "duplicate" and entry["id"] == "s99" for entry in written)


def test_report_writes_a_page(folder: Path, capsys) -> None:
    test, page = write_table(folder / "test.csv", random_state=1), folder / "report.html"
    words = ("report", folder / "model", test, "--gallery", folder / "table.csv", "--out", page, "--title", "Cups <3")
    assert run(*words) == 0
    assert capsys.readouterr().out == f"wrote {page}\n"
    written = page.read_text(encoding="utf-8")
    assert "<title>Cups &lt;3</title>" in written


def test_embed_writes_an_index_that_search_uses(folder: Path, capsys) -> None:
    assert run("embed", folder / "model", folder / "table.csv", "--out", folder / "vectors") == 0
    assert "40 vectors of width 8" in capsys.readouterr().out
    assert run("search", folder / "model", "--index", folder / "vectors", "--text", "reading lamp", "--k", 3) == 0
    here = capsys.readouterr().out
    assert run("search", folder / "model", "--text", "reading lamp", "--k", 3) == 0
    assert capsys.readouterr().out == here
    assert here.count("lamp") == 3


def test_embed_does_not_write_among_the_files_of_a_model(folder: Path, capsys) -> None:
    before = sorted(path.name for path in (folder / "model").iterdir())
    assert run("embed", folder / "model", folder / "table.csv", "--out", folder / "model") == 2
    assert f"the folder of a model. Write {folder / 'model' / 'index'}" in capsys.readouterr().err
    assert sorted(path.name for path in (folder / "model").iterdir()) == before
    assert run("embed", folder / "model", folder / "table.csv", "--out", folder / "b.NPY") == 0
    assert (folder / "b.NPY").is_file()


def test_search_by_cells(folder: Path, capsys) -> None:
    assert run("search", folder / "model", "--query", "height=10.5", "--query", "width=7", "--k", 1) == 0
    assert "cup" in capsys.readouterr().out


def test_a_table_may_lack_columns_and_labels(folder: Path, capsys) -> None:
    titles, out = folder / "titles.csv", folder / "titles.npy"
    titles.write_text("title,colour\nreading lamp,red\ndrinking cup,blue\n")
    assert run("predict", folder / "model", titles) == 0
    assert [line.split(",")[:2] for line in capsys.readouterr().out.splitlines()[1:]] == [["0", "lamp"], ["1", "cup"]]
    assert run("embed", folder / "model", titles, "--out", out) == 0
    assert np.load(out).shape == (2, 8)
    assert run("explain", folder / "model", titles) == 0
    titles.write_text("titel,height\nreading lamp,3\n")
    capsys.readouterr()
    assert run("predict", folder / "model", titles) == 2
    assert "got 'titel'. Did you mean 'title'?" in capsys.readouterr().err


def test_schema_and_split_lead_to_a_fit(folder: Path, capsys) -> None:
    out, schema = folder / "parts", folder / "guessed.yaml"
    assert run("schema", folder / "table.csv") == 0
    printed = capsys.readouterr().out
    assert run("schema", folder / "table.csv", "--out", schema) == 0
    assert schema.read_text() == printed and "label: kind" in printed and "id: sku" in printed
    assert f"wrote {schema}: look at it" in capsys.readouterr().out
    words = ("split", folder / "table.csv", "--test", 0.25, "--validation", 4, "--label", "kind", "--out", out)
    assert run(*words) == 0
    assert capsys.readouterr().out == "".join(
        f"wrote {rows} rows to {out}/{name}.csv\n" for name, rows in (("train", 26), ("validation", 4), ("test", 10))
    )
    assert run(*words) == 0 and run("schema", folder / "table.csv", "--out", schema) == 0
    told = capsys.readouterr().err.splitlines()
    for line, what in zip(told, (f"test.csv, train.csv, validation.csv in {out}", f"{schema}"), strict=True):
        assert line.startswith(f"steradian: this replaced {what}, written ")
    assert run("split", out / "train.csv", "--out", out) == 2
    assert (
        f"--out: want a folder whose files are not those of the table, got {out}/train.csv" in capsys.readouterr().err
    )
    model = folder / "of parts"
    assert run("fit", out / "train.csv", "--schema", schema, "--out", model, "--epochs", 0) == 0
    assert run("predict", model, out / "test.csv") == 0
    capsys.readouterr()
    assert run("split", folder / "table.csv", "--test", "many", "--out", out) == 2
    assert "want a share from 0 to below 1, or an integer, got 'many'" in capsys.readouterr().err
    assert run("split", folder / "table.csv", "--groups", "knd", "--out", out) == 2
    assert "Did you mean 'kind'?" in capsys.readouterr().err


def test_explain_shows_one_object_or_several(folder: Path, capsys) -> None:
    words = ("explain", folder / "model", folder / "table.csv")
    assert run(*words) == 0
    several = capsys.readouterr().out.splitlines()
    assert several[0] == "Attribution: 40 objects, each to a class"
    assert run(*words, "--rows", 3) == 0
    one = capsys.readouterr().out.splitlines()
    assert one[0] == "Attribution: object s3 to the class lamp"
    assert [line.split()[0] for line in one[1:5]] == ["modality", "title", "size", "whole"]
    assert run(*words, "--rows", 3, 0, "--target", "cup") == 0
    chosen = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in chosen[2:4]] == [["s3", "cup"], ["s0", "cup"]]
    assert max(map(len, several + one + chosen)) <= 80


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["search", "{model}"], "Give --text, --image or --query"),
        (["search", "{model}", "--image", "x.png"], "want a model with one Image modality"),
        (["search", "{model}", "--query", "colour=red"], "want COLUMN=VALUE with a column of title, height, width"),
        (["search", "{model}", "--query", "titel=red"], "got 'titel=red'. Did you mean title?"),
        (["search", "nowhere", "--text", "x"], "want a model folder"),
        (["search", "{model}", "--text", "x", "--k", "0"], "--k: want an integer from 1, got 0"),
        (["evaluate", "{model}", "nowhere.csv"], "nowhere.csv"),
        (["explain", "{model}", "{model}/../table.csv", "--rows", "40"], "--rows: want rows from 0 to 39, got 40"),
        (
            ["explain", "{model}", "{model}/../table.csv", "--target", "jar"],
            "--target: want a class of the model: cup, lamp",
        ),
        (["explain", "{model}", "{model}/../table.csv", "--target", "lmap"], "got 'lmap'. Did you mean lamp?"),
        (["calibrate", "{model}", "{model}/../table.csv", "--coverage", "2"], "Did you mean --coverage 0.02?"),
        (["fit", "x.csv", "--schema", "s.yaml", "--out", "{model}/../table.csv"], "--out: want a folder to write to"),
        (["report", "{model}", "x.csv", "--out", "{model}"], "--out: want a file to write to"),
        (["report", "{model}", "x.csv", "--out", "{model}/../table.csv/r.html"], "--out: want a place that can be"),
        (["audit", "{model}", "x.csv", "--out", ""], "--out: want a file to write to, got no name"),
        (["evaluate", "{model}", "x.csv", "--robustness", "x.csv"], "--robustness: want a file of its own"),
        (["embed", "{model}", "x.csv", "--out", "v.csv"], "Name a folder, or a file that ends in .npy or .parquet"),
        (["calibrate", "{model}", "{model}/../table.csv", "--false_accept", "0.05"], "does not know"),
        (["calibrate", "{model}", "{model}/../table.csv", "--false-accept", "0.05"], "as --false-accept 0.05 needs"),
        (
            ["calibrate", "{model}", "{model}/../table.csv", "--false-accept", "0.05", "--precision", "0.9"],
            "want one of --coverage, --false-accept and --precision, got --false-accept and --precision",
        ),
        (["demo", "--random-state", "-1"], "the options: want --random-state 0 or more, got --random-state -1"),
        (["demo", "--out", "{model}/../table.csv"], "--out: want a folder to write to"),
        (
            ["fit", "x.csv", "--schema", "s.yaml", "--out", "{model}2", "--batch-size", "0", "--width", "5"],
            "--width a multiple of --heads 4, got --width 5",
        ),
        (["fit", "x.csv", "--schema", "s.yaml", "--out", "{model}2", "--device", "tpu"], "Leave --device auto"),
        (["fit", "{model}/../table.csv", "--schema", "nowhere.yaml", "--out", "{model}2"], "want a schema file"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(folder: Path, capsys, words: list[str], complaint: str) -> None:
    assert run(*[word.replace("{model}", str(folder / "model")) for word in words]) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.err.startswith("steradian: ") and captured.err.count("\n") == 1
    assert captured.out == ""
    # Words of Python's, which nobody can type on a command line.
    assert re.findall(r"model\.|\w\(|\w+_\w+=|=True|Config\b", captured.err) == []


def test_options_may_stand_in_a_file(folder: Path, capsys) -> None:
    options = folder / "options.yaml"
    options.write_text("epochs: 1\nwidth: 16\nheads: 2\nembedding_dim: 4\n")
    words = ("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", folder / "other")
    assert run(*words, "--config", options) == 0
    assert json.loads((folder / "other" / "config.json").read_text())["model"]["embedding_dim"] == 4
    options.write_text("epohcs: 1\n")
    assert run(*words, "--config", options) == 2
    assert "--config: 'epohcs' is no option of steradian fit. Did you mean epochs?" in capsys.readouterr().err


@pytest.mark.slow
def test_what_cannot_be_read_stops_or_is_counted(folder: Path, capsys) -> None:
    lines = (folder / "table.csv").read_text().splitlines()
    # The first object keeps its width, the second has nothing.
    lines[1:3] = ["s0,cup,,tall,7", "s1,lamp,,?,wide"]
    (folder / "bad.csv").write_text("\n".join(lines) + "\n")
    words = ("embed", folder / "model", folder / "bad.csv", "--out", folder / "bad")
    assert run(*words) == 2
    assert "'tall'" in capsys.readouterr().err
    assert run(*words, "--on_error", "missing") == 0
    captured = capsys.readouterr()
    assert "wrote 39 vectors" in captured.out
    assert captured.err.splitlines() == [
        f"{folder / 'bad.csv'}: 2 unreadable items treated as missing: size 2",
        "  row 0 (id 's0'), column 'height': want a finite number, got str 'tall'",
        "  row 1 (id 's1'), column 'height, width': want a finite number, got str '?'",
        "1 object left out, with nothing to read: row 1 (id 's1')",
    ]
    assert run("evaluate", folder / "model", folder / "bad.csv", "--on_error", "missing") == 0
    assert "size 2" in capsys.readouterr().err
    fit = ("fit", folder / "bad.csv", "--schema", folder / "schema.yaml", "--out", folder / "model-of-bad", *FAST)
    assert run(*fit, "--on_error", "missing") == 0
    assert "  2 unreadable items treated as missing: size 2" in capsys.readouterr().out
    assert run(*words, "--on_error", "ignore") == 2
    assert "--on-error: want one of raise, missing, got 'ignore'" in capsys.readouterr().err


def test_ctrl_c_keeps_the_best_model_and_says_so(folder: Path, monkeypatch, capsys) -> None:
    def interrupt(self: Progress, step: int, *, loss: float) -> None:
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", interrupt)
    words = ("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", folder / "cut", *FAST)
    assert run(*words) == 130
    assert "stopped by Ctrl-C" in capsys.readouterr().out
    monkeypatch.undo()
    assert run("search", folder / "cut", "--text", "lamp", "--k", 1) == 0


@pytest.mark.parametrize(("interrupted", "code"), [(False, 0), (True, 130)])
def test_the_demo_tells_of_ctrl_c_by_its_exit_code(interrupted: bool, code: int, monkeypatch) -> None:
    monkeypatch.setattr("steradian.demo.run_demo", lambda out, *, random_state: {"interrupted": interrupted})
    assert run("demo") == code


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file", "x.csv"), "steradian: No such file: x.csv. Check the path.\n"),
        (OSError(28, "No space left on device"), "steradian: No space left on device.\n"),
        (OSError("cannot read"), "steradian: cannot read.\n"),
    ],
)
def test_an_error_of_the_system_names_the_file_if_there_is_one(error: OSError, line: str, monkeypatch, capsys) -> None:
    def fail(options: object) -> int:
        raise error

    monkeypatch.setitem(COMMANDS, "embed", fail)
    assert run("embed", "model", "table.csv", "--out", "x") == 2
    assert capsys.readouterr().err == line


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("lines", [1, 100_000], ids=["at the end", "while it prints"])
def test_a_reader_that_closes_the_pipe_does_not_end_the_work(lines: int) -> None:
    command = (
        "from steradian import cli; import sys; sys.stdin.read();"
        f"cli.COMMANDS['search'] = lambda options: [print('line') for _ in range({lines})] and 0;"
        "cli.main(['search', 'model'])"
    )
    words = [sys.executable, "-c", command]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdin and running.stdout and running.stderr
        running.stdout.close()
        running.stdin.close()
        told = running.stderr.read().decode()
    assert told == "steradian: not all of the output could be printed: Broken pipe. Everything else is done.\n"
    assert running.returncode == 1


class FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.slow
def test_what_a_command_saves_is_saved_where_nothing_can_be_printed(folder: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    test, model, out = write_table(folder / "test.csv", random_state=1), folder / "unprinted", folder / "unprinted_out"
    fit = ("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", model, *FAST)
    assert run(*fit) == 1
    assert run("calibrate", model, test, "--coverage", 0.9) == 1
    assert sr.SphereEmbedder.load(model).calibration_.rate == 0.9
    assert len(sr.Index.load(model / "index")) == 40
    assert run("evaluate", model, test, "--out", out / "e.json", "--robustness", out / "r.json") == 1
    assert run("audit", model, test, "--out", out / "a.json") == 1
    assert run("predict", model, test, "--out", out / "p.csv") == 1
    assert run("report", model, test, "--out", out / "p.html") == 1
    assert run("embed", model, test, "--out", out / "v.npy") == 1
    assert {path.name for path in out.iterdir()} == {"e.json", "r.json", "a.json", "p.csv", "p.html", "v.npy"}
    line = "steradian: not all of the output could be printed: No space left on device. Everything else is done."
    assert capsys.readouterr().err.splitlines() == [line] * 7


def test_a_mistake_is_told_where_nothing_can_be_printed(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk())
    assert run("report", "nowhere", "nowhere.csv", "--out", "x.html") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_what_an_encoding_lacks_is_a_question_mark(folder: Path, encoding: str, monkeypatch, capsys) -> None:
    table = folder / "foreign.csv"
    table.write_text((folder / "table.csv").read_text().replace("cup", "杯"), encoding="utf-8")
    model = folder / f"foreign-{encoding}"
    printed = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", printed)
    assert run("fit", table, "--schema", folder / "schema.yaml", "--out", model, *FAST, "--epochs", 0) == 0
    assert capsys.readouterr().err == ""
    scores = folder / "foreign.json"
    assert run("evaluate", model, table, "--out", scores) == 0
    assert run("predict", model, table) == 0
    assert f"the output's encoding, {encoding}, lacks some characters, printed as '?'" in capsys.readouterr().err
    printed.seek(0)
    assert "s0,?,0." in printed.read()
    assert scores.is_file()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_to_end_keeps_the_best_model_as_ctrl_c_does(name: str, folder: Path, monkeypatch) -> None:
    number = getattr(signal, name)

    def end(self: Progress, step: int, *, loss: float) -> None:
        if step == 3:
            try:
                signal.raise_signal(number)
            finally:
                # Sent to the process and to its group, it comes twice.
                signal.raise_signal(number)

    monkeypatch.setattr(Progress, "advance", end)
    words = ("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", folder / name, *FAST)
    assert run(*words) == 130
    assert sr.SphereEmbedder.load(folder / name).training_.interrupted
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_outside_training_stops_and_is_named(monkeypatch, capsys) -> None:
    monkeypatch.setitem(COMMANDS, "search", lambda options: signal.raise_signal(signal.SIGTERM))
    assert run("search", "model") == 130
    assert capsys.readouterr().err == "steradian: stopped by SIGTERM\n"


def test_an_array_of_vectors_is_a_file_of_numpy(folder: Path, capsys) -> None:
    assert run("embed", folder / "model", folder / "table.csv", "--out", folder / "vectors.npy") == 0
    assert f"wrote 40 vectors of width 8 to {folder / 'vectors.npy'}" in capsys.readouterr().out
    index = sr.Index.load(folder / "model" / "index")
    np.testing.assert_allclose(np.load(folder / "vectors.npy"), index.vectors, atol=1e-6)


def test_on_a_terminal_tables_are_drawn(folder: Path, monkeypatch, capsys) -> None:
    words = ("search", folder / "model", "--text", "reading lamp", "--k", 3)
    assert run(*words) == 0
    piped = capsys.readouterr().out
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    assert run(*words) == 0
    drawn = capsys.readouterr().out
    assert "───" in drawn and "───" not in piped
    assert drawn.count("lamp") == piped.count("lamp") == 3


def test_serve_starts_an_application_of_the_model_and_its_index(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fastapi")
    from starlette.testclient import TestClient

    import steradian.serve

    started: list[tuple[object, str, int]] = []
    monkeypatch.setattr(
        steradian.serve, "run_server", lambda app, *, host, port: started.append((app, host, port)), raising=False
    )
    monkeypatch.setenv("STERADIAN_API_KEY", "")
    words = ["--gallery", folder / "table.csv", "--host", "0.0.0.0", "--port", 0, "--max-rows", 1, "--title", "Shop"]
    assert run("serve", folder / "model", *words) == 0
    ((app, host, port),) = started
    assert (host, port) == (
        "0.0.0.0",
        0,
    ) and "warning: everyone who reaches this address may ask" in capsys.readouterr().err
    with TestClient(app) as client:  # type: ignore[arg-type]
        assert client.get("/health").json()["objects"] == 40 and "Shop" in client.get("/").text
        found = client.post("/search", json={"rows": [{"title": "cup"}], "k": 1, "details": True}).json()
        assert found["results"][0]["neighbors"][0]["shown"]["cells"]["title"]
        assert client.post("/embed", json={"rows": [{"title": "cup"}] * 2}).status_code == 422


def test_a_model_that_is_fitted_beside_an_earlier_one(folder: Path, tmp_path: Path) -> None:
    words = ("fit", folder / "table.csv", "--schema", folder / "schema.yaml", "--out", tmp_path / "new", "--epochs", 0)
    assert run(*words, "--compatible-with", folder / "model", "--license", "mit") == 0
    assert "license: mit" in (tmp_path / "new" / "README.md").read_text(encoding="utf-8")
    earlier, new = (sr.SphereEmbedder.load(each) for each in (folder / "model", tmp_path / "new"))
    np.testing.assert_allclose(new.fitted_.class_centers, earlier.fitted_.class_centers, atol=1e-6)


def test_embed_fills_a_store_that_search_and_serve_search(folder: Path, capsys, monkeypatch) -> None:
    pytest.importorskip("fastapi")
    place = f"parquet:{folder / 'gallery.parquet'}"
    assert run("embed", folder / "model", folder / "table.csv", "--to", place, "--columns", "height") == 0
    assert f"of width 8 to {place}" in capsys.readouterr().out
    assert run("search", folder / "model", "--index", place, "--query", "title=round", "--k", "2") == 0
    assert "the 2 nearest objects" in capsys.readouterr().out
    monkeypatch.setattr("steradian.serve.run_server", lambda app, *, host, port: None)
    assert run("serve", folder / "model", "--index", place, "--gallery", folder / "table.csv") == 0
    search = ("search", folder / "model", "--query", "title=round", "--k", "3")
    assert run(*search, "--index", place, "--where", 'height={"from": -1e9}') == 0
    assert "the 3 nearest objects" in capsys.readouterr().out
    assert run(*search, "--index", place, "--where", "heigth=7") == 2
    assert "Did you mean 'height'" in capsys.readouterr().err
    assert run(*search, "--where", "height=7") == 2
    assert "want --index STORE beside --where" in capsys.readouterr().err
    for words, says in (
        ([], "want --out PLACE or --to STORE"),
        (["--to", place, "--out", folder / "new"], "want --out PLACE or --to STORE"),
        (["--out", folder / "new", "--columns", "height"], "--columns goes with --to"),
        (["--to", "chroma:x"], "lancedb:PATH#TABLE"),
        (["--to", place, "--columns", "heigth"], "Did you mean 'height'"),
    ):
        assert run("embed", folder / "model", folder / "table.csv", *words) == 2
        assert says in capsys.readouterr().err


def test_a_package_that_the_runtime_leaves_out_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(name: str) -> Callable[[Any], int]:
        def command(_: Any) -> int:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

        return command

    monkeypatch.setitem(COMMANDS, "export", without("torch"))
    with pytest.raises(SystemExit) as ended:
        main(["export", "model", "--out", "served"])
    assert ended.value.code == 2
    assert "want the package torch, which steradian-runtime leaves out" in capsys.readouterr().err
    monkeypatch.setitem(COMMANDS, "export", without("fault"))
    with pytest.raises(ModuleNotFoundError, match="fault"):
        main(["export", "model", "--out", "served"])
