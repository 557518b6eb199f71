"""Products of two shops: what is made up here has the tables' form."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import products


def write(path: Path, columns: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    rows: dict[str, list[object]] = {name: [] for name in (*columns, "price", "shop", "product")}
    for product in range(40):
        words = " ".join("".join(rng.choice(list("abcdefgh"), 6)) for _ in range(3))
        for shop in "AB":
            rows[columns[0]].append(f"{words} {shop}")
            rows[columns[1]].append(None if rng.random() < 0.3 else words.split()[0])
            rows["price"].append(f"$ {product}.50" if shop == "A" else None)
            rows["shop"].append(shop)
            rows["product"].append(product)
    pq.write_table(pa.table(rows), path)


def test_each_draw_and_the_mean_of_both_tables_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, columns in products.TEXTS.items():
        write(tmp_path / f"{name}.parquet", columns)
    products.run(tmp_path, epochs=0, price=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 * (products.DRAWS + 1)
    assert all(float(line.split()[3]) > 80 for line in lines[1:])


def test_a_table_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not there"):
        products.run(tmp_path, epochs=0, price=False)
