"""The words that the command line understands: commands, their arguments, and one line for a mistake."""

import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib.metadata import version
from typing import NoReturn

from jsonargparse import ArgumentParser, set_parsing_settings

from steradian.config import ModelConfig, TrainingConfig

__all__ = ["USER_MISTAKE", "make_parser"]

USER_MISTAKE = 2
"""The exit code of a mistake of the user's."""


class _Parser(ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the line, with the nearest known option if one was misspelt, and exit."""
        line = _plain(" ".join(message.split()).rstrip("."))
        program = self.prog.replace(" [options]", "")
        known = [option for action in self._actions for option in action.option_strings]
        unknown = [word for word in re.findall(r"--[\w-]+", line) if word not in known]
        # Options are written with underscores, as in Python.
        near = [match for word in unknown for match in get_close_matches("--" + word[2:].replace("-", "_"), known, n=1)]
        hint = f" Did you mean {near[0]}?" if near else ""
        print(f"steradian: {line}.{hint} See: {program} --help", file=sys.stderr)
        sys.exit(USER_MISTAKE)


def _plain(complaint: str) -> str:
    """Jsonargparse's words about a value's type, in a person's words."""
    found = re.match(r'Parser key "(?P<key>\S+)":.*?(?:Got value|Given value): (?P<got>.*)$', complaint)
    if not found:
        return complaint
    wanted = re.findall(r"<class '(\w+)'>|Literal\[(.*?)\]", complaint.split("Given value type")[0])
    kinds = [kind or f"one of {choices}" for kind, choices in dict.fromkeys(wanted) if kind != "NoneType"]
    return f"--{found['key']}: want {' or '.join(kinds)}, got {found['got']!r}"


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = _Parser(
        prog="steradian",
        description="One unit vector for each labelled object of several modalities, some of them missing.",
    )
    parser.add_argument("--version", action="version", version=f"steradian {version('steradian')}")
    commands = parser.add_subcommands(dest="command", metavar="COMMAND")
    for name, (make, usage, line) in _PARSERS.items():
        commands.add_subcommand(
            name, make(_Parser(usage=f"steradian {name} {usage} [options]", description=line)), help=line
        )
    return parser


def _demo_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("--out", default="demo-output", metavar="DIR", help="where to write model, metrics and page")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the training")
    return parser


def _fit_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("table", metavar="TABLE", help="the training objects: .parquet, .csv or .jsonl")
    parser.add_argument("--schema", required=True, metavar="FILE", help="YAML: which columns form which modality")
    parser.add_argument("--out", required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument("--validation", metavar="TABLE", help="objects for early stopping, instead of held-out ones")
    _add_on_error(parser)
    parser.add_argument("--config", action="config", metavar="FILE", help="YAML with any of these options")
    parser.add_class_arguments(ModelConfig)
    parser.add_class_arguments(TrainingConfig)
    return parser


def _evaluate_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument("--gallery", metavar="TABLE", help="objects to search in; without it, the others of TABLE")
    _add_on_error(parser)
    parser.add_argument("--out", metavar="FILE", help="write the scores as JSON")
    parser.add_argument("--robustness", metavar="FILE", help="also drop 0 to 90 percent of what is there; write it")
    parser.add_argument("--decisions", action="store_true", help="also show confidence, the unknown, and pairs")
    parser.add_argument("--geometry", action="store_true", help="also show how classes and modalities lie")
    return parser


def _report_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument("--gallery", metavar="TABLE", help="the training objects: to search in, and for the baseline")
    _add_on_error(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the page to write, such as report.html")
    parser.add_argument("--title", metavar="WORDS", help="the page's heading")
    return parser


def _calibrate_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder, in which the thresholds are kept")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument("--coverage", type=float, help="share of known objects to accept at least; 0.95 by default")
    parser.add_argument("--false_accept", type=float, help="or: share of unknown objects to accept at most")
    parser.add_argument("--precision", type=float, help="or: share of the accepted to be right at least")
    line = "share of pairs of different classes to take for the same"
    parser.add_argument("--pair_false_accept", type=float, default=0.01, help=line)
    _add_on_error(parser)
    return parser


def _predict_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    parser.add_argument("--reject", action="store_true", help='answer "unknown" beyond the angles of calibrate')
    parser.add_argument("--out", metavar="FILE", help="the CSV file to write; without it, it is printed")
    _add_on_error(parser)
    return parser


def _audit_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects, best such as it was not trained on")
    parser.add_argument("--against", metavar="TABLE", help="objects that TABLE should have nothing of: training's")
    _add_on_error(parser)
    parser.add_argument("--out", metavar="FILE", help="write all findings as JSON")
    return parser


def _embed_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    _add_on_error(parser)
    parser.add_argument("--out", required=True, metavar="DIR", help="the index folder to write: vectors, labels, ids")
    return parser


def _add_on_error(parser: ArgumentParser) -> None:
    line = "an item that cannot be read: stop, or go on as if it were not there and count it"
    parser.add_argument("--on_error", choices=["raise", "missing"], default="raise", help=line)


def _search_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("--text", metavar="WORDS", help="what to look for, in the model's one text modality")
    parser.add_argument("--image", metavar="FILE", help="a picture to look for")
    parser.add_argument("--query", action="append", metavar="COLUMN=VALUE", help="a cell of the query; may be repeated")
    parser.add_argument("--index", metavar="DIR", help="an index folder; MODEL/index by default")
    parser.add_argument("--k", type=int, default=10, help="how many neighbors")
    return parser


def _explain_parser(parser: ArgumentParser) -> ArgumentParser:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    line = "which rows of TABLE, counted from 0; one is shown in full; all without it"
    parser.add_argument("--rows", type=int, nargs="+", metavar="N", help=line)
    parser.add_argument("--target", metavar="CLASS", help="compare with this class, instead of the one predicted")
    _add_on_error(parser)
    return parser


_PARSERS: dict[str, tuple[Callable[[ArgumentParser], ArgumentParser], str, str]] = {
    "demo": (_demo_parser, "", "Train on emoji, compare with a plain baseline, and write a page to look at."),
    "fit": (_fit_parser, "TABLE --schema FILE --out DIR", "Learn a model from a table of labelled objects."),
    "evaluate": (_evaluate_parser, "MODEL TABLE", "Score a model on a table, for every subset of modalities."),
    "report": (_report_parser, "MODEL TABLE --out FILE", "Write one page on how good a model is, and where it errs."),
    "calibrate": (_calibrate_parser, "MODEL TABLE", "Find up to which angle objects are accepted, and keep it."),
    "predict": (_predict_parser, "MODEL TABLE", "Write the class of each object and its angle, or unknown, as CSV."),
    "audit": (_audit_parser, "MODEL TABLE", "List wrong labels, outliers, duplicates and classes too close."),
    "embed": (_embed_parser, "MODEL TABLE --out DIR", "Write the unit vectors of a table's objects."),
    "search": (_search_parser, "MODEL --text WORDS", "Find the objects nearest to a text, a picture or other cells."),
    "explain": (_explain_parser, "MODEL TABLE", "Show what each modality adds to the cosine of an object to a class."),
}
