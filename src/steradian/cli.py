"""The command line: parse, call, print. Everything heavy is imported by the command that needs it."""

import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jsonargparse import Namespace

from steradian.atomic_write import write_whole
from steradian.command_line import USER_MISTAKE, make_parser
from steradian.command_mistakes import did_you_mean, told_for_commands
from steradian.commands.add_classes import add_classes
from steradian.commands.compare import compare
from steradian.commands.embed import embed
from steradian.commands.export import export
from steradian.commands.match import match
from steradian.commands.tables import load_named, load_to_search, read_both, read_named, save_and_show, show
from steradian.commands.verify_tables import verify
from steradian.config import ModelConfig, TrainingConfig
from steradian.errors import InputError, SteradianError
from steradian.out_paths import check_file, check_folder, telling_of_replaced
from steradian.query_cells import parsed_value, query_cells, store_conditions
from steradian.standard_streams import LastingStream, lasting_streams
from steradian.stop_signals import signals_as_ctrl_c

if TYPE_CHECKING:
    from steradian import ObjectTable, SphereEmbedder

__all__ = ["main"]

NOT_PRINTED = 1
INTERRUPTED = 130
LAST_PORT = 65_535
LEFT_OUT = "pyarrow", "rich", "scipy", "sklearn", "threadpoolctl", "torch"
"""Packages that are not there where models are served alone, see runtime/pyproject.toml."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit.

    The exit code is 0 when all went well, 1 when not all could be printed, 2 for a user's mistake, and 130 after Ctrl-C
    or a signal to end.

    Args:
        arguments: the words after `steradian`; None takes the command line's.
    """
    with lasting_streams() as output, signals_as_ctrl_c():
        code = _run(arguments)
        output.flush()
        code = code or _tell_what_was_not_printed(output)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> str | int | None:
    """The exit code of a command."""
    parsed = None
    try:
        parsed = make_parser().parse_args(arguments)
        options = parsed[parsed.command]
        with telling_of_replaced(options.get("out"), options.get("robustness")):
            return COMMANDS[parsed.command](options)
    except SystemExit as end:
        # After --help, and after a mistake in the words.
        return end.code
    except SteradianError as error:
        names = [] if parsed is None else [*set(parsed[parsed.command].keys()) - {"model", "table"}]
        print(f"steradian: {told_for_commands(error, names)}", file=sys.stderr)
        return USER_MISTAKE
    except ModuleNotFoundError as error:
        # Those that every installation of steradian has.
        if error.name not in LEFT_OUT:
            raise
        told = f"want the package {error.name}, which steradian-runtime leaves out. Install it, or use steradian."
        print(f"steradian: {told}", file=sys.stderr)
        return USER_MISTAKE
    except OSError as error:
        place = f": {error.filename}. Check the path." if error.filename else "."
        print(f"steradian: {error.strerror or error}{place}", file=sys.stderr)
        return USER_MISTAKE
    except KeyboardInterrupt as interrupt:
        print(f"steradian: stopped by {interrupt.args[0] if interrupt.args else 'Ctrl-C'}", file=sys.stderr)
        return INTERRUPTED


def _tell_what_was_not_printed(output: LastingStream) -> int:
    """Warn of characters that the output could not hold; 1 where it could not be written in full."""
    if output.problem is not None:
        line = f"not all of the output could be printed: {output.problem}. Everything else is done."
        print(f"steradian: {line}", file=sys.stderr)
        return NOT_PRINTED
    if output.replaced:
        line = f"the output's encoding, {output.encoding}, lacks some characters, printed as '?'."
        print(f"steradian: warning: {line} Set PYTHONIOENCODING=utf-8 to have them.", file=sys.stderr)
    return 0


# -- The commands ------------------------------------------------------------------------------------------------------


def _demo(options: Namespace) -> int:
    from steradian.demo import run_demo

    TrainingConfig(random_state=options.random_state)
    check_folder(options.out)
    metrics = run_demo(Path(options.out), random_state=options.random_state)
    return INTERRUPTED if metrics["interrupted"] else 0


def _fit(options: Namespace) -> int:
    from steradian.ranks import launched_ranks

    with launched_ranks() as ranks:
        return _fit_as(options, first=ranks.rank == 0)


