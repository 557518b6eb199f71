"""The training function with every objective: it learns, repeats, and leaves centers that predict."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steradian.config import ModelConfig, TrainingConfig
from steradian.model import embed
from steradian.training import OBJECTIVES, TrainingResult, build_objective, derive, learner
from steradian.training import train as train_function
from steradian.training.held_out import RetrievalValidation
from steradian.training.imprint import imprint_class_means
from steradian.training.learner import Learner

KINDS = list(OBJECTIVES)
WITHOUT_LABELS = [kind for kind in KINDS if "positives" in OBJECTIVES[kind].options]
BETWEEN = [kind for kind in WITHOUT_LABELS if kind not in ("supcon", "triplet")]
WITH_CENTERS = [kind for kind in KINDS if OBJECTIVES[kind].learns_centers]
CASES = [(kind, "class") for kind in KINDS] + [(kind, "object") for kind in WITHOUT_LABELS]
each_case = pytest.mark.parametrize(("kind", "positives"), CASES, ids=[f"{kind}-{of}" for kind, of in CASES])
Run = Callable[..., tuple[TrainingResult, Any, Any]]


@pytest.fixture
def run(toy: Any, config: TrainingConfig) -> Run:
    """Trains fresh weights on the toy; returns how it went, and both parts."""

    def run_it(
        *, epochs: int = 4, parts: Any = None, train: dict[str, Any] | None = None, **change: Any
    ) -> tuple[TrainingResult, Any, Any]:
        encoder, classifier = parts or toy.build()
        chosen = replace(config, **change)
        labels = toy.prepared().labels
        derived = derive(replace(chosen, epochs=epochs), labels, num_classes=3, model=ModelConfig(embedding_dim=8))
        options = {"objects": toy.prepared(), "config": chosen, "derived": derived, **(train or {})}
        return train_function(encoder, classifier, **options), encoder, classifier

    return run_it


def vectors_of(toy: Any, encoder: nn.Module) -> Tensor:
    return torch.from_numpy(embed(encoder, toy.prepared(), np.arange(45), batch_size=45))


def state_of(*parts: nn.Module) -> dict[str, Tensor]:
    return {name: weight.clone() for name, weight in nn.ModuleList(parts).state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


@each_case
def test_the_loss_falls_and_the_centers_predict(run: Run, toy: Any, kind: str, positives: str) -> None:
    result, encoder, classifier = run(epochs=30, objective=kind, positives=positives)
    losses = [record["loss"] for record in result.history]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert all(bool(weight.isfinite().all()) for weight in [*encoder.parameters(), *classifier.parameters()])
    labels = torch.from_numpy(toy.prepared().labels)
    right = (classifier(vectors_of(toy, encoder)).argmax(1) == labels).float().mean()
    # So few steps are enough for some; all do better than chance, a third.
    assert right > (0.4 if kind in BETWEEN else 0.8 if positives == "class" else 0.6)


@each_case
def test_it_is_the_same_bit_for_bit_for_one_seed(run: Run, kind: str, positives: str) -> None:
    (first, *parts), (second, *others) = (run(epochs=2, objective=kind, positives=positives) for _ in range(2))
    assert same(state_of(*parts), state_of(*others))
    assert [record["loss"] for record in first.history] == [record["loss"] for record in second.history]


def test_each_objective_is_another_one(run: Run, toy: Any) -> None:
    # With an anchor CLIP of two modalities is CLIP.
    cases = [(kind, of) for kind, of in CASES if kind != "anchor_clip"]
    found = [vectors_of(toy, run(epochs=2, objective=kind, positives=of)[1]) for kind, of in cases]
    for place, one in enumerate(found):
        assert not any(torch.allclose(one, other, atol=1e-6) for other in found[:place]), cases[place]


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_finite(run: Run, kind: str) -> None:
    result, encoder, classifier = run(epochs=2, objective=kind, precision="bfloat16")
    assert np.isfinite([record["loss"] for record in result.history]).all()
    assert {weight.dtype for weight in state_of(encoder, classifier).values()} == {torch.float32}


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_batches_are_finite(run: Run, kind: str) -> None:
    # 45 objects are 22 batches of two and one of one.
    result, encoder, _ = run(epochs=1, objective=kind, batch_size=2, samples_per_class=2)
    assert np.isfinite([record["loss"] for record in result.history]).all()
    assert all(bool(weight.isfinite().all()) for weight in encoder.parameters())


# -- The centers afterwards


@pytest.mark.parametrize("kind", KINDS)
def test_centers_are_class_means_where_none_are_learned(run: Run, toy: Any, kind: str) -> None:
    _, encoder, classifier = run(objective=kind)
    found = classifier.weight.detach().clone()
    imprint_class_means(encoder, classifier, toy.prepared())
    assert torch.equal(classifier.weight, found) == (kind not in WITH_CENTERS)


@pytest.mark.parametrize("kind", ["cross_entropy", "clip"])
def test_they_are_those_of_the_best_weights(run: Run, toy: Any, make_table: Any, kind: str) -> None:
    table = make_table(np.arange(12) % 3, random_state=1)
    held_out = toy.preprocessor.prepare(table, table.labels.astype(np.int64))
    validation = RetrievalValidation(held_out, toy.prepared(), random_state=0)
    scores = iter([0.1, 0.9, 0.2, 0.3])
    validation.score = lambda encoder: next(scores)  # type: ignore[method-assign]
    parts = toy.build()
    kept: list[dict[str, Tensor]] = []
    options = {"validation": validation, "on_improvement": lambda: kept.append(state_of(*parts))}
    result, *_ = run(objective=kind, parts=parts, train=options)
    assert result.best_step == 6 and len(kept) == 2
    assert same(state_of(*parts), kept[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_telling_of_an_improvement_shows_class_means_and_disturbs_nothing(run: Run, toy: Any, kind: str) -> None:
    plain, *untold = run(objective=kind)
    parts = toy.build()
    told: list[bool] = []

    def look() -> None:
        encoder, classifier = parts
        assert encoder.training
        shown = classifier.weight.detach().clone()
        imprint_class_means(encoder, classifier, toy.prepared())
        told.append(torch.equal(classifier.weight, shown))
        with torch.no_grad():
            classifier.weight.copy_(shown)

    result, *_ = run(objective=kind, parts=parts, train={"on_improvement": look})
    assert told == [kind not in WITH_CENTERS] * 4
    assert [record["loss"] for record in result.history] == [record["loss"] for record in plain.history]
    assert same(state_of(*parts), state_of(*untold))


def test_ctrl_c_leaves_class_means_too(run: Run, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Learner.learn

    def interrupt(self: Learner, batch: Any, step: int) -> float:
        if step == 5:
            raise KeyboardInterrupt
        return plain(self, batch, step)

    monkeypatch.setattr(Learner, "learn", interrupt)
    result, encoder, classifier = run(objective="cross_entropy")
    assert result.interrupted and result.steps == 5
    found = classifier.weight.detach().clone()
    imprint_class_means(encoder, classifier, toy.prepared())
    assert torch.equal(classifier.weight, found)


# -- What an objective gets to see


@pytest.mark.parametrize(
    ("change", "size"),
    [
        ({}, 1),
        ({"objective": "supcon"}, 4),
        ({"objective": "clip", "samples_per_class": 2}, 2),
        ({"objective": "clip", "positives": "object"}, 1),
        ({"samples_per_class": 5}, 5),
    ],
)
def test_objects_of_a_class_come_in_groups(
    run: Run, change: dict[str, Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    plain = Learner.learn
    monkeypatch.setattr(Learner, "learn", lambda s, b, step: seen.append(b.labels.tolist()) or plain(s, b, step))
    run(**change)
    for epoch in range(4):
        labels = [label for batch in seen[3 * epoch : 3 * epoch + 3] for label in batch]
        assert Counter(labels) == {0: 15, 1: 15, 2: 15}
        changes = sum(first != second for first, second in pairwise(labels))
        assert (changes <= 3 * -(-15 // max(2, size))) == (size > 1)


def test_the_anchor_is_the_modality_that_most_objects_have(run: Run, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    anchors: list[int] = []
    plain = build_objective.build_objective
    monkeypatch.setattr(
        learner, "build_objective", lambda *a, anchor: anchors.append(anchor) or plain(*a, anchor=anchor)
    )
    run(objective="anchor_clip", epochs=1)
    assert anchors == [build_objective.choose_anchor(toy.prepared().present)]
