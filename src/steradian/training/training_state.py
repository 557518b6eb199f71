"""Everything that changes while a training goes on, so that it can be kept and taken up again."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from steradian.training.learner import Learner

__all__ = ["BestWeights", "History", "TrainingState"]

CENTERS = "best/1.weight"
"""The best class centers, which may be spread over ranks."""


class BestWeights:
    """Remembers the best weights by validation score.

    Args:
        weights: of the model in training.
        patience: validations without a better score before there is no more hope.
        on_improvement: called when the weights in place are the best so far; without validation the latest are.
    """

    def __init__(self, weights: nn.Module, patience: int, on_improvement: Callable[[], None] | None) -> None:
        self.weights, self._patience, self._on_improvement = weights, patience, on_improvement
        self.kept: dict[str, Tensor] = {}
        self.unimproved = 0
        self.score: float | None = None
        self.step = 0

    @property
    def patience_lost(self) -> bool:
        """Whether as many validations as that found nothing better."""
        return self.unimproved >= self._patience

    def see(self, score: float | None, step: int, *, patient: bool) -> None:
        """Take note of a score.

        Args:
            score: None without validation.
            step: after which it was measured.
            patient: a worse score does not count, as while the margin still rises.
        """
        if score is None:
            if self._on_improvement is not None:
                self._on_improvement()
            return
        # Of equal scores the later one is kept: it has been trained with more of the margin.
        if self.score is not None and score < self.score:
            self.unimproved += not patient
            return
        for name, value in self.weights.state_dict().items():
            if name in self.kept:
                self.kept[name].copy_(value)
            else:
                self.kept[name] = value.detach().clone()
        self.unimproved = 0 if self.score is None or score > self.score else self.unimproved + (not patient)
        self.score, self.step = score, step
        if self._on_improvement is not None:
            self._on_improvement()

    def restore(self, last: int) -> int:
        """Put the best weights in place; the step that they are of.

        Args:
            last: the step of those in place, which stay where none were judged.
        """
        if self.score is None:
            return last
        self.weights.load_state_dict(self.kept)
        return self.step


class History:
    """Records of a training, in memory and as JSON lines.

    Args:
        log_file: where they are written too, or None.
    """

    def __init__(self, log_file: Path | None) -> None:
        self._begun = time.monotonic()
        self._log_file = log_file
        self.records: list[dict[str, Any]] = []

    def write(self, step: int, epoch: int, *, loss: float, score: float | None) -> None:
        """Add a record.

        Args:
            step: the last one done.
            epoch: counted from 0.
            loss: the mean since the last record.
            score: of validation, None without it.
        """
        seconds = round(time.monotonic() - self._begun, 3)
        self.records.append({"step": step, "epoch": epoch, "seconds": seconds, "loss": loss, "score": score})
        if self._log_file is not None:
            # The first record replaces an older log, so a training that never begins leaves that alone.
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            with self._log_file.open("w" if len(self.records) == 1 else "a", encoding="utf-8") as file:
                file.write(json.dumps(self.records[-1]) + "\n")

    def take_up(self, records: list[dict[str, Any]]) -> None:
        """Go on behind the records of an earlier process; the log file has these and nothing else.

        Args:
            records: as of `records`.
        """
        self.records = list(records)
        self._begun = time.monotonic() - (records[-1]["seconds"] if records else 0.0)
        if self._log_file is not None and records:
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            self._log_file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


class TrainingState:
    """Weights, moments, generators, counters, the best weights so far and the history.

    Args:
        learner: has the weights and what a step changes beside them.
        best: the best weights.
        history: the records.
    """

    def __init__(self, learner: Learner, best: BestWeights, history: History) -> None:
        self.learner, self.best, self.history = learner, best, history
        self.step, self.losses = 0, 0.0

    def tensors(self) -> dict[str, Tensor]:
        """All that is an array, by name."""
        found = {f"learner/{name}": tensor for name, tensor in self.learner.tensors().items()}
        found |= {f"best/{name}": tensor for name, tensor in self.best.kept.items()}
        slices = self.learner.slices
        if slices is not None and CENTERS in found:
            found[CENTERS] = slices.ranks.gathered(found[CENTERS], slices.counts)
        return found | generators()

    def values(self) -> dict[str, Any]:
        """All that is a plain value."""
        best = {"unimproved": self.best.unimproved, "score": self.best.score, "step": self.best.step}
        return {"step": self.step, "losses": self.losses, "best": best, "history": self.history.records}

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Be as a state that was kept.

        Args:
            tensors: as of `tensors`.
            values: as of `values`.
        """
        self.learner.load({name[8:]: each for name, each in tensors.items() if name.startswith("learner/")})
        self.best.kept = {name[5:]: each.clone() for name, each in tensors.items() if name.startswith("best/")}
        if self.learner.slices is not None and CENTERS in tensors:
            self.best.kept[CENTERS[5:]] = tensors[CENTERS][self.learner.slices.own].clone()
        for name, value in values["best"].items():
            setattr(self.best, name, value)
        self.step, self.losses = values["step"], values["losses"]
        self.history.take_up(values["history"])
        restore_generators(tensors)


def generators() -> dict[str, Tensor]:
    """The states of torch's generators, by device."""
    found = {"generators/cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        found |= {f"generators/cuda{number}": state for number, state in enumerate(torch.cuda.get_rng_state_all())}
    return found


def restore_generators(tensors: Mapping[str, Tensor]) -> None:
    """Set torch's generators as they were.

    Args:
        tensors: as of `generators`.
    """
    torch.random.set_rng_state(tensors["generators/cpu"])
    for number in range(torch.cuda.device_count()):
        if f"generators/cuda{number}" in tensors:
            torch.cuda.set_rng_state(tensors[f"generators/cuda{number}"], number)
