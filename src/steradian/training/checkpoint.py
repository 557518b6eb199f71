"""Trainings kept on disk while they go on, so that a fit that was killed is taken up where it was."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from steradian.errors import SavedModelError
from steradian.saved_files import broken, read_files, read_json, refuse_special_file, replace_files

__all__ = ["Checkpoint", "Stage"]

EVERY = 30.0
"""Seconds between two writings of a state."""


@dataclass
class Checkpoint:
    """A folder that keeps the stages of one fit, such as its first network.

    Args:
        folder: is made when there is something to keep; it is removed at the end of the fit.
        key: tells this fit from another by its options and its table.
        writes: whether this process writes: of several ranks the first.
    """

    folder: Path
    key: str
    writes: bool = True
    _written: float = field(default_factory=time.monotonic, init=False)

    def stage(self, name: str) -> "Stage":
        """A part of the fit.

        Args:
            name: of letters, digits and hyphens.
        """
        return Stage(self, name)

    def remove(self) -> None:
        """Remove the folder, since the fit has come to its end."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Stage:
    """One training of a fit.

    Args:
        checkpoint: the fit's.
        name: of the stage.
    """

    checkpoint: Checkpoint
    name: str

    @property
    def is_due(self) -> bool:
        """Whether it is time to keep a state again."""
        return time.monotonic() - self.checkpoint._written >= EVERY

    def keep(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str | None:
        """Write a state; the one before it stays until this one is whole. A full disk does not end a training.

        Args:
            tensors: by name.
            values: that JSON can hold.

        Returns:
            Why it could not be written, or None.
        """
        if not self.checkpoint.writes:
            return None
        content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        entries = {"key": self.checkpoint.key, "values": dict(values)}
        self.checkpoint._written = time.monotonic()
        try:
            replace_files(self._path, entries, key="state", content=content)
        except OSError as error:
            return f"{type(error).__name__}: {error}"
        return None

    def found(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The tensors and values that were kept; None where nothing was.

        Raises:
            SavedModelError: a state of another fit, or a damaged one.
        """
        if not self._path.exists():
            return None
        _, entries, tensors = read_files(self._path, key="state", read=_read, load=_load)
        if entries["key"] != self.checkpoint.key:
            raise SavedModelError(
                want="a checkpoint of this very fit: the same table, options and versions",
                got="one of another",
                where=str(self._path),
                fix="Name another folder, or remove this one to begin anew.",
            )
        return tensors, entries["values"]

    @property
    def _path(self) -> Path:
        return self.checkpoint.folder / f"{self.name}.json"


def _read(path: Path) -> dict[str, Any]:
    entries = read_json(path)
    if not {"state", "key", "values"} <= set(entries):
        raise broken(path, "the state of a training, whole", f"entries {', '.join(sorted(entries))}"[:100])
    return entries


def _load(path: Path) -> dict[str, Tensor]:
    try:
        refuse_special_file(path)
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise broken(path, "the state of a training, whole", f"{type(error).__name__}: {error}") from error
