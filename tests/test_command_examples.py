import io
import re
import shlex
from contextlib import redirect_stdout

import pytest

from steradian.cli import COMMANDS
from steradian.command_examples import EXAMPLES, FIRST
from steradian.command_line import make_parser


def test_every_command_has_three_examples_that_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "options.yaml").write_text("epochs: 3\n")
    parser = make_parser()
    assert set(EXAMPLES) == set(COMMANDS)
    for command, examples in EXAMPLES.items():
        assert len(set(examples)) == 3
        for words in examples:
            assert parser.parse_args([command, *shlex.split(words)]).command == command


def test_help_shows_at_most_six_options_before_the_others() -> None:
    parser = make_parser()
    for command in COMMANDS:
        with pytest.raises(SystemExit), redirect_stdout(io.StringIO()) as shown:
            parser.parse_args([command, "--help"])
        sections = dict(re.findall(r"^([a-z ]+):\n((?:  .*\n?|\n)*)", shown.getvalue(), flags=re.MULTILINE))
        options = re.findall(r"^  (--[\w-]+)", sections["options"], flags=re.MULTILINE)
        assert len(options) <= 6 and options == list(FIRST.get(command, options))
        assert ("more" in sections) == (command in FIRST)
        assert [line.strip() for line in sections["examples"].splitlines() if line.strip()] == [
            f"steradian {command} {words}".strip() for words in EXAMPLES[command]
        ]