def _fit_as(options: Namespace, *, first: bool) -> int:
    """Fit as the only process, or as one of those that torchrun has started, of which the first one writes."""
    from steradian import Index, Schema, SphereEmbedder
    from steradian.model_card import write_card
    from steradian.training.device import choose_device

    check_folder(options.out)
    names = [field.name for kind in (ModelConfig, TrainingConfig) for field in fields(kind)]
    model = SphereEmbedder(**{name: options[name] for name in names})
    model.config(ModelConfig)
    choose_device(model.config(TrainingConfig).device)
    schema = Schema.from_yaml(options.schema)
    objects = read_named(options.table, schema, options)
    validation = None if options.validation is None else read_named(options.validation, schema, options)
    if first:
        print(objects)
    out = Path(options.out)
    earlier = None if options.compatible_with is None else load_named(options.compatible_with)
    kept: dict[str, Any] = {"log_file": out / "training.jsonl", "save_to": out, "checkpoint": options.checkpoint}
    model.fit(objects, validation=validation, compatible_with=earlier, **kept)
    if not first:
        return 0
    if options.license is not None:
        write_card(out, model.fitted_, license=options.license, evaluation=None)
    Index.build(model, objects).save(out / "index")
    # The closed form alone, and a training that was stopped at once, have no history.
    log = " and training.jsonl" if (out / "training.jsonl").exists() else ""
    print(f"wrote the model with the index of its objects{log} to {out}")
    return INTERRUPTED if model.training_.interrupted else 0


def _schema(options: Namespace) -> int:
    from steradian.data import guess_schema

    check_file(options.out, others=[options.table])
    guessed = guess_schema(options.table, label=options.label, id=options.id)
    if options.out is None:
        print(guessed)
    else:
        write_whole(Path(options.out), f"{guessed}\n")
        print(f"wrote {options.out}: look at it, then steradian fit {options.table} --schema {options.out} --out MODEL")
    return 0


def _split(options: Namespace) -> int:
    from steradian.data.split_files import split_file

    check_folder(options.out)
    Path(options.out).mkdir(parents=True, exist_ok=True)
    written = split_file(
        options.table,
        options.out,
        test_size=parsed_value(options.test),
        validation_size=None if options.validation is None else parsed_value(options.validation),
        label=options.label,
        groups=options.groups,
        unseen_classes=parsed_value(options.unseen_classes),
        random_state=options.random_state,
    )
    for path, rows in written.items():
        print(f"wrote {rows} rows to {path}")
    return 0


def _evaluate(options: Namespace) -> int:
    from steradian import evaluate, measure_decisions, measure_geometry, robustness

    tables = [options.table, options.gallery]
    check_file(options.out, others=[*tables, options.robustness])
    check_file(options.robustness, option="--robustness", others=tables)
    model = load_named(options.model)
    for name in ("robustness", "decisions", "geometry"):
        if options[name]:
            model.fitted_.refuse_several(where=f"--{name}")
    objects, gallery = read_both(options.table, options.gallery, replace(model.schema_, id=None), options)
    evaluation = evaluate(model, objects, gallery=gallery, max_queries=options.max_queries or None)
    if options.out is not None:
        evaluation.save(options.out)
    show(evaluation)
    if options.robustness is not None:
        curve = robustness(model, objects, gallery=gallery, max_queries=options.max_queries or None)
        curve.save(options.robustness)
        show(curve)
    if options.decisions:
        show(measure_decisions(model, objects))
    if options.geometry:
        show(measure_geometry(model, objects))
    for written in filter(None, (options.out, options.robustness)):
        print(f"wrote {written}")
    return 0


def _report(options: Namespace) -> int:
    from steradian import evaluate, write_report

    check_file(options.out, others=[options.table, options.gallery])
    model = load_named(options.model)
    objects, gallery = read_both(options.table, options.gallery, model.schema_, options)
    evaluation = evaluate(model, objects, gallery=gallery, max_queries=options.max_queries or None)
    print(f"wrote {write_report(evaluation, options.out, title=options.title)}")
    return 0


def _calibrate(options: Namespace) -> int:
    check_folder(options.model, option="MODEL")
    model = load_named(options.model)
    objects = read_named(options.table, replace(model.schema_, id=None), options)
    guarantees = {name: options[name] for name in ("coverage", "false_accept", "precision", "pair_false_accept")}
    found = model.calibrate(objects, **guarantees)
    model.save(options.model)
    show(found)
    _tell_of_training_objects(model, Path(options.model, "index"), objects)
    print(f"kept in {options.model}: steradian predict {options.model} TABLE --reject uses it")
    return 0


def _predict(options: Namespace) -> int:
    from steradian.metrics import to_angles

    check_file(options.out, others=[options.table])
    model = load_named(options.model)
    objects = read_named(options.table, model.schema_, options, labelled=False)
    vectors = model.transform(objects)
    classes = model.predict_vectors(vectors, present=model.fitted_.present(objects) if options.reject else None)
    lines, ids = io.StringIO(), objects.ids.tolist()
    rows: list[tuple[Any, ...]]
    pairs = zip(ids, classes.tolist(), strict=True)
    if model.fitted_.several:
        rows = [("id", "classes"), *((name, json.dumps(own, ensure_ascii=False)) for name, own in pairs)]
    else:
        _, cosines = model.fitted_.nearest(vectors)
        angles = to_angles(cosines).round(4).tolist()
        rows = [("id", "class", "angle"), *((*pair, angle) for pair, angle in zip(pairs, angles, strict=True))]
    csv.writer(lines, lineterminator="\n").writerows(rows)
    if options.out is None:
        print(lines.getvalue(), end="")
    else:
        write_whole(Path(options.out), lines.getvalue())
        print(f"wrote {len(objects)} prediction{'s' * (len(objects) != 1)} to {options.out}")
    return 0


