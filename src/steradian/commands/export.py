"""`steradian export`: a folder that is served without torch."""

from jsonargparse import ArgumentParser, Namespace

__all__ = ["export", "export_words"]


def export_words(parser: ArgumentParser) -> None:
    """Its arguments.

    Args:
        parser: to add them to.
    """
    parser.add_argument("model", metavar="MODEL", help="a model folder")
    parser.add_argument("--out", required=True, metavar="DIR", help="where to write what RuntimeModel loads")


def export(options: Namespace) -> int:
    """Export a model.

    Args:
        options: of `export_words`.
    """
    from steradian.export_model import export_model
    from steradian.saved_model import load_model

    model, inputs = load_model(options.model, device="cpu")
    export_model(model, options.out, inputs=inputs)
    print(f"wrote {options.out}")
    print(f"next: steradian serve {options.out} --index {options.model}/index")
    return 0
