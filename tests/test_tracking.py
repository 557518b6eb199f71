"""Followers of a fit: what they are told and when, also of one that fails; adapters against stand-ins."""

import sys
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.tracking import MLflow, TensorBoard, WandB, telling
from steradian.training import TrainingResult

RESULT = TrainingResult(8, 8, None, False, [], {"both": 0.5, "score": "log-loss"})


class Diary(list[tuple[str, Any]]):
    def on_fit_begin(self, config: Mapping[str, Any]) -> None:
        self.append(("begin", dict(config)))

    def on_record(self, record: Mapping[str, Any]) -> None:
        self.append(("record", dict(record)))

    def on_fit_end(self, result: TrainingResult | None) -> None:
        self.append(("end", result))


def fit(*followers: Any, epochs: int = 2) -> sr.SphereEmbedder:
    labels = np.repeat(["a", "b"], 12)
    x = np.random.default_rng(0).normal(size=(24, 3)) + np.where(labels == "a", -2, 2)[:, None]
    options = {"epochs": epochs, "batch_size": 8, "width": 8, "heads": 1, "depth": 1, "embedding_dim": 4}
    return sr.SphereEmbedder(**options, random_state=3, verbose=False).fit(x, labels, callbacks=followers)


def test_followers_are_told_begin_records_and_end_and_the_log_is_the_same() -> None:
    diary, second = Diary(), Diary()
    model = fit(diary, second)
    kinds = [kind for kind, _ in diary]
    assert kinds[0] == "begin" and kinds[-1] == "end" and set(kinds[1:-1]) == {"record"}
    assert diary[0][1]["objects"] == 24 and diary[0][1]["random_state"] == 3 and diary[0][1]["width"] == 8
    records = [record for kind, record in diary if kind == "record"]
    assert [{**r, "network": 1} for r in model.training_.history] == [r for r in records if r["network"] == 1]
    assert sorted({record["network"] for record in records}) == [1, 2, 3]
    assert diary[-1][1] == model.training_ and second == diary


def test_the_closed_form_alone_has_no_records() -> None:
    diary = Diary()
    model = fit(diary, epochs=0)
    assert [kind for kind, _ in diary] == ["begin", "end"] and diary[-1][1] == model.training_


def test_a_fit_that_fails_ends_for_those_that_have_begun() -> None:
    first, second = Diary(), Diary()
    with pytest.raises(RuntimeError), telling([first], {}):
        raise RuntimeError
    assert first == [("begin", {}), ("end", None)]

    class Refuses(Diary):
        def on_fit_begin(self, config: Mapping[str, Any]) -> None:
            raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"), telling([second, refusing := Refuses()], {}):
        pass
    assert second == [("begin", {}), ("end", None)] and refusing == []


def test_weights_and_biases_is_called_as_it_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    run = SimpleNamespace(
        log=lambda numbers: calls.append(numbers),
        summary=SimpleNamespace(update=lambda numbers: calls.append(numbers)),
        finish=lambda exit_code: calls.append(exit_code),
    )
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=lambda **o: calls.append(o) or run))
    follower = WandB(project="shoes")
    follower.on_fit_begin({"width": 8})
    follower.on_record({"network": 2, "step": 5, "epoch": 0, "seconds": 0.1, "loss": 0.25, "score": None})
    follower.on_fit_end(RESULT)
    assert calls[0] == {"project": "shoes", "config": {"width": 8}}
    assert calls[1] == {"network 2/loss": 0.25, "network 2/step": 5}
    assert calls[2:] == [{"steps": 8.0, "both": 0.5}, 0]
    follower.on_fit_end(None)
    assert calls[-1] == 1


@pytest.mark.parametrize(("follower", "module"), [(MLflow, "mlflow"), (WandB, "wandb")])
def test_a_package_that_is_not_there_is_named_with_its_extra(
    follower: Any, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(sr.MissingExtraError, match=rf"steradian\[{module}\]"):
        follower()


def test_tensorboard_that_is_not_there_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(sr.MissingExtraError, match=r"steradian\[tensorboard\]"):
        TensorBoard("runs")
