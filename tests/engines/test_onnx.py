"""Networks as graphs of ONNX say what torch says: one network, several beside the closed form, sets, any subset."""

import subprocess
import sys
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import steradian as sr
from steradian.model import TwoPartEncoder, build_encoder
from steradian.runtime import RuntimeModel

for package in ("onnx", "onnxruntime"):
    pytest.importorskip(package)

KINDS = "certified", "context", "free", "several", "gates"


def table(count: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    waves = [np.sin(np.arange(3000) * (0.1 + 0.1 * label)) + 0.1 * rng.normal(size=3000) for label in labels]
    words = ["red shoe", "blue hat and more", "東京 tower"]
    columns = {
        "vector": list(labels[:, None] + rng.normal(size=(count, 4))),
        "vectors": [[list(row), list(-row)][: 1 + i % 2] for i, row in enumerate(rng.normal(size=(count, 3)))],
        "colour": [["red", "green", None][label] for label in labels],
        "title": [[f"{words[label]} {i}", "size"][: 1 + i % 2] for i, label in enumerate(labels)],
        "motion": [np.cumsum(rng.normal(size=(9 + i, 2)), axis=0) * (1 + label) for i, label in enumerate(labels)],
        "clips": [[(wave, 16_000), (wave[:2000], 11_025)][: 1 + i % 2] for i, wave in enumerate(waves)],
        "photo": [rng.integers(0, 99, (20, 20, 3), dtype=np.uint8) + np.uint8(70 * label) for label in labels],
    }
    missing = {
        name: [None if i % 5 == n else cell for i, cell in enumerate(cells)]
        for n, (name, cells) in enumerate(columns.items())
    }
    price = [float(label) + rng.normal() for label in labels]
    ages, sizes = rng.normal(size=(2, count))
    return {
        **missing,
        "price": price,
        "age": list(ages),
        "size": list(sizes),
        "label": [f"class {label}" for label in labels],
    }


SCHEMA = sr.Schema(
    {
        "vector": sr.Vector("vector"),
        "vectors": sr.Vector("vectors"),
        "pair": sr.Vector("size", "age", gaps="mask"),
        "motion": sr.Series("motion"),
        "clips": sr.Audio("clips"),
        "specs": sr.Tabular(numeric=["price"], categorical=["colour"]),
        "title": sr.Text("title"),
        "photo": sr.Image("photo", size=16),
    }
)


@pytest.fixture(scope="module", params=KINDS)
def models(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    kind = request.param
    options: dict[str, Any] = {"width": 16, "heads": 2, "embedding_dim": 8, "verbose": False, "epochs": 0}
    objects = sr.read_objects(table(24, 0), SCHEMA)
    alone = kind in {"certified", "context", "free"}
    model = sr.SphereEmbedder(**options, closed_form=not alone, fusion=kind if alone else None).fit(objects)
    torch.manual_seed(0)
    if not alone:
        fitted = model.fitted_
        config = fitted.model_config
        networks = [build_encoder(fitted.preprocessor.modalities, config).eval() for _ in range(2)]
        encoder = TwoPartEncoder(
            fitted.modalities,
            networks,
            embedding_dim=fitted.embedding_dim,
            share=0.7,
            learned_gates=kind == "gates",
            featured=fitted.encoder.featured.tolist(),
        ).eval()
        model.fitted_ = replace(fitted, encoder=encoder)
    with torch.no_grad():
        # Gates that are all alike would hide a mistake.
        for name, weight in model.fitted_.encoder.named_parameters():
            if "gates" in name:
                weight.normal_()
    folder = tmp_path_factory.mktemp(kind)
    model.export(folder)
    return model, RuntimeModel.load(folder), folder


def test_every_subset_of_every_object(models: Any) -> None:
    model, served, _ = models
    cells = table(11, 1)
    encoded, objects = served.encode(cells), model.encode(cells)
    names = model.fitted_.modalities
    for subset in chain.from_iterable(combinations(names, size) for size in range(1, len(names) + 1)):
        mask = SCHEMA.mask(subset)
        has, vectors = encoded.fused(mask)
        rows, expected = objects.fused(mask)
        assert np.flatnonzero(has).tolist() == rows.tolist()
        np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_one_object_alone_is_the_same(models: Any) -> None:
    model, served, _ = models
    long = {"motion": np.ones((400, 2)), "clips": (np.ones(30_000), 16_000)}
    for row in (
        long,
        {"motion": [[1.0, 2.0]]},
        {"age": 1.0, "size": None},
        {"title": ["one two", "three"]},
        {"title": "red shoe", "price": 2.0},
        {"vectors": [[1.0, 2.0, 3.0]]},
    ):
        np.testing.assert_allclose(served.embed([row]), model.transform([row]), atol=1e-5)


def test_sums_are_explained_and_weighted_alike(models: Any) -> None:
    model, served, _ = models
    cells = table(7, 2)
    if served.fusion == "free":
        with pytest.raises(sr.ConfigError, match="free"):
            served.explain(cells)
        return
    first, second = (each.encode(cells).weighted({"title": 2}) for each in (served, model))
    np.testing.assert_allclose(served.explain(first).contributions, model.explain(second).contributions, atol=1e-5)
    np.testing.assert_allclose(served.certify(cells).leads, model.certify(cells).leads, atol=1e-4)


def test_it_runs_without_torch_and_is_no_saved_model(models: Any, tmp_path: Path) -> None:
    model, _, folder = models
    with pytest.raises(sr.SavedModelError, match="RuntimeModel"):
        sr.SphereEmbedder.load(folder)
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'scipy', 'sklearn', 'pyarrow', 'rich']))\n"
        "import numpy as np; from steradian.runtime import RuntimeModel\n"
        "np.save(sys.argv[2], RuntimeModel.load(sys.argv[1]).embed({'title': 'red shoe'}))"
    )
    command = [sys.executable, "-c", script, str(folder), str(tmp_path / "found.npy")]
    alone = subprocess.run(command, capture_output=True, text=True)
    assert alone.stderr == ""
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), model.transform({"title": "red shoe"}), atol=1e-5)


def test_a_kind_that_is_no_graph_is_named(models: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("steradian.network_graphs.FittedVector", Never)
    with pytest.raises(sr.ConfigError, match="'vector'"):
        models[0].export(tmp_path)


class Never:
    """Nothing is one."""
