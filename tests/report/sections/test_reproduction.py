"""What the page says to run is the model's own schema and options, and runs."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from importlib.metadata import version

import numpy as np

import steradian as sr
from steradian.report.measurements import Measurements
from steradian.report.sections.reproduction import reproduction_section


def code(findings: Measurements) -> str:
    (found,) = re.findall(r"<pre><code>(.*?)</code></pre>", reproduction_section(findings).body, re.DOTALL)
    return unescape(found)


def test_schema_and_options_come_back(findings: Measurements) -> None:
    text = code(findings)
    namespace: dict[str, object] = {"sr": sr}
    exec(text[text.index("schema =") : text.index("train,")], namespace)
    assert namespace["schema"] == findings.model.schema_
    made = eval(re.findall(r"model = (.*)\.fit", text)[0], {"sr": sr})
    assert made.get_params() | {"verbose": False} == findings.model.get_params()
    assert "gallery=train" in text


def test_every_kind_of_modality_is_written_as_it_was(findings: Measurements) -> None:
    modalities = {
        "a": sr.Image("p", size=64),
        "b": sr.Text("t", "u"),
        "c": sr.Tabular(numeric=["n"], categorical=["k"]),
        "d": sr.Series("s", time="when"),
        "e": sr.Audio("sound"),
    }
    model = sr.SphereEmbedder()
    model.__dict__ |= vars(findings.model) | {"schema_": sr.Schema(modalities, label="kind", id=None)}
    text = code(replace(findings, model=model))
    namespace: dict[str, object] = {"sr": sr}
    exec(text[text.index("schema =") : text.index("train,")], namespace)
    assert namespace["schema"] == model.schema_


def test_versions_seed_and_fingerprint_are_told(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 10, ["a", "b"] * 2, random_state=7)
    body = reproduction_section(found).body
    assert version("steradian") in body and version("torch").split("+")[0] in body
    assert found.model.fingerprint in body and "random_state=7" in body
    assert "sr.evaluate(model, test)" in unescape(body)


def test_thresholds_are_fitted_again_and_other_classes_are_told(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 20, ["a", "b"] * 20, random_state=0)
    body = unescape(reproduction_section(found).body)
    assert "model.calibrate" not in body and "as trained" in body
    found.model.calibrate(found.objects, coverage=0.8)
    found.model.add_classes(found.objects.with_labels(np.full(len(found.objects), "c")))
    body = unescape(reproduction_section(found).body)
    assert "model.calibrate(sr.read_objects(HELD_OUT, schema), coverage=0.8)" in body
    assert "added or removed after training" in body and "as trained" not in body
