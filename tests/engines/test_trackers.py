"""Followers of a fit against TensorBoard's files and MLflow's file store."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from steradian.tracking import MLflow, TensorBoard


def fit(follower: TensorBoard | MLflow) -> sr.SphereEmbedder:
    labels = np.repeat(["a", "b"], 12)
    x = np.random.default_rng(0).normal(size=(24, 3)) + np.where(labels == "a", -2, 2)[:, None]
    options = {"epochs": 2, "batch_size": 8, "width": 8, "heads": 1, "depth": 1, "embedding_dim": 4}
    return sr.SphereEmbedder(**options, verbose=False).fit(x, labels, callbacks=[follower])


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_the_losses_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="not installed: pip install 'steradian[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = fit(TensorBoard(tmp_path))
    found = EventAccumulator(str(tmp_path)).Reload()
    for number in (1, 2, 3):
        assert f"network {number}/loss" in found.Tags()["scalars"]
    shown = [(event.step, event.value) for event in found.Scalars("network 1/loss")]
    expected = [(record["step"], record["loss"]) for record in model.training_.history]
    np.testing.assert_allclose(shown, expected, rtol=1e-6)
    assert found.Scalars("end/steps")[0].value == model.training_.steps
    assert "config/text_summary" in found.Tags()["tensors"]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow", reason="not installed: pip install 'steradian[mlflow]'")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri(tmp_path.as_uri())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = fit(MLflow("shoes", "first"))
    client = mlflow.MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("shoes").experiment_id])
    assert run.info.run_name == "first" and run.info.status == "FINISHED"
    assert run.data.params["width"] == "8" and run.data.params["objects"] == "24"
    history = client.get_metric_history(run.info.run_id, "network 1/loss")
    expected = [(record["step"], record["loss"]) for record in model.training_.history]
    np.testing.assert_allclose([(entry.step, entry.value) for entry in history], expected)
    assert run.data.metrics["steps"] == model.training_.steps
    follower = MLflow("shoes")
    follower.on_fit_begin({})
    follower.on_fit_end(None)
    statuses = [found.info.status for found in client.search_runs([run.info.experiment_id])]
    assert sorted(statuses) == ["FAILED", "FINISHED"]
