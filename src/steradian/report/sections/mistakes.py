"""What is taken for what, and what is found for an object: with the objects themselves."""

from collections import Counter

import numpy as np

from steradian.data import ObjectTable
from steradian.report.cards import object_card
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing, table

__all__ = ["confusion_section", "neighbor_section"]

DUELS, PAIRS = 6, 20


def confusion_section(findings: Findings) -> Section:
    """The most frequent wrong pairs, each with an object and one of the class it was taken for.

    Args:
        findings: what was measured.
    """
    lead = (
        "Each card shows an object that was taken for another class, beside one of that class; the table counts how "
        "often that happened."
    )
    taken, rows, of_neighbors = _taken(findings)
    own = findings.labels[rows]
    counts = Counter(zip(own.tolist(), taken.tolist(), strict=True))
    sizes = Counter(findings.labels.tolist())
    if not counts:
        return Section("confusions", "Confusions", lead, nothing("No evaluated object was taken for another class."))
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
    how = "has its nearest neighbor in" if of_neighbors else "was taken for"
    lines = [
        [name(right), name(wrong), f"{count:,}", f"{count / sizes[right]:.1%}"]
        for (right, wrong), count in ordered[:PAIRS]
    ]
    duels = [_duel(findings, rows, taken, right, wrong, count) for (right, wrong), count in ordered[:DUELS]]
    note = Html("")
    if of_neighbors:
        note = nothing(
            "The model was not trained on most of these objects' classes, so it cannot predict them: counted is the "
            "class of the nearest neighbor instead."
        )
    body = html(
        note,
        Html('<div class="duel">'),
        *duels,
        Html("</div>"),
        table(f"An object of a class … {how} another", ["class", how, "objects", "of the class"], lines, words=2),
    )
    return Section("confusions", "Confusions", lead, body)


def _taken(findings: Findings) -> tuple[np.ndarray, np.ndarray, bool]:
    """The wrong classes of objects, which objects these are, and whether they are classes of nearest neighbors."""
    predictions, searched = findings.predictions, findings.searched
    if predictions.known.mean() >= 0.5:
        rows = np.flatnonzero(predictions.known & ~predictions.right)
        return predictions.classes[rows], rows, False
    wrong = searched.relevant & ~searched.first_right
    return _inside(findings).labels[searched.neighbors[wrong, 0]], searched.rows[wrong], True


def _inside(findings: Findings) -> ObjectTable:
    return findings.objects if findings.gallery is None else findings.gallery


def _duel(findings: Findings, rows: np.ndarray, taken: np.ndarray, right: object, wrong: object, count: int) -> Html:
    """The object that was most surely taken for the other class, and an object of that class."""
    here = rows[(findings.labels[rows] == right) & (taken == wrong)]
    shown = here[findings.predictions.angles[here].argmin()]
    inside = _inside(findings)
    rivals = np.flatnonzero(inside.labels == wrong)
    if findings.gallery is None and len(rivals):
        # Those of the very class that the model placed nearest to the object.
        rivals = rivals[(findings.vectors[rivals] @ findings.vectors[shown]).argsort()[::-1]]
    rival = object_card(inside, int(rivals[0])) if len(rivals) else nothing("No object of that class is at hand.")
    times = "once" if count == 1 else f"{count:,} times"
    return html(
        Html("<article><h4>"),
        name(right, 30),
        " taken for ",
        name(wrong, 30),
        f", {times}",
        Html('</h4><div class="sides">'),
        object_card(findings.objects, int(shown)),
        rival,
        Html("</div></article>"),
    )


def neighbor_section(findings: Findings) -> Section:
    """Chosen objects and what is nearest to them.

    Args:
        findings: what was measured.
    """
    lead = (
        "At the left an object, beside it the objects nearest to it: queries were drawn at random among those "
        "whose nearest is wrong, then among those where it is right."
    )
    searched, inside = findings.searched, _inside(findings)
    if not searched.neighbors.shape[1]:
        return Section("neighbors", "Nearest neighbors", lead, nothing("There is no other object to find."))
    places = {row: place for place, row in enumerate(searched.rows.tolist())}
    articles = []
    for row in searched.chosen.tolist():
        place = places[row]
        found = zip(searched.neighbors[place].tolist(), searched.angles[place].tolist(), strict=True)
        items = [
            _neighbor(inside, other, angle, right=bool(inside.labels[other] == findings.labels[row]))
            for other, angle in found
            if other >= 0
        ]
        articles.append(
            html(
                Html('<div class="row">'), object_card(findings.objects, row), Html("<ol>"), *items, Html("</ol></div>")
            )
        )
    return Section("neighbors", "Nearest neighbors", lead, html(*articles))


def _neighbor(inside: ObjectTable, row: int, angle: float, *, right: bool) -> Html:
    kind, mark = ("right", "✓ right") if right else ("wrong", "✗ wrong")
    line = Html(f'<p class="mark">{angle:.2f} rad <b>{mark}</b></p>')
    return html(Html(f'<li class="{kind}">'), line, object_card(inside, row), Html("</li>"))
