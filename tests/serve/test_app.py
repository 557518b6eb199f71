"""The application: its description is whole, hostile requests get a 4xx in JSON, and limits hold."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import steradian as sr
from steradian.errors import InputError, MissingExtraError, StoreError
from steradian.serve import FittedServedModel, Limits, make_app

JSON = {"content-type": "application/json"}


def test_it_says_what_it_serves(client: TestClient, model: sr.SphereEmbedder) -> None:
    assert client.get("/health").json() == {
        "status": "ok",
        "fingerprint": model.fingerprint,
        "embedding_dim": 8,
        "modalities": ["title", "photo", "specs", "view"],
        "calibrated": True,
        "objects": 45,
    }
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain") and "steradian_requests_total" in metrics.text


def test_the_description_names_columns_and_resolves(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    text = json.dumps(found)
    schemas = found["components"]["schemas"]
    missing = [part for part in text.split('"#/components/schemas/')[1:] if part.split('"')[0] not in schemas]
    assert missing == [] and "$defs" not in text
    assert set(schemas["Row"]["properties"]) == {"title", "my photo", "price", "shade", "view"}
    asked = {path for path, methods in found["paths"].items() if "post" in methods}
    assert asked == {"/embed", "/predict", "/search", "/verify", "/explain", "/v1/embeddings"}
    for path in asked:
        operation = found["paths"][path]["post"]
        assert {"200", "401", "405", "408", "413", "415", "422", "503"} <= set(operation["responses"])
        assert "application/json" in operation["requestBody"]["content"]


def test_without_an_index_or_a_text_there_is_less() -> None:
    table = {"view": [[1.0, 0], [0, 1.0]] * 4, "label": ["a", "b"] * 4}
    objects = sr.read_objects(table, sr.Schema({"view": sr.Vector("view")}))
    app = make_app(FittedServedModel(sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(objects)))
    with TestClient(app) as client:
        assert client.get("/").status_code == client.post("/search", json={}).status_code == 404
        assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 404
        answer = client.post("/predict", json={"rows": [{"view": [1, 0]}], "reject": True})
        assert answer.status_code == 422 and "calibrate" in answer.json()["error"]["fix"]
        assert client.get("/health").json()["objects"] is None


def hostile(photo: str) -> list[tuple[str, bytes, dict[str, str]]]:
    """Path, body and headers of requests that none would send in good faith."""
    picture = base64.b64decode(photo)
    cut = base64.b64encode(picture[: len(picture) // 2]).decode()
    bodies: list[Any] = [
        *(
            "",
            "{",
            "[]",
            "null",
            '"rows"',
            "[" * 99_999,
            '{"rows": ' + "9" * 5000 + "}",
            '{"rows":[{"title":"\\ud800"}]}',
        ),
        *({"rows": 5}, {"rows": []}, {"rows": [5]}, {"rows": [{}]}, {"rows": [{"title": "a"}] * 999}),
        *({"rows": [{"title": 5}]}, {"rows": [{"title": {}}]}, {"rows": [{"my photo": cut}]}),
        *({"rows": [{"my photo": "../../../etc/passwd"}]}, {"rows": [{"my photo": {"path": "/etc/passwd"}}]}),
        *({"rows": [{"my photo": "http://localhost/"}]}, {"rows": [{"my photo": "AAAA"}]}),
        *({"rows": [{"view": [1]}]}, {"rows": [{"view": [[[[1]]]]}]}, {"rows": [{"view": "x"}]}),
        *({"rows": [{"price": 1e999}]}, {"rows": [{"price": [1, 2]}]}, {"rows": [{"price": "no"}]}),
        *({"rows": [{"title": "a"}], "k": 10**9}, {"rows": [{"title": "a"}], "weights": {"title": 0}}),
    ]
    found = [("/search", (b if isinstance(b, str) else json.dumps(b)).encode(), JSON) for b in bodies]
    found += [
        ("/search", b"\xff\xfe\x00", JSON),
        ("/search", b"title=a", {"content-type": "application/x-www-form-urlencoded"}),
        ("/search", picture, {"content-type": "image/png"}),
        ("/search", b"--x\r\n\r\n", {"content-type": "multipart/form-data; boundary=x"}),
        ("/search", b"x", {"content-type": "multipart/form-data"}),
        *(
            (path, b"{}", JSON)
            for path in ("/../../etc/passwd", "/assets/..%2f..%2fetc%2fpasswd", "/health", "//", "/%00")
        ),
    ]
    return found


def test_hostile_requests_get_a_4xx_in_json(client: TestClient, photo: str) -> None:
    for path, body, headers in hostile(photo):
        answer = client.post(path, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (path, body[:80], answer.text)
        assert answer.json()["error"]["message"], body[:80]
    assert client.post("/search", json={"rows": [{"title": "cup"}]}).status_code == 200


def test_another_method_is_told_in_json(client: TestClient) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = client.request(method, "/search")
        assert answer.status_code == 405 and answer.json()["error"]["message"]
        assert answer.headers["allow"] == "POST"


def test_limits_hold(application: Callable[..., FastAPI], photo: str) -> None:
    small = Limits(max_body_bytes=3000, max_rows=2, max_items=1, max_pixels=500, max_neighbors=3)
    refused = {
        413: [{"rows": [{"title": "a" * 4000}]}],
        422: [
            *({"rows": [{"title": "a"}] * 3}, {"rows": [{"my photo": photo}]}, {"rows": [{"title": ["a", "b"]}]}),
            {"rows": [{"title": "a"}], "k": 4},
        ],
    }
    with TestClient(application(limits=small)) as client:
        for status, bodies in refused.items():
            for body in bodies:
                answer = client.post("/search", json=body)
                assert answer.status_code == status, answer.text
                assert answer.json()["error"]["message"]
    with TestClient(application(limits=Limits(max_held_bytes=10))) as client:
        answer = client.post("/embed", json={"rows": [{"title": "a"}]})
        assert answer.status_code == 503 and answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/embed", "/predict", "/search", "/explain"])
def test_a_missing_column_counts_as_missing(client: TestClient, path: str) -> None:
    for row in ({"title": "cup"}, {"price": 1}, {"view": [1, 0, 0]}, {"title": None, "shade": "dark"}):
        assert client.post(path, json={"rows": [row]}).status_code == 200


class FailingIndex(sr.Index):
    """An index whose searches fail in one way or another."""

    failure: Exception = StoreError("a store", "connection refused by 10.0.0.7", "pgvector:db#things", "Check it.")

    def search(self, *arguments: Any, **options: Any) -> Any:
        raise self.failure


def test_what_fails_on_the_servers_side_is_logged_and_not_told(
    model: sr.SphereEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    index = FailingIndex(np.eye(8, dtype=np.float32), np.arange(8))
    missing = MissingExtraError("audio", "soundfile", "pgvector:db#things")
    with TestClient(make_app(FittedServedModel(model), index=index)) as client:
        for failure, status in ((FailingIndex.failure, 503), (missing, 500), (InputError("a", "b", "c", "d"), 422)):
            caplog.clear()
            object.__setattr__(index, "failure", failure)
            answer = client.post("/search", json={"rows": [{"title": "cup"}]})
            assert answer.status_code == status
            told = answer.json()["error"]["message"]
            assert (str(failure) in told) == (status == 422) == (not caplog.records)
            assert status == 422 or ("log says why" in told and "pgvector" in caplog.text and "pgvector" not in told)
            assert ("retry-after" in answer.headers) == (status == 503)
