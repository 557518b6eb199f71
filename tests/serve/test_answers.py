"""Answers over HTTP, beside what the model and the index say themselves."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import steradian as sr
from steradian.serve import FittedServedModel, Gallery, make_app

ROWS = [{"title": "cup 3", "view": [1, 0, 0]}, {"price": 4.0, "shade": "dark"}]
TABLE = {
    "title": ["cup 3", None],
    "my photo": [None, None],
    "price": [None, 4.0],
    "shade": [None, "dark"],
    "view": [[1.0, 0, 0], None],
}


def ask(client: TestClient, path: str, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_vectors(client: TestClient, model: sr.SphereEmbedder) -> None:
    found = ask(client, "/embed", rows=ROWS)
    assert found["fingerprint"] == model.fingerprint
    np.testing.assert_allclose(found["vectors"], model.transform(TABLE), atol=1e-7)
    found = ask(client, "/embed", rows=ROWS[:1], modalities=["title"])
    np.testing.assert_allclose(found["vectors"], model.transform(TABLE, modalities=["title", "specs"])[:1], atol=1e-7)
    found = ask(client, "/embed", rows=ROWS, weights={"view": 3})
    weighted = model.transform(model.encode(TABLE).weighted({"view": 3}))
    np.testing.assert_allclose(found["vectors"], weighted, atol=1e-7)


def test_classes_and_unknown(client: TestClient, model: sr.SphereEmbedder) -> None:
    rows = [*ROWS, {"view": [3, 3, 3]}]
    plain = ask(client, "/predict", rows=rows)["predictions"]
    rejecting = ask(client, "/predict", rows=rows, reject=True)["predictions"]
    assert [each["answer"] for each in plain[:2]] == model.predict(TABLE).tolist()
    assert all(each["answer"] == each["nearest"] for each in plain)
    assert [each["nearest"] for each in rejecting] == [each["nearest"] for each in plain]
    assert rejecting[2]["answer"] == "unknown" and 0 < plain[0]["angle"] < rejecting[2]["angle"]


def test_neighbors_with_what_each_modality_gave(
    client: TestClient, model: sr.SphereEmbedder, index: sr.Index, objects: sr.ObjectTable
) -> None:
    weights = {"title": 0.5}
    plain = ask(client, "/search", rows=ROWS, k=3)["results"]
    found = ask(client, "/search", rows=ROWS, k=4, weights=weights, details=True)["results"]
    expected = index.search(TABLE, k=4, weights=weights)
    for row, result in enumerate(found):
        neighbors = result["neighbors"]
        assert [each["id"] for each in neighbors] == expected.ids[row].tolist()
        assert [each["label"] for each in neighbors] == expected.labels[row].tolist()
        np.testing.assert_allclose([each["angle"] for each in neighbors], expected.angles[row], atol=1e-6)
        for each in neighbors:
            assert each["contributions"].keys() == {"title", "view"} if row == 0 else {"specs"}
            assert sum(each["contributions"].values()) == pytest.approx(each["cosine"], abs=1e-5)
            place = objects.ids.tolist().index(each["id"])
            assert each["shown"]["cells"]["title"] == objects.columns["title"][place]
            assert each["shown"]["picture"].startswith("data:image/png;base64,") and each["shown"]["pixelated"]
        assert all(each["shown"] is None and each["contributions"] is None for each in plain[row]["neighbors"])
    answers = model.predict(TABLE, reject=True).tolist()
    assert [each["prediction"]["answer"] for each in plain] == answers


def test_a_store_is_searched_as_an_index_is(
    client: TestClient, model: sr.SphereEmbedder, objects: sr.ObjectTable, tmp_path: Path
) -> None:
    place = sr.write_vectors(model, objects, f"parquet:{tmp_path / 'rows.parquet'}")
    with sr.Index.open(place) as store:
        app = make_app(FittedServedModel(model), index=store, gallery=Gallery(objects, store))
        with TestClient(app) as other:
            assert other.get("/health").json() == client.get("/health").json() and other.get("/").status_code == 200
            expected, found = (
                ask(each, "/search", rows=ROWS, k=3, details=True)["results"] for each in (client, other)
            )
    for first, second in zip(expected, found, strict=True):
        assert first["prediction"] == second["prediction"]
        for one, two in zip(first["neighbors"], second["neighbors"], strict=True):
            assert two["contributions"] is None and one["shown"] == two["shown"]
            assert (one["id"], one["label"]) == (two["id"], two["label"]) and one["angle"] == pytest.approx(
                two["angle"]
            )


def test_pairs(client: TestClient, model: sr.SphereEmbedder) -> None:
    found = ask(client, "/verify", first=ROWS, second=[{"title": "jar"}, {"price": 4.1}])["pairs"]
    other = {column: [None, None] for column in TABLE} | {"title": ["jar", None], "price": [None, 4.1]}
    expected = model.verify(TABLE, other)
    np.testing.assert_allclose([each["angle"] for each in found], expected.angles, atol=1e-6)
    assert [each["same"] for each in found] == expected.same.tolist()
    answer = client.post("/verify", json={"first": ROWS, "second": ROWS[:1]})
    assert answer.status_code == 422 and "as many second rows" in answer.text


def test_explanations(client: TestClient, model: sr.SphereEmbedder) -> None:
    found = ask(client, "/explain", rows=ROWS, target="jar")["explanations"]
    expected = model.explain(TABLE, "jar").to_dict()["objects"]
    assert [each | {"id": row} for row, each in enumerate(found)] == expected
    answer = client.post("/explain", json={"rows": ROWS, "target": "jug"})
    assert answer.status_code == 422 and "a class of the model" in answer.json()["error"]["want"]


def test_texts_as_openais_clients_ask(client: TestClient, model: sr.SphereEmbedder) -> None:
    texts = ["cup 3", "jar"]
    found = ask(client, "/v1/embeddings", input=texts, model="any")
    expected = model.transform({column: [None, None] for column in TABLE} | {"title": texts})
    np.testing.assert_allclose([each["embedding"] for each in found["data"]], expected, atol=1e-7)
    assert [each["index"] for each in found["data"]] == [0, 1]
    assert found["object"] == "list" and found["model"] == "any" and found["usage"]["total_tokens"] == 0
    packed = ask(client, "/v1/embeddings", input="cup 3", encoding_format="base64", dimensions=8)["data"][0]
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed["embedding"]), "<f4"), expected[0], atol=1e-7)
    answer = client.post("/v1/embeddings", json={"input": "cup", "dimensions": 3})
    assert answer.status_code == 422 and "8 dimensions" in answer.text


def test_an_upload_says_what_json_says(client: TestClient, picture: Callable[..., bytes], photo: str) -> None:
    row = {"title": "jar 1", "price": 4.0, "view": [0, 1, 0]}
    parts = {key: cell if isinstance(cell, str) else json.dumps(cell) for key, cell in row.items()}
    files = {"my photo": ("../../a.png", picture("cup"))}
    options = {"options": json.dumps({"k": 2, "weights": {"photo": 2}})}
    answer = client.post("/search", data=parts | options, files=files)
    said = {"rows": [row | {"my photo": photo}], "k": 2, "weights": {"photo": 2}}
    assert answer.json() == ask(client, "/search", **said)
