"""Results with a row for each subset of modalities: the whole first, found by name, shown in a column."""

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from steradian.errors import InputError
from steradian.text_table import fit_text

__all__ = ["SubsetRow", "SubsetRows"]


class SubsetRow(Protocol):
    """What is known of a subset."""

    @property
    def subset(self) -> tuple[str, ...]:
        """Names of modalities."""
        ...

    @property
    def name(self) -> str:
        """The subset in words."""
        ...


R = TypeVar("R", bound=SubsetRow)


class SubsetRows(Generic[R]):
    """A result that is a row for each subset; `result["photo"]` and `result["photo", "title"]` are one of them.

    Attributes:
        scores: a row a subset, the whole first.
        modalities: all of them, in the order of the schema.
    """

    scores: tuple[R, ...]
    modalities: tuple[str, ...]

    @property
    def whole(self) -> R:
        """The row with all modalities that each object has."""
        return self.scores[0]

    def __getitem__(self, subset: str | Iterable[str]) -> R:
        wanted = {subset} if isinstance(subset, str) else set(subset)
        for row in self.scores:
            if set(row.subset) == wanted or row.name == subset:
                return row
        raise InputError(
            want="a subset that was measured: " + ", ".join(row.name for row in self.scores),
            got=repr(subset),
            where=f"{type(self).__name__}[subset]",
            fix="Name it when you measure: subsets=[...].",
        )

    def __iter__(self) -> Iterator[R]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def shown_name(self, row: R, width: int) -> str:
        """A subset's name within a width; a long one by what it lacks, or by the beginnings of its names.

        Args:
            row: of the subset.
            width: in columns of a terminal.
        """
        name = row.name
        if len(name) > width:
            name = "all but " + ", ".join(other for other in self.modalities if other not in row.subset)
        if len(name) > width:
            each = (width + 1) // len(row.subset) - 1
            name = "+".join(_shortened(one, each) for one in row.subset)
        return name


def _shortened(name: str, width: int) -> str:
    """The beginning of a name and its last character, which tells numbered names apart."""
    whole = fit_text(name, max(width, 1)).rstrip()
    if whole == name or width < 4:
        return whole
    # A character that is not ASCII may take two columns.
    last = 1 if name[-1].isascii() else 2
    return fit_text(name, width - last).rstrip() + name[-1]
