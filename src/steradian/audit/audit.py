"""`audit`: what in a labelled table a model finds hard to believe, ranked."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from steradian.audit.class_view import ClassView, view_classes
from steradian.audit.close_classes import find_close_classes
from steradian.audit.duplicates import ModalityView, TwinPairs, find_twins, reads_alike
from steradian.audit.findings import Audit, Finding
from steradian.audit.label_noise import longest_prefix
from steradian.audit.outliers import class_offsets, find_outliers, main_centers
from steradian.data import ObjectTable
from steradian.errors import ConfigError, InputError
from steradian.fitted_model import BATCH, Encoded, FittedModel, table_of
from steradian.metrics import to_angles
from steradian.validation import refuse_objects_without, refuse_other_labels, refuse_other_schema

__all__ = ["audit"]


def audit(
    model: FittedModel,
    objects: ObjectTable | Encoded,
    *,
    against: ObjectTable | Encoded | None = None,
    false_alarms: float = 0.05,
    confusion: float = 0.1,
    duplicates: bool = True,
    batch_size: int = BATCH,
) -> Audit:
    """Wrong labels, outliers, near-duplicates and classes too close to tell apart, each ranked by gravity.

    - label: the own label is improbable. The share of wrong labels in the table is estimated, with it the probability
      that each label is right, and as many objects are listed as keep the mean of these at `false_alarms` or below.
    - outlier: nearest to its own class, but far out in it.
    - duplicate: as good as identical to an object of `against`, or to one of the table under another label.
    - classes: objects of one give the other much of their probability.

    Args:
        model: best one that was not trained on these objects.
        objects: a labelled table of its modalities.
        against: another table, such as the one it was trained on, of which no copy should be among the objects.
        false_alarms: the expected share of right labels among those listed.
        confusion: from which mean probability on two classes are too close.
        duplicates: whether to search for them; at worst the time this takes grows with the square of the objects.
        batch_size: objects at a time.

    Raises:
        ConfigError: `false_alarms` or `confusion` is no share.
        InputError: no objects, no labels, labels of one class or of none that the model knows, another schema.
    """
    model.refuse_several(where="audit(objects)")
    copied = None if against is None else table_of(against)
    _check(model, table_of(objects), copied, {"false_alarms": false_alarms, "confusion": confusion})
    encoded = model.encode(objects, batch_size=batch_size)
    objects, view = encoded.objects, _view(encoded)
    _, vectors = encoded.fused(np.ones(len(model.modalities), dtype=bool))
    known = np.flatnonzero(np.isin(objects.labels, model.classes))
    patterns = np.unique(view.present[known], axis=0, return_inverse=True)[1].ravel()
    numbers = np.searchsorted(model.classes, objects.labels[known])
    seen = view_classes(model.classifier, vectors[known], numbers, groups=patterns, usual=model.scale)
    centers = model.classifier.class_centers.detach().cpu().numpy()
    centers = centers.reshape(len(centers), -1, centers.shape[-1])
    names = model.classes.tolist()
    suspects = _suspects(seen, false_alarms)
    findings = [
        *_label_findings(objects, known, seen, suspects, names),
        *_outlier_findings(objects, known, seen, _angles_out(seen, vectors[known], centers), patterns, names),
    ]
    notes = list(_notes(objects, known, seen))
    if duplicates:
        gallery = None if against is None else _view(model.encode(against, batch_size=batch_size))
        found, more = _duplicate_findings(objects, copied, view, gallery, model.modalities)
        findings += found
        notes += more
    believed = np.setdiff1d(np.arange(len(known)), suspects)
    findings += _class_findings(seen, believed, centers, names, confusion)
    classes = len(np.unique(objects.labels))
    return Audit(tuple(findings), len(objects), classes, len(known), seen.noise.noise, tuple(notes))


def _check(model: FittedModel, objects: ObjectTable, against: ObjectTable | None, shares: dict[str, float]) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ConfigError("a share between 0 and 1", repr(share), f"audit({name}=...)", "Leave it out.")
    if not len(objects):
        raise InputError("at least one object", "0 objects", "audit(objects)", "Check how the rows were chosen.")
    tables = {"the audited table": objects} | ({} if against is None else {"the table against": against})
    for name, table in tables.items():
        refuse_other_schema(table, model.schema, where=name)
        rows = np.flatnonzero(model.present(table).any(axis=1))
        refuse_objects_without(table, rows, names=model.modalities)
    if against is objects or (against is not None and not len(against)):
        got = "the very same table" if against is objects else "an empty one"
        raise InputError("another table with objects", got, "audit(against=...)", "Leave it out to search the table.")
    labels = objects.labels
    refuse_other_labels(labels, model.classes, where="the labels of the audited table")
    known = np.unique(labels[np.isin(labels, model.classes)])
    if len(np.unique(labels)) < 2 or not len(known):
        got = f"only {labels[0]!s}" if len(known) else f"none of them, but {labels[0]!s} and the like"
        fix = "Audit a whole table, with the classes that the model was trained on."
        raise InputError("labels of 2 classes or more, some known to the model", got, "the audited table", fix)


def _view(encoded: Encoded) -> ModalityView:
    """The vectors of the modalities."""
    return ModalityView(encoded.seen.vectors.float().numpy(), encoded.seen.present.numpy())


def _suspects(seen: ClassView, false_alarms: float) -> np.ndarray:
    """Objects nearest to another class's center whose labels are least probable, the least first."""
    rows = np.flatnonzero(seen.nearest != seen.numbers)
    rows = rows[np.lexsort((seen.own[rows], seen.right[rows]))]
    return rows[: longest_prefix(seen.right[rows], mean=false_alarms)]


