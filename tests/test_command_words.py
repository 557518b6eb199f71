"""The words of the command line: what is understood, and how a mistake in them is told."""

import os
import subprocess
import sys

import pytest

from steradian.cli import COMMANDS
from steradian.command_words import USER_MISTAKE, make_parser


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["fit", "x.csv", "--schema", "s.yaml"], "out"),
        (["fit", "x.csv", "--schema", "s.yaml", "--out", "o", "--wdth", "3"], "--wdth 3. Did you mean --width?"),
        (["fit", "x.csv", "--schema", "s.yaml", "--out", "o", "--epochs", "many"], "--epochs: want int, got 'many'"),
        (["calibrate", "model", "x.csv", "--coverage", "much"], "--coverage: want float, got 'much'"),
        (["report", "model", "x.csv"], "out"),
        (["fti"], "fti"),
        ([], "command"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words: list[str], complaint: str, capsys) -> None:
    with pytest.raises(SystemExit) as exit:
        make_parser().parse_args(words)
    captured = capsys.readouterr()
    assert exit.value.code == USER_MISTAKE and captured.out == ""
    assert complaint in captured.err
    assert captured.err.startswith("steradian: ") and captured.err.count("\n") == 1


def test_help_needs_no_torch_and_lists_every_command() -> None:
    blocked = "import sys; sys.modules['torch'] = None; from steradian.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", blocked], capture_output=True, text=True, check=True, env=os.environ)
    for command in COMMANDS:
        assert f"\n    {command} " in done.stdout
