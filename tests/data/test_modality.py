"""The contract of modalities: what counts as missing, and how tensors are cut into batches."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from steradian import Image, Text
from steradian.data import FittedModality, IndexedTensors, Modality, is_missing


@pytest.mark.parametrize(
    "value",
    [None, float("nan"), np.float32("nan"), np.datetime64("NaT"), np.timedelta64("NaT"), pd.NA, pd.NaT],
    ids=repr,
)
def test_every_way_a_table_says_empty_is_missing(value: Any) -> None:
    assert is_missing(value)


@pytest.mark.parametrize(
    "value",
    [0, 0.0, "", "nan", False, b"", float("inf"), datetime.date(2020, 1, 1), [], np.full(2, np.nan), [None]],
    ids=repr,
)
def test_everything_else_is_a_value(value: Any) -> None:
    assert not is_missing(value)


def test_indexed_tensors_cut_rows_in_order_and_again() -> None:
    values = torch.arange(6.0).reshape(3, 2)
    items = IndexedTensors({"values": values, "codes": torch.tensor([7, 8, 9])})
    batch = items(np.array([2, 0, 2]))
    assert batch["values"].tolist() == [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    assert batch["codes"].tolist() == [9, 7, 9]
    assert {key: len(tensor) for key, tensor in items(np.array([], dtype=int)).items()} == {"values": 0, "codes": 0}


def test_only_modalities_that_say_so_hold_paths() -> None:
    assert Image("photo").holds_paths
    assert not Text("title").holds_paths


@pytest.mark.parametrize("contract", [Modality, FittedModality])
def test_a_modality_must_fulfil_the_whole_contract(contract: type[Modality] | type[FittedModality]) -> None:
    half = type("Half", (contract,), {"__doc__": "Half a modality."})
    with pytest.raises(TypeError, match="abstract"):
        half()
