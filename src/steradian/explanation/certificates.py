"""Unanimity certificates: what no missing modality can change about a prediction."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steradian.errors import InputError
from steradian.metrics import guaranteed_leads
from steradian.model_answers import EncodedObjects
from steradian.result_table import ResultTable
from steradian.text_table import fit_text

__all__ = ["Certificates", "certify"]

_SHOWN = 10
_LINE = "{} {} {} {:>6} {:>15}"


@dataclass(frozen=True, eq=False, repr=False)
class Certificates(ResultTable, rows="objects", line=_LINE, words={"object", "predicted", "runner-up"}):
    """Of each object the class it keeps, whatever of its modalities is missing; prints as a table.

    A lead is by how much the cosine to the predicted class exceeds the cosine to another one. One above 0 is a
    guarantee: every subset of the modalities that the object has leads by at least as much. One of 0 or less guarantees
    nothing.
    `certificates[i]` and `certificates[i:j]` are those of some of the objects.

    Args:
        ids: of the objects [objects].
        predicted: the class of the whole object [objects].
        leads: the guaranteed lead over the class that is hardest to stay ahead of, in cosine [objects].
        runners_up: that class [objects].
        below: how many classes are guaranteed to stay below the predicted one, int64 [objects].
        classes: all class names [num_classes].
        all_leads: the guaranteed lead over each class float32 [objects, num_classes], NaN over itself; None unless
            asked for.

    Examples:
        >>> names = np.array(["cup", "jar", "lamp"])
        >>> leads = np.array([0.31, -0.02])
        >>> Certificates(np.array([7, 8]), names[[0, 2]], leads, names[[1, 0]], np.array([2, 1]), names)
        Certificates: 2 objects, 1 (50.0%) certified
        object            predicted           runner-up             lead   classes below
        7                 cup                 jar                  0.310             2/2
        8                 lamp                cup                 -0.020             1/2
        A lead above 0 holds in every subset of what the object has; any other guarantees
        nothing.
    """

    ids: np.ndarray
    predicted: np.ndarray
    leads: np.ndarray
    runners_up: np.ndarray
    below: np.ndarray
    classes: np.ndarray
    all_leads: np.ndarray | None = None

    @property
    def certified(self) -> np.ndarray:
        """Which objects keep their class in every subset of what they have: bool [objects]."""
        return np.asarray(self.leads > 0)

    @property
    def share(self) -> float:
        """The share of certified objects, from 0 to 1."""
        return float(self.certified.mean())

    def leads_of(self, row: int) -> dict[Any, float]:
        """The guaranteed lead of an object over each other class, the least first.

        Args:
            row: of these certificates, counted from 0.

        Raises:
            InputError: only the runner-up is known.
        """
        if self.all_leads is None:
            raise InputError(
                want="the leads over all classes",
                got="only that over the runner-up",
                where="certificates.leads_of(row)",
                fix="Ask for them: model.certify(objects, all_classes=True).",
            )
        leads = self.all_leads[row].astype(np.float64)
        others = np.argsort(leads)[: len(self.classes) - 1]
        return dict(zip(self.classes[others].tolist(), leads[others].tolist(), strict=True))

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Any) -> "Certificates":
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in ("ids", "predicted", "leads", "runners_up", "below")},
            all_leads=None if self.all_leads is None else self.all_leads[chosen],
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the leads over all classes only where they were asked for."""
        columns = ("ids", "predicted", "leads", "runners_up", "below", "certified")
        singular = ("id", "predicted", "lead", "runner_up", "below", "certified")
        lists = [getattr(self, column).tolist() for column in columns]
        objects = [dict(zip(singular, cells, strict=True)) for cells in zip(*lists, strict=True)]
        if self.all_leads is not None:
            for row, entry in enumerate(objects):
                entry["leads"] = [[name, lead] for name, lead in self.leads_of(row).items()]
        return {"share": self.share, "classes": len(self.classes), "objects": objects}

    def _title(self) -> str:
        count = f"{len(self):,} object{'s' * (len(self) != 1)}"
        return f"Certificates: {count}, {np.count_nonzero(self.certified):,} ({self.share:.1%}) certified"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield [*self._names("object", "predicted", "runner-up"), "lead", "classes below"]
        for row in range(min(len(self), _SHOWN)):
            # Rounded down, since the guarantee is no more than that.
            lead = f"{math.floor(self.leads[row] * 1000) / 1000:.3f}"
            words = self._names(self.ids[row], self.predicted[row], self.runners_up[row])
            yield [*words, lead, f"{self.below[row]}/{len(self.classes) - 1}"]

    def _names(self, *words: Any) -> list[str]:
        return [fit_text(str(word), width) for word, width in zip(words, (17, 19, 19), strict=True)]

    def _notes(self) -> list[str]:
        more = [f"... {_SHOWN} of {len(self):,} objects shown"] if len(self) > _SHOWN else []
        return [*more, "A lead above 0 holds in every subset of what the object has; any other guarantees nothing."]


def certify(objects: EncodedObjects, *, all_classes: bool = False) -> Certificates:
    """What every subset of an object's present modalities is bound to rank below the class of the whole object.

    Args:
        objects: encoded by a model with fusion="certified" or "context".
        all_classes: keep the lead over every class, objects x classes numbers.

    Raises:
        ConfigError: fusion="free".
        InputError: no objects, or one without any modality.
    """
    objects.model.refuse_several(where="certify(objects)")
    objects.check_sums(where="certify(objects)")
    model = objects.model
    centers, numbers, found = model.class_centers, [], []
    for summands in objects.summands():
        _, fused = summands.fuse(summands.present)
        numbers.append(model.nearest(fused)[0])
        leads = guaranteed_leads(
            summands.vectors,
            summands.present,
            class_centers=centers,
            classes=numbers[-1],
            context_limit=model.context_limit,
            all_classes=all_classes,
        )
        found.append(leads)
    return Certificates(
        ids=objects.objects.ids,
        predicted=model.classes[np.concatenate(numbers)],
        leads=np.concatenate([part.least for part in found]),
        runners_up=model.classes[np.concatenate([part.runners_up for part in found])],
        below=np.concatenate([part.below for part in found]),
        classes=model.classes,
        all_leads=np.concatenate([part.all_classes for part in found]) if all_classes else None,
    )
