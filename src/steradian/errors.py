"""What steradian raises when a user's input, configuration or saved model is not what it needs.

Every message has the same four parts: where it happened, what was wanted, what was got, and how to fix it.
"""

import sys
from pathlib import Path
from warnings import warn

__all__ = [
    "ConfigError",
    "InputError",
    "MissingExtraError",
    "SavedModelError",
    "SteradianError",
    "SteradianWarning",
    "StoreError",
    "TrainingError",
    "UnknownOptionError",
    "warn_user",
]


class SteradianError(ValueError):
    """The family of all errors a user can cause and fix.

    Args:
        want: what was wanted.
        got: what was found instead.
        where: the row, column, field or file concerned.
        fix: what to do next, as a full sentence.

    Examples:
        >>> raise InputError(want="a number", got="'abc'", where="row 3, column 'price'", fix="Fix the cell.")
        Traceback (most recent call last):
        steradian.errors.InputError: row 3, column 'price': want a number, got 'abc'. Fix the cell.
    """

    def __init__(self, want: str, got: str, where: str, fix: str) -> None:
        # All four go into `args`, so that the error survives pickling between worker processes.
        super().__init__(want, got, where, fix)
        self.want, self.got, self.where, self.fix = want, got, where, fix

    def __str__(self) -> str:
        return f"{self.where}: want {self.want}, got {self.got}. {self.fix}"


class SteradianWarning(UserWarning):
    """Something goes on that a user should know of: what is promised may not hold."""


PACKAGE = str(Path(__file__).parent)


def warn_user(message: str) -> None:
    """Give a `SteradianWarning` at the line outside this package that led to it.

    Args:
        message: what a user may want to change, as sentences.

    Examples:
        >>> from warnings import catch_warnings, simplefilter
        >>> with catch_warnings(record=True) as told:
        ...     simplefilter("always")
        ...     warn_user("Three rows have no label.")
        >>> str(told[0].message)
        'Three rows have no label.'
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(PACKAGE):
        level, frame = level + 1, frame.f_back
    warn(message, SteradianWarning, stacklevel=level)


class InputError(SteradianError):
    """A table, an object or an argument is not usable as it stands."""


class StoreError(InputError):
    """A vector store does not answer, or cannot do what is asked."""


class ConfigError(SteradianError):
    """A schema, an option or a configuration file says something that cannot be."""


class UnknownOptionError(ConfigError, TypeError):
    """An argument of a name that there is not: as Python's own error of this, a TypeError."""


class SavedModelError(SteradianError):
    """A saved folder is missing, cut short, or of another version."""


class TrainingError(SteradianError):
    """Training cannot go on, such as when the loss is not finite."""


class MissingExtraError(SteradianError, ImportError):
    """An optional package is needed; the message names the extra that installs it.

    Args:
        extra: the name in `pip install 'steradian[extra]'`.
        package: the package that could not be imported.
        where: what needed it.
    """

    def __init__(self, extra: str, package: str, where: str) -> None:
        super().__init__(
            f"the package {package!r}",
            "no such package",
            where,
            f"Install it: pip install 'steradian[{extra}]'.",
        )
        self.args = (extra, package, where)
