"""`steradian verify`: whether objects of two tables are the same."""

from jsonargparse import ArgumentParser, Namespace

from steradian.commands.tables import add_on_error, load_named, read_named, show, write_pairs
from steradian.errors import InputError
from steradian.out_paths import check_file

__all__ = ["verify", "verify_words"]


def verify_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder that was calibrated")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    parser.add_argument("other", metavar="OTHER", help="as many objects, row for row; with --pairs any number")
    line = "a table of two columns: the id of an object of TABLE, and the id of one of OTHER"
    parser.add_argument("--pairs", metavar="FILE", help=line)
    parser.add_argument("--out", metavar="FILE", help="the CSV file to write: all pairs; without it, some are printed")
    add_on_error(parser)


def verify(options: Namespace) -> int:
    """Compare the pairs and show or write the answers; the exit code.

    Args:
        options: as typed.
    """
    check_file(options.out, others=[options.table, options.other, options.pairs])
    model = load_named(options.model)
    model.fitted_.refuse_several(where="verify")
    if model.fitted_.calibration is None:
        fix = "Run this first: steradian calibrate MODEL TABLE."
        raise InputError("a model with thresholds", "one that was not calibrated", options.model, fix)
    first, second = (
        read_named(table, model.schema_, options, labelled=False) for table in (options.table, options.other)
    )
    if options.pairs is not None:
        from steradian.search.id_pairs import rows_of_pairs

        tables = options.table, options.other
        left, right = rows_of_pairs(options.pairs, first, second, where="--pairs", tables=tables)
        first, second = first[left], second[right]
    elif len(first) != len(second):
        fix = "Give as many rows, or name the pairs by --pairs."
        raise InputError("as many objects in both tables", f"{len(first)} and {len(second)}", "TABLE and OTHER", fix)
    found = model.verify(first, second)
    if options.out is None:
        show(found)
        return 0
    entries = found.to_dict()["pairs"]
    write_pairs(options.out, [*entries[0]] if entries else ["first", "second"], entries)
    print(f"wrote {len(found)} pair{'s' * (len(found) != 1)}, {int(found.same.sum())} the same, to {options.out}")
    return 0
