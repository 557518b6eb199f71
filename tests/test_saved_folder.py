"""A saved model is read, and raw cells become feature rows and closed-form vectors, where there is no torch."""

import subprocess
import sys
from inspect import getsource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.data.closed_form import features_of, fused
from steradian.data.sparse_rows import SparseRows
from steradian.runtime import RuntimeModel
from steradian.saved_folder import read_folder
from steradian.search import Index

ABSENT = "torch", "scipy", "sklearn", "transformers", "pyarrow", "rich", "jinja2", "jsonargparse"
"""What is not there where a model is served: no module that prepares objects may import it."""


def table(count: int, seed: int) -> dict[str, Any]:
    """Cells of every kind of modality, sets of items and missing cells among them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    noise = rng.normal(size=(count, 4))
    pictures = [rng.integers(0, 99, (20, 20, 3), dtype=np.uint8) + np.uint8(70 * label) for label in labels]
    waves = [np.sin(np.arange(3000) * (0.1 + 0.1 * label)) + 0.1 * rng.normal(size=3000) for label in labels]
    words = ["red shoe", "blue hat", "東京 tower"]
    columns = {
        "vector": list(labels[:, None] + noise),
        "vectors": [[list(row), list(-row)][: 1 + i % 2] for i, row in enumerate(labels[:, None] + noise)],
        "price": [float(label) + noise[i, 0] for i, label in enumerate(labels)],
        "colour": [["red", "green", None][label] for label in labels],
        "title": [[f"{words[label]} {i}", "size"][: 1 + i % 2] for i, label in enumerate(labels)],
        "photos": [[picture, picture[::-1].copy()][: 1 + i % 2] for i, picture in enumerate(pictures)],
        "motion": [np.cumsum(rng.normal(size=(9 + i, 2)), axis=0) * (1 + label) for i, label in enumerate(labels)],
        "clips": [[(wave, 16_000), (wave[:2000], 11_025)][: 1 + i % 2] for i, wave in enumerate(waves)],
    }
    missing = {
        name: [None if i % 5 == n % 5 else cell for i, cell in enumerate(cells)]
        for n, (name, cells) in enumerate(columns.items())
    }
    return {**missing, "price": columns["price"], "label": [f"class {label}" for label in labels]}


def applied(folder: Any, cells: Any) -> dict[str, Any]:
    """From raw cells to what the closed form says of them: features, vectors, unit vectors and nearest classes."""
    saved = read_folder(folder)
    preprocessor, schema = saved.preprocessor, sr.data.schema.Schema.from_dict(saved.entries["schema"], where="it")
    prepared = preprocessor.prepare(sr.data.reading.read_objects(cells, schema, labelled=False))
    found = {"closed": prepared.closed, "units": fused(prepared.closed, prepared.present)}
    for m, (name, fitted) in enumerate(preprocessor.modalities.items()):
        rows = np.arange(prepared.present[:, m].sum())
        features = features_of(fitted, preprocessor.closed_form.maps[name].features, prepared.items[name], rows)
        if isinstance(features, SparseRows):
            found[f"columns {name}"], features = features.columns.flat, features.values
        found[f"features {name}"] = features
    centers = saved.weights["classifier.weight"]
    runtime = RuntimeModel.load(folder)
    found |= {"embedded": runtime.embed(cells), "predicted": runtime.predict(cells, reject=True)}
    encoded = runtime.encode(cells).weighted({"title": 2})
    found |= {"weighted": runtime.embed(encoded), "shares": runtime.explain(encoded).contributions}
    found["leads"] = runtime.certify(cells).leads
    found["same"] = runtime.verify(encoded.objects, encoded.objects[::-1]).angles
    index = Index.from_vectors(centers)
    found["neighbors"] = runtime.search(cells, index, k=2).rows
    found["row"] = runtime.embed({"title": "red shoe"})
    nearest = (found["units"] @ centers.T).argmax(axis=1)
    found["classes"] = np.array(saved.entries["classes"]["names"])[nearest]
    return found


SCRIPT = """
import importlib, pkgutil, sys
from pathlib import Path
from typing import Any

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(f"{{name}} is not there")

sys.meta_path.insert(0, Absent())
import numpy as np
import steradian as sr
import steradian.data, steradian.modalities
for package in (steradian.data, steradian.modalities):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        # What reads files, splits them or fits needs pyarrow or torch.
        apart = "table_files", "parquet_rows", "file_errors", "split_files", "csv_columns", "feature_cache"
        if not module.name.endswith(("_tokenizer", ".pretrained_encoder", ".tensors", ".dropout", *apart)):
            importlib.import_module(module.name)
from steradian.data.closed_form import features_of, fused
from steradian.data.sparse_rows import SparseRows
from steradian.runtime import RuntimeModel
from steradian.saved_folder import read_folder
from steradian.search import Index

{functions}
np.savez(sys.argv[2], **applied(sys.argv[1], table(12, 1)))
"""


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    schema = {
        "vector": sr.Vector("vector"),
        "vectors": sr.Vector("vectors"),
        "specs": sr.Tabular(numeric=["price"], categorical=["colour"]),
        "title": sr.Text("title"),
        "photos": sr.Image("photos", size=16),
        "motion": sr.Series("motion"),
        "clips": sr.Audio("clips"),
    }
    fitted = sr.SphereEmbedder(epochs=0, verbose=False).fit(sr.read_objects(table(24, 0), sr.Schema(schema)))
    fitted.calibrate(sr.read_objects(table(24, 2), fitted.schema_), coverage=0.5)
    return fitted


def test_without_torch_a_saved_model_says_the_same(model: sr.SphereEmbedder, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    script = SCRIPT.format(absent=set(ABSENT), functions="\n\n".join(map(getsource, (table, applied))))
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "model"), str(tmp_path / "found.npz")]
    alone = subprocess.run(command, capture_output=True, text=True)
    assert alone.stderr == ""
    cells = table(12, 1)
    with np.load(tmp_path / "found.npz") as found:
        expected = applied(tmp_path / "model", cells)
        assert found.keys() == expected.keys()
        assert sum(name.startswith("features") for name in expected) == len(model.schema_.modalities)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        objects = sr.read_objects(cells, model.schema_, labelled=False)
        np.testing.assert_allclose(found["units"], model.transform(objects), atol=1e-6)
        np.testing.assert_allclose(found["embedded"], model.transform(objects), atol=1e-6)
        assert found["predicted"].tolist() == model.predict(objects, reject=True).tolist()
        encoded = model.encode(objects).weighted({"title": 2})
        np.testing.assert_allclose(found["weighted"], model.transform(encoded), atol=1e-6)
        np.testing.assert_allclose(found["shares"], model.explain(encoded).contributions, atol=1e-6)
        np.testing.assert_allclose(found["leads"], model.certify(objects).leads, atol=1e-6)
        np.testing.assert_allclose(found["same"], model.verify(objects, objects[::-1]).angles, atol=1e-6)
        np.testing.assert_allclose(found["row"], model.transform({"title": "red shoe"}), atol=1e-6)
        assert found["classes"].tolist() == model.predict(objects).tolist()
