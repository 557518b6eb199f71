"""What a training costs by objects, classes and ranks: memory, wire and time, from measured steps and the algebra.

A step of N ranks, B objects each, M modalities, C classes and vectors of D numbers has R = N B (M + 2) rows, N B of one
modality. The seconds of a core that it takes a rank are

    fixed + own B + joined N B + product R C / N D + update C / N D + messages (N > 1),

with six constants that are fitted to steps of one rank and of two (`python -m benchmarks scale --measure`). To that
comes the wire: bytes over bandwidth, and for each message a latency times log2 N. Every formula is linear in what it
names; no cache, no contention and no slow rank is in it.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from steradian.training.shared_work import MANY, wire_a_step

__all__ = ["Cost", "Training", "fit_constants", "kept_points", "measure", "run"]

RESULTS = Path(__file__).parent / "results" / "scale.json"
TERMS = "fixed", "own", "joined", "product", "update", "messages"
MESSAGES, MODALITIES, DIM, BATCH = 7, 2, 128, 64
POINTS = (16, 64), (16, 256), (4096, 64), (4096, 256), (65_536, 64), (65_536, 256), (1_000_000, 64)
LEAST = 0.8
"""Share of the linear speed up to which more ranks count as linear."""


@dataclass(frozen=True)
class Training:
    """A training to be estimated.

    Args:
        classes: of the model.
        ranks: processes, a core or a device each.
        batch: objects a step of each rank.
        modalities: of the schema.
        dim: length of a vector.
        weights: of the encoders.
        rowwise: `center_optimizer="rowwise"`.
    """

    classes: int
    ranks: int = 1
    batch: int = BATCH
    modalities: int = MODALITIES
    dim: int = DIM
    weights: int = 201_216
    rowwise: bool = False

    @property
    def rows(self) -> int:
        """Rows of a step, of all ranks."""
        return self.batch * self.ranks * (1 if self.modalities == 1 else self.modalities + 2)

    @property
    def slice(self) -> float:
        """Classes that a rank holds."""
        return self.classes / self.ranks if self.classes >= MANY else self.classes

    @property
    def terms(self) -> list[float]:
        """What each constant is multiplied with."""
        numbers = self.slice * self.dim
        return [1, self.batch, self.batch * self.ranks, self.rows * numbers, numbers, float(self.ranks > 1)]

    @property
    def memory(self) -> float:
        """Bytes of class centers, gradient and moments of a rank, and of its encoders with theirs."""
        numbers = self.slice * self.dim
        return 4 * (numbers + 2 * self.slice if self.rowwise else 4 * numbers) + 16 * self.weights

    @property
    def wire(self) -> int:
        """Bytes that a rank sends in a step."""
        spread, objects = self.classes >= MANY, self.batch * self.ranks
        return wire_a_step(objects, self.modalities, self.dim, weights=self.weights, spread=spread, size=self.ranks)


@dataclass(frozen=True)
class Cost:
    """Of a step.

    Args:
        work: seconds of a core of each rank.
        sending: seconds of the wire.
        training: that it is of.
    """

    work: float
    sending: float
    training: Training

    @classmethod
    def of(cls, training: Training, constants: Mapping[str, float], *, bandwidth: float, latency: float) -> "Cost":
        """The cost by these constants, on a wire of so many bytes a second and seconds of a message."""
        work = float(np.dot([constants[name] for name in TERMS], training.terms))
        messages = MESSAGES * latency * math.log2(training.ranks) if training.ranks > 1 else 0.0
        return cls(work, messages + training.wire / bandwidth, training)

    @property
    def speed(self) -> float:
        """Objects a second."""
        return self.training.batch * self.training.ranks / (self.work + self.sending)


def fit_constants(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Constants of 0 or more that leave the least squares of relative errors.

    Args:
        points: measured steps, as `benchmarks.scale_steps` prints them.
    """
    scaled = [np.array(_of(point).terms) / point["work"] for point in points]
    # Terms differ by ten powers of ten.
    sizes = np.abs(scaled).max(axis=0)
    found, _ = nnls(np.array(scaled) / sizes, np.ones(len(points)))
    return dict(zip(TERMS, (found / sizes).tolist(), strict=True))


