"""A network that sees modalities together: taken where classes live in their interaction, and nowhere else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.model import SphereEncoder, TwoPartEncoder
from steradian.training import TrainingResult

OPTIONS: dict[str, Any] = {"embedding_dim": 16, "width": 32, "verbose": False}


def make_table(count: int = 180, *, parity: bool, missing: float = 0.0, random_state: int = 0) -> sr.ObjectTable:
    """Two modalities of one bit each; the class is the parity of both bits, or the first bit."""
    rng = np.random.default_rng(random_state)
    bits = rng.integers(0, 2, size=(count, 2))
    ways = np.random.default_rng(9).normal(size=(2, 2, 4)) * 2
    rows = [ways[side, bits[:, side]] + 0.3 * rng.normal(size=(count, 4)) for side in range(2)]
    first = [None if rng.random() < missing else row for row in rows[0]]
    label = np.where(bits.sum(axis=1) % 2 if parity else bits[:, 0], "odd", "even")
    table = {"first": first, "second": list(rows[1]), "label": label}
    return sr.read_objects(table, sr.Schema({"first": sr.Vector("first"), "second": sr.Vector("second")}))


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=30, **OPTIONS).fit(make_table(parity=True, missing=0.1))


@pytest.mark.slow
def test_classes_in_the_interaction_of_modalities_are_found(model: sr.SphereEmbedder) -> None:
    assert isinstance(model.fitted_.encoder, SphereEncoder)
    assert model.fitted_.encoder.fusion.kind == "context"
    assert model.score(make_table(400, parity=True, random_state=1)) > 0.9
    choice = model.training_.choice
    assert choice is not None
    assert choice["both"] < choice["closed_form"]


def test_what_was_left_out_gives_thresholds_as_elsewhere(model: sr.SphereEmbedder) -> None:
    assert 40 < len(model.fitted_.left_out.labels) < 80
    model.calibrate()
    predicted = model.predict(make_table(100, parity=True, random_state=2), reject=True)
    assert set(predicted) <= {"odd", "even", "unknown"}


def test_a_saved_model_gives_the_same_vectors(model: sr.SphereEmbedder, tmp_path: Path) -> None:
    test = make_table(50, parity=True, missing=0.2, random_state=3)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path / "model").transform(test), model.transform(test))


def test_ctrl_c_in_the_trial_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any, **options: Any) -> TrainingResult:
        return TrainingResult(0, 0, None, True, [])

    monkeypatch.setattr("steradian.training.try_context.train", interrupted)
    model = sr.SphereEmbedder(epochs=1, **OPTIONS).fit(make_table(parity=True))
    assert isinstance(model.fitted_.encoder, TwoPartEncoder)


def test_a_trial_that_learns_nothing_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "steradian.training.try_context.train", lambda *args, **options: TrainingResult(0, 0, None, False, [])
    )
    model = sr.SphereEmbedder(epochs=1, **OPTIONS).fit(make_table(parity=True))
    assert isinstance(model.fitted_.encoder, TwoPartEncoder)


@pytest.mark.parametrize(("parity", "fusion"), [(False, None), (True, "certified")])
def test_nothing_is_tried_where_a_sum_suffices_or_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, parity: bool, fusion: Any
) -> None:
    monkeypatch.setattr("steradian.training.try_context.train", lambda *args, **options: pytest.fail("tried"))
    model = sr.SphereEmbedder(epochs=1, fusion=fusion, **OPTIONS).fit(make_table(parity=parity))
    assert isinstance(model.fitted_.encoder, TwoPartEncoder)
    assert model.fitted_.encoder.fusion.kind == "certified"


def test_the_closed_form_alone_says_what_it_cannot_tell(capsys: pytest.CaptureFixture[str]) -> None:
    sr.SphereEmbedder(embedding_dim=16, epochs=0).fit(make_table(parity=True))
    assert "interaction of modalities" in capsys.readouterr().out
    sr.SphereEmbedder(embedding_dim=16, epochs=0).fit(make_table(parity=False))
    assert "interaction of modalities" not in capsys.readouterr().out
