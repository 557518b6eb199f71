"""`steradian match`: the same objects in two tables without a common key."""

from jsonargparse import ArgumentParser, Namespace

from steradian.commands.tables import add_on_error, load_named, read_named, show, write_pairs
from steradian.out_paths import check_file

__all__ = ["match", "match_words"]


def match_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("table", metavar="TABLE", help="objects, with or without labels")
    parser.add_argument("other", metavar="OTHER", help="objects, in which a match is looked for")
    line = "a table of two columns: the id of an object of TABLE, and that of its match, empty where it has none"
    parser.add_argument("--known", metavar="FILE", help=line)
    line = "share that is to be right of the pairs taken for the same, with 90%% confidence"
    parser.add_argument("--precision", metavar="SHARE", type=float, default=0.95, help=line)
    line = "in place of --known: the doubt up to which a match is the same, as an earlier run printed it"
    parser.add_argument("--limit", metavar="DOUBT", type=float, help=line)
    parser.add_argument("--out", metavar="FILE", help="the CSV file to write: all pairs; without it, some are printed")
    add_on_error(parser)


def match(options: Namespace) -> int:
    """Match the tables and show or write the pairs; the exit code.

    Args:
        options: as typed.
    """
    from steradian import match_tables

    check_file(options.out, others=[options.table, options.other, options.known])
    model = load_named(options.model)
    tables = [read_named(table, model.schema_, options, labelled=False) for table in (options.table, options.other)]
    found = match_tables(model, *tables, known=options.known, precision=options.precision, limit=options.limit)
    show(found)
    if options.out is not None:
        write_pairs(options.out, ["first", "second", "angle", "doubt", "verdict"], found.to_dict()["pairs"])
        print(f"wrote {len(found):,} pair{'s' * (len(found) != 1)} to {options.out}")
    return 0
