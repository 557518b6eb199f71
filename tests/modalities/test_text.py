"""Reading text, alone and in lists, and what becomes of it on its way to a vector."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian.config import ModelConfig
from steradian.data.columns import to_objects
from steradian.data.modality import FittedModality
from steradian.errors import InputError
from steradian.modalities import Text
from steradian.modalities import text as text_module
from steradian.modalities.tensors import to_tensors
from steradian.model.build import build_encoder
from steradian.model.encoder import ModalityEncoder

TEXTS = [
    *(
        "Red shoe",
        "red SHOE, size 42",
        "blue shoe",
        "東京タワー 東京",
        "🐙 octopus 🐙🦑",
        "e\u0301tude",
        "\ud800 x\x00 \x00",
    ),
    "\u200f\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
]


def read(*cells: Any) -> np.ndarray:
    return Text("t").read({"t": to_objects(cells)}).values["text"]


def fit(texts: list[str]) -> FittedModality:
    return Text("t").fit({"text": to_objects(texts)})


def encoder_of(fitted: FittedModality) -> ModalityEncoder:
    """With weights that tell texts and their gates apart."""
    torch.manual_seed(0)
    encoder = build_encoder({"t": fitted}, ModelConfig(embedding_dim=8, width=8, heads=2)).eval().modalities[0]
    torch.nn.init.normal_(encoder.item_gates.weight)
    return encoder


def vectors_of(encoder: ModalityEncoder, fitted: FittedModality, cells: list[Any], rows: Any = None) -> np.ndarray:
    """The level-1 vectors [rows, 8]."""
    items = fitted.prepare({"text": read(*cells)}, np.arange(len(cells)))
    with torch.inference_mode():
        return encoder(to_tensors(items(np.arange(len(cells)) if rows is None else np.array(rows, dtype=np.int64))))[
            0
        ].numpy()


# -- Reading -----------------------------------------------------------------------------------------------------------


def test_columns_are_joined_and_empty_cells_left_out() -> None:
    columns = {
        "title": to_objects(["red shoe", None, "  ", "", "a", math.nan, "\u3000\t"]),
        "brand": to_objects(["acme", "b", " \n", None, "", "c", None]),
    }
    found = Text("title", "brand").read(columns)
    assert found.present.tolist() == [True, True, False, False, True, True, False]
    assert found.values["text"][found.present].tolist() == ["red shoe acme", "b", "a", "c"]


def test_entries_of_lists_are_texts_of_their_own() -> None:
    columns = {
        "title": to_objects([["red", "crimson"], ["a"], "a", ["x", None, " ", math.nan], [], None, [None]]),
        "brand": to_objects(["acme", None, ["b", "c"], ["x", "y"], None, ("d",), ""]),
        "kind": to_objects(["shoe", None, "z", None, None, "e", None]),
    }
    found = Text("title", "brand", "kind").read(columns)
    assert found.present.tolist() == [True, True, True, True, False, True, False]
    assert found.values["text"][found.present].tolist() == [
        *(["acme shoe", "red", "crimson"], "a", ["a z", "b", "c"], ["x", "y"], ["e", "d"])
    ]


@pytest.mark.parametrize("cell", [3, 3.5, b"bytes", True, [3], ["a", b"b"], [["a"]], ["a", []], ("a", {"b": 1})])
def test_a_cell_that_is_no_text_is_refused_with_its_row_and_column(cell: Any) -> None:
    columns = {"title": to_objects(["a", "b", "c"]), "brand": to_objects([None, "b", cell])}
    got = type(next(entry for entry in cell if entry != "a") if isinstance(cell, (list, tuple)) else cell).__name__
    with pytest.raises(
        InputError, match=rf"^row 2 \(counted from 0\), column 'brand': want text, or a list .* got {got}"
    ):
        Text("title", "brand").read(columns)


def test_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(InputError, match=r"row 1 .*column 'title': want text, .* got float 2.0"):
        Text("title").read({"title": np.array([math.nan, 2.0])})


def test_a_schema_file_may_name_one_column_or_a_list() -> None:
    assert Text.from_options({"columns": "title"}) == Text("title") == Text(columns="title")
    assert Text("title", columns=["brand"]) == Text(columns=["title", "brand"])
    assert Text.from_options({"columns": ["title", "brand"]}) == Text("title", "brand")


# -- Vectors -----------------------------------------------------------------------------------------------------------


def test_a_text_has_one_vector_in_any_batch() -> None:
    fitted = fit([*TEXTS, *TEXTS[:3]])
    encoder = encoder_of(fitted)
    cells = [*TEXTS, ["red shoe", "new words"], "\udfff", " ".join(TEXTS * 20), "none of it is known: \u2603"]
    whole = vectors_of(encoder, fitted, cells)
    assert np.isfinite(whole).all()
    for row, cell in enumerate(cells):
        np.testing.assert_allclose(vectors_of(encoder, fitted, cells, [row])[0], whole[row], atol=1e-5)
        np.testing.assert_allclose(vectors_of(encoder, fitted, [cell])[0], whole[row], atol=1e-5)
    np.testing.assert_allclose(vectors_of(encoder, fitted, cells, [9, 2, 5]), whole[[9, 2, 5]], atol=1e-5)
    assert vectors_of(encoder, fitted, cells, []).shape == (0, 8)
    assert len(np.unique(whole.round(4), axis=0)) == len(cells)


FITTED = fit(TEXTS)


@settings(max_examples=25)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6), st.data())
def test_order_and_duplicates_in_a_list_do_not_matter(texts: list[str], data: st.DataObject) -> None:
    others = data.draw(st.permutations(texts + data.draw(st.lists(st.sampled_from(texts), max_size=3))))
    encoder = encoder_of(FITTED)
    one, other = vectors_of(encoder, FITTED, [texts, tuple(others)])
    np.testing.assert_allclose(one, other, atol=1e-5)
    bare, alone = vectors_of(encoder, FITTED, [texts[0], [texts[0]]])
    np.testing.assert_allclose(bare, alone, atol=1e-6)


def test_words_behind_the_last_token_count_in_the_whole() -> None:
    fitted = fit(TEXTS)
    encoder = encoder_of(fitted)
    long = " ".join(["red"] * 80)
    one, other = vectors_of(encoder, fitted, [f"{long} shoe", f"{long} octopus"])
    assert np.abs(one - other).max() > 1e-4


def test_texts_of_which_nothing_is_known() -> None:
    fitted = fit(["lonely"])
    encoder = encoder_of(fitted)
    vectors = vectors_of(encoder, fitted, ["lonely", "東", "🐙", "\u200b"])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_landmarks_are_spread_over_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "MAX_LANDMARKS", 3)
    fitted = fit(["a", "b", "c", "d", "e"])
    assert fitted.projection.shape == (3, 3)
    assert fit(["a"]).projection.shape == (1, 1)
    features = fitted.prepare({"text": read("a", "b", "c", "d", "e")}, np.arange(5))(np.arange(5))["features"]
    own = [
        features[i] @ features[i] > 1.5 * max(features[i] @ features[j] for j in (0, 2, 4) if j != i) for i in range(5)
    ]
    assert own == [True, False, True, False, True]
