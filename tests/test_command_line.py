"""The words of the command line: what is understood, and how a mistake in them is told."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import fields
from pathlib import Path

import pytest

from steradian.cli import COMMANDS
from steradian.command_line import USER_MISTAKE, make_parser
from steradian.config import TrainingConfig
from steradian.metrics import MOST_QUERIES

FIT = ["fit", "x.csv", "--schema", "s.yaml", "--out", "o"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fit", "x.csv", "--schema", "s.yaml"], "want --out DIR, got none. See: steradian fit --help"),
        (["fit", "x.csv", "--schema", "s.yaml", "--out", "o", "--wdth", "3"], "--wdth 3. Did you mean --width?"),
        (["fit", "x.csv", "--bacth_size=8"], "--bacth_size=8. Did you mean --batch-size? See: steradian fit --help"),
        (["fit", "x.csv", "--batch", "8"], "--batch 8. Did you mean --batch-size?"),
        (
            ["fit", "x.csv", "--schema", "s", "--out", "o", "--epochs", "many"],
            "--epochs: want an integer, got 'many'",
        ),
        (["fit", "x.csv", "--schema", "s", "--out", "o", "--balanced", "no?"], "--balanced: want true or false, got"),
        (["fit", "x.csv", "--schema", "s", "--out", "o", "--fusion", "contxt"], "got 'contxt'. Did you mean context?"),
        (["calibrate", "model", "x.csv", "--coverage", "much"], "--coverage: want a number, got 'much'"),
        (["explain", "model", "x.csv", "--rows", "first"], "--rows: want an integer, got 'first'"),
        (["embed", "model", "x.csv", "--on_error", "no"], "--on-error: want one of raise, missing, got 'no'"),
        (["search", "model", "--text"], "--text: want one value, got none"),
        (
            ["fit", "x.csv", "--out", "m"],
            "want --schema FILE, got none. To guess a first one: steradian schema TABLE --out",
        ),
        (["report", "model", "x.csv"], "want --out FILE, got none. See: steradian report --help"),
        (["report"], "want MODEL, TABLE, --out FILE, got none. See: steradian report --help"),
        (["fti"], "got 'fti'. Did you mean fit? See: steradian --help"),
        (["--vesrion"], "Did you mean --version?"),
        ([], "want a command, got none"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words: list[str], complaint: str, capsys) -> None:
    with pytest.raises(SystemExit) as exit:
        make_parser().parse_args(words)
    captured = capsys.readouterr()
    assert exit.value.code == USER_MISTAKE and captured.out == ""
    assert complaint in captured.err
    assert captured.err.startswith("steradian: ") and captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("epohcs: 1", "--config: 'epohcs' is no option of steradian fit. Did you mean epochs?"),
        ("epochs: many", "--epochs: want an integer, got 'many'"),
        ("a table,\n1,2\n" * 99, "--config: want a YAML file of options, such as 'epochs: 20', got something else."),
        (None, "--config: want a YAML file of options. File does not exist"),
    ],
)
def test_a_mistake_in_a_file_of_options_is_one_line(
    content: str | None, complaint: str, tmp_path: Path, capsys
) -> None:
    if content is not None:
        (tmp_path / "options.yaml").write_text(content)
    with pytest.raises(SystemExit):
        make_parser().parse_args([*FIT, "--config", str(tmp_path / "options.yaml")])
    told = capsys.readouterr().err
    assert complaint in told and told.count("\n") == 1 and len(told) < 300


def options_of(command: str) -> list[str]:
    """As its help shows them."""
    with pytest.raises(SystemExit), redirect_stdout(io.StringIO()) as shown:
        make_parser().parse_args([command, "--help"])
    return re.findall(r"^  (?:-h, )?(--[\w-]+)", shown.getvalue(), flags=re.MULTILINE)


@pytest.mark.parametrize("spelling", [str, lambda option: "--" + option[2:].replace("-", "_")], ids=["hyphen", "under"])
def test_options_are_understood_with_hyphens_and_with_underscores(spelling: Callable[[str], str]) -> None:
    shown = [option for option in options_of("fit") if "-" in option[2:]]
    assert {"--on-error", "--print-config", "--batch-size", "--center-learning-rate"} < set(shown)
    assert not any("_" in option for command in COMMANDS for option in options_of(command))
    words = [spelling("--batch-size"), "9", spelling("--closed-form") + "=false", spelling("--on-error"), "missing"]
    parsed = make_parser().parse_args([*FIT, *words]).fit
    assert (parsed.batch_size, parsed.closed_form, parsed.on_error) == (9, False, "missing")
    with pytest.raises(SystemExit) as exit, redirect_stdout(io.StringIO()) as printed:
        make_parser().parse_args([*FIT, *words, spelling("--print-config")])
    assert exit.value.code == 0 and "batch_size: 9\n" in printed.getvalue()


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_has_80_columns_and_the_defaults(command: str | None, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit:
        make_parser().parse_args([*filter(None, [command]), "--help"])
    shown = capsys.readouterr().out
    assert exit.value.code == 0
    assert max(map(len, shown.splitlines())) <= 80
    # Python's words for values and kinds.
    assert re.findall(r"\bNone\b|null|True|False|Literal|type:|SUPPRESS|[a-z]=[\w\"]|`", shown) == []
    if command == "fit":
        about = {entry.split()[0]: " ".join(entry.split()) for entry in re.split(r"\n  --", shown)[1:]}
        for option in fields(TrainingConfig):
            usual = "y default: " if option.default is None else f"default: {str(option.default).lower()})"
            assert usual in about[option.name.replace("_", "-")]


def test_help_needs_no_torch_and_lists_every_command() -> None:
    blocked = "import sys; sys.modules['torch'] = None; from steradian.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=True, env=os.environ)
    for command in COMMANDS:
        assert f"\n    {command} " in done.stdout


@pytest.mark.parametrize("words", [["evaluate", "model", "x.csv"], ["report", "model", "x.csv", "--out", "x.html"]])
def test_as_many_objects_are_searched_for_as_in_python(words: list[str]) -> None:
    assert make_parser().parse_args(words)[words[0]].max_queries == MOST_QUERIES
    assert make_parser().parse_args([*words, "--max-queries", "0"])[words[0]].max_queries == 0
