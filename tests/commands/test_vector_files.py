from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from steradian.commands.vector_files import write_vector_file
from steradian.search import Index


@pytest.mark.parametrize("labels", [None, ["cup", "jar", "cup"]])
def test_vectors_come_back_as_they_were(labels: list[str] | None, tmp_path: Path) -> None:
    index = Index.from_vectors(np.eye(3, 4), ids=["a", "b", "c"], labels=labels)
    write_vector_file(index, tmp_path / "v.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), np.eye(3, 4))
    write_vector_file(index, tmp_path / "V.PARQUET")
    table = pq.read_table(tmp_path / "V.PARQUET").to_pydict()
    assert table.pop("id") == ["a", "b", "c"] and table.pop("label", None) == labels
    np.testing.assert_array_equal(table.pop("vector"), np.eye(3, 4))
    assert table == {}


def test_embed_writes_a_table_of_parquet(shelf: Path, run, tmp_path: Path) -> None:
    out = tmp_path / "vectors.parquet"
    assert run("embed", shelf / "size", shelf / "test.csv", "--out", out)[0] == 0
    assert pq.read_table(out).to_pydict()["id"][:2] == ["s100", "s101"]
