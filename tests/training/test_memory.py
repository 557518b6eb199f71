"""The memory estimate against the tensors that a training really makes, and the refusal before it begins."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import machine_memory
from steradian.data.batch import Preprocessor
from steradian.embedder import SphereEmbedder
from steradian.errors import ConfigError
from steradian.losses import blockwise_softmax, stream_plan
from steradian.losses.stream_plan import StreamPlan
from steradian.model import SphericalClassifier, TensorBatch, build_encoder
from steradian.training import derive, derive_within_memory, memory, train
from steradian.training.center_updates import RowwiseAdam
from steradian.training.held_out import RetrievalValidation
from steradian.training.memory import available_memory, estimate_memory, refuse_beyond_memory
from steradian.training.objectives.angular import Angular
from steradian.training.optimizer import make_optimizer

MODEL = ModelConfig(embedding_dim=8, width=8, heads=2, dropout=0.0, input_dropout=0.0)
CPU = torch.device("cpu")


def estimate(num_classes: int, config: TrainingConfig, *, model: ModelConfig = MODEL, **options: Any) -> Any:
    options = {"modalities": 2, "device": "cpu", **options}
    return estimate_memory(num_classes, model=model, config=config, **options)


def size_of(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


# -- Against what is made


@pytest.mark.parametrize("subcenters", [1, 3])
@pytest.mark.parametrize("center_optimizer", ["adamw", "rowwise"])
def test_centers_gradient_and_moments_are_the_tensors_of_a_training(
    toy: Any, center_optimizer: Any, subcenters: int
) -> None:
    model = replace(MODEL, subcenters=subcenters)
    config = TrainingConfig(center_optimizer=center_optimizer)
    encoder = build_encoder(toy.preprocessor.modalities, model)
    classifier = SphericalClassifier(300, model.embedding_dim, subcenters=subcenters)
    derived = derive(config, np.zeros(45), num_classes=300, model=model)
    optimizer = make_optimizer(encoder, classifier, config)
    updates = RowwiseAdam(classifier.weight, learning_rate=0.1)
    take = updates.update if center_optimizer == "rowwise" else None
    objective = Angular(classifier, config, derived)
    objective(encoder, TensorBatch.of(toy.prepared().batch(np.arange(20))), strength=1.0, take_gradient=take).backward()
    gradient = 0 if classifier.weight.grad is None else size_of(classifier.weight.grad)
    optimizer.step()

    found = estimate(300, config, model=model)
    assert found.centers == size_of(classifier.weight)
    assert found.gradient == gradient
    if center_optimizer == "adamw":
        kept = [value for name, value in optimizer.state[classifier.weight].items() if name != "step"]
    else:
        assert classifier.weight not in optimizer.state
        kept = [value for value in vars(updates).values() if isinstance(value, Tensor)]
        kept = [value for value in kept if value is not classifier.weight]
    assert len(kept) == 2
    assert found.moments == sum(map(size_of, kept))
    assert found.total == sum((found.centers, found.gradient, found.moments, found.best, found.plan.size))


@pytest.mark.parametrize("validated", [True, False])
def test_the_best_copy_is_there_where_there_is_a_validation(toy: Any, validated: bool) -> None:
    model = SphericalClassifier(30, 8)
    assert estimate(30, TrainingConfig(), validated=validated).best == (size_of(model.weight) if validated else 0)


CHANGES: list[dict[str, Any]] = [
    {},
    {"margin_kind": "curricularface"},
    {"center_optimizer": "rowwise"},
    {"label_smoothing": 0.1},
    {"subcenters": 3},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("validated", [True, False])
def test_the_plan_is_that_of_the_largest_step(
    toy: Any, change: dict[str, Any], validated: bool, derived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stream_plan.TILE, "cpu", 1000)
    plans: list[StreamPlan] = []
    rows: list[int] = []
    taken: list[int] = []
    plain_plan, plain_take = blockwise_softmax.plan_stream, blockwise_softmax.take_workspace

    def spy(count: int, *sizes: int, **options: Any) -> StreamPlan:
        rows.append(count)
        plans.append(plain_plan(count, *sizes, **options))
        return plans[-1]

    monkeypatch.setattr(blockwise_softmax, "plan_stream", spy)
    monkeypatch.setattr(blockwise_softmax, "take_workspace", lambda n, like: taken.append(4 * n) or plain_take(n, like))
    change = dict(change)
    model = replace(MODEL, subcenters=change.pop("subcenters", 1))
    # All modalities of every object are there, so that a step has as many rows as it can.
    table = toy.table[toy.table.present.all(axis=1)]
    config = TrainingConfig(batch_size=len(table), **change)
    preprocessor = Preprocessor.fit(table)
    prepared = preprocessor.prepare(table, np.arange(len(table)) % 3)
    encoder, classifier = (
        build_encoder(preprocessor.modalities, model),
        SphericalClassifier(200, 8, subcenters=model.subcenters),
    )
    validation = RetrievalValidation(prepared, prepared, random_state=0) if validated else None
    one_epoch = replace(derived, epochs=1)
    train(encoder, classifier, objects=prepared, config=config, derived=one_epoch, validation=validation)
    expected = estimate(200, config, model=model).plan
    assert set(rows) == {4 * len(table)} and len(table) > 15
    assert plans[-1] == expected and expected.tiles > 1
    assert max(taken) <= expected.size


# -- How much there is


@pytest.mark.parametrize(("text", "limited"), [("max\n", False), ("4096\n", True), (str(2**62), False)])
def test_a_container_may_have_less_than_its_machine(
    tmp_path: Path, text: str, limited: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine_memory, "CGROUPS", (limit,))
    whole = available_memory(CPU)
    assert whole is not None and whole > 10**8
    limit.write_text(text)
    assert available_memory(CPU) == (4096 if limited else whole)


def test_where_the_system_does_not_say_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_memory(torch.device("mps")) is None
    monkeypatch.delattr("os.sysconf")
    assert available_memory(CPU) is None


# -- Refusing


def test_what_fits_or_is_unknown_is_not_refused() -> None:
    config = TrainingConfig()
    found = estimate(1000, config)
    refuse_beyond_memory(found, found.total, config=config)
    refuse_beyond_memory(found, None, config=config)
    with pytest.raises(ConfigError):
        refuse_beyond_memory(found, found.total - 1, config=config)


def test_the_refusal_says_what_saves_how_much() -> None:
    config, model = TrainingConfig(), ModelConfig()
    found = estimate(10_000_000, config, model=model)
    with pytest.raises(ConfigError) as caught:
        refuse_beyond_memory(found, 16 * 10**9, config=config)
    assert caught.value.where == "fit with 10,000,000 classes"
    assert caught.value.want == "class centers and their training within 16.0 GB"
    assert caught.value.got == f"25.7 GB: {found}"
    # Gradient and two moments of a number each.
    assert caught.value.fix.startswith('center_optimizer="rowwise" saves 15.')
    rowwise = replace(config, center_optimizer="rowwise")
    lean = estimate(10_000_000, rowwise, model=model)
    saved = float(caught.value.fix.split("saves ")[1].split(" GB")[0])
    assert saved * 1e9 == pytest.approx(found.total - lean.total, rel=0.02), "the advice keeps its guarantee"
    refuse_beyond_memory(lean, 16 * 10**9, config=rowwise)
    with pytest.raises(ConfigError, match="smaller embedding_dim, fewer subcenters"):
        refuse_beyond_memory(lean, 8 * 10**9, config=rowwise)


@pytest.mark.parametrize("kind", ["cross_entropy", "triplet", "clip"])
def test_a_rival_is_refused_with_other_advice(kind: Any) -> None:
    config = TrainingConfig(objective=kind, batch_size=1024)
    found = estimate(1_000_000, config)
    with pytest.raises(ConfigError, match='Choose a smaller batch_size or embedding_dim, or objective="angular"'):
        refuse_beyond_memory(found, found.total - 1, config=config)


@pytest.mark.parametrize("center_optimizer", ["adamw", "rowwise"])
def test_fit_refuses_before_anything_is_prepared(
    toy: Any, center_optimizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: 1000)

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("this should not have been reached")

    for name in ("fit", "prepare"):
        monkeypatch.setattr(Preprocessor, name, never)
    monkeypatch.setattr("steradian.fit.build_model", never)
    model = SphereEmbedder(center_optimizer=center_optimizer, verbose=False)
    advice = "center_optimizer=" if center_optimizer == "adamw" else "smaller embedding_dim"
    with pytest.raises(ConfigError, match=rf"fit with 3 classes: want .* within 0\.0 GB.*{advice}"):
        model.fit(toy.table)
    assert not hasattr(model, "classes_")


# -- What is printed


@pytest.mark.parametrize("subcenters", [1, 3])
@pytest.mark.parametrize("center_optimizer", ["adamw", "rowwise"])
@pytest.mark.parametrize("num_classes", [3, 1000, 10_000_000])
@pytest.mark.parametrize("batch_size", [64, 1024])
def test_lines_fit_a_terminal(
    num_classes: int, batch_size: int, center_optimizer: Any, subcenters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: None)
    labels = np.array([0, num_classes - 1])
    config = TrainingConfig(batch_size=batch_size, center_optimizer=center_optimizer)
    model = ModelConfig(subcenters=subcenters, dropout=0.1, input_dropout=0.1)
    derived = derive_within_memory(config, labels, model=model, modalities=2, device=CPU, validated=True)
    plain = derive(config, labels, num_classes=num_classes, model=model)
    assert derived.reasons[: len(plain.reasons)] == plain.reasons
    assert (derived.scale, derived.margin, derived.epochs) == (plain.scale, plain.margin, plain.epochs)
    sizes, softmax = derived.reasons[len(plain.reasons) :]
    assert sizes == str(estimate(num_classes, config, model=model))
    assert softmax.startswith("softmax in ")
    assert [line for line in derived.reasons if len(line) > 80] == []


# -- The rivals, which hold what the streaming softmax does not

HELD: dict[str, Any] = {
    "cross_entropy": lambda n, m, c: 4 * n * (m + 2) * c,
    "proxy_anchor": lambda n, m, c: 6 * n * (m + 2) * c,
    "supcon": lambda n, m, c: 5 * (n * (m + 2)) ** 2,
    "triplet": lambda n, m, c: 14 * (n * (m + 2)) ** 2,
    "clip": lambda n, m, c: 4 * n**2 * m * (m - 1) / 2,
    "anchor_clip": lambda n, m, c: 4 * n**2 * (m + 1),
    "symile": lambda n, m, c: 4 * n**2 * (m + 1),
    "gram": lambda n, m, c: 4 * n**2 * (m + 1),
    "gmc": lambda n, m, c: 4 * m * (2 * n) ** 2,
    "gmc_cross_entropy": lambda n, m, c: 4 * (m * (2 * n) ** 2 + n * c),
}


@pytest.mark.parametrize("kind", HELD)
@pytest.mark.parametrize(("modalities", "num_classes"), [(2, 10), (5, 300)])
def test_the_cosines_of_a_rival_are_counted(kind: Any, modalities: int, num_classes: int) -> None:
    found = estimate(num_classes, TrainingConfig(objective=kind), modalities=modalities)
    assert found.plan.size == 4 * HELD[kind](64, modalities, num_classes)
    derived = derive_within_memory(
        TrainingConfig(objective=kind),
        np.array([0, num_classes - 1]),
        model=ModelConfig(),
        modalities=modalities,
        device=CPU,
        validated=True,
    )
    assert "loss" in derived.reasons[-1] and len(derived.reasons[-1]) <= 80


@pytest.mark.parametrize("kind", ["angular", "normalised_cross_entropy"])
def test_both_streamed_objectives_have_one_plan(kind: Any) -> None:
    assert estimate(500, TrainingConfig(objective=kind)) == estimate(500, TrainingConfig())
