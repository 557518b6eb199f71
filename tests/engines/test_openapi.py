"""The server under requests that schemathesis makes from its own description: no 500, nothing undocumented."""

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest

import steradian as sr

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: make test-engines installs it"
)
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi import checks

from steradian.serve import FittedServedModel, Gallery, Limits, make_app

EXAMPLES = int(os.environ.get("STERADIAN_EXAMPLES", "60"))
CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


def application() -> Any:
    rng = np.random.default_rng(0)
    kinds = np.arange(45) % 3
    pictures = [np.full((20, 20, 3), 80 * kind + 20, np.uint8) for kind in kinds]
    table = {
        "title": [f"{('cup', 'jar', 'pot')[kind]} {rng.integers(4)}" for kind in kinds],
        "photo": pictures,
        "price": kinds + rng.normal(size=45),
        "shade": rng.choice(["dark", "light"], size=45),
        "view": np.eye(3)[kinds] + 0.3 * rng.normal(size=(45, 3)),
        "label": kinds,
    }
    modalities = {
        "title": sr.Text("title"),
        "photo": sr.Image("photo", size=16),
        "specs": sr.Tabular(numeric=["price"], categorical=["shade"]),
        "view": sr.Vector("view"),
    }
    objects = sr.read_objects(table, sr.Schema(modalities))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(objects)
    model.calibrate(coverage=0.9)
    index = sr.Index.build(model, objects)
    return make_app(
        FittedServedModel(model), index=index, gallery=Gallery(objects, index), limits=Limits(max_waiting=4096)
    )


description = schemathesis.openapi.from_asgi("/openapi.json", application())


met: Counter[tuple[str, int]] = Counter()


@description.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.filterwarnings("default")
def test_every_answer_is_described(case: Any) -> None:
    met[case.operation.path, case.call_and_validate(checks=CHECKS).status_code] += 1


def test_every_path_was_asked_in_earnest() -> None:
    paths = {case.ok().path for case in description.get_all_operations()}
    assert {path for path, status in met if status == 200} == paths, met
    assert sum(count for (_, status), count in met.items() if status == 422) > len(paths)
