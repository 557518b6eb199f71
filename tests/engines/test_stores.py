"""Vector stores with their real engines, against the plain Parquet one; PostgreSQL runs on the loopback interface."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import steradian as sr
from steradian.errors import InputError, SavedModelError
from steradian.search.store_index import StoreIndex
from steradian.stores import open_store
from steradian.stores.pgvector_store import PgvectorStore

ENGINES = ["parquet", "faiss", "lancedb", "qdrant", "pgvector"]
PACKAGES = {"faiss": "faiss", "lancedb": "lancedb", "qdrant": "qdrant_client", "pgvector": "psycopg"}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def database_program(name: str) -> str | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name, path=os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")]))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL of its own."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'steradian[pgvector]'")
    programs = [database_program(name) for name in ("initdb", "pg_ctl")]
    if None in programs:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    # PostgreSQL refuses to run as the administrator, whose folders others may not enter.
    as_root, folder = os.geteuid() == 0, Path(tempfile.mkdtemp(prefix="steradian-postgres-"))
    if as_root:
        shutil.chown(folder, "postgres")
    become = ["runuser", "-u", "postgres", "--"] if as_root else []
    data, port = folder / "data", 20000 + os.getpid() % 20000
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*become, programs[0], "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], **quiet)  # type: ignore[call-overload]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    start = [*become, programs[1], "-D", data, "-o", options, "-w", "-l", folder / "log", "start"]
    subprocess.run(start, **quiet)  # type: ignore[call-overload]
    address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        with psycopg.connect(address, autocommit=True) as connection:
            line = "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
            (there,) = connection.execute(line).fetchone()
            if not there:
                stand_in_for_pgvector(connection)
        yield address
    finally:
        subprocess.run([*become, programs[1], "-D", data, "-m", "immediate", "stop"], **quiet)  # type: ignore[call-overload]
        shutil.rmtree(folder)


def stand_in_for_pgvector(connection: Any) -> None:
    """A type of that name over arrays, with the cosine distance in SQL: all but the type is the real PostgreSQL."""
    connection.execute("CREATE DOMAIN vector AS real[]")
    connection.execute(
        "CREATE FUNCTION distance(a real[], b real[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS "
        "'SELECT 1 - sum(x::float8 * y) / sqrt(sum(x::float8 * x) * sum(y::float8 * y)) FROM unnest(a, b) AS t(x, y)'"
    )
    connection.execute("CREATE OPERATOR <=> (LEFTARG = real[], RIGHTARG = real[], FUNCTION = distance)")
    PgvectorStore.vector_type, PgvectorStore.preparation = "vector", "SELECT 1"


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    engine = request.param
    if engine in PACKAGES and importlib.util.find_spec(PACKAGES[engine]) is None:
        pytest.skip(f"{engine} is not installed: pip install 'steradian[{engine}]'")
    if engine == "pgvector":
        return f"pgvector:{request.getfixturevalue('server')}#t{time.monotonic_ns()}"
    return f"{engine}:{tmp_path / 'there'}" + "#shoes" * (engine in {"lancedb", "qdrant"})


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    rng = np.random.default_rng(0)
    kinds = np.repeat(["cat", "dog", "o'wl"], 12)
    table = {
        "size": list(rng.normal(size=(36, 6)) + 3 * np.eye(6)[np.repeat([0, 1, 2], 12)]),
        "words": [f"{kind} {n}" if n % 3 else None for n, kind in enumerate(kinds)],
        "kind": kinds,
        "sku": [f"x'{n}" for n in range(36)],
        "price": [None if n == 5 else n / 2 for n in range(36)],
        "unit count": list(range(36)),
        "new": [n % 2 == 0 for n in range(36)],
        "maker": [None if n == 7 else f"m{n % 4}" for n in range(36)],
    }
    schema = sr.Schema({"size": sr.Vector("size"), "words": sr.Text("words")}, label="kind", id="sku")
    return sr.read_objects(table, schema)


@pytest.fixture(scope="module")
def model(objects: sr.ObjectTable) -> sr.SphereEmbedder:
    made = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(objects)
    made.calibrate()
    return made


COLUMNS = ["price", "unit count", "new", "maker"]
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"label": "o'wl"},
    {"maker": ["m1", "m2"], "new": True},
    {"price": {"from": 3, "to": 9.5}},
    {"price": 4.5},
    {"unit count": [3, 4, 30], "has_words": True},
    {"unit count": {"from": 30}},
    {"maker": []},
    {"maker": "'; DROP TABLE shoes; --"},
]


def written(model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str) -> StoreIndex:
    sr.write_vectors(model, objects, place, columns=COLUMNS)
    return sr.Index.open(place, model=model)


def test_searches_find_what_the_plain_way_finds(model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str) -> None:
    whole = sr.Index.build(model, objects)
    with written(model, objects, place) as index:
        assert len(index) == 36
        for where in CONDITIONS:
            kept = rows_that_meet(objects, where)
            got = index.search(objects[:4], k=5, where=where)
            assert got.cosines.shape == (4, min(5, len(kept)))
            if not len(kept):
                continue
            want = sr.Index.from_vectors(whole.vectors[kept], ids=objects.ids[kept]).search(whole.vectors[:4], k=5)
            np.testing.assert_allclose(got.cosines, want.cosines, atol=2e-6)
            assert {*got.ids.ravel()} <= {*objects.ids[kept]}
        first = index.search(objects[5], k=1)
        assert first.ids.tolist() == [["x'5"]] and first.labels is not None and first.labels.tolist() == [["cat"]]
        assert first.columns["price"].tolist() == [[None]] and first.columns["unit count"].tolist() == [[5]]
        assert first.columns["has_words"].tolist() == [[True]] and first.columns["new"].tolist() == [[False]]
        assert index.search(objects[:2], k=100).ids.shape == (2, 36)


def rows_that_meet(objects: sr.ObjectTable, where: dict[str, Any]) -> np.ndarray:
    """The plain way to choose rows."""
    kept = []
    for row in range(len(objects)):
        cells = {name: objects.columns[name][row] for name in COLUMNS}
        cells |= {"label": objects.labels[row], "has_words": bool(objects.present[row, 1])}
        good = True
        for column, wanted in where.items():
            cell = cells[column]
            missing = cell is None or cell != cell
            if isinstance(wanted, dict):
                good &= not missing and wanted.get("from", -1e9) <= cell <= wanted.get("to", 1e9)
            else:
                good &= not missing and cell in (wanted if isinstance(wanted, list) else [wanted])
        kept += [row] if good else []
    return np.array(kept, dtype=int)


def test_rows_come_go_and_change(model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str) -> None:
    with written(model, objects[:30], place) as index:
        index.add(objects[30:])
        assert len(index) == 36 and index.search(objects[33], k=1).columns["unit count"].tolist() == [[33]]
        with pytest.raises(InputError, match=r"ids that the index does not have, got 2 that are in it: \"x'3\""):
            index.add(objects[[3, 4]])
        with pytest.raises(InputError, match="1 others: 'zz'"):
            index.remove(["x'1", "zz"])
        index.remove(["x'1", "x'2"])
        assert len(index) == 34
        index.add(np.eye(16)[:1], ids=["mine"], labels=["dog"], columns={"price": [1.5]})
        found = index.search(np.eye(16)[:1], k=1)
        assert found.ids.tolist() == [["mine"]] and found.columns["maker"].tolist() == [[None]]
        index.update(np.eye(16)[1:2], ids=["mine"], labels=["cat"])
        found = index.search(np.eye(16)[1:2], k=1)
        assert found.ids.tolist() == [["mine"]] and found.labels is not None and found.labels.tolist() == [["cat"]]
        with pytest.raises(InputError, match="ids of the index"):
            index.update(np.eye(16)[1:2], ids=["zz"])
        assert len(index) == 35


def test_written_again_it_is_the_same_and_thresholds_are_kept(
    model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str
) -> None:
    uncalibrated = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(objects)
    assert uncalibrated.fingerprint == model.fingerprint
    sr.write_vectors(uncalibrated, objects, place, columns=COLUMNS)
    with sr.Index.open(place) as index:
        assert index.facts.thresholds is None
    with written(model, objects, place) as index:
        assert index.facts.fingerprint == model.fingerprint and len(index) == 36
        thresholds = index.facts.thresholds
        assert thresholds is not None and thresholds["points"][0]["threshold"] > 0


def test_other_models_and_other_columns_are_refused(
    model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str
) -> None:
    with written(model, objects, place):
        pass
    other = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(objects[3:])
    with pytest.raises(SavedModelError, match="want a store filled by this model"):
        sr.write_vectors(other, objects, place)
    with pytest.raises(SavedModelError, match="want a store filled by this model"):
        sr.Index.open(place, model=other)
    with pytest.raises(InputError, match="a column of the kind 'text'"):
        sr.write_vectors(model, objects.with_labels(objects.labels), place, columns=["words"])
    with sr.Index.open(place, model=model) as index:
        assert len(index) == 36


def test_a_write_that_ends_in_between_leaves_whole_batches(
    model: sr.SphereEmbedder, objects: sr.ObjectTable, place: str
) -> None:
    with written(model, objects[:10], place):
        pass
    store = open_store(place)
    facts = store.facts()
    assert facts is not None

    def batches() -> Iterator[pa.Table]:
        from steradian.stores import row_batches

        yield from row_batches(model.transform, objects[10:20], facts)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.upsert(batches())
    store.close()
    with sr.Index.open(place, model=model) as index:
        # Files take all or nothing, engines each batch as a whole.
        assert len(index) == (10 if place.startswith(("parquet", "faiss")) else 20)


FILLS = """
import sys
import numpy as np
from steradian.stores import StoreFacts, open_store, rows_of
store, facts = open_store(sys.argv[1]), StoreFacts("3f", 8, {"id": "integer"})
store.create(facts)
def batches():
    for start in range(0, 10**9, 1000):
        print(start, flush=True)
        vectors = np.random.default_rng(start).normal(size=(1000, 8))
        yield rows_of(vectors, {"id": np.arange(start, start + 1000)}, facts)
