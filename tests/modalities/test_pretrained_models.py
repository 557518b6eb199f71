"""Whole models over pretrained encoders: what training changes, what is missing, and what a saved folder holds."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel

import steradian as sr
from steradian.modalities.pretrained_encoder import EncoderFiles
from steradian.training import learner

pytestmark = pytest.mark.slow

KINDS = {"title": (sr.Text, "bert"), "photo": (sr.Image, "vit"), "clip": (sr.Audio, "ast")}
COUNT = 24


@pytest.fixture(autouse=True)
def _features_of_this_test_alone(feature_folder: Path) -> None:
    """No test finds what another has encoded."""


@pytest.fixture(scope="module")
def columns() -> dict[str, list[Any]]:
    """Two classes that differ in every column; a third of each column is missing, a list here and there."""
    rng = np.random.default_rng(0)
    table: dict[str, list[Any]] = {"title": [], "photo": [], "clip": [], "label": []}
    for row in range(COUNT):
        label = row % 2
        noise = rng.normal(scale=0.1, size=4_000)
        title = f"{'abc' if label else 'xyz'} {rng.integers(100)}"
        photo = (rng.integers(0, 100, (18, 20, 3)) + 150 * label).astype(np.uint8)
        clip = np.sin(np.arange(4_000) * (0.2 + 0.6 * label)) + noise
        table["title"].append(None if row % 3 == 0 else title)
        table["photo"].append(None if row % 3 == 1 else [photo, photo[::-1].copy()] if row % 5 == 0 else photo)
        table["clip"].append(None if row % 3 == 2 else (clip, 16_000))
        table["label"].append(["low", "high"][label])
    return table


def schema(encoders: Path, **options: Any) -> sr.Schema:
    modalities = {
        name: modality(name, encoder=encoders / folder, **options) for name, (modality, folder) in KINDS.items()
    }
    return sr.Schema(modalities)


def embedder(**options: Any) -> sr.SphereEmbedder:
    options = {"embedding_dim": 8, "width": 8, "heads": 2, "epochs": 6, "batch_size": 8, **options}
    return sr.SphereEmbedder(**options, validation_fraction=0.0, device="cpu", verbose=False)


@pytest.mark.parametrize("trainable", [False, True])
def test_a_model_is_the_same_after_saving_and_without_its_encoders(
    encoders: Path, columns: dict[str, Any], trainable: bool, tmp_path: Path, feature_folder: Path
) -> None:
    own = shutil.copytree(encoders, tmp_path / "encoders")
    objects = sr.read_objects(columns, schema(own, trainable=trainable))
    model = embedder(epochs=40).fit(objects)
    assert model.score(objects) > 0.9
    vectors = model.transform(objects)
    model.save(tmp_path / "model")
    shutil.rmtree(own)
    shutil.rmtree(feature_folder, ignore_errors=True)
    loaded = sr.SphereEmbedder.load(tmp_path / "model", device="cpu")
    new = {name: column for name, column in columns.items() if name != "label"}
    np.testing.assert_allclose(loaded.transform(new), vectors, atol=1e-5)
    # Any order, any batch, any subset of what is there.
    order = np.random.default_rng(0).permutation(COUNT)
    np.testing.assert_allclose(loaded.transform(objects[order], batch_size=5), vectors[order], atol=1e-5)
    for name in KINDS:
        has = np.array([cell is not None for cell in columns[name]])
        others = dict.fromkeys(KINDS.keys() - {name}, [None] * has.sum())
        alone = loaded.transform({name: [cell for cell in columns[name] if cell is not None], **others})
        np.testing.assert_allclose(alone, model.transform(objects[has], modalities=name), atol=1e-5)


@pytest.mark.parametrize("trainable", [False, True])
def test_a_saved_folder_holds_each_encoder_once(
    encoders: Path, columns: dict[str, Any], trainable: bool, tmp_path: Path
) -> None:
    embedder().fit(sr.read_objects(columns, schema(encoders, trainable=trainable))).save(tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    tensors = load_file(path)
    # The patch embedding of the picture's encoder: among the model's weights, or in the bytes of the encoder's files.
    weights = load_file(encoders / "vit" / "model.safetensors")["embeddings.patch_embeddings.projection.weight"]
    found = [name for name, tensor in tensors.items() if tensor.shape == weights.shape]
    assert len(found) == trainable
    if not trainable:
        content = path.read_bytes()
        assert content.count(weights.numpy().tobytes()) == 1


def test_training_changes_fine_tuned_weights_slowly_and_frozen_ones_never(
    encoders: Path, columns: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    start: list[dict[str, torch.Tensor]] = []

    def keep(encoder: torch.nn.Module, *others: Any, **options: Any) -> Any:
        start.append({name: tensor.clone() for name, tensor in encoder.state_dict().items()})
        return plain(encoder, *others, **options)

    plain = learner.make_optimizer
    monkeypatch.setattr(learner, "make_optimizer", keep)
    model = embedder(epochs=1).fit(sr.read_objects(columns, schema(encoders, trainable=True)))
    moved = {
        name: float((tensor - start[0][name]).abs().max())
        for name, tensor in model.fitted_.encoder.state_dict().items()
        if tensor.dtype.is_floating_point
    }
    pretrained = {name: by for name, by in moved.items() if ".encoder.model." in name}
    for m, (_, folder) in enumerate(KINDS.values()):
        saved = AutoModel.from_pretrained(encoders / folder).state_dict()
        own = {name.split(".encoder.model.")[1]: name for name in pretrained if name.startswith(f"modalities.{m}.")}
        assert own.keys() == {name for name in saved if not name.startswith("pooler.")}
        # Training began with the pretrained weights.
        assert all(torch.equal(start[0][name], saved[key]) for key, name in own.items())
    # Three steps of Adam at 3e-5 at most, where other weights take 3e-3; a key's bias has no gradient.
    assert 0 < max(pretrained.values()) < 1.1e-4 < max(moved.values())
    assert sum(by > 0 for by in pretrained.values()) > 0.8 * len(pretrained)

    frozen = embedder(epochs=1).fit(sr.read_objects(columns, schema(encoders)))
    assert not any(".encoder.model." in name for name in frozen.fitted_.encoder.state_dict())
    for name, (_, folder) in KINDS.items():
        fitted = frozen.fitted_.preprocessor.modalities[name]
        encoder = EncoderFiles(fitted.sizes, fitted.content).encoder(fitted.kind, fitted.pooling)
        saved = AutoModel.from_pretrained(encoders / folder).state_dict()
        assert all(torch.equal(tensor, saved[key]) for key, tensor in encoder.model.state_dict().items())


def test_a_seed_gives_one_model_whatever_was_kept_before(encoders: Path, columns: dict[str, Any]) -> None:
    objects = sr.read_objects(columns, schema(encoders))
    first, second = (embedder(epochs=2).fit(objects).transform(objects) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_class_may_lack_a_modality_in_a_whole_batch(encoders: Path, columns: dict[str, Any]) -> None:
    objects = sr.read_objects(columns, schema(encoders, trainable=True))
    model = embedder(batch_size=1, epochs=1).fit(objects)
    vectors = model.transform(objects, batch_size=1)
    np.testing.assert_allclose(vectors, model.transform(objects), atol=1e-5)
