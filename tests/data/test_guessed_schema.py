"""A guessed schema: what it prints is the schema that it is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steradian import InputError, Schema, guess_schema, read_objects

ROWS = 40
TABLE = {
    "sku": [f"k{row}" for row in range(ROWS)],
    "title": [f"a thing called {row}" for row in range(ROWS)],
    "photo": [None, "a.png"] * (ROWS // 2),
    "price": [None] + [row / 7 for row in range(1, ROWS)],
    "year: made": [2000 + row % 5 for row in range(ROWS)],
    "yes": ["red", "blue"] * (ROWS // 2),
    "shop": ["north", "south"] * (ROWS // 2),
    "brand": ["Acme", "Bolt", "Crest", "Dyne"] * (ROWS // 4),
    "empty": [None] * ROWS,
}


def test_it_prints_as_the_schema_it_is_and_reads_the_table(tmp_path: Path) -> None:
    guessed = guess_schema(TABLE)
    (tmp_path / "schema.yaml").write_text(str(guessed))
    assert Schema.from_yaml(tmp_path / "schema.yaml") == guessed.schema
    assert guessed.schema.label == "brand" and guessed.schema.id == "sku"
    assert list(guessed.schema.modalities) == ["title", "photo", "table"]
    assert guessed.schema.modalities["table"].columns == ("price", "year: made", "yes")
    assert len(read_objects(TABLE, guessed.schema)) == ROWS
    lines = str(guessed).splitlines()
    assert lines[0].startswith("# Guessed from 40 rows, 9 columns")
    assert "label: brand  # or: year: made, yes" in lines
    assert '      - "year: made"  # whole numbers' in lines and '      - "yes"  # 2 different texts' in lines
    assert "# shop: perhaps for split --groups  # 2 different texts" in lines
    assert "# empty: not used  # no cell holds anything, 100.0% missing" in lines


def test_files_are_guessed_as_tables_are(tmp_path: Path) -> None:
    expected = str(guess_schema({name: cells for name, cells in TABLE.items() if name != "empty"}))
    frame = pd.DataFrame(TABLE).drop(columns="empty")
    frame.to_csv(tmp_path / "table.csv", index=False)
    frame.to_parquet(tmp_path / "table.parquet")
    for name in ("table.csv", "table.parquet"):
        assert str(guess_schema(tmp_path / name)) == expected


def test_many_numbers_are_one_vector_and_a_label_may_be_wanting() -> None:
    genes = {f"g{number}": np.arange(5.0) + number / 3 for number in range(40)}
    texts = guess_schema({**genes, "numbers": [f"a text of {word}" for word in "abcde"]}).schema.modalities
    assert texts["numbers"].columns == ("numbers",) and texts["numbers_"].columns == tuple(genes)
    alone = guess_schema(genes)
    assert alone.label is None and "# label: no column has names of classes" in str(alone)
    assert alone.schema.modalities["numbers"].columns == tuple(genes)


def test_label_and_id_may_be_named() -> None:
    rows = {**TABLE, "brand": [None, *TABLE["brand"][1:]]}
    guessed = guess_schema(rows, label="brand", id="title")
    assert guessed.schema.label == "brand" and guessed.schema.id == "title"
    assert "title" not in guessed.schema.modalities and "# sku: not used" in str(guessed)
    assert "label: brand  # 2.5% missing: fill it in, or leave these rows out" in str(guessed).splitlines()
    assert "# or:" not in str(guess_schema(TABLE, label="shop"))
    # What is named as the id is not taken for the label.
    assert guess_schema(TABLE, id="brand").label == "year: made"
    for names, told in (
        ({"label": "Brnad"}, "label='Brnad': want a column of sku, .* Did you mean 'brand'"),
        ({"id": "nr"}, "id='nr': want a column of .* Use the name of a column"),
        ({"label": "sku", "id": "sku"}, "want a label and an id of two columns"),
    ):
        with pytest.raises(InputError, match=told):
            guess_schema(TABLE, **names)


def test_a_table_that_nothing_reads_is_refused() -> None:
    with pytest.raises(InputError, match="want a column that a modality reads beside the label, got the columns label"):
        guess_schema({"label": [0, 1, 0, 1]})
