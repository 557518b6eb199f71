"""Networks beside a closed form: each trained by itself, and kept as far as left-out objects gain by them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.closed_form import ClosedForm
from steradian.model import (
    ModalityVectors,
    SphereEncoder,
    SphericalClassifier,
    TwoPartEncoder,
    build_encoder,
    encode_objects,
)
from steradian.ranks import ALONE, Ranks
from steradian.training.checkpoint import Checkpoint, Stage
from steradian.training.derive import said_steps
from steradian.training.feature_rows import Prepare
from steradian.training.fit_closed_form import ClosedFormFit
from steradian.training.left_out import LeftOutPart
from steradian.training.left_out_scores import average_precisions, log_losses
from steradian.training.objectives import Derived
from steradian.training.progress import Progress
from steradian.training.train import TrainingResult, train

__all__ = [
    "BATCH",
    "JUDGED",
    "SMALL",
    "NetworkOptions",
    "Part",
    "fixed_centers",
    "join_parts",
    "left_out_part",
    "parts_to_leave_out",
    "train_networks",
]

SHARES = 0.25, 0.5, 1.0, 2.0, 4.0
"""Lengths of the networks' vectors, the closed form's being 1, that left-out objects choose from, beside 0."""
SMALL, MEMBERS, HELD_OUT = 5_000, 3, 0.1
"""Below so many objects each is left out by one of so many networks; of larger tables a share is left out by one."""
BATCH = 512
JUDGED, PART = 1 << 16, 1 << 12
"""Left-out objects of a table whose rows stay on disk; objects whose closed form is computed at a time."""


@dataclass(frozen=True)
class Part:
    """What one network learns from, and what it leaves out.

    Args:
        fit: rows of the training table, int64 [rows].
        out: rows left out: of the training table, or of a validation table.
        closed: the closed form's vectors of the latter by a fit that left them out
            [rows, modalities, embedding_dim].
        objects: the table of the latter.
        labels: class numbers of the latter; those of new classes lie behind the known ones.
        names: class names of the latter.
    """

    fit: np.ndarray
    out: np.ndarray
    closed: np.ndarray
    objects: PreparedObjects
    labels: np.ndarray
    names: np.ndarray

    @property
    def weights(self) -> np.ndarray | None:
        """Those of the objects left out; None: all alike."""
        return None if self.objects.weights is None else self.objects.weights[self.out]


@dataclass(frozen=True)
class NetworkOptions:
    """What all networks beside a closed form have in common.

    Args:
        preprocessor: fitted on the training table.
        prepared: that table.
        found: its closed form, towards whose class centers networks are trained.
        model: sizes of a network.
        config: of its training.
        derived: scale, margin and epochs.
        device: where to train.
        progress: shows it.
        checkpoint: keeps it on disk, or None.
        ranks: processes that share the training; the first one's choices hold for all.
    """

    preprocessor: Preprocessor
    prepared: PreparedObjects
    found: ClosedFormFit
    model: ModelConfig
    config: TrainingConfig
    derived: Derived
    device: torch.device
    progress: Progress
    checkpoint: Checkpoint | None = None
    ranks: Ranks = ALONE

    def stage(self, name: str) -> Stage | None:
        """Where the training of a network is kept.

        Args:
            name: of the network.
        """
        return None if self.checkpoint is None else self.checkpoint.stage(name)


@dataclass(frozen=True)
class _Candidate:
    """A way to join both parts, and the score of each left-out object under it, more is better."""

    share: float
    learned_gates: bool
    scores: np.ndarray

    @property
    def score(self) -> float:
        """The mean; 0 where no object could be scored."""
        return float(self.scores.mean()) if len(self.scores) else 0.0


def parts_to_leave_out(
    preprocessor: Preprocessor,
    prepared: PreparedObjects,
    found: ClosedFormFit,
    labels: np.ndarray,
    classes: np.ndarray,
    *,
    new_classes: bool,
    random_state: int,
    prepare: Prepare | None = None,
) -> list[Part]:
    """Which objects each network leaves out, with their vectors by a closed form that has left them out as well.

    Args:
        preprocessor: fitted on the table.
        prepared: the whole training table.
        found: its closed form.
        labels: class numbers int64 [objects].
        classes: class names [num_classes].
        new_classes: leave out whole classes.
        random_state: of the draw.
        prepare: brings rows of the table to prepared objects where they stay on disk; then at most 65,536 left-out
            objects, drawn at random, are judged by. None: `prepared` has them all.
    """
    rng = np.random.default_rng(random_state)
    keys = labels if new_classes else np.arange(len(labels))
    groups = rng.permutation(int(keys.max()) + 1)
    if not new_classes:
        # By class and at random within, so that each part has its share of every class.
        order = np.lexsort((groups, labels))
        groups[order] = np.arange(len(order))
    count = MEMBERS if len(labels) < SMALL else round(1 / HELD_OUT)
    folds = groups[keys] % count
    parts = []
    for fold in range(MEMBERS if len(labels) < SMALL else 1):
        fit, out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not len(out) or not prepared.present[fit].any(axis=0).all() or len(np.unique(labels[fit])) < 2:
            continue
        # New classes of one object each leave nothing to be found again.
        if new_classes and np.bincount(labels[out]).max() < 2:
            continue
        if prepare is not None:
            out = np.sort(rng.permutation(out)[:JUDGED])
        closed = _closed_vectors(found.solve(fit), preprocessor, prepare or (lambda rows: (prepared, rows)), out)
        parts.append(Part(fit, out, closed, prepared, labels[out], classes[labels[out]]))
    return parts


def _closed_vectors(closed: ClosedForm, preprocessor: Preprocessor, prepare: Prepare, rows: np.ndarray) -> np.ndarray:
    """The closed form's vectors of some rows float32 [rows, modalities, embedding_dim], prepared part after part."""
    parts = []
    for start in range(0, len(rows), PART):
        objects, places = prepare(rows[start : start + PART])
        parts.append(closed.vectors(preprocessor.modalities, objects.items, objects.present, rows=places))
    return np.concatenate(parts)


