"""Which objects form the test: pure functions of class numbers, group numbers and a seed."""

from typing import Any

import numpy as np

from steradian.errors import ConfigError, InputError

__all__ = ["draw_grouped", "draw_parts", "draw_stratified", "draw_test", "draw_unseen"]


def draw_parts(
    classes: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    test_size: float | None,
    validation_size: float | None,
    unseen_classes: float,
    random_state: int,
) -> list[np.ndarray]:
    """The places of training, validation and test objects, int64, as `ObjectTable.split` draws them.

    Without unseen classes the test is the same with a validation and without.

    Args:
        classes: class numbers, int64 [objects]; all equal where there are no labels.
        groups: group numbers, int64 [objects], or None.
        test_size: as of `draw_test`; with a validation, of the objects whose class is unseen in neither.
        validation_size: likewise; None draws none.
        unseen_classes: as of `draw_test`; the validation gets as many classes of its own.
        random_state: an integer from 0.

    Raises:
        ConfigError: a share, count or seed that cannot be.
        InputError: the objects do not allow such a split.

    Examples:
        >>> classes = np.repeat([0, 1], 6)
        >>> parts = draw_parts(classes, test_size=2, validation_size=4, unseen_classes=0, random_state=0)
        >>> [classes[part].tolist() for part in parts]
        [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1], [0, 1]]
    """
    if validation_size is None:
        in_test = draw_test(
            classes, groups, test_size=test_size, unseen_classes=unseen_classes, random_state=random_state
        )
        return [np.flatnonzero(~in_test), np.flatnonzero(in_test)]

    def drawn(places: np.ndarray, test: float, unseen: float = 0) -> tuple[np.ndarray, np.ndarray]:
        """Places that stay, and places that are drawn from them."""
        numbers = None if groups is None else groups[places]
        if not test and not unseen:
            return places, places[:0]
        taken = draw_test(classes[places], numbers, test_size=test, unseen_classes=unseen, random_state=random_state)
        return places[~taken], places[taken]

    test, validation = _amount(test_size, "test_size"), _amount(validation_size, "validation_size")
    # New classes first, so that neither the test nor the training has objects of those of the validation.
    seen, new_in_test = drawn(np.arange(len(classes)), 0, unseen_classes)
    seen, new_in_validation = drawn(seen, 0, len(np.unique(classes[new_in_test])))
    rest, in_test = drawn(seen, test)
    if isinstance(validation, float):
        validation *= len(seen) / len(rest)
        if validation >= 1:
            raise ConfigError(
                want="shares for test and validation that leave something to training",
                got=f"test_size={test_size!r} and validation_size={validation_size!r}",
                where="split",
                fix="Lower one of them, such as validation_size=0.1.",
            )
    rest, in_validation = drawn(rest, validation)
    return [rest, np.sort(np.append(in_validation, new_in_validation)), np.sort(np.append(in_test, new_in_test))]


def draw_test(
    classes: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    test_size: float | None = 0.2,
    unseen_classes: float = 0,
    random_state: int = 0,
) -> np.ndarray:
    """The objects that form the test, bool [objects], as `ObjectTable.split` draws them.

    Args:
        classes: class numbers, int64 [objects]; all equal where there are no labels.
        groups: group numbers, int64 [objects], or None.
        test_size: a share or a count of the objects whose class is not unseen; None or 0: none of them.
        unseen_classes: a share or a count of the classes.
        random_state: an integer from 0.

    Raises:
        ConfigError: a share, count or seed that cannot be.
        InputError: the objects do not allow such a split.

    Examples:
        >>> draw_test(np.array([0, 0, 1, 1]), test_size=0.5).reshape(2, 2).sum(axis=1)
        array([1, 1])
    """
    test = _amount(test_size, "test_size")
    unseen_classes = _amount(unseen_classes, "unseen_classes")
    if not isinstance(random_state, (int, np.integer)) or random_state < 0:
        raise ConfigError(
            want="an integer from 0",
            got=repr(random_state),
            where="split(random_state=...)",
            fix="Write for example random_state=0.",
        )
    if not test and not unseen_classes:
        raise ConfigError(
            want="something to test on",
            got="neither test_size nor unseen_classes",
            where="split",
            fix="Give one of them, e.g. test_size=0.2 or unseen_classes=0.2.",
        )
    rng = np.random.default_rng(int(random_state))
    in_test = np.zeros(len(classes), dtype=bool)
    if unseen_classes:
        in_test = draw_unseen(classes, unseen_classes, rng=rng)
        _refuse_groups_on_both_sides(groups, in_test)
    if test:
        rest = np.flatnonzero(~in_test)
        if groups is None:
            in_test[rest] = draw_stratified(classes[rest], test, rng=rng)
        else:
            in_test[rest] = draw_grouped(classes[rest], groups[rest], test=test, rng=rng)
    return in_test


