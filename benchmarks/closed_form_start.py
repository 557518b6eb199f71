"""The closed form of a claim's set, by the clock, and an encoder that any objective trains from there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.claim_sets import ClaimSet, Part
from steradian.config import ModelConfig
from steradian.data.batch import PreparedObjects
from steradian.model import ModalityVectors, SphereEncoder, TensorBatch, TwoPartEncoder
from steradian.model.two_part_encoder import SHORTEST, LengthGates
from steradian.training import with_derived
from steradian.training.choose_penalties import PenaltyChoice
from steradian.training.fit_closed_form import ClosedFormFit, fit_closed_form
from steradian.training.held_out import asks_for_new_classes
from steradian.training.train_networks import join_parts

__all__ = ["SolvedSet", "StartedEncoder", "solve_set"]


@dataclass(frozen=True)
class SolvedSet:
    """A set with its closed form.

    Args:
        data: the set; its objects have the closed form's vectors.
        found: the closed form.
        seconds: of CPU that it took: features, penalties, the solution and the class centers.
        choosing_seconds: those of them that went into the choice of penalties and weights.
        start_seconds: all of them and the vectors of all training objects, from which a training starts.
    """

    data: ClaimSet
    found: ClosedFormFit
    seconds: float
    choosing_seconds: float
    start_seconds: float

    def encoder(self) -> TwoPartEncoder:
        """The closed form alone."""
        return join_parts(self.data.preprocessor, self.found, []).eval()


def solve_set(data: ClaimSet, *, seed: int) -> SolvedSet:
    """Solve as `SphereEmbedder(epochs=0).fit` would, given the validation part.

    Args:
        data: the set.
        seed: of draws and folds.
    """
    fit = data.fit
    labels = _numbers(fit)
    model = with_derived(ModelConfig(), objects=len(fit), num_classes=data.num_classes)
    # Class numbers stand for names here: those of new classes lie behind the known ones.
    new_classes = asks_for_new_classes(labels, np.arange(data.num_classes), data.validation.queries)  # type: ignore[arg-type]
    begun = time.process_time()
    with ExitStack() as stack:
        choosing = [stack.enter_context(_clocked(PenaltyChoice, name)) for name in ("__init__", "best")]
        found = fit_closed_form(
            data.preprocessor,
            lambda rows: (fit, rows),
            labels,
            present=fit.present,
            embedding_dim=model.dim,
            new_classes=new_classes,
            random_state=seed,
        )
    seconds = time.process_time() - begun
    known = _with_vectors(data, found, fit)
    start_seconds = time.process_time() - begun
    parts = {name: _part_with_vectors(data, found, getattr(data, name)) for name in ("validation", "test")}
    return SolvedSet(replace(data, fit=known, **parts), found, seconds, sum(map(sum, choosing)), start_seconds)


@contextmanager
def _clocked(owner: type, name: str) -> Iterator[list[float]]:
    """CPU seconds of every call of a method."""
    seconds: list[float] = []
    method = getattr(owner, name)

    def call(*arguments: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return method(*arguments, **options)
        finally:
            seconds.append(time.process_time() - begun)

    with mock.patch.object(owner, name, call):
        yield seconds


def _numbers(objects: PreparedObjects) -> np.ndarray:
    if objects.labels is None:
        raise ValueError("a part of a claim's set has class numbers")
    return objects.labels


def _with_vectors(data: ClaimSet, found: ClosedFormFit, objects: PreparedObjects) -> PreparedObjects:
    vectors = found.closed_form.vectors(data.preprocessor.modalities, objects.items, objects.present)
    return PreparedObjects(objects.items, objects.present, objects.labels, vectors)


def _part_with_vectors(data: ClaimSet, found: ClosedFormFit, part: Part) -> Part:
    gallery = part.gallery if isinstance(part.gallery, str) else _with_vectors(data, found, part.gallery)
    return Part(_with_vectors(data, found, part.queries), gallery)


class StartedEncoder(nn.Module):
    """Level 1 is u_m = unit(unit(f_m) + share_m * n_m), f_m the closed form's vector and n_m the network's.

    The shares are learnt and start at 0, and the network's gates, which are equal at first, are factors beside the
    lengths of the f_m: before the first step this is the closed form, whatever the network's weights. It has what
    `Learner` and `embed` ask of a `SphereEncoder`.

    Args:
        network: untrained, both levels.
    """

    sees_items = True

    def __init__(self, network: SphereEncoder) -> None:
        super().__init__()
        self.network = network
        self.shares = nn.Parameter(torch.zeros(len(network.names)))
        self.gates = LengthGates([network.fusion], learned=True)
        self.embedding_dim = network.embedding_dim

    @property
    def modalities(self) -> nn.ModuleList:
        """The network's level 1, whose gates the optimizer lets be."""
        return self.network.modalities

    @property
    def fusion(self) -> nn.Module:
        """The network's level 2, likewise."""
        return self.network.fusion

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.shares.device

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        """Level 1."""
        if batch.closed is None:
            raise ValueError("a batch without the closed form's vectors")
        encoded = self.network.encode(batch)
        lengths = torch.linalg.vector_norm(batch.closed, dim=-1, keepdim=True).clamp(min=SHORTEST)
        joined = F.normalize(batch.closed, dim=-1) + self.shares[:, None] * encoded.vectors
        vectors = F.normalize(joined, dim=-1) * batch.present[..., None]
        return ModalityVectors(vectors, torch.cat([lengths.log(), encoded.summaries], dim=-1), batch.present)

    def fuse(self, encoded: ModalityVectors, subset: Tensor | None = None) -> Tensor:
        """Level 2: unit vectors [objects, embedding_dim] of a subset of what is present."""
        present = encoded.present if subset is None else encoded.present & subset
        fused: Tensor = self.gates(encoded.vectors, encoded.summaries, present)
        return fused
