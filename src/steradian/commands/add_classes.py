"""`steradian add-classes`: new classes for a saved model, from a few examples of each."""

from jsonargparse import ArgumentParser, Namespace

from steradian.commands.tables import add_on_error, load_named, read_named, show
from steradian.out_paths import check_folder

__all__ = ["add_classes", "add_classes_words"]


def add_classes_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder, which gets the classes")
    parser.add_argument("table", metavar="TABLE", help="labelled objects of new classes only, a few of each")
    parser.add_argument("--out", metavar="DIR", help="write the model there, and leave MODEL as it is")
    add_on_error(parser)


def add_classes(options: Namespace) -> int:
    """Add the classes, save the model and show how near they are; the exit code.

    Args:
        options: as typed.
    """
    out = options.out or options.model
    check_folder(out, option="--out" if options.out else "MODEL")
    model = load_named(options.model)
    added = model.add_classes(read_named(options.table, model.schema_, options))
    model.save(out)
    show(added)
    print(f"kept in {out}, which now has {len(model.classes_)} classes; an index has the objects that it had before")
    return 0
