"""What all objectives have, and one that someone defines outside the package: a class goes all the way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import steradian as sr
from steradian.config import TrainingConfig
from steradian.errors import ConfigError
from steradian.model import TensorBatch
from steradian.training import OBJECTIVES, Derived
from steradian.training.objectives.row_objective import LossRows, RowObjective


class SquaredChord(RowObjective):
    """The squared distance to the own unit center, less that to the nearest other one."""

    options = (*RowObjective.options, "margin")
    learns_centers = True
    paper_margin = 0.5

    def row_losses(self, rows: LossRows) -> Tensor:
        cosines = rows.vectors @ F.normalize(self.classifier.weight, dim=1).T
        own = cosines.gather(1, rows.labels[:, None]).squeeze(1)
        others = cosines.scatter(1, rows.labels[:, None], -1.0).amax(dim=1)
        return F.relu(self.margin + 2 * others - 2 * own)


@pytest.fixture
def own_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OBJECTIVES, "squared_chord", SquaredChord)


@pytest.mark.usefixtures("own_objective")
def test_an_objective_of_ones_own_trains_is_saved_and_answers(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 16)
    means = np.repeat(rng.normal(size=(3, 4)) * 3, 16, axis=0)
    table = {"x": rng.normal(means), "y": rng.normal(means), "label": labels}
    schema = sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")}, label="label")
    objects = sr.read_objects({name: list(cells) for name, cells in table.items()}, schema)
    options: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 12, "objective": "squared_chord"}
    model = sr.SphereEmbedder(**options).fit(objects)
    told = capfd.readouterr().out
    assert "margin 0.500 rad: as in the paper of squared_chord" in told and "loss" in told
    assert model.score(objects) > 0.9
    model.save(tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    assert loaded.objective == "squared_chord"
    np.testing.assert_array_equal(loaded.predict(objects), model.predict(objects))
    with pytest.raises(ConfigError, match="positives left out with objective='squared_chord'"):
        sr.SphereEmbedder(**options, positives="object").fit(objects)


def test_a_model_of_an_objective_that_is_not_here_loads_and_answers(tmp_path: Path) -> None:
    test_objects = {"x": [[0.0, 1.0], [1.0, 0.0]] * 6, "label": ["a", "b"] * 6}
    objects = sr.read_objects(test_objects, sr.Schema({"x": sr.Vector("x")}, label="label"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OBJECTIVES, "squared_chord", SquaredChord)
        model = sr.SphereEmbedder(embedding_dim=4, width=8, heads=2, epochs=1, objective="squared_chord", verbose=False)
        model.fit(objects, save_to=tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.transform(objects), model.transform(objects))
    with pytest.raises(ConfigError, match="objective: want one of angular"):
        loaded.fit(objects)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_without_labels_it_says_so(toy: Any, kind: str) -> None:
    encoder, classifier = toy.build()
    batch = TensorBatch.of(toy.preprocessor.prepare(toy.table).batch(np.arange(3)))
    objective = OBJECTIVES[kind](classifier, TrainingConfig(objective=kind), Derived(7.0, 0.0, 1, ()))
    with pytest.raises(ValueError, match="class numbers"):
        objective(encoder, batch, strength=0.0)


@pytest.mark.parametrize(
    ("kind", "expected"), [("angular", [1, 1, 1, 1]), ("clip", [0, 1, 1, 1]), ("symile", [0, 0, 0, 1])]
)
def test_it_says_which_objects_it_can_learn_from(kind: str, expected: list[int]) -> None:
    present = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], dtype=bool)
    assert OBJECTIVES[kind].can_learn_from(present).tolist() == [bool(each) for each in expected]
    assert OBJECTIVES[kind].can_learn_from(present[:1, :1]).tolist() == [kind == "angular"]


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_autocast_reaches_no_cosine(toy: Any, kind: str) -> None:
    encoder, classifier = toy.build()
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    objective = OBJECTIVES[kind](classifier, TrainingConfig(objective=kind), Derived(7.0, 0.1, 1, ()))
    seen: list[bool] = []
    name = "row_losses" if isinstance(objective, RowObjective) else "compare"
    plain = getattr(objective, name)
    setattr(objective, name, lambda given: seen.append(torch.is_autocast_enabled("cpu")) or plain(given))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert objective(encoder, batch, strength=1.0).dtype == torch.float32
    assert seen == [False]
