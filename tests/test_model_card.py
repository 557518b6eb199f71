"""The model card: metadata that a hub reads, lines for people, and what survives a second save."""

from pathlib import Path

import numpy as np
import pytest
import yaml

import steradian as sr
from steradian.model_card import NOTES, write_card


def card(folder: Path) -> tuple[dict[str, object], str]:
    _, head, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), text


@pytest.fixture(scope="module")
def parts() -> tuple[sr.SphereEmbedder, sr.ObjectTable]:
    rng, labels = np.random.default_rng(0), np.repeat(["cup", "jar"], 20)
    table = {name: list(rng.normal(size=(40, 3)) + (labels == "cup")[:, None] * 3) for name in ("left", "right")}
    objects = sr.read_objects({**table, "kind": labels}, sr.Schema({name: sr.Vector(name) for name in table}, "kind"))
    train, test = objects.split(test_size=0.4, random_state=0)
    return sr.SphereEmbedder(epochs=0, embedding_dim=4, verbose=False).fit(train), test


def test_a_saved_model_says_what_it_is(parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path) -> None:
    model, _ = parts
    model.save(tmp_path)
    front, text = card(tmp_path)
    assert front["library_name"] == "steradian" and front["pipeline_tag"] == "feature-extraction"
    assert "license" not in front and "model-index" not in front and "multimodal" in str(front["tags"])
    own = front["steradian"]
    assert isinstance(own, dict) and own["fingerprint"] == model.fingerprint and own["objects"] == 24
    for said in (
        "`left`: Vector",
        "2 classes of `kind` among 24 training objects: cup, jar.",
        "A closed form.",
        "None yet",
    ):
        assert said in text
    assert "from_pretrained" in text and "Not calibrated" in text and text.endswith(f"{NOTES}\n")


def test_scores_and_thresholds_stand_in_it_and_a_hub_reads_them(
    parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path
) -> None:
    model, test = parts
    evaluation = sr.evaluate(model, test)
    model.save(tmp_path, license="apache-2.0", evaluation=evaluation)
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard.load(tmp_path / "README.md").data
    assert data.license == "apache-2.0" and data.library_name == "steradian"
    found = {(result.task_name, result.metric_type): result.metric_value for result in data.eval_results}
    assert {name for name, _ in found} == {"left + right", "left", "right"}
    assert found["left + right", "map_at_r"] == pytest.approx(evaluation["left + right"].map_at_r, abs=1e-6)
    assert found["left", "recall_at_1"] == pytest.approx(evaluation["left"].recall[1], abs=1e-6)
    assert "| left + right |" in card(tmp_path)[1]


def test_a_second_save_keeps_notes_scores_and_what_a_user_has_added(
    parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path
) -> None:
    model, test = parts
    model.save(tmp_path, license="mit")
    path = tmp_path / "README.md"
    edited = path.read_text(encoding="utf-8").replace("license: mit", "license: mit\ndatasets: [you/cups]")
    path.write_text(f"{edited}Photos are of my kitchen.\n", encoding="utf-8")
    again = sr.SphereEmbedder.load(tmp_path)
    again.calibrate(test, coverage=0.8)
    again.save(tmp_path)
    front, text = card(tmp_path)
    assert front["datasets"] == ["you/cups"] and front["license"] == "mit"
    assert front["steradian"]["objects"] == 24  # type: ignore[index]  # the model itself has forgotten it
    assert text.endswith(f"{NOTES}\nPhotos are of my kitchen.\n") and "Calibration: at least 80.0%" in text
    sr.SphereEmbedder.load(tmp_path)  # no checksum is of the card


@pytest.mark.parametrize("content", ["", "---\n[\n---\n", "---\nsteradian: 3\n---\n", "---\n- a\n---\n", "no card"])
def test_a_card_that_cannot_be_read_is_replaced(
    parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path, content: str
) -> None:
    (tmp_path / "README.md").write_text(content, encoding="utf-8")
    write_card(tmp_path, parts[0].fitted_, license=None, evaluation=None)
    assert card(tmp_path)[0]["library_name"] == "steradian"


def test_metadata_of_another_model_does_not_stay(
    parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path
) -> None:
    parts[0].save(tmp_path, license="mit")
    other = sr.SphereEmbedder(epochs=0, embedding_dim=5, verbose=False).fit(parts[1])
    other.save(tmp_path)
    assert "license" not in card(tmp_path)[0]


def test_a_compatible_model_names_the_old_one(parts: tuple[sr.SphereEmbedder, sr.ObjectTable], tmp_path: Path) -> None:
    new = sr.SphereEmbedder(epochs=0, verbose=False).fit(parts[1], compatible_with=parts[0])
    new.save(tmp_path)
    assert f"searched among those of {parts[0].fingerprint}" in card(tmp_path)[1]