def kept_points() -> list[dict[str, Any]]:
    """The measured steps in the results."""
    points: list[dict[str, Any]] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return points


def measure(*, quick: bool) -> None:
    """Time steps of one rank and of two, and keep them.

    Args:
        quick: only the smallest sizes, which are printed and not kept.
    """
    script = [str(Path(__file__).with_name("scale_steps.py"))]
    script += [str(number) for point in POINTS[: 2 if quick else None] for number in point]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    lines: list[str] = []
    for command in ([sys.executable, *script], [*launch, *script]):
        lines += subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    points = [json.loads(line) for line in lines if line.startswith("{")]
    if quick:
        print(*points, sep="\n")
    else:
        RESULTS.write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")


def run(*, bandwidth: float, latency: float) -> None:
    """Print the measured steps beside the formula, and the table.

    Args:
        bandwidth: bytes a second of a rank's wire.
        latency: seconds of a message.
    """
    points = kept_points()
    constants = fit_constants(points)
    print("a step, measured and by the formula (seconds of a core, of each rank)")
    for point in points:
        told = Cost.of(_of(point), constants, bandwidth=bandwidth, latency=latency).work
        size = f"{point['ranks']} rank{'s' if point['ranks'] > 1 else ' '} {point['batch']:4} objects"
        print(
            f"  {size} {point['classes']:9,} classes {point['work']:8.3f} {told:8.3f} {told / point['work'] - 1:+6.0%}"
        )
    print("constants: " + ", ".join(f"{name} {value:.2g}" for name, value in constants.items()))
    print(f"wire {bandwidth / 1e9:g} GB/s, {latency * 1e6:g} us a message, {BATCH} objects a rank and step")
    print(*_table(constants, bandwidth=bandwidth, latency=latency), sep="\n")


def _table(constants: Mapping[str, float], *, bandwidth: float, latency: float) -> Iterator[str]:
    yield "  classes  ranks  GB a rank (row by row)  MB wire  s work s wire  objects/s  linear     hours of a pass over"
    yield " " * 83 + "      1e6      1e8     1e10"
    for classes in (10**power for power in (4, 5, 6, 7, 8)):
        one = Cost.of(Training(classes), constants, bandwidth=bandwidth, latency=latency)
        for ranks in (1, 8, 64, 256, 1024):
            cost = Cost.of(Training(classes, ranks), constants, bandwidth=bandwidth, latency=latency)
            small = Training(classes, ranks, rowwise=True).memory / 1e9
            linear = cost.speed / (one.speed * ranks)
            speed = f"{cost.speed:10,.4g} {linear:7.0%}"
            hours = "".join(f" {objects / cost.speed / 3600:8.2g}" for objects in (1e6, 1e8, 1e10))
            yield (
                f"{classes:9.0e} {ranks:6} {cost.training.memory / 1e9:10.3g} ({small:7.3g})"
                f"{cost.training.wire / 1e6:13.1f} {cost.work:7.3g} {cost.sending:7.2g} {speed}{hours}"
            )
        most = max(n for n in (2**power for power in range(11)) if _linear(classes, n, constants, bandwidth, latency))
        yield f"          linear to {LEAST:.0%} up to {most} ranks"


def _linear(classes: int, ranks: int, constants: Mapping[str, float], bandwidth: float, latency: float) -> bool:
    one, many = (
        Cost.of(Training(classes, count), constants, bandwidth=bandwidth, latency=latency) for count in (1, ranks)
    )
    return many.speed >= LEAST * ranks * one.speed


def _of(point: Mapping[str, Any]) -> Training:
    """The training of a measured step, whose batch is that of all ranks."""
    ranks = point["ranks"]
    return Training(point["classes"], ranks, point["batch"] // ranks, weights=point["weights"])
