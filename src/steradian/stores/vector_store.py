"""What is asked of a vector store: a file of this folder for each engine answers it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from steradian.errors import SavedModelError, SteradianError, StoreError
from steradian.stores.conditions import Condition
from steradian.stores.facts import StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["VectorStore", "check_maker", "telling_engine_errors"]


class VectorStore(Protocol):
    """Rows with an id, a unit vector and plain columns, in an engine; the metric is the cosine.

    Attributes:
        place: where it is, as messages show it; without a password.
        errors: what the engine raises where it cannot do what is asked.
    """

    place: str
    errors: tuple[type[Exception], ...]

    def facts(self) -> StoreFacts | None:
        """What it was filled with; None where nothing is there yet.

        Raises:
            SavedModelError: something else than steradian's is there.
        """
        ...

    def create(self, facts: StoreFacts) -> None:
        """Make it, without rows."""
        ...

    def keep(self, facts: StoreFacts) -> None:
        """Keep newer facts of the same columns."""
        ...

    def upsert(self, batches: Iterable["pa.Table"]) -> None:
        """Take rows of `facts.schema`; a row with an id that is there replaces that one."""
        ...

    def known(self, ids: list[Any]) -> list[Any]:
        """Those of some ids that are there."""
        ...

    def remove(self, ids: list[Any]) -> None:
        """Remove the rows with these ids."""
        ...

    def search(self, vectors: np.ndarray, k: int, where: Sequence[Condition], *, exact: bool) -> "list[pa.Table]":
        """The k nearest rows of each vector [queries, dim] that meet all conditions, as `facts.schema` has them.

        Not exact, the engine's own index may be used, and what it finds may be fewer.
        """
        ...

    def count(self) -> int:
        """How many rows there are."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


def check_maker(facts: StoreFacts, fingerprint: str | None, place: str) -> None:
    """See to it that a store was filled by a model.

    Args:
        facts: of the store.
        fingerprint: of the model; None cannot be compared.
        place: of the store, for messages.

    Raises:
        SavedModelError: another model has filled it.
    """
    if fingerprint and facts.fingerprint and fingerprint != facts.fingerprint:
        want = f"a store filled by this model ({fingerprint})"
        fix = "Their angles mean nothing to each other: use that model, or fill another place."
        raise SavedModelError(want, f"one filled by another ({facts.fingerprint})", place, fix)


@contextmanager
def telling_engine_errors(store: VectorStore) -> Iterator[None]:
    """Tell what an engine raises as a user's error.

    Args:
        store: of the engine.

    Raises:
        StoreError: the engine cannot do what is asked.
    """
    try:
        yield
    except SteradianError:
        raise
    except store.errors as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        fix = "Check the place, that its server runs, and what it says."
        raise StoreError("a store that does what it is asked", lines[0][:300], store.place, fix) from error