def draw_stratified(classes: np.ndarray, test: float, *, rng: np.random.Generator) -> np.ndarray:
    """Of every class its share, to within one object, and never its last: bool [objects].

    Scikit-learn's StratifiedShuffleSplit refuses classes of one object; here these stay in training.

    Args:
        classes: class numbers, int64 [objects].
        test: a share below 1 of the objects in classes of two or more, or a count (int), which is met exactly.
        rng: draws the objects, and the classes that round up.

    Raises:
        InputError: more test objects than can be spared.

    Examples:
        >>> draw_stratified(np.array([0, 0, 0, 1]), 1, rng=np.random.default_rng(0))[3]
        np.False_
    """
    sizes = np.bincount(classes)
    spare = np.maximum(sizes - 1, 0)
    share = test if isinstance(test, float) else test / max(sizes[sizes > 1].sum(), 1)
    quota = np.minimum(share * sizes, spare)
    total = max(1, round(quota.sum())) if isinstance(test, float) else test
    if total > spare.sum():
        raise InputError(
            want=f"at most {spare.sum()} test objects, so that every class keeps one in training",
            got=f"{total}",
            where=f"split of {len(classes)} objects in {np.count_nonzero(sizes)} classes",
            fix="Lower test, or use unseen_classes= to test on classes that training does not know.",
        )
    counts = np.floor(quota).astype(np.int64)
    # The largest remainders round up, ties by lot; a second round happens only where a count asks for more.
    while (short := total - counts.sum()) > 0:
        order = np.lexsort((rng.random(len(sizes)), counts - quota))
        counts[order[counts[order] < spare[order]][:short]] += 1
    shuffled = rng.permutation(len(classes))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    place_in_class = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    in_test = np.zeros(len(classes), dtype=bool)
    in_test[by_class[place_in_class < np.repeat(counts, sizes)]] = True
    return in_test


def draw_grouped(classes: np.ndarray, groups: np.ndarray, *, test: float, rng: np.random.Generator) -> np.ndarray:
    """Whole groups, in random order, as near to the wanted size as they allow: bool [objects].

    A group that holds all remaining training objects of a class stays in training, which scikit-learn's
    GroupShuffleSplit would not heed.

    Args:
        classes: class numbers, int64 [objects].
        groups: group numbers, int64 [objects].
        test: a share of the objects below 1, or a count (int).
        rng: draws the groups.

    Raises:
        InputError: no group can be spared.

    Examples:
        >>> draw_grouped(np.zeros(4, int), np.array([0, 0, 1, 1]), test=0.5, rng=np.random.default_rng(0)).sum()
        np.int64(2)
    """
    _, groups, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    wanted = test * len(groups) if isinstance(test, float) else test
    pairs = np.unique(np.stack([groups, classes]), axis=1)
    classes_of = np.split(pairs[1], np.flatnonzero(np.diff(pairs[0])) + 1)
    groups_left = np.bincount(pairs[1])
    chosen = np.zeros(len(sizes), dtype=bool)
    size = 0
    for group in rng.permutation(len(sizes)):
        if size + sizes[group] <= wanted and (groups_left[classes_of[group]] > 1).all():
            chosen[group] = True
            size += sizes[group]
            groups_left[classes_of[group]] -= 1
    # Every other group that can be spared is too large by now: the smallest goes too where that comes nearer.
    spare = [g for g in np.flatnonzero(~chosen) if (groups_left[classes_of[g]] > 1).all()]
    if spare:
        smallest = min(spare, key=lambda group: sizes[group])
        chosen[smallest] = not size or size + sizes[smallest] - wanted < wanted - size
    if not chosen.any():
        raise InputError(
            want="a group that holds no class alone, so that every class keeps a group in training",
            got=f"{len(sizes)} groups, none of them",
            where=f"split of {len(groups)} objects by group",
            fix="Use another group, or unseen_classes= to test on classes that training does not know.",
        )
    return chosen[groups]


def draw_unseen(classes: np.ndarray, unseen_classes: float, *, rng: np.random.Generator) -> np.ndarray:
    """All objects of some classes: bool [objects].

    Args:
        classes: class numbers, int64 [objects].
        unseen_classes: a share of the classes below 1, at least one class, or a count (int).
        rng: draws the classes.

    Raises:
        InputError: not enough classes.

    Examples:
        >>> draw_unseen(np.array([0, 1, 0, 1]), 1, rng=np.random.default_rng(0)).sum()
        np.int64(2)
    """
    names = np.unique(classes)
    count = unseen_classes
    if isinstance(count, float):
        count = min(max(round(count * len(names)), 1), max(len(names) - 1, 1))
    if count >= len(names):
        raise InputError(
            want=f"fewer unseen classes than the {len(names)} there are, so that training keeps one",
            got=f"{count}",
            where="split(unseen_classes=...)",
            fix="Lower unseen_classes.",
        )
    return np.isin(classes, rng.choice(names, size=int(count), replace=False))


def _refuse_groups_on_both_sides(groups: np.ndarray | None, in_test: np.ndarray) -> None:
    both = np.intersect1d(groups[in_test], groups[~in_test]) if groups is not None else np.empty(0)
    if both.size:
        raise InputError(
            want="groups with only seen or only unseen classes",
            got=f"{both.size} groups with both",
            where="split(groups=..., unseen_classes=...)",
            fix="Leave out one of the two, or use a group whose objects are all of one class.",
        )


def _amount(value: Any, name: str) -> float:
    """A share as a float, a count as an int, nothing as 0."""
    if value is None:
        return 0
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0:
        return int(value)
    if isinstance(value, (float, np.floating)) and 0 <= value < 1:
        return float(value)
    raise ConfigError(
        want="a share from 0 to below 1, or an integer",
        got=repr(value),
        where=f"split({name}=...)",
        fix=f"Write for example {name}=0.2 for a fifth of them, or {name}=100 for a hundred.",
    )
