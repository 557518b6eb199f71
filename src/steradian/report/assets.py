"""The style sheets and the script that the pages carry within themselves."""

from functools import cache
from importlib.resources import files

__all__ = ["asset"]


@cache
def asset(name: str) -> str:
    """The text of a file that lies beside this module.

    Args:
        name: of the file.

    Example:
        >>> "prefers-color-scheme: dark" in asset("page.css")
        True
    """
    return files("steradian.report").joinpath(name).read_text(encoding="utf-8")
