"""The numbers of a report are those of the model and the evaluation, and what cannot be measured says why."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.evaluation import Evaluation
from steradian.report import measurements as module
from steradian.report.measurements import Measurements, measure


def test_predictions_are_the_models(findings: Measurements) -> None:
    model, objects, found = findings.model, findings.objects, findings.predictions
    assert np.array_equal(found.classes, model.predict(objects))
    assert np.allclose(found.confidence, model.predict_proba(objects).max(axis=1))
    own = model.fitted_.classifier.class_centers.detach().numpy()[np.searchsorted(model.classes_, found.classes)]
    assert np.allclose(np.cos(found.angles), (findings.vectors * own).sum(axis=1), atol=1e-5)
    assert found.right.mean() == pytest.approx(findings.evaluation.whole.accuracy)


def test_scores_of_neighbors_are_the_evaluations(findings: Measurements) -> None:
    whole, found = findings.evaluation.whole, findings.searched
    assert whole.recall is not None
    assert found.first_right[found.relevant].mean() == pytest.approx(whole.recall[1])
    assert np.nanmean(found.average_precision) == pytest.approx(whole.map_at_r)


def test_objects_without_a_modality_are_left_out(
    model: sr.SphereEmbedder, table: Callable[..., sr.ObjectTable]
) -> None:
    objects = table(1, 30).only("picture")
    evaluation = sr.evaluate(model, objects, subsets=["picture"], verbose=False)
    found = measure(evaluation, baseline=None, robustness=None, audit=None, random_state=0)
    assert len(found.objects) == objects.present.any(axis=1).sum() < len(objects)
    assert found.gallery is None


@pytest.mark.parametrize("wrong", [None, {"accuracy": 0.5}])
def test_what_is_no_evaluation_is_refused(wrong: Any) -> None:
    with pytest.raises(sr.InputError, match=f"got a {type(wrong).__name__} of scores alone"):
        measure(wrong, baseline=None, robustness=None, audit=None, random_state=0)


@pytest.mark.parametrize("evaluated", ["none", "another model"])
def test_scores_alone_are_refused(evaluation: Evaluation, evaluated: str) -> None:
    known = evaluation.evaluated
    assert known is not None
    other = None if evaluated == "none" else replace(known, model=object())
    with pytest.raises(sr.InputError, match="Pass what evaluate"):
        measure(replace(evaluation, evaluated=other), baseline=None, robustness=None, audit=None, random_state=0)


def test_what_is_given_is_not_measured_again(evaluation: Evaluation, findings: Measurements) -> None:
    given: dict[str, Any] = {"baseline": findings.baseline, "robustness": findings.robustness, "audit": findings.audit}
    found = measure(evaluation, **given, random_state=0)
    assert found.robustness is findings.robustness is not None
    assert found.audit is findings.audit is not None
    assert found.baseline is findings.baseline is not None


def test_a_free_fusion_has_no_attribution(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 10, ["a", "b"] * 3, fusion="free")
    assert found.attribution is None and 'fusion="free"' in found.no_attribution


def test_where_no_class_has_two_objects_the_gallery_helps(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 10, ["a", "b"], gallery=["a", "b"] * 5)
    assert found.angles is not None and found.angles.within_pairs == 2 * 15
    alone = plain_findings(["a", "b"] * 10, ["a", "b"])
    assert alone.angles is not None and alone.angles.within_pairs == 0


def test_the_baseline_is_fitted_on_the_gallery(
    findings: Measurements, plain_findings: Callable[..., Measurements]
) -> None:
    assert findings.baseline is not None and findings.gallery is not None
    assert findings.baseline.trained == len(findings.gallery) and len(findings.baseline.labels) == len(findings.objects)
    assert findings.baseline is findings.evaluation.floor
    alone = plain_findings(["a", "b"] * 10, ["a", "b"] * 4)
    assert alone.baseline is not None and alone.baseline.accuracy is None and alone.baseline.trained == 0
    one_class = plain_findings(["a", "b"] * 10, ["a", "b"] * 4, gallery=["a"] * 4)
    assert one_class.baseline is not None and one_class.baseline.accuracy is None and one_class.baseline.gallery == 4


def test_an_evaluation_without_a_floor_gets_its_baseline_from_the_gallery(evaluation: Evaluation) -> None:
    bare = replace(evaluation, floor=None)
    found = measure(bare, baseline=None, robustness=None, audit=None, random_state=0)
    assert found.baseline is not None and found.baseline.accuracy == evaluation.floor.accuracy
    assert bare.evaluated is not None
    alone = replace(bare, evaluated=replace(bare.evaluated, gallery=None))
    assert "without a gallery" in measure(alone, baseline=None, robustness=None, audit=None, random_state=0).no_baseline


def test_large_tables_are_measured_less(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch, findings: Measurements
) -> None:
    for name, value in (("MEASURED", 10), ("SMALL", 10)):
        monkeypatch.setattr(module, name, value)
    found = measure(replace(evaluation, floor=None), baseline=None, robustness=None, audit=None, random_state=0)
    assert found.audit is found.baseline is found.robustness is None
    assert "large" in found.no_audit and "large" in found.no_baseline
    monkeypatch.setattr(module, "MEASURED", 1000)
    monkeypatch.setattr(module, "COMPARED", 10)
    found = measure(evaluation, baseline=findings.baseline, robustness=None, audit=None, random_state=0)
    assert found.audit is not None and not found.audit.of_kind("duplicate")
    assert "Near-duplicates were not searched for" in found.no_audit


def test_labels_that_the_model_does_not_know_cannot_be_audited(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 10, ["x", "y"] * 4)
    assert found.audit is None and found.no_audit.startswith("No audit can be made: want")
    assert not found.predictions.known.any()
