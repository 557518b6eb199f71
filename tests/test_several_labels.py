"""A model of several labels an object from end to end: what works, and what is refused by name."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import steradian as sr
from steradian.cli import main
from steradian.errors import ConfigError, InputError
from steradian.serve import load_served
from steradian.training import feature_rows, fit_closed_form

rng = np.random.default_rng(0)
OWN = rng.random((120, 5)) < 0.3
WORDS = np.array(["red", "tall", "old", "wet", "loud"])
SPECS = OWN @ rng.normal(size=(5, 8)) + rng.normal(size=(120, 8)) * 0.5
COLUMNS: dict[str, Any] = {
    "text": [" ".join(WORDS[own & (rng.random(5) < 0.8)]) or None for own in OWN],
    "specs": list(SPECS),
    "tags": [WORDS[own].tolist() for own in OWN],
}
SCHEMA = sr.Schema({"text": sr.Text("text"), "specs": sr.Vector("specs")}, label="tags")
OBJECTS = sr.read_objects(COLUMNS, SCHEMA)
TRAIN, TEST = OBJECTS[:84], OBJECTS[84:]


def fitted(**options: Any) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(verbose=False, **options)


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    return fitted().fit(TRAIN)


def right(model: sr.SphereEmbedder, objects: sr.ObjectTable = TEST) -> float:
    """The share of pairs of an object and a label that are right."""
    given = np.array([[name in found for name in WORDS] for found in model.predict(objects)])
    own = np.array([[name in found for name in WORDS] for found in objects.labels])
    return float((given == own).mean())


def test_an_object_has_the_labels_whose_score_is_above_zero(model: sr.SphereEmbedder) -> None:
    assert right(model) > 0.93
    scores, found = model.decision_function(TEST), model.predict(TEST)
    assert scores.shape == (36, 5) and model.classes_.tolist() == sorted(WORDS)
    assert found.tolist() == [tuple(model.classes_[row > 0].tolist()) for row in scores]
    assert model.score(TEST) == np.mean([own == given for own, given in zip(TEST.labels, found, strict=True)])
    centers = model.fitted_.class_centers
    np.testing.assert_array_equal(model.transform(TEST) @ centers.T > 0, scores > 0)
    assert model.predict_vectors(np.zeros((0, model.embedding_dim or 128))).tolist() == []


def test_single_modalities_predict_too(model: sr.SphereEmbedder) -> None:
    for name in ("text", "specs"):
        seen = TEST.only(name)[TEST.only(name).present.any(axis=1)]
        assert right(model, seen) > 0.8


def test_labels_beside_a_table_or_an_array_are_the_same(model: sr.SphereEmbedder) -> None:
    beside = fitted().fit(TRAIN, [list(own) for own in TRAIN.labels])
    np.testing.assert_array_equal(beside.transform(TEST), model.transform(TEST))
    array = fitted(embedding_dim=8).fit(SPECS[:84], OWN[:84])
    assert array.classes_.tolist() == [0, 1, 2, 3, 4]
    assert ((array.decision_function(SPECS[84:]) > 0) == OWN[84:]).mean() > 0.9
    assert array.score(SPECS[84:], OWN[84:]) > 0.5


def test_two_labels_have_two_scores() -> None:
    found = fitted().fit(SPECS, OWN[:, :2])
    assert found.decision_function(SPECS).shape == (120, 2)


def test_more_labels_than_the_vector_has_numbers() -> None:
    assert 0.8 < right(fitted(embedding_dim=6).fit(TRAIN)) <= 1


def test_a_large_table_is_solved_in_parts(monkeypatch: pytest.MonkeyPatch, model: sr.SphereEmbedder) -> None:
    for module in (fit_closed_form, feature_rows):
        monkeypatch.setattr(module, "EXACT", 50)
    monkeypatch.setattr(fit_closed_form, "CHUNK", 32)
    found = fitted().fit(TRAIN, sample_weight=np.where(np.arange(84) < 80, 1.0, 2.0))
    assert right(found) > right(model) - 0.03


def test_it_is_saved_exported_and_searched(model: sr.SphereEmbedder, tmp_path: Path) -> None:
    model.save(tmp_path / "model", evaluation=sr.evaluate(model, TEST, floor="none", verbose=False))
    assert "less than a right angle away" in (tmp_path / "model" / "README.md").read_text()
    again = sr.SphereEmbedder.load(tmp_path / "model")
    assert again.predict(TEST).tolist() == model.predict(TEST).tolist()
    model.export(tmp_path / "exported")
    served = sr.RuntimeModel.load(tmp_path / "exported")
    assert served.predict(TEST).tolist() == model.predict(TEST).tolist()
    index = sr.Index.build(model, TRAIN)
    index.save(tmp_path / "index")
    loaded = sr.Index.load(tmp_path / "index", model=again)
    assert loaded.labels is not None and loaded.labels.tolist() == TRAIN.labels.tolist()
    found = loaded.add(TEST, ids=np.arange(84, 120)).search(TEST, k=1)
    assert found.labels is not None and found.labels[:, 0].tolist() == TEST.labels.tolist()
    assert "5 classes" in str(loaded) and ", ".join(TEST.labels[0]) in str(found)
    entries = json.loads((tmp_path / "model" / "config.json").read_text())
    assert entries["level"] == 5


def test_a_class_named_is_explained_and_a_class_can_go(model: sr.SphereEmbedder) -> None:
    attribution = model.explain(TEST, "red")
    np.testing.assert_allclose(attribution.cosines, model.transform(TEST) @ model.fitted_.class_centers[2], atol=1e-5)
    fewer = fitted().fit(TRAIN)
    fewer.remove_classes("red")
    assert fewer.predict(TEST).tolist() == [tuple(n for n in own if n != "red") for own in model.predict(TEST)]


REFUSED: dict[str, Callable[[sr.SphereEmbedder], Any]] = {
    "predict_proba": lambda model: model.predict_proba(TEST),
    "reject": lambda model: model.predict(TEST, reject=True),
    "calibrate": lambda model: model.calibrate(TEST),
    "verify": lambda model: model.verify(TEST, TEST),
    "certify": lambda model: model.certify(TEST),
    "explain": lambda model: model.explain(TEST),
    "audit": lambda model: model.audit(TEST),
    "add_classes": lambda model: model.add_classes(TEST),
    "robustness": lambda model: sr.robustness(model, TEST),
    "measure_geometry": lambda model: sr.measure_geometry(model, TEST),
    "measure_decisions": lambda model: sr.measure_decisions(model, TEST),
    "compare_models": lambda model: sr.compare_models(model, model, TEST),
    "measure_plain_baseline": lambda model: sr.measure_plain_baseline(TRAIN, TEST),
    "write_report": lambda model: sr.write_report(sr.evaluate(model, TEST, floor="none", verbose=False), "page.html"),
    "compatible_with": lambda model: fitted().fit(OBJECTS.with_labels(["a", "b"] * 60), compatible_with=model),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_of_one_label_is_refused_by_name(model: sr.SphereEmbedder, name: str) -> None:
    with pytest.raises(InputError, match=name) as refused:
        REFUSED[name](model)
    assert "several" in str(refused.value)


@pytest.mark.parametrize(
    ("options", "given", "message"),
    [
        ({"epochs": 2}, {}, "epochs=2"),
        ({"objective": "supcon"}, {}, "without a closed form"),
        ({}, {"validation": TEST}, "validation"),
        ({"class_weight": "balanced"}, {}, "class_weight"),
        ({"embedding_dim": 2}, {}, "embedding_dim: want 3 or more"),
    ],
)
def test_a_fit_of_something_else_is_refused(options: Any, given: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitted(**options).fit(TRAIN, **given)


def test_a_model_of_one_label_refuses_lists(model: sr.SphereEmbedder) -> None:
    single = fitted(epochs=0).fit(TRAIN.with_labels(["a", "b"] * 42))
    with pytest.raises(InputError, match="lists of several"):
        sr.evaluate(single, TEST, verbose=False)


def test_scores_of_labels_that_are_no_lists_of_these_classes_are_refused(model: sr.SphereEmbedder) -> None:
    single = fitted(epochs=0).fit(TRAIN.with_labels(["a", "b"] * 42))
    for other in (["red"] * len(TEST), OWN[84:]):
        with pytest.raises(InputError, match=r"lists of labels, as in training|labels that are text"):
            model.score(TEST, other)
    with pytest.raises(InputError, match="lists of several"):
        single.score(TEST, TEST.labels)
    assert model.score(TEST, [["new"]] * len(TEST)) == 0.0
    assert model.score(TEST, [[]] * len(TEST)) == np.mean([not own for own in model.predict(TEST)])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(TEST, sample_weight=np.ones(3))


def test_the_commands(model: sr.SphereEmbedder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table(COLUMNS), tmp_path / "all.parquet")
    lines = [
        "label: tags",
        "modalities:",
        "  text: {type: Text, columns: text}",
        "  specs: {type: Vector, columns: specs}",
    ]
    (tmp_path / "schema.yaml").write_text("\n".join(lines))

    def run(*words: str, refused: bool = False) -> str:
        with pytest.raises(SystemExit) as ended:
            main([word.replace("@", f"{tmp_path}/") for word in words])
        answer = capsys.readouterr()
        assert bool(ended.value.code) == refused, answer.err
        assert not (refused and answer.out)
        return answer.err if refused else answer.out

    run("split", "@all.parquet", "--out", "@parts", "--label", "tags", "--test", "0.3")
    assert "0 to" in run("fit", "@parts/train.parquet", "--schema", "@schema.yaml", "--out", "@model")
    answers = csv.DictReader(run("predict", "@model", "@parts/test.parquet").splitlines())
    assert {name for answer in answers for name in json.loads(answer["classes"])} == set(WORDS)
    assert "exact" in run("evaluate", "@model", "@parts/test.parquet", "--gallery", "@parts/train.parquet")
    for option in (["--robustness", "@curve.json"], ["--decisions"], ["--geometry"]):
        told = run("evaluate", "@model", "@parts/test.parquet", *option, refused=True)
        assert f"{option[0]}: want a model of one label" in told
    assert "verify: want a model of one" in run("verify", "@model", *["@parts/test.parquet"] * 2, refused=True)
    with pytest.raises(InputError, match="serve"):
        load_served(tmp_path / "model")