def train_networks(
    parts: Sequence[Part], options: NetworkOptions, *, new_classes: bool, log_file: Path | None = None
) -> tuple[TwoPartEncoder, TrainingResult, list[LeftOutPart]]:
    """Train a network for each part and keep as much of them as left-out objects are surely better with.

    Ctrl-C ends the training and keeps what left-out objects say of what there is. The third value has each part's
    objects as the model that left them out sees them.

    Args:
        parts: what each learns from, and leaves out.
        options: of all networks.
        new_classes: whether left-out classes are to be found, or known ones predicted.
        log_file: one JSON object a line, of the first network.
    """
    found, preprocessor, progress = options.found, options.preprocessor, options.progress
    networks: list[SphereEncoder] = []
    results: list[TrainingResult] = []
    outputs: list[ModalityVectors] = []
    for number, part in enumerate(parts):
        progress.say(f"network {number + 1} of {len(parts)}, judged by {len(part.out)} objects that it leaves out")
        network, result = _trained(options, part, number, log_file)
        networks.append(network)
        results.append(result)
        outputs.append(encode_objects(network, part.objects, BATCH, part.out))
        if result.interrupted:
            break
    chosen, base = _chosen(parts[: len(networks)], networks, outputs, found, preprocessor, new_classes=new_classes)
    share, learned_gates = options.ranks.agreed([chosen.share, chosen.learned_gates])
    chosen = replace(chosen, share=share, learned_gates=bool(learned_gates))
    kept = networks if chosen.share > 0 or chosen.learned_gates else []
    join = partial(join_parts, preprocessor, found, share=chosen.share, learned_gates=chosen.learned_gates)
    left_out = [
        left_out_part(part, join([network] if kept else []), [encoded] if kept else [])
        for part, network, encoded in zip(parts, networks, outputs, strict=False)
    ]
    choice = {
        "score": "MAP@R of left-out classes" if new_classes else "log-loss of left-out objects",
        "closed_form": abs(base.score),
        "both": abs(chosen.score),
        "share": chosen.share,
        "learned_gates": chosen.learned_gates,
        "networks": len(kept),
        "penalties": found.penalties,
        "weights": found.weights,
    }
    progress.say(_sentence(choice))
    interrupted, steps = any(result.interrupted for result in results), sum(result.steps for result in results)
    summary = replace(results[0], steps=steps, choice=choice, interrupted=interrupted)
    return join(kept).to(options.device).eval(), summary, left_out


def _trained(
    options: NetworkOptions, part: Part, number: int, log_file: Path | None
) -> tuple[SphereEncoder, TrainingResult]:
    """The network of a part, by itself; the first one says how it is trained."""
    network = build_encoder(options.preprocessor.modalities, options.model).to(options.device)
    config, derived = options.config, options.derived
    whole, own = (said_steps(config, derived.epochs, count) for count in (len(options.prepared), len(part.fit)))
    reasons = tuple(own if reason == whole else reason for reason in derived.reasons) if number == 0 else ()
    result = train(
        network,
        fixed_centers(options.found.centers, options.device),
        objects=options.prepared.rows(part.fit),
        config=replace(config, random_state=config.random_state + number),
        derived=replace(derived, reasons=reasons),
        progress=options.progress,
        log_file=log_file if number == 0 else None,
        stage=options.stage(f"network-{number + 1}"),
        ranks=options.ranks,
    )
    return network.eval(), result


