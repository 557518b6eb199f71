"""What `add_classes` says: for each new class how near the other ones are."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from steradian.result_table import ResultTable
from steradian.text_table import fit_text

__all__ = ["AddedClass", "AddedClasses"]

_SHOWN = 10
_LINE = "{} {:>8} {} {:>5} {:>6} {:>8} {}"
_WORDS = {"class": 18, "nearest class": 16, "mostly with": 13}


@dataclass(frozen=True)
class AddedClass:
    """A new class, and how near the others are. What one example cannot tell is None.

    Args:
        name: its label.
        examples: how many objects its center was made from.
        nearest: the class of the nearest other center, old or new.
        angle: from its center to that one, in radians; the least one where classes have several.
        spread: the angle of an example to the center made without it, in radians; the mean over the examples.
        confusion: the probability that an example gives to other classes, the center made without it; likewise.
        confused_with: the class that takes most of that probability.
    """

    name: Any
    examples: int
    nearest: Any
    angle: float
    spread: float | None = None
    confusion: float | None = None
    confused_with: Any = None

    @property
    def crowded(self) -> bool:
        """Whether its own examples give more probability to other classes than to it."""
        return self.confusion is not None and self.confusion > 0.5


@dataclass(frozen=True, repr=False)
class AddedClasses(ResultTable, rows="classes", line=_LINE, words=_WORDS):
    """What was added to a model, the most confused class first; prints as a table.

    Args:
        classes: the new classes, the largest confusion first, those of one example last.
        num_classes: of the model, these included.
        scale: the factor of the cosines behind the probabilities: what `calibrate` fitted for whole objects, or
            `scale_`.
        calibrated: whether the model has thresholds, which were fitted without these classes.

    Examples:
        >>> cup = AddedClass("cup", 5, nearest="jar", angle=0.62, spread=0.55, confusion=0.58, confused_with="jar")
        >>> AddedClasses((cup, AddedClass("pan", 1, nearest="lid", angle=1.2)), num_classes=12, scale=14.2)
        AddedClasses: 2 new classes from 6 examples, 12 classes in all
        class              examples nearest class    angle spread confused mostly with
        cup                       5 jar              0.620  0.550    58.0% jar
        pan                       1 lid              1.200      -        - -
        1 is crowded: confused above 50%, taken for other classes more than for itself.
        1 from one example, which says nothing of spread and confusion.
        Angles in radians. Confused: the probability that an example gives to other
        classes when the center is made without it, at scale 14.2.
    """

    classes: tuple[AddedClass, ...]
    num_classes: int
    scale: float
    calibrated: bool = False

    @property
    def crowded(self) -> tuple[Any, ...]:
        """The names of the classes whose own examples give more probability to other classes than to them."""
        return tuple(added.name for added in self.classes if added.crowded)

    def __len__(self) -> int:
        return len(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        classes = [asdict(added) | {"crowded": added.crowded} for added in self.classes]
        return asdict(self) | {"classes": classes, "crowded": list(self.crowded)}

    def _title(self) -> str:
        examples = sum(added.examples for added in self.classes)
        new = f"{len(self):,} new class{'es' * (len(self) != 1)} from {examples:,} example{'s' * (examples != 1)}"
        return f"AddedClasses: {new}, {self.num_classes:,} classes in all"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        rows = [("class", "examples", "nearest class", "angle", "spread", "confused", "mostly with")]
        for added in self.classes[:_SHOWN]:
            spread, confusion, taker = "-", "-", "-"
            if added.spread is not None and added.confusion is not None:
                spread, confusion, taker = f"{added.spread:.3f}", f"{added.confusion:.1%}", str(added.confused_with)
            numbers = str(added.name), f"{added.examples:,}", str(added.nearest), f"{added.angle:.3f}"
            rows.append((*numbers, spread, confusion, taker))
        for row in rows:
            yield [
                fit_text(cell, _WORDS[head]) if head in _WORDS else cell
                for head, cell in zip(rows[0], row, strict=True)
            ]

    def _notes(self) -> Iterator[str]:
        if len(self) > _SHOWN:
            yield f"... {_SHOWN} of {len(self):,} new classes shown, the most confused first"
        known = [added for added in self.classes if added.confusion is not None]
        if crowded := len(self.crowded):
            them = "1 is" if crowded == 1 else f"{crowded:,} are"
            yield f"{them} crowded: confused above 50%, taken for other classes more than for itself."
        elif known:
            yield "None is crowded: each is taken for itself more than for other classes."
        if single := len(self) - len(known):
            yield f"{single:,} from one example, which says nothing of spread and confusion."
        meaning = "the probability that an example gives to other classes when the center is made without it"
        yield f"Angles in radians. Confused: {meaning}, at scale {self.scale:.1f}."
        if self.calibrated:
            yield "The thresholds were fitted without these classes: call model.calibrate again."