store.upsert(batches())
"""


def test_killed_while_it_is_filled_it_holds_whole_batches(place: str) -> None:
    if not place.startswith(("lancedb", "pgvector")):
        pytest.skip("files are whole by their renaming, and a folder of Qdrant's client promises nothing")
    change = ""
    if PgvectorStore.vector_type == "vector":
        change = "from steradian.stores.pgvector_store import PgvectorStore as P; P.vector_type, P.preparation = "
        change += "'vector', 'SELECT 1'"
    words = [sys.executable, "-W", "ignore", "-c", f"{change}\n{FILLS}", place]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as filling:
        assert filling.stdout is not None
        for line in filling.stdout:
            if int(line) >= 4000:
                break
        filling.kill()
    with sr.Index.open(place) as index:
        assert len(index) >= 4000 and len(index) % 1000 == 0
        assert index.search(np.eye(8)[:2], k=3).ids.shape == (2, 3)


def test_nothing_there_is_told(model: sr.SphereEmbedder, place: str) -> None:
    with pytest.raises(SavedModelError, match="want a store that steradian filled, got nothing there"):
        sr.Index.open(place, model=model)


def test_an_index_of_lancedb_is_searched_and_too_few_are_mended(tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install 'steradian[lancedb]'")
    rng = np.random.default_rng(0)
    table = {
        "size": list(rng.normal(size=(600, 8))),
        "kind": ["a", "b"] * 300,
        "odd": [n % 50 == 0 for n in range(600)],
    }
    objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}, label="kind"))
    model = sr.SphereEmbedder(epochs=0, embedding_dim=8, verbose=False).fit(objects)
    place = sr.write_vectors(model, objects, f"lancedb:{tmp_path / 'gallery'}#shoes", columns=["odd"])
    made = lancedb.connect(tmp_path / "gallery").open_table("shoes")
    made.create_index(metric="cosine", vector_column_name="vector", num_partitions=20, num_sub_vectors=2)
    with sr.Index.open(place, model=model) as index:
        found = index.search(objects[:5], k=10, where={"odd": True})
        want = sr.Index.from_vectors(model.transform(objects[::50])).search(model.transform(objects[:5]), k=10)
        np.testing.assert_allclose(found.cosines, want.cosines, atol=2e-6)


def test_a_server_that_does_not_answer_is_told_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'steradian[pgvector]'")
    with pytest.raises(InputError, match=r"pgvector:\.\.\.#shoes: want a store that does") as told:
        sr.Index.open("pgvector:postgresql://me:secret@127.0.0.1:9/shop#shoes")
    assert "secret" not in str(told.value)
