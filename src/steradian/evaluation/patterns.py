"""Which modalities are missing together: the patterns of a table."""

from collections.abc import Sequence

import numpy as np

from steradian.errors import InputError

__all__ = ["frequent_patterns"]


def frequent_patterns(
    present: np.ndarray, names: Sequence[str], *, most: int
) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """The objects of a table by what they have, the most frequent pattern first.

    Args:
        present: bool [objects, modalities].
        names: of the modalities.
        most: patterns at most. Where there are more, the rest are joined in the last, under no name.

    Returns:
        For each pattern the names of its modalities, and the objects that have exactly these: int64, ascending. Of
        two as frequent, the one with more modalities comes first, then the one with the earlier modalities.

    Raises:
        InputError: `most` below 1.

    Examples:
        >>> present = np.array([[True, True], [True, False], [True, True]])
        >>> [(pattern, rows.tolist()) for pattern, rows in frequent_patterns(present, ["photo", "title"], most=15)]
        [(('photo', 'title'), [0, 2]), (('photo',), [1])]
    """
    if not isinstance(most, (int, np.integer)) or most < 1:
        raise InputError(want="an integer from 1", got=repr(most), where="max_patterns", fix="Leave it out for 15.")
    patterns, numbers, counts = np.unique(present, axis=0, return_inverse=True, return_counts=True)
    # The last key counts most. Ascending, patterns with the earlier modalities stand at the end.
    order = np.lexsort((-np.arange(len(patterns)), -patterns.sum(axis=1), -counts))
    shown = len(order) if len(order) <= most else most - 1
    place = np.argsort(order)[numbers]
    groups = [
        (tuple(np.compress(patterns[number], names).tolist()), np.flatnonzero(place == nth))
        for nth, number in enumerate(order[:shown])
    ]
    return groups if shown == len(order) else [*groups, ((), np.flatnonzero(place >= shown))]