def _label_findings(
    objects: ObjectTable, known: np.ndarray, seen: ClassView, suspects: np.ndarray, names: Sequence[Any]
) -> Iterator[Finding]:
    for rank, at in enumerate(suspects.tolist(), 1):
        own, other = names[seen.numbers[at]], names[seen.nearest[at]]
        angle, other_angle, right = float(seen.angles[at]), float(seen.other_angles[at]), float(seen.right[at])
        sentence = (
            f"Labelled {_quoted(own)}, but nearer to {_quoted(other)}: {other_angle:.2f} rad from its center, "
            f"and {angle:.2f} from its own. The label is right with probability {right:.1%}."
        )
        row = int(known[at])
        yield Finding("label", rank, row, _plain(objects.ids[row]), own, other, angle, other_angle, right, sentence)


def _angles_out(seen: ClassView, vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The angle of each object to the nearest main center of its class, of those that are nearest to their class."""
    right = seen.nearest == seen.numbers
    main, cosines = main_centers(vectors[right], seen.numbers[right], centers)
    angles = seen.angles.copy()
    if centers.shape[1] > 1:
        nearest_main = np.where(main[seen.numbers[right]], cosines, -np.inf).max(axis=1)
        angles[right] = to_angles(nearest_main)
    return angles


def _outlier_findings(
    objects: ObjectTable,
    known: np.ndarray,
    seen: ClassView,
    angles: np.ndarray,
    patterns: np.ndarray,
    names: Sequence[Any],
) -> Iterator[Finding]:
    right = np.flatnonzero(seen.nearest == seen.numbers)
    if not len(right):
        return
    offsets = class_offsets(angles[right], seen.numbers[right], patterns[right])
    for rank, at in enumerate(find_outliers(offsets, angles[right], seen.other_angles[right]).tolist(), 1):
        place, offset = right[at], float(offsets[at])
        own, other = names[seen.numbers[place]], names[seen.others[place]]
        angle, other_angle = float(angles[place]), float(seen.other_angles[place])
        sentence = (
            f"{angle:.2f} rad from the center of its class {_quoted(own)}, {offset:.1f} robust standard deviations "
            f"farther than is usual there; the next class, {_quoted(other)}, is {other_angle:.2f} away."
        )
        row = int(known[place])
        yield Finding("outlier", rank, row, _plain(objects.ids[row]), own, other, angle, other_angle, offset, sentence)


def _duplicate_findings(
    objects: ObjectTable,
    against: ObjectTable | None,
    view: ModalityView,
    gallery: ModalityView | None,
    modalities: Sequence[str],
) -> tuple[list[Finding], list[str]]:
    """Twins in the other table, and in this one under another label; those alike in most first, then other labels."""
    within = find_twins(view)
    differ = objects.labels[within.left] != objects.labels[within.right]
    found = [(within, pair, objects) for pair in np.flatnonzero(differ).tolist()]
    count = int(np.sum(~differ))
    words = "pair within the table is a near-duplicate" if count == 1 else "pairs within the table are near-duplicates"
    notes = [f"{count:,} {words} of one label."] if count else []
    common = within.common
    if against is not None and gallery is not None:
        across = find_twins(view, gallery)
        found += [(across, pair, against) for pair in range(len(across.left))]
        common += across.common
    if common:
        notes.append(f"{common:,} pairs agree in a part of what they have, as several objects do there: not listed.")
    notes += [
        f"Most objects have a copy in {' + '.join(np.compress(subset, modalities))}, so that copies in it alone are "
        "not listed."
        for subset in within.skipped
    ]

    def gravity(entry: tuple[TwinPairs, int, ObjectTable]) -> tuple[int, bool, float, int]:
        pairs, pair, other = entry
        labels = other.labels_or_none
        same = labels is None or labels[pairs.right[pair]] == objects.labels[pairs.left[pair]]
        return -int(pairs.shared[pair].sum()), same, float(pairs.angles[pair]), int(pairs.left[pair])

    ranked = enumerate(sorted(found, key=gravity), 1)
    return [_duplicate(objects, *entry, modalities=modalities, rank=rank) for rank, entry in ranked], notes


def _duplicate(
    objects: ObjectTable, pairs: TwinPairs, pair: int, other: ObjectTable, *, modalities: Sequence[str], rank: int
) -> Finding:
    row, twin = int(pairs.left[pair]), int(pairs.right[pair])
    angle, usual = float(pairs.angles[pair]), float(pairs.usual[pair])
    shared = np.compress(pairs.shared[pair], modalities).tolist()
    alike = all(reads_alike(objects, row, other, twin, modality=name) for name in shared)
    labels, label = other.labels_or_none, _plain(objects.labels[row])
    other_label = None if labels is None else _plain(labels[twin])
    across = other is not objects
    usual_words = "" if np.isnan(usual) else f"; a usual nearest neighbor is {usual:.2f} away"
    sentence = (
        f"{'Reads the same as' if alike else 'As good as identical to'} {_quoted(_plain(other.ids[twin]))} of "
        f"{'the other table' if across else 'this table'} in {' + '.join(shared)} "
        f"({angle:.4f} rad{usual_words})"
    )
    if labels is not None:
        same = other_label == label
        sentence += (
            f", {'both' if same else f'which is labelled {_quoted(other_label)}, and this one'} {_quoted(label)}"
        )
    return Finding(
        kind="duplicate",
        rank=rank,
        row=row,
        id=_plain(objects.ids[row]),
        label=label,
        other=_plain(other.ids[twin]),
        angle=angle,
        other_angle=None if np.isnan(usual) else usual,
        score=0.0 if np.isnan(usual) else angle / usual,
        sentence=f"{sentence}.",
        other_row=twin,
        other_label=other_label,
        across=across,
    )


def _class_findings(
    seen: ClassView, believed: np.ndarray, centers: np.ndarray, names: Sequence[Any], confusion: float
) -> Iterator[Finding]:
    pairs = find_close_classes(seen.probabilities[believed], seen.numbers[believed], centers, confusion=confusion)
    for rank, pair in enumerate(pairs, 1):
        one, other = names[pair.confused], names[pair.other]
        sentence = (
            f"Objects of {_quoted(one)} give {_quoted(other)} {pair.confusion:.0%} of their probability on average, "
            f"and those of {_quoted(other)} give {_quoted(one)} {pair.back:.0%}; their centers are "
            f"{pair.angle:.2f} rad apart."
        )
        yield Finding("classes", rank, None, None, one, other, pair.angle, None, pair.confusion, sentence)


def _notes(objects: ObjectTable, known: np.ndarray, seen: ClassView) -> Iterator[str]:
    if unknown := len(objects) - len(known):
        classes = len(np.setdiff1d(objects.labels, objects.labels[known]))
        yield f"{unknown:,} objects of {classes:,} classes that the model does not know were judged as duplicates only."
    if (seen.nearest == seen.numbers).all():
        yield (
            "Every object is nearest to its own class. A model that was trained on these objects may have learnt wrong "
            "labels by heart: audit them with one that was not."
        )


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _quoted(value: Any) -> str:
    """A name in a sentence: on one line, whatever it holds, and not too long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:58]}…{text[-1]}"
