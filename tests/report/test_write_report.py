"""The whole page: every section, nothing but the data's text in words, one file that is always whole."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.evaluation import Evaluation
from steradian.report.write_report import write_report

SECTIONS = [
    *("summary", "training", "subsets", "angles", "sphere", "centers", "confusions", "neighbors", "attribution"),
    *("thresholds", "audit", "reproduce"),
]


def test_every_section_stands_in_the_page_and_no_text_of_the_data_is_markup(
    evaluation: Evaluation, tmp_path: Path, elements: Any
) -> None:
    written = write_report(evaluation, tmp_path / "new" / "report.html", credits=["<b>credit</b>"])
    page = written.read_text(encoding="utf-8")
    found = elements(page)
    assert found.open == []
    assert [attributes["id"] for attributes in found.found("section")] == SECTIONS
    assert {tag for tag, _ in found.tags}.isdisjoint({"link", "iframe", "object", "base", "form", "u"})
    assert [key for _, attributes in found.tags for key in attributes if key.startswith("on")] == []
    told = [words in found.text for words in ("<script>alert(1)</script>", "<b>credit</b>")]
    assert told == [True, True]
    # Its own script runs and unpacks plotly; all others hold JSON.
    kinds = [attributes.get("type") for attributes in found.found("script")]
    assert kinds.count(None) == 1 and set(kinds) == {None, "application/json"}
    identities = [attributes["id"] for _, attributes in found.tags if attributes.get("id")]
    assert len(identities) == len(set(identities))
    assert len(found.found("img")) <= 100 and all(image["alt"] for image in found.found("img"))
    assert evaluation.verdict is not None
    assert page.index(evaluation.verdict) < page.index("<nav")  # the first sentence below the heading
    assert len(found.found("details")) == len(SECTIONS) and all("open" in each for each in found.found("details"))
    levels = [int(tag[1]) for tag, _ in found.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1 and max(np.diff(levels)) <= 2


def test_the_same_evaluation_gives_the_same_page(evaluation: Evaluation, tmp_path: Path) -> None:
    pages = [
        [
            line
            for line in write_report(evaluation, tmp_path / f"{run}.html").read_text(encoding="utf-8").split("\n")
            if "written" not in line
        ]
        for run in range(2)
    ]
    same = pages[0] == pages[1]
    assert same


def test_a_report_that_fails_leaves_the_old_one(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(os, "replace", full)
        write_report(evaluation, path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["report.html"]


def test_where_a_page_cannot_stand_the_error_names_the_place(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised:
        write_report(evaluation, tmp_path)
    assert raised.value.filename == str(tmp_path) and os.listdir(tmp_path) == []


def test_what_is_missing_is_an_error_with_its_fix(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(sr.InputError, match=r"Pass what evaluate\(model, objects\) returned"):
        write_report(replace(evaluation, evaluated=None), tmp_path / "report.html")
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(sr.MissingExtraError, match=r"pip install 'steradian\[report\]'"):
        write_report(evaluation, tmp_path / "report.html")
    assert os.listdir(tmp_path) == []


def test_a_loaded_model_and_labels_that_are_numbers_have_a_report_too(tmp_path: Path, elements: Any) -> None:
    labels = np.arange(40) % 4
    points = np.eye(4)[labels] + 0.1 * np.random.default_rng(0).normal(size=(40, 4))
    objects = sr.read_objects({"v": points, "label": labels}, sr.Schema({"v": sr.Vector("v")}))
    sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects).save(tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    written = write_report(sr.evaluate(loaded, objects, verbose=False), tmp_path / "report.html")
    text = elements(written.read_text(encoding="utf-8")).text
    # Kept short: a page would fill the screen where this fails.
    told = [
        words in text for words in ("The loss should fall", "There is one modality", "each object among the others")
    ]
    assert told == [True, True, True]


@pytest.mark.parametrize("given", [{"baseline": 0.5}, {"audit": "audit.json"}, {"robustness": [0.9, 0.8]}])
def test_what_is_no_result_is_refused_before_anything_is_measured(
    evaluation: Evaluation, tmp_path: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(
        sr.InputError, match=r"write_report\(...\): want a result of the kind (PlainBaseline|Audit|Robustness), or None"
    ):
        write_report(evaluation, tmp_path / "report.html", **given)
    assert list(tmp_path.iterdir()) == []
