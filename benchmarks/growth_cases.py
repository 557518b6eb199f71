"""An objective at a number of modalities, objects and classes, ready to run: what `benchmarks.growth` measures."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import Preprocessor
from steradian.model import ModalityVectors, SphericalClassifier, TensorBatch, build_encoder
from steradian.training import OBJECTIVES, derive, with_derived
from steradian.training.build_objective import build_objective
from steradian.training.learner import Learner

CENTERED = [name for name, objective in OBJECTIVES.items() if objective.learns_centers]
CLASS_OBJECTIVES = (*CENTERED, "cross_entropy", "gmc_cross_entropy")
"""Those whose cost depends on the number of classes."""

FEATURES = 32
GROUP = 4
"""Objects of a class that stand together, so that losses over pairs find positives, as in training."""
STEPS = 100
"""Of the schedule, of which every measured step is the middle one, at full margin."""

Axis = Literal["modalities", "objects", "classes"]
LETTERS: dict[Axis, str] = {"modalities": "M", "objects": "N", "classes": "C"}


class Size(NamedTuple):
    """Modalities M, objects of a batch N, and classes C."""

    modalities: int
    objects: int
    classes: int


class Case(NamedTuple):
    """What one time belongs to: an objective alone, or the whole step of a training by it."""

    objective: str
    size: Size
    whole_step: bool = False

    def __str__(self) -> str:
        numbers = (f"{letter}={number}" for letter, number in zip(LETTERS.values(), self.size, strict=True))
        return f"{self.objective}, {' '.join(numbers)}, {'step' if self.whole_step else 'objective'}"


class Sweep(NamedTuple):
    """Sizes that differ in one number.

    Args:
        axis: which.
        values: it takes.
        size: the other numbers.
        whole_step: of training, or the objective alone.
    """

    axis: Axis
    values: tuple[int, ...]
    size: Size
    whole_step: bool = False

    @property
    def letter(self) -> str:
        """M, N or C."""
        return LETTERS[self.axis]

    @property
    def fixed(self) -> str:
        """The other numbers in words."""
        return ", ".join(f"{LETTERS[axis]} = {getattr(self.size, axis)}" for axis in LETTERS if axis != self.axis)

    def case(self, objective: str, value: int) -> Case:
        """The case at a value; the same one at all numbers of classes where the objective looks at none."""
        blind = self.axis == "classes" and objective not in CLASS_OBJECTIVES
        return Case(objective, self.size if blind else self.size._replace(**{self.axis: value}), self.whole_step)


USUAL = Size(4, 256, 100)
"""What stays the same where another number is varied."""


@dataclass(frozen=True)
class Grid:
    """The sizes to measure at.

    Args:
        modalities: M, at `objects_of_step` and at the usual N.
        objects: N.
        classes: C.
        break_even_classes: C at every M and N, for the margin softmax alone.
        objects_of_step: N of a whole training step.
    """

    modalities: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16)
    objects: tuple[int, ...] = (64, 128, 256, 512, 1024)
    classes: tuple[int, ...] = (5, 40, 100, 1_000, 10_000, 100_000)
    break_even_classes: tuple[int, ...] = (5, 40, 100, 1_000, 10_000)
    objects_of_step: int = TrainingConfig().batch_size

    @property
    def sweeps(self) -> list[Sweep]:
        """Each with a table and a plot of its own."""
        small = USUAL._replace(objects=self.objects_of_step)
        return [
            Sweep("modalities", self.modalities, small),
            Sweep("modalities", self.modalities, USUAL),
            Sweep("modalities", self.modalities, small, whole_step=True),
            Sweep("objects", self.objects, USUAL),
            Sweep("classes", self.classes, USUAL),
        ]

    @property
    def break_even_sizes(self) -> list[Size]:
        """Every M and N measured, at the usual number of classes."""
        sweeps = [sweep for sweep in self.sweeps if sweep.axis != "classes"]
        return sorted({sweep.case("clip", value).size for sweep in sweeps for value in sweep.values})

    def cases(self, objectives: Sequence[str]) -> list[Case]:
        """All, each once."""
        cases = [sweep.case(kind, n) for sweep in self.sweeps for kind in objectives for n in sweep.values]
        if {"angular", "clip"} <= set(objectives):
            sizes = [size._replace(classes=n) for size in self.break_even_sizes for n in self.break_even_classes]
            cases += [Case("angular", size) for size in sizes]
        return list(dict.fromkeys(cases))


QUICK = Grid((2, 4, 8), (64, 256, 512), (5, 100, 1_000, 10_000), (5, 100, 1_000))


@dataclass(frozen=True)
class Measured:
    """What was found.

    Args:
        seconds: of CPU of each case in each round.
        peaks: bytes that an objective takes beyond its inputs.
    """

    seconds: dict[Case, list[float]]
    peaks: dict[Case, int]

    def ms(self, case: Case) -> float:
        """The median in milliseconds."""
        return 1e3 * statistics.median(self.seconds[case])


@dataclass(frozen=True)
class Run:
    """A case that is ready.

    Args:
        once: run it.
        leaves: tensors whose gradient it leaves behind.
    """

    once: Callable[[], object]
    leaves: tuple[Tensor, ...] = ()

    def __call__(self) -> None:
        """Run it after the last gradients are gone, as before a step of training."""
        self.drop_gradients()
        self.once()

    def drop_gradients(self) -> None:
        """Set all of them to None."""
        for leaf in self.leaves:
            leaf.grad = None


def make_run(case: Case) -> Run:
    """The case on made-up data, always the same."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    modalities, objects, classes = case.size
    labels = rng.integers(classes, size=-(-objects // GROUP)).repeat(GROUP)[:objects]
    config = TrainingConfig(objective=case.objective, batch_size=objects)
    model = with_derived(ModelConfig(), objects=objects, num_classes=classes)
    derived = derive(config, labels, num_classes=classes, model=model)
    classifier = SphericalClassifier(classes, model.dim)
    if case.whole_step:
        columns = {f"x{m}": rng.normal(size=(objects, FEATURES)).astype(np.float32) for m in range(modalities)}
        schema = sr.Schema({name: sr.Vector(name) for name in columns})
        table = sr.read_objects({**columns, "label": labels}, schema)
        preprocessor = Preprocessor.fit(table)
        batch = preprocessor.prepare(table, labels).batch(np.arange(objects))
        encoder = build_encoder(preprocessor.modalities, model)
        learner = Learner(encoder, classifier, config=config, derived=derived, steps=STEPS)
        return Run(lambda: learner.learn(batch, STEPS // 2))
    objective = build_objective(classifier, config, derived)
    given = _Given(modalities, objects, model.dim)
    batch = TensorBatch({}, torch.ones(objects, modalities, dtype=torch.bool), torch.from_numpy(labels))
    return Run(
        lambda: objective(given, batch, strength=1.0).backward(),  # type: ignore[arg-type]
        (*given.leaves(), *objective.parameters()),
    )


class _Given:
    """In the place of an encoder: unit vectors that are there already, so that only the objective takes time."""

    def __init__(self, modalities: int, objects: int, dim: int) -> None:
        # Objectives fuse the whole objects alone, or these and their subsets in one call.
        shapes = (objects, modalities, dim), (objects, dim), (2 * objects, dim)
        self._vectors, self._whole, self._twice = (
            F.normalize(torch.randn(shape), dim=-1).requires_grad_() for shape in shapes
        )

    def leaves(self) -> Iterator[Tensor]:
        """All vectors."""
        yield from (self._vectors, self._whole, self._twice)

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        return ModalityVectors(self._vectors, self._vectors, batch.present)

    def fuse(self, encoded: ModalityVectors, subset: Tensor | None = None) -> Tensor:
        return self._whole if len(encoded.present) == len(self._whole) else self._twice
