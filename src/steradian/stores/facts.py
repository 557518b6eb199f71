"""What a store keeps of the model that filled it, and which columns its rows have."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from steradian.errors import InputError, SavedModelError
from steradian.saved_files import check_value

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KEY", "StoreFacts"]

KEY = "steradian"
"""Under this name stores keep the facts."""
_FORMAT = 1
_KINDS: dict[str, Any] = {
    "format": int,
    "fingerprint": str | None,
    "dim": int,
    "kinds": dict[str, str],
    "thresholds": dict[str, Any] | None,
}


@dataclass(frozen=True)
class StoreFacts:
    """What a store was filled with.

    Args:
        fingerprint: of the model, or None where it has none.
        dim: the width of the vectors.
        kinds: of the columns: "text", "integer", "number" or "boolean" by name, "id" first; without the vectors.
        thresholds: what `calibrate` found, as `Calibration.to_dict` gives it; None without a calibration.

    Examples:
        >>> facts = StoreFacts("3f", 4, {"id": "text", "has_photo": "boolean"})
        >>> StoreFacts.from_json(facts.to_json(), "shoes") == facts
        True
        >>> facts.schema.names
        ['id', 'vector', 'has_photo']
    """

    fingerprint: str | None
    dim: int
    kinds: Mapping[str, str]
    thresholds: Mapping[str, Any] | None = None

    @property
    def schema(self) -> "pa.Schema":
        """The columns as Arrow has them: the id, the vector, and the others."""
        import pyarrow as pa

        types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
        plain = {name: types[kind] for name, kind in self.kinds.items()}
        return pa.schema({"id": plain["id"], "vector": pa.list_(pa.float32(), self.dim)} | plain)

    def to_json(self) -> str:
        """One line, which says the metric too: the cosine."""
        return json.dumps({"format": _FORMAT, "metric": "cosine", **asdict(self)})

    @classmethod
    def from_json(cls, text: str | bytes, place: str) -> "StoreFacts":
        """The facts that a line says; nothing in it is trusted.

        Args:
            text: that `to_json` gave.
            place: where it stands, for messages.

        Raises:
            SavedModelError: no such line, or one of another version.
        """
        try:
            entries = json.loads(text)
            for name, kind in _KINDS.items():
                check_value(entries[name], kind, where=f"{place}, {name}")
            facts = cls(*(entries[name] for name in ("fingerprint", "dim", "kinds", "thresholds")))
            if entries["format"] != _FORMAT or facts.schema.names[:2] != ["id", "vector"]:
                raise ValueError(f"format {entries['format']}")
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            fix = "Fill another place, or use the version of steradian that filled it."
            raise SavedModelError("what steradian keeps in a store", str(error)[:100], place, fix) from error
        return facts

    def joined(self, new: "StoreFacts", place: str) -> "StoreFacts":
        """The facts after rows of the same model have come in, with its newest thresholds.

        Args:
            new: of these rows, which may lack columns and have integers for numbers.
            place: of the store, for messages.

        Raises:
            InputError: a column that the store does not have, or has of another kind.
        """
        for name, kind in new.kinds.items():
            old = self.kinds.get(name)
            if old != kind and (old, kind) != ("number", "integer"):
                got = f"{name!r}, a column of the kind {kind!r}"
                want = f"the columns that the store has: {', '.join(f'{n} ({k})' for n, k in self.kinds.items())}"
                raise InputError(want, got, place, "Leave it out, or fill another place.")
        return replace(self, thresholds=new.thresholds)
