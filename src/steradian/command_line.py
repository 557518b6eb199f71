"""The words that the command line understands: commands, their options and what each is for."""

import re
import sys
from argparse import SUPPRESS, Action
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Literal, NoReturn, get_args, get_origin

from jsonargparse import ArgumentParser, DefaultHelpFormatter, set_parsing_settings

from steradian import __version__
from steradian.command_examples import show_first_what_is_used_most
from steradian.command_mistakes import as_options, did_you_mean, told_plainly
from steradian.commands.add_classes import add_classes_words
from steradian.commands.compare import compare_words
from steradian.commands.embed import embed_words
from steradian.commands.export import export_words
from steradian.commands.match import match_words
from steradian.commands.tables import add_max_queries, add_on_error
from steradian.commands.verify_tables import verify_words
from steradian.config import ModelConfig, TrainingConfig
from steradian.serve.limits import Limits

__all__ = ["USER_MISTAKE", "make_parser"]

USER_MISTAKE = 2
"""The exit code of a mistake of the user's."""

OPTIONS = [option.name for config in (ModelConfig, TrainingConfig) for option in fields(config)]
METAVARS = {bool: "{true,false}", int: "N", float: "X"}


class _HelpFormatter(DefaultHelpFormatter):
    """Options with what they take and their defaults, in the words of a command line."""

    def _format_action(self, action: Action) -> str:
        if action.dest == "command":
            # The line above the commands: their title stands there already.
            return "".join(self._format_action(each) for each in self._iter_indented_subactions(action))
        return super()._format_action(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        # Examples keep their lines.
        return text if text.startswith("examples:") else super()._fill_text(text, width, indent)

    def _get_help_string(self, action: Action) -> str:
        if action.option_strings == ["--print-config"]:
            return "print all options as YAML, such as --config reads, and exit"
        words = re.sub(r"(?<=\. )None:", "By default:", action.help or "").replace("None:", "by default:")
        line = as_options(words, OPTIONS)
        kind, default = getattr(action, "_typehint", None), action.default
        notes = ["required"] if action.required and action.option_strings else []
        if _choices(kind):
            notes.append(f"one of {', '.join(_choices(kind))}")
        if isinstance(default, (int, float, str)) and action.nargs != 0 and default != SUPPRESS:
            notes.append(f"default: {str(default).lower() if isinstance(default, bool) else default}")
        return line.rstrip(".") + (f" ({'; '.join(notes)})" if notes else "")

    def _get_default_metavar_for_optional(self, action: Action) -> str:
        kinds = {action.type, getattr(action, "_typehint", None)}
        kinds |= {inner for kind in kinds for inner in get_args(kind)}
        if any(_choices(kind) for kind in kinds):
            return "NAME"
        return next((name for kind, name in METAVARS.items() if kind in kinds), action.dest.upper())

    def _metavar_formatter(self, action: Action, default_metavar: str) -> Callable[[int], tuple[str, ...]]:
        if _choices(getattr(action, "_typehint", None)):
            return lambda size: (default_metavar,) * size
        return super()._metavar_formatter(action, default_metavar)


class _Parser(ArgumentParser):
    """A parser whose complaints are one line, and whose options may be written with hyphens or underscores."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, formatter_class=_HelpFormatter, **kwargs)
        self.commands: dict[str, _Parser] = {}

    def name_by_hyphens(self) -> None:
        """Show all options with hyphens; those with underscores, as Python has them, stay understood."""
        for action in self._actions:
            shown = [option.replace("_", "-") for option in action.option_strings]
            action.option_strings = shown
            if shown == ["--print-config"]:
                action.metavar = "\b"
            for option in shown:
                self._option_string_actions.update(dict.fromkeys((option, _with_underscores(option)), action))

    def _parse_optional(self, arg_string: str) -> Any:
        # This one is looked for by its name.
        return super()._parse_optional(re.sub("^--print-config(?=$|=)", "--print_config", arg_string))  # type: ignore[no-untyped-call]

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the line, with the nearest known option if one was misspelt, and exit."""
        command, line, hint = self, told_plainly(message), ""
        if found := re.match(r"the following arguments are required: (.*)\.$", line):
            keys = [key.split(".") for key in found[1].split(", ")]
            command = self.commands.get(keys[0][0], self)
            line = f"want {', '.join(command._shown(key[-1]) for key in keys)}, got none."
            if any(key[-1] == "schema" for key in keys):
                hint = " To guess a first one: steradian schema TABLE --out schema.yaml."
        elif found := re.match(r"Subcommand '(\w+)' does not accept option '(.*)'\.$", line):
            command = self.commands.get(found[1], self)
            near = did_you_mean(found[2].replace("-", "_"), [action.dest for action in command._actions])
            line = f"--config: {found[2]!r} is no option of steradian {found[1]}.{near}"
        elif line.startswith("unrecognized arguments: "):
            known = [option for action in self._actions for option in action.option_strings]
            words = [word.partition("=")[0].replace("_", "-") for word in line.rstrip(".").split()]
            line += "".join(did_you_mean(word, known) for word in words if word.startswith("--"))
        program = re.sub(r" COMMAND \.\.\.| \[options\]", "", command.prog)
        print(f"steradian: {line}{hint} See: {program} --help", file=sys.stderr)
        sys.exit(USER_MISTAKE)

    def _shown(self, key: str) -> str:
        """An argument as one types it."""
        action = next((action for action in self._actions if action.dest == key), None)
        return key if action is None else " ".join([*action.option_strings, str(action.metavar)])


def _with_underscores(option: str) -> str:
    return "--" + option[2:].replace("-", "_") if option.startswith("--") else option


def _choices(kind: Any) -> tuple[str, ...]:
    """What a `Literal` allows, also where it may be left out."""
    literal = next((each for each in (kind, *get_args(kind)) if get_origin(each) is Literal), None)
    return get_args(literal)


def make_parser() -> ArgumentParser:
    """The parser of all commands."""
    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = _Parser(
        prog="steradian",
        usage="steradian COMMAND ...",
        description="One unit vector for each labelled object of several modalities, some of them missing.",
    )
    parser.add_argument(
        "--version", action="version", version=f"steradian {__version__}", help="Show the version and exit."
    )
    about = "steradian COMMAND --help explains each."
    commands = parser.add_subcommands(dest="command", metavar="COMMAND", title="commands", description=about)
    for name, (make, usage, line) in _PARSERS.items():
        command = _Parser(usage=f"steradian {name} {usage} [options]".replace("  ", " "), description=line)
        make(command)
        command.name_by_hyphens()
        show_first_what_is_used_most(command, name)
        commands.add_subcommand(name, command, help=line)
        parser.commands[name] = command
    return parser


def _demo_parser(parser: _Parser) -> None:
    parser.add_argument("--out", default="demo-output", metavar="DIR", help="where to write model, metrics and page")
    parser.add_argument("--random-state", type=int, default=0, help="of the split and the training")


def _fit_parser(parser: _Parser) -> None:
    parser.add_argument("table", metavar="TABLE", help="the training objects: .parquet, .csv or .jsonl")
    parser.add_argument("--schema", required=True, metavar="FILE", help="YAML: which columns form which modality")
    parser.add_argument("--out", required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument("--validation", metavar="TABLE", help="objects for early stopping, instead of held-out ones")
    parser.add_argument(
        "--checkpoint", metavar="FOLDER", help="keep the training there; the same command, killed, goes on from it"
    )
    line = "an earlier model whose class centers stay, so that new vectors are searched among its own"
    parser.add_argument("--compatible-with", metavar="MODEL", help=line)
    parser.add_argument("--license", metavar="NAME", help="for the model's README.md, as hubs name it: apache-2.0")
    add_on_error(parser)
    parser.add_argument("--config", action="config", metavar="FILE", help="YAML with any of these options")
    parser.add_class_arguments(ModelConfig)
    parser.add_class_arguments(TrainingConfig)


def _schema_parser(parser: _Parser) -> None:
    parser.add_argument("table", metavar="TABLE", help="any table: .parquet, .csv, .tsv or .jsonl, or a folder of them")
    parser.add_argument("--out", metavar="FILE", help="the schema to write, such as schema.yaml; printed without it")
    parser.add_argument("--label", metavar="COLUMN", help="the column of labels; without it, it is guessed")
    parser.add_argument("--id", metavar="COLUMN", help="the column of ids; without it, it is guessed")


def _split_parser(parser: _Parser) -> None:
    parser.add_argument("table", metavar="TABLE", help="any table: .parquet, .csv, .tsv or .jsonl, or a folder of them")
    parser.add_argument("--out", required=True, metavar="DIR", help="where to write train, test and validation")
    parser.add_argument("--test", metavar="SIZE", default="0.2", help="share of the rows, or a number of them")
    parser.add_argument("--validation", metavar="SIZE", help="likewise; without it, there is none")
    parser.add_argument("--label", metavar="COLUMN", help="classes, of which each gives its share to the test")
    parser.add_argument("--groups", metavar="COLUMN", help="rows of one group, such as a patient, stay together")
    line = "share or number of the classes that only the test has; needs --label"
    parser.add_argument("--unseen-classes", metavar="SIZE", default="0", help=line)
    parser.add_argument("--random-state", type=int, default=0, help="of the draw")


def _evaluate_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument("--gallery", metavar="TABLE", help="objects to search in; without it, the others of TABLE")
    add_on_error(parser)
    add_max_queries(parser)
    parser.add_argument("--out", metavar="FILE", help="write the scores as JSON")
    parser.add_argument("--robustness", metavar="FILE", help="also drop 0 to 90 percent of what is there; write it")
    parser.add_argument("--decisions", action="store_true", help="also show confidence, the unknown, and pairs")
    parser.add_argument("--geometry", action="store_true", help="also show how classes and modalities lie")


def _report_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument("--gallery", metavar="TABLE", help="the training objects: to search in, and for the baseline")
    add_on_error(parser)
    add_max_queries(parser)
    parser.add_argument("--out", required=True, metavar="FILE", help="the page to write, such as report.html")
    parser.add_argument("--title", metavar="WORDS", help="the page's heading")


def _calibrate_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder, in which the thresholds are kept")
    parser.add_argument("table", metavar="TABLE", help="labelled objects the model was not trained on")
    parser.add_argument(
        "--coverage", metavar="SHARE", type=float, help="share of known objects to accept at least; by default 0.95"
    )
    parser.add_argument(
        "--false-accept", metavar="SHARE", type=float, help="or: share of unknown objects to accept at most"
    )
    parser.add_argument(
        "--precision", metavar="SHARE", type=float, help="or: share of the accepted to be right at least"
    )
    line = "share of pairs of different classes to take for the same at most"
    parser.add_argument("--pair-false-accept", metavar="SHARE", type=float, default=0.01, help=line)
    add_on_error(parser)


def _predict_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    parser.add_argument("--reject", action="store_true", help='answer "unknown" beyond the angles of calibrate')
    parser.add_argument("--out", metavar="FILE", help="the CSV file to write; without it, it is printed")
    add_on_error(parser)


def _audit_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="labelled objects, best such as it was not trained on")
    parser.add_argument("--against", metavar="TABLE", help="objects that TABLE should have nothing of: training's")
    add_on_error(parser)
    parser.add_argument("--out", metavar="FILE", help="write all findings as JSON")


def _search_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("--text", metavar="WORDS", help="what to look for, in the model's one text modality")
    parser.add_argument("--image", metavar="FILE", help="a picture to look for")
    parser.add_argument("--query", action="append", metavar="COLUMN=VALUE", help="a cell of the query; may be repeated")
    parser.add_argument("--index", metavar="PLACE", help="an index folder or a store; by default MODEL/index")
    line = 'of a store: a value of a column, a list, or {"from": X, "to": X}; may be repeated'
    parser.add_argument("--where", action="append", metavar="COLUMN=VALUE", help=line)
    parser.add_argument("--k", type=int, default=10, help="how many neighbors")


def _serve_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("--index", metavar="PLACE", help="an index folder or a store; by default MODEL/index")
    line = "the table of the index's objects, whose pictures and texts the search page then shows"
    parser.add_argument("--gallery", metavar="TABLE", help=line)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="to listen at; 0.0.0.0 is all of them")
    parser.add_argument("--port", type=int, default=8000, help="to listen at; 0 takes a free one")
    parser.add_argument("--title", default="steradian", metavar="WORDS", help="heading of the search page")
    add_on_error(parser)
    parser.add_class_arguments(Limits)


