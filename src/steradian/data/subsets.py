"""Subsets of modalities: which of them to measure."""

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from steradian.errors import InputError

__all__ = ["MOST_SUBSETS", "choose_subsets", "named_subsets", "subsets_to_measure"]

MOST_SUBSETS = 63
"""All subsets of 6 modalities."""


def subsets_to_measure(
    subsets: Iterable[str | Sequence[str]] | None,
    names: Sequence[str],
    *,
    max_subsets: int = MOST_SUBSETS,
    random_state: int = 0,
) -> list[tuple[str, ...]]:
    """The user's subsets behind the whole, or else all of them, or a sample.

    Args:
        subsets: each one name or several; None for `choose_subsets`.
        names: all modalities.
        max_subsets: as of `choose_subsets`.
        random_state: of the sample.

    Raises:
        InputError: no name, or one that is no modality; `max_subsets` below 1.

    Examples:
        >>> subsets_to_measure(None, ["photo", "title"])
        [('photo', 'title'), ('photo',), ('title',)]
    """
    if subsets is None:
        return choose_subsets(names, max_subsets=max_subsets, random_state=random_state)
    return named_subsets(subsets, names)


def choose_subsets(names: Sequence[str], *, max_subsets: int, random_state: int) -> list[tuple[str, ...]]:
    """Subsets of modalities to score: the whole, then smaller ones; all of them, or a seeded sample of sizes.

    Args:
        names: all modalities.
        max_subsets: a bound, which the whole, the single modalities and the whole without one are exempt from.
        random_state: of the sample.

    Returns:
        Subsets in the order of `names`, by size from large to small.

    Raises:
        InputError: `max_subsets` below 1.

    Examples:
        >>> choose_subsets(["photo", "title"], max_subsets=63, random_state=0)
        [('photo', 'title'), ('photo',), ('title',)]
    """
    if not isinstance(max_subsets, (int, np.integer)) or max_subsets < 1:
        raise InputError(
            want="an integer from 1", got=repr(max_subsets), where="max_subsets", fix="Leave it out for 63."
        )
    number = len(names)
    sizes = range(1, number + 1)
    if 2**number - 1 <= max_subsets:
        chosen = {subset for size in sizes for subset in combinations(range(number), size)}
    else:
        chosen = {subset for size in {1, number - 1, number} for subset in combinations(range(number), size)}
        rng = np.random.default_rng(random_state)
        while len(chosen) < max_subsets:
            # A uniform size first: uniform subsets would nearly all have half of the modalities.
            size = int(rng.integers(2, number - 1))
            chosen.add(tuple(sorted(rng.choice(number, size, replace=False).tolist())))
    ordered = sorted(chosen, key=lambda subset: (-len(subset), subset))
    return [tuple(names[place] for place in subset) for subset in ordered]


def named_subsets(subsets: Iterable[str | Sequence[str]], names: Sequence[str]) -> list[tuple[str, ...]]:
    """The user's subsets, each once and in the order of the schema, behind the whole.

    Args:
        subsets: each one name or several.
        names: all modalities.

    Raises:
        InputError: no name, or one that is no modality.

    Examples:
        >>> named_subsets(["title"], ["photo", "title"])
        [('photo', 'title'), ('title',)]
    """
    chosen: dict[tuple[str, ...], None] = {tuple(names): None}
    for subset in subsets:
        wanted = {subset} if isinstance(subset, str) else set(subset)
        if not wanted or not wanted <= set(names):
            raise InputError(
                want=f"modalities of {', '.join(names)}",
                got=", ".join(map(repr, sorted(wanted - set(names)))) or "none",
                where=f"subsets, {subset!r}",
                fix=f"Write for example subsets=[{names[0]!r}].",
            )
        chosen[tuple(name for name in names if name in wanted)] = None
    return list(chosen)
