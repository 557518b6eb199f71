"""Mistakes in the words of the command line: the parser's complaints and the library's errors, as a user typed."""

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches

from steradian.errors import SteradianError

__all__ = ["as_options", "did_you_mean", "option_name", "told_for_commands", "told_plainly"]

KINDS = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "text"}
VALUE = r"'[^']*'|\"[^\"]*\"|[\w+-]+(?:\.\w[\w+-]*)*"
LONGEST = 400
"""Characters of a complaint at most: some repeat whole files."""
PHRASES = {
    r"predict\(\.\.\., reject=True\) and verify\(\.\.\.\)": "--reject",
    r"Call model\.calibrate\(held_out_objects\) first": "Run this first: steradian calibrate MODEL TABLE",
    r"calibrate\(objects\)": "TABLE",
    r"calibrate\(\.\.\.\)": "steradian calibrate",
    r", as table\.split\(unseen_classes=\.\.\.\) does, or ask for coverage": ", or ask for --coverage",
    r"\bone of coverage, false_accept and precision\b": "one of --coverage, --false-accept and --precision",
    r", or Index\.build\(model, objects\)": "",
    r" Or leave the table out\.": "",
    r"Name the label's column in the schema: training and evaluation need labels;": "Add the column, or name "
    "another one in the schema that you fit by;",
    r"transform and `steradian embed` work without \(labelled=False\)": "predict and embed work without",
    r", or read it yourself and pass a dict of columns": "",
    r"Pass more objects, or a gallery to search in": "Add objects, or give --gallery",
    r"\bPass more objects": "Add objects",
    r", or None\b": ", or left out",
}
"""What the library tells those who write Python, and what that is on the command line."""


def option_name(name: str) -> str:
    """The option of a Python argument.

    Args:
        name: of the argument.

    Examples:
        >>> option_name("batch_size")
        '--batch-size'
    """
    return "--" + name.replace("_", "-")


def as_options(text: str, names: Collection[str]) -> str:
    """The text with arguments as a command line has them.

    Args:
        text: in which arguments stand as name=value, in backticks, or with an underscore in their name.
        names: of the arguments.

    Examples:
        >>> as_options('batch_size above 1 only with margin="none", or `scale`', ["batch_size", "margin", "scale"])
        '--batch-size above 1 only with --margin none, or --scale'
    """
    every = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    several = "|".join(re.escape(name) for name in names if "_" in name) or "(?!)"
    if not every:
        return text
    text = re.sub(rf"(?<![\w.`-])({every})=({VALUE})", lambda m: f"{option_name(m[1])} {_typed(m[2])}", text)
    text = re.sub(rf"`({every})`", lambda m: option_name(m[1]), text)
    return re.sub(rf"(?<![\w./-])({several})(?![\w/(.=-])(?!\.\w)", lambda m: option_name(m[1]), text)


def _typed(value: str) -> str:
    """A value as one types it."""
    bare = value[1:-1] if value[0] in "'\"" else value
    return {"True": "true", "False": "false", "None": "null"}.get(bare, bare if re.fullmatch(r"\S+", bare) else value)


def told_for_commands(error: SteradianError, names: Collection[str]) -> str:
    """An error of the library in the words of the command line.

    Args:
        error: that the library raised.
        names: of the command's options, as Python has them.

    Examples:
        >>> told_for_commands(SteradianError("at least 1", "0", "k", "Write for example k=10."), ["k"])
        '--k: want at least 1, got 0. Write for example --k 10.'
    """
    want, got = error.want, error.got
    where = option_name(error.where) if error.where in names else error.where
    every = "|".join(map(re.escape, names)) or "(?!)"
    fix = re.sub(rf"(?<=\bLeave )({every})(?= out\b)", lambda m: option_name(m[1]), error.fix)
    if where in ("ModelConfig", "TrainingConfig"):
        where = "the options"
        # Each of these begins with the name of an option.
        want = re.sub(rf"(^|; )({every})(?= )", lambda m: m[1] + option_name(m[2]), want)
    elif error.where == "calibrate(...)":
        got = re.sub(r"\w+", lambda m: option_name(m[0]) if m[0] in names else m[0], got)
    text = f"{where}: want {want}, got {got}. {fix}"
    for python, words in PHRASES.items():
        text = re.sub(python, words, text)
    return as_options(text, names)


def told_plainly(complaint: str) -> str:
    """A complaint of the parser's in a person's words, on one line.

    Args:
        complaint: of jsonargparse or argparse.

    Examples:
        >>> told_plainly("argument --on-error: invalid choice: 'no' (choose from 'raise', 'missing')")
        "--on-error: want one of raise, missing, got 'no'."
    """
    line = " ".join(complaint.split()).rstrip(".")
    matches = ((re.match(pattern, line), told) for pattern, told in COMPLAINTS.items())
    line = next((told(found) for found, told in matches if found), f"{line}.")
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known word, after a blank; nothing if none is near.

    Args:
        word: that was given.
        known: those that were possible.

    Examples:
        >>> did_you_mean("fti", ["fit", "search"])
        ' Did you mean fit?'
    """
    near = get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def _wrong_kind(found: re.Match[str]) -> str:
    wanted = dict.fromkeys(re.findall(r"<class '(\w+)'>|Literal\[(.*?)\]", found["types"]))
    kinds = [KINDS.get(kind, kind) if kind else f"one of {_bare(choices)}" for kind, choices in wanted]
    want = " or ".join(kind for kind in kinds if kind != "NoneType")
    near = did_you_mean(found["got"], [name for _, choices in wanted for name in _bare(choices).split(", ")])
    return f"{option_name(found['key'])}: want {want}, got {found['got']!r}.{near}"


def _bare(names: str) -> str:
    return re.sub("[\"']", "", names)


COMPLAINTS: dict[str, Callable[[re.Match[str]], str]] = {
    r'Parser key "(?P<key>\w+)"(?: element \d+)?:(?P<types>.*?)'
    r"(?:Got value|Given value type: .*?Given value|Given value): (?P<got>.*)$": _wrong_kind,
    r'Parser key "config": (.*)$': lambda m: f"--config: want a YAML file of options. {m[1]}.",
    r"Unexpected config:": lambda m: "--config: want a YAML file of options, such as 'epochs: 20', got something else.",
    r"argument COMMAND: invalid choice: (.*?) \(choose from (.*)\)$": (
        lambda m: f"want a command of {_bare(m[2])}, got {m[1]}.{did_you_mean(_bare(m[1]), _bare(m[2]).split(', '))}"
    ),
    r"argument (\S+): invalid choice: (.*?) \(choose from (.*)\)$": (
        lambda m: f"{m[1]}: want one of {_bare(m[3])}, got {m[2]}."
    ),
    r"argument (\S+): expected (one|at least one) argument$": (
        lambda m: f"{m[1]}: want {m[2].replace('one', 'one value')}, got none."
    ),
    r'expected "command" to be one of .* not provided$': lambda m: "want a command, got none.",
}
"""What jsonargparse and argparse complain of, and how it is told."""
