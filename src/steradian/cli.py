"""The command line: parse, call, print. Everything heavy is imported by the command that needs it."""

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from steradian.config import ModelConfig, TrainingConfig
from steradian.errors import InputError, SteradianError

if TYPE_CHECKING:
    from steradian import Evaluation, Geometry, Ledger, Neighbors, ObjectTable, Robustness, Schema, SphereEmbedder

__all__ = ["main"]

USER_MISTAKE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 when it went well, 2 for a user's mistake, 130 after Ctrl-C.

    Args:
        arguments: the words after `steradian`; None takes the command line's.
    """
    parsed = _parser().parse_args(arguments)
    try:
        code = COMMANDS[parsed.command](parsed[parsed.command])
        sys.stdout.flush()
        sys.exit(code)
    except SteradianError as error:
        print(f"steradian: {error}", file=sys.stderr)
        sys.exit(USER_MISTAKE)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what Python still holds for it at exit must go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        place = f": {error.filename}. Check the path." if error.filename else "."
        print(f"steradian: {error.strerror or error}{place}", file=sys.stderr)
        sys.exit(USER_MISTAKE)
    except KeyboardInterrupt:
        print("steradian: stopped by Ctrl-C", file=sys.stderr)
        sys.exit(INTERRUPTED)


# -- The commands ------------------------------------------------------------------------------------------------------


def _demo(options: Namespace) -> int:
    from steradian.demo import run_demo

    metrics = run_demo(Path(options.out), seed=options.seed)
    return INTERRUPTED if metrics["interrupted"] else 0


def _fit(options: Namespace) -> int:
    from steradian import Index, Schema, SphereEmbedder

    schema = Schema.from_yaml(options.schema)
    objects = _read(options.table, schema, options)
    validation = None if options.validation is None else _read(options.validation, schema, options)
    print(objects)
    out = Path(options.out)
    names = [field.name for kind in (ModelConfig, TrainingConfig) for field in fields(kind)]
    model = SphereEmbedder(**{name: options[name] for name in names})
    model.fit(objects, validation=validation, log_file=out / "training.jsonl", save_to=out)
    Index.build(model, objects).save(out / "index")
    print(f"wrote the model, the index of its objects and training.jsonl to {out}")
    return INTERRUPTED if model.training_.interrupted else 0


def _evaluate(options: Namespace) -> int:
    from steradian import evaluate, measure_geometry, robustness

    model = _load(options.model)
    schema = replace(model.schema_, id=None)
    objects = _read(options.table, schema, options)
    gallery = None if options.gallery is None else _read(options.gallery, schema, options)
    evaluation = evaluate(model, objects, gallery=gallery)
    _show(evaluation)
    if options.out is not None:
        evaluation.save(options.out)
        print(f"wrote {options.out}")
    if options.robustness is not None:
        curve = robustness(model, objects, gallery=gallery)
        _show(curve)
        curve.save(options.robustness)
        print(f"wrote {options.robustness}")
    if options.geometry:
        _show(measure_geometry(model, objects))
    return 0


def _embed(options: Namespace) -> int:
    from steradian import Index

    model = _load(options.model)
    index = Index.build(model, _read(options.table, model.schema_, options, labelled=False))
    index.save(options.out)
    print(f"wrote {len(index)} vectors of width {model.embedding_dim} to {options.out}")
    return 0


def _search(options: Namespace) -> int:
    from steradian import Index

    model = _load(options.model)
    cells = _query_cells(model, options)
    query = {column: [cells.get(column)] for column in model.schema_.columns}
    index = Index.load(options.index or Path(options.model, "index"), model=model)
    _show(index.search(query, k=options.k))
    return 0


def _explain(options: Namespace) -> int:
    model = _load(options.model)
    objects = _read(options.table, model.schema_, options, labelled=False)
    rows = options.rows
    if rows is not None:
        outside = [row for row in rows if not 0 <= row < len(objects)]
        if outside:
            want = f"rows from 0 to {len(objects) - 1}"
            raise InputError(want, str(outside[0]), "--rows", "Count the rows of TABLE that were read from 0.")
        objects = objects[rows]
    # Class names may be numbers, which a command line has only as text.
    names = {str(name): name for name in model.classes_.tolist()}
    _show(model.explain(objects, names.get(options.target, options.target)))
    return 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "demo": _demo,
    "fit": _fit,
    "evaluate": _evaluate,
    "embed": _embed,
    "search": _search,
    "explain": _explain,
}


def _show(result: "Evaluation | Geometry | Ledger | Neighbors | Robustness") -> None:
    """On a terminal a table as wide as that needs; in a file or a pipe plain lines."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(result)
    else:
        print(result)


def _load(folder: str) -> "SphereEmbedder":
    from steradian import SphereEmbedder

    return SphereEmbedder.load(folder)


def _read(table: str, schema: "Schema", options: Namespace, *, labelled: bool = True) -> "ObjectTable":
    """A table, telling what of it could not be read."""
    from steradian import read_objects

    objects = read_objects(table, schema, labelled=labelled, on_error=options.on_error)
    if objects.unreadable:
        print(f"{table}: {objects.unreadable}", file=sys.stderr)
    return objects


def _query_cells(model: "SphereEmbedder", options: Namespace) -> dict[str, Any]:
    """The query's cells by column."""
    cells: dict[str, Any] = {}
    text_columns = {column for m in model.schema_.modalities.values() for column in m.text_columns}
    for kind, value in (("Text", options.text), ("Image", options.image)):
        if value is not None:
            cells[_only_column(model, kind)] = value
    for assignment in options.query or []:
        column, equals, value = assignment.partition("=")
        if not equals or column not in model.schema_.columns:
            raise InputError(
                want=f"COLUMN=VALUE with a column of {', '.join(model.schema_.columns)}",
                got=repr(assignment),
                where="--query",
                fix="Write for example --query 'title=red shoe'.",
            )
        cells[column] = value if column in text_columns else _value(value)
    if not cells:
        raise InputError("something to search for", "nothing", "steradian search", "Give --text, --image or --query.")
    return cells


def _only_column(model: "SphereEmbedder", kind: str) -> str:
    columns = [m.columns for m in model.schema_.modalities.values() if type(m).__name__ == kind]
    if len(columns) != 1:
        raise InputError(
            want=f"a model with one {kind} modality",
            got=f"one with {len(columns)}",
            where=f"--{kind.lower()}",
            fix=f"Name the column: --query COLUMN=VALUE, of {', '.join(model.schema_.columns)}.",
        )
    return columns[0][0]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# -- The words they understand -----------------------------------------------------------------------------------------


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


def _parser() -> ArgumentParser:
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
    parser.add_argument("--geometry", action="store_true", help="also show how classes and modalities lie")
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
    "embed": (_embed_parser, "MODEL TABLE --out DIR", "Write the unit vectors of a table's objects."),
    "search": (_search_parser, "MODEL --text WORDS", "Find the objects nearest to a text, a picture or other cells."),
    "explain": (_explain_parser, "MODEL TABLE", "Show what each modality adds to the cosine of an object to a class."),
}