def join_parts(
    preprocessor: Preprocessor,
    found: ClosedFormFit,
    networks: Sequence[SphereEncoder],
    *,
    share: float = 0.0,
    learned_gates: bool = False,
) -> TwoPartEncoder:
    """The closed form and networks beside it.

    Args:
        preprocessor: fitted on the training table.
        found: its closed form.
        networks: any number; none is the closed form alone.
        share: of the networks' vectors.
        learned_gates: whether the networks' gates take part.
    """
    return TwoPartEncoder(
        tuple(preprocessor.modalities),
        networks,
        embedding_dim=found.closed_form.embedding_dim,
        share=share,
        learned_gates=learned_gates,
        featured=[name in found.closed_form.maps for name in preprocessor.modalities],
    )


@torch.inference_mode()
def left_out_part(part: Part, encoder: TwoPartEncoder, encoded: Sequence[ModalityVectors]) -> LeftOutPart:
    """A part's left-out objects as the model that left them out sees them.

    Args:
        part: has them and their closed form.
        encoder: joins both parts.
        encoded: what its networks say of them.
    """
    present = torch.from_numpy(part.objects.present[part.out])
    return LeftOutPart(encoder, encoder.joined(torch.from_numpy(part.closed), encoded, present), part.names, part.out)


def fixed_centers(centers: np.ndarray, device: torch.device) -> SphericalClassifier:
    """A classifier with these unit class centers [num_classes, embedding_dim], which no training moves.

    Args:
        centers: of every class.
        device: where it is to stand.
    """
    classifier = SphericalClassifier(*centers.shape)
    with torch.no_grad():
        classifier.weight.copy_(torch.from_numpy(centers))
    classifier.weight.requires_grad_(False)
    return classifier.to(device)


def _chosen(
    parts: Sequence[Part],
    networks: Sequence[SphereEncoder],
    outputs: Sequence[ModalityVectors],
    found: ClosedFormFit,
    preprocessor: Preprocessor,
    *,
    new_classes: bool,
) -> tuple[_Candidate, _Candidate]:
    """The best way to join both parts, and the closed form alone, which it must surely beat."""

    def scored(share: float, learned: bool) -> _Candidate:
        scores = []
        for part, network, encoded in zip(parts, networks, outputs, strict=True):
            weights = part.weights
            joint = join_parts(preprocessor, found, [network], share=share, learned_gates=learned)
            vectors = _fused(joint.cpu(), torch.from_numpy(part.closed), encoded)
            if new_classes:
                scores.append(average_precisions(vectors, part.labels, weights))
            else:
                known = part.labels < len(found.centers)
                own = None if weights is None else weights[known]
                scores.append(-log_losses(vectors[known] @ found.centers.T, part.labels[known], own))
        return _Candidate(share, learned, np.concatenate(scores))

    base = scored(0.0, False)
    gates = (False, True) if len(preprocessor.modalities) > 1 else (False,)
    tried = [scored(share, learned) for learned in gates for share in (0.0, *SHARES) if share or learned]
    best = max(tried, key=lambda candidate: candidate.score)
    gain = best.scores - base.scores
    surely = len(gain) > 1 and gain.mean() > gain.std() / len(gain) ** 0.5
    return (best if surely else base), base


@torch.inference_mode()
def _fused(encoder: TwoPartEncoder, closed: Tensor, encoded: ModalityVectors) -> np.ndarray:
    """Whole objects' unit vectors [objects, embedding_dim]."""
    return np.asarray(encoder.fuse(encoder.joined(closed, [encoded], encoded.present)))


def _sentence(choice: dict[str, Any]) -> str:
    measured = f"{choice['score']} {choice['closed_form']:.3f}"
    if not choice["networks"]:
        return f"the closed form alone: no network is surely better\n({measured})"
    gates = " and their gates" if choice["learned_gates"] else ""
    count = f"{choice['networks']} networks" if choice["networks"] != 1 else "a network"
    return f"{count} at share {choice['share']:g}{gates} beside the closed form\n({measured} -> {choice['both']:.3f})"
