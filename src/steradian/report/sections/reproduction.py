"""Versions, options, seeds and commands: what it takes to come to the same page again."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from inspect import signature

import numpy as np
import torch

from steradian.embedder import SphereEmbedder
from steradian.model import has_fingerprint_of
from steradian.report.markup import Section, section
from steradian.report.measurements import Measurements

__all__ = ["reproduction_section"]


def reproduction_section(findings: Measurements) -> Section:
    """How to make this page again.

    Args:
        findings: what was measured.
    """
    model = findings.model
    entries = {
        "steradian": version("steradian"),
        "torch, numpy, Python": f"{torch.__version__}, {np.__version__}, {platform.python_version()}",
        "device": str(model.fitted_.encoder.device),
        "random_state": str(model.random_state),
        "fingerprint": f"{model.fingerprint}, the same for as long as the model was not fitted again",
        "classes": "as trained" if has_fingerprint_of(model.fitted_.classifier, model.fingerprint) else _OTHER_CLASSES,
        "written": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    return section("reproduce", entries=entries, lines=_commands(findings))


_OTHER_CLASSES = "added or removed after training, which the lines below do not do: model.add_classes, remove_classes"


def _commands(findings: Measurements) -> list[str]:
    """Lines of Python that train, evaluate and report likewise."""
    schema = findings.model.schema_
    modalities = [f"        {key!r}: sr.{modality.as_code()}," for key, modality in schema.modalities.items()]
    identity = "" if schema.id is None else f", id={schema.id!r}"
    return [
        "import steradian as sr",
        "",
        "schema = sr.Schema(",
        "    {",
        *modalities,
        "    },",
        f"    label={schema.label!r}{identity},",
        ")",
        "train, test = (sr.read_objects(path, schema) for path in (TRAIN, TEST))",
        f"model = sr.SphereEmbedder({_options(findings.model)}).fit(train)",
        *_calibration(findings.model),
        "evaluation = sr.evaluate(model, test" + (")" if findings.gallery is None else ", gallery=train)"),
        'sr.write_report(evaluation, "report.html")',
    ]


def _calibration(model: SphereEmbedder) -> list[str]:
    """The line that calibrates the model, if it was."""
    found = model.fitted_.calibration
    if found is None:
        return []
    return [f"model.calibrate(sr.read_objects(HELD_OUT, schema), {found.goal}={found.rate!r})"]


def _options(model: SphereEmbedder) -> str:
    """The arguments that differ from their defaults, and the seed."""
    defaults = signature(type(model)).parameters
    options = {
        key: value
        for key, value in model.get_params(deep=False).items()
        if key == "random_state" or (key not in {"verbose", "device"} and value != defaults[key].default)
    }
    return ", ".join(f"{key}={value!r}" for key, value in options.items())
