"""Columns as data frames of pandas."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from steradian.errors import MissingExtraError

__all__ = ["import_pandas", "to_frame"]


def to_frame(columns: Mapping[str, np.ndarray], ids: np.ndarray | None = None, *, name: str | None = None) -> Any:
    """A pandas DataFrame.

    Args:
        columns: arrays by name, first axis rows; an entry of more than one number is an array in its cell.
        ids: the index [rows]; None counts the rows.
        name: of the index.

    Raises:
        MissingExtraError: pandas is not installed.

    Examples:
        >>> to_frame({"size": np.zeros((2, 3))}, np.array([7, 8]))["size"][8].tolist()
        [0.0, 0.0, 0.0]
    """
    pandas = import_pandas()
    cells = {key: list(column) if column.ndim > 1 else column for key, column in columns.items()}
    return pandas.DataFrame(cells, index=None if ids is None else pandas.Index(ids, name=name))


def import_pandas() -> Any:
    """The pandas package.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("pandas", "pandas", "to_pandas") from error
    return pandas