def _explain_parser(parser: _Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    line = "which rows of TABLE, counted from 0; one is shown in full; all without it"
    parser.add_argument("--rows", type=int, nargs="+", metavar="N", help=line)
    parser.add_argument("--target", metavar="CLASS", help="compare with this class, instead of the one predicted")
    add_on_error(parser)


_PARSERS: dict[str, tuple[Callable[[_Parser], None], str, str]] = {
    "demo": (_demo_parser, "", "Train on emoji, compare with a plain baseline, and write a page to look at."),
    "schema": (_schema_parser, "TABLE", "Guess a schema of a table, with comments, to be looked at and corrected."),
    "split": (_split_parser, "TABLE --out DIR", "Write the rows of a table to files for training and testing."),
    "fit": (_fit_parser, "TABLE --schema FILE --out DIR", "Learn a model from a table of labelled objects."),
    "evaluate": (_evaluate_parser, "MODEL TABLE", "Score a model on a table, for every subset of modalities."),
    "compare": (compare_words, "MODEL OTHER TABLE", "Say whether one of two models is surely better on a table."),
    "report": (_report_parser, "MODEL TABLE --out FILE", "Write one page on how good a model is, and where it errs."),
    "calibrate": (_calibrate_parser, "MODEL TABLE", "Find up to which angle objects are accepted, and keep it."),
    "predict": (_predict_parser, "MODEL TABLE", "Write the class of each object and its angle, or unknown, as CSV."),
    "verify": (
        verify_words,
        "MODEL TABLE OTHER",
        "Say whether the objects of two tables are the same, pair by pair.",
    ),
    "match": (
        match_words,
        "MODEL TABLE OTHER --known FILE",
        "Match the objects of two tables without a common key.",
    ),
    "add-classes": (add_classes_words, "MODEL TABLE", "Learn new classes from a few examples, without training."),
    "audit": (_audit_parser, "MODEL TABLE", "List wrong labels, outliers, duplicates and classes too close."),
    "embed": (embed_words, "MODEL TABLE... --out PLACE | --to STORE", "Write the unit vectors of a table's objects."),
    "search": (_search_parser, "MODEL --text WORDS", "Find the objects nearest to a text, a picture or other cells."),
    "serve": (_serve_parser, "MODEL", "Answer over HTTP, with a page to search with, until Ctrl-C."),
    "export": (export_words, "MODEL --out DIR", "Write a folder that is served without torch."),
    "explain": (_explain_parser, "MODEL TABLE", "Show what each modality adds to the cosine of an object to a class."),
}
