"""`steradian compare`: two saved models on one table."""

from dataclasses import replace

from jsonargparse import ArgumentParser, Namespace

from steradian.commands.tables import add_max_queries, add_on_error, load_named, read_both, save_and_show
from steradian.out_paths import check_file

__all__ = ["compare", "compare_words"]


def compare_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("other", metavar="OTHER", help="another one, which may read other columns")
    parser.add_argument("table", metavar="TABLE", help="labelled objects that neither was trained on")
    parser.add_argument("--gallery", metavar="TABLE", help="objects to search in; without it, the others of TABLE")
    parser.add_argument("--out", metavar="FILE", help="write the scores as JSON")
    add_on_error(parser)
    add_max_queries(parser)


def compare(options: Namespace) -> int:
    """Score both and show the differences; the exit code.

    Args:
        options: as typed.
    """
    from steradian import compare_models

    check_file(options.out, others=[options.table, options.gallery])
    first, second = load_named(options.model), load_named(options.other)
    # Ids are not needed, and a row that has none counts too.
    tables = [
        read_both(options.table, options.gallery, replace(model.schema_, id=None), options) for model in (first, second)
    ]
    (objects, gallery), (second_objects, second_gallery) = tables
    found = compare_models(
        first,
        second,
        objects,
        gallery=gallery,
        second_objects=second_objects,
        second_gallery=second_gallery,
        max_queries=options.max_queries or None,
    )
    save_and_show(found, options.out)
    return 0