def _audit(options: Namespace) -> int:
    check_file(options.out, others=[options.table, options.against])
    model = load_named(options.model)
    objects, against = read_both(options.table, options.against, model.schema_, options)
    found = model.audit(objects, against=against)
    save_and_show(found, options.out)
    return 0


def _search(options: Namespace) -> int:
    from steradian.data import read_objects
    from steradian.search import Index
    from steradian.stores import is_place

    model = load_to_search(options.model)
    cells = query_cells(model.schema, options)
    query = read_objects([cells], model.schema, labelled=False, partial=True)
    if is_place(options.index):
        with Index.open(options.index, model=model) as store:
            wanted = store_conditions(options.where, store.facts.kinds)
            show(store.search(query, k=options.k, where=wanted))
        return 0
    if options.where:
        raise InputError(
            "--index STORE beside --where", "an index without columns", "search", "Fill one by embed --to."
        )
    show(Index.load(options.index or Path(options.model, "index"), model=model).search(query, k=options.k))
    return 0


def _serve(options: Namespace) -> int:
    from steradian.search import Index, StoreIndex
    from steradian.serve import Gallery, Limits, load_served, make_app, run_server
    from steradian.stores import is_place

    if not 0 <= options.port <= LAST_PORT:
        raise InputError(f"a port from 0 to {LAST_PORT}", str(options.port), "--port", "0 takes a free one.")
    limits = Limits(**{field.name: options[field.name] for field in fields(Limits)})
    served = load_served(options.model)
    index: Index | StoreIndex
    if is_place(options.index):
        index = Index.open(options.index, model=served.model)
    else:
        index = Index.load(options.index or Path(options.model, "index"), model=served.model)
    gallery = None
    if options.gallery is not None:
        gallery = Gallery(read_named(options.gallery, served.schema, options, labelled=False), index)
    key = os.environ.get("STERADIAN_API_KEY") or None
    if key is None and options.host not in {"127.0.0.1", "::1", "localhost"}:
        line = "everyone who reaches this address may ask. Set STERADIAN_API_KEY to have a key asked for."
        print(f"steradian: warning: {line}", file=sys.stderr)
    app = make_app(served, index=index, gallery=gallery, api_key=key, limits=limits, title=options.title)
    run_server(app, host=options.host, port=options.port)
    return 0


def _explain(options: Namespace) -> int:
    model = load_named(options.model)
    objects = read_named(options.table, model.schema_, options, labelled=False)
    rows = options.rows
    if rows is not None:
        outside = [row for row in rows if not 0 <= row < len(objects)]
        if outside:
            want = f"rows from 0 to {len(objects) - 1}"
            raise InputError(want, str(outside[0]), "--rows", "Count the rows of TABLE that were read from 0.")
        objects = objects[rows]
    # Class names may be numbers, which a command line has only as text.
    names = {str(name): name for name in model.classes_.tolist()}
    if options.target is not None and options.target not in names:
        shown = ", ".join([*names][:5]) + (", ..." if len(names) > 5 else "")
        fix = did_you_mean(options.target, names).strip() or "Write it as in the labels of the training table."
        raise InputError(f"a class of the model: {shown}", repr(options.target), "--target", fix)
    show(model.explain(objects, names.get(options.target)))
    return 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "demo": _demo,
    "schema": _schema,
    "split": _split,
    "fit": _fit,
    "evaluate": _evaluate,
    "compare": compare,
    "report": _report,
    "calibrate": _calibrate,
    "predict": _predict,
    "verify": verify,
    "match": match,
    "add-classes": add_classes,
    "audit": _audit,
    "embed": embed,
    "search": _search,
    "serve": _serve,
    "export": export,
    "explain": _explain,
}


def _tell_of_training_objects(model: "SphereEmbedder", folder: Path, objects: "ObjectTable") -> None:
    """Warn where most objects have the very vectors of the index of the training objects, if there is one."""
    from steradian import Index, SavedModelError
    from steradian.data.object_digests import told_of_training_objects

    try:
        index = Index.load(folder, model=model)
    except SavedModelError:
        return
    trained = {row.tobytes() for row in index.vectors.round(3) + 0.0}
    known = sum(row.tobytes() in trained for row in model.transform(objects).round(3) + 0.0)
    told = told_of_training_objects(known, len(objects))
    if told is not None:
        print(f"steradian: warning: {told}", file=sys.stderr)
