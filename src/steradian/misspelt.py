"""Names that there are not, told with the nearest that there is."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

from steradian.errors import UnknownOptionError

__all__ = ["did_you_mean", "telling_of_misspelt"]

C = TypeVar("C", bound=Callable[..., Any])
MOST = 12
"""Names that are listed."""


def did_you_mean(word: object, known: Iterable[object], *, otherwise: str) -> str:
    """How to fix a name that there is not; small and large letters are alike.

    Args:
        word: that was given.
        known: those that there are.
        otherwise: a sentence where none of them is near.

    Examples:
        >>> did_you_mean("Colour", ["color", "size"], otherwise="Remove it.")
        "Did you mean 'color'?"
    """
    names = {str(name).casefold(): name for name in known}
    near = get_close_matches(str(word).casefold(), names, n=1)
    return f"Did you mean {names[near[0]]!r}?" if near else otherwise


def telling_of_misspelt(called: C) -> C:
    """A function, or a class, whose arguments of names that there are not are told with the nearest that there is.

    Python itself does so from 3.13 on. Signature, help and types stay as they are.

    Args:
        called: to be called.

    Examples:
        >>> @telling_of_misspelt
        ... def area(width, height=1.0):
        ...     return width * height
        >>> area(2.0, heigth=3.0)
        Traceback (most recent call last):
        steradian.errors.UnknownOptionError: area(...): want one of width, height, got 'heigth'. Did you mean 'height'?
    """
    if isinstance(called, type):
        setattr(called, "__init__", telling_of_misspelt(vars(called)["__init__"]))  # noqa: B010 - mypy wants no assignment
        return called
    parameters = signature(called).parameters.values()
    known = [each.name for each in parameters if each.name != "self" and each.kind != each.VAR_POSITIONAL]

    @wraps(called)
    def checked(*arguments: Any, **options: Any) -> Any:
        for option in options:
            if option not in known:
                name = type(arguments[0]).__name__ if called.__name__ == "__init__" else called.__name__
                names = ", ".join(known[:MOST]) + (" and others" if len(known) > MOST else "")
                fix = did_you_mean(option, known, otherwise=f"help({name}) explains each.")
                raise UnknownOptionError(f"one of {names}", repr(option), f"{name}(...)", fix)
        return called(*arguments, **options)

    return cast(C, checked)
