"""One small table and one model for all tests of stores."""

import numpy as np
import pytest

import steradian as sr


@pytest.fixture(scope="session")
def gallery() -> sr.ObjectTable:
    rng = np.random.default_rng(0)
    table = {
        "size": list(rng.normal(size=(12, 3)) + 3 * np.eye(3)[np.arange(12) % 3]),
        "words": [f"thing {n}" if n % 3 else None for n in range(12)],
        "kind": [["cat", "dog", "owl"][n % 3] for n in range(12)],
        "sku": [f"x{n}" for n in range(12)],
        "price": [None if n == 5 else n / 2 for n in range(12)],
        "many": [[n, n] for n in range(12)],
        "mixed": [n if n % 2 else "odd" for n in range(12)],
        "a.b": list(range(12)),
        "count": list(range(12)),
    }
    schema = sr.Schema({"size": sr.Vector("size"), "words": sr.Text("words")}, label="kind", id="sku")
    return sr.read_objects(table, schema)


@pytest.fixture(scope="session")
def embedder(gallery: sr.ObjectTable) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, embedding_dim=4, verbose=False).fit(gallery)
