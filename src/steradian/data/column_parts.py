"""One column of several that stand below each other."""

from collections.abc import Iterable, Sequence

import numpy as np

from steradian.data.columns import from_cells

__all__ = ["below_each_other", "gathered"]


def below_each_other(columns: Sequence[np.ndarray]) -> np.ndarray:
    """One column of several, each as `to_column` gives it.

    Args:
        columns: at least one.

    Examples:
        >>> below_each_other([np.array([1.0]), np.array([None])])
        array([ 1., nan])
    """
    if len({(column.dtype, column.shape[1:]) for column in columns}) == 1:
        return np.concatenate(columns)
    return from_cells(cell for column in columns for cell in column)


def gathered(parts: Iterable[np.ndarray], total: int) -> np.ndarray:
    """One column of its parts, each let go of before the next; as `below_each_other`, which holds all twice.

    Args:
        parts: each as `to_column` gives it.
        total: rows of all parts.

    Examples:
        >>> gathered(iter([np.array([1.0]), np.array([2.0])]), 2)
        array([1., 2.])
    """
    whole, filled = np.zeros(0), 0
    others: list[np.ndarray] = []
    for part in parts:
        if not filled and not others:
            whole = np.empty((total, *part.shape[1:]), part.dtype)
        if others or part.dtype != whole.dtype or part.shape[1:] != whole.shape[1:]:
            others.append(part)
        else:
            whole[filled : filled + len(part)] = part
            filled += len(part)
    return below_each_other([whole[:filled], *others]) if others else whole
