"""Tokens of a table's cells and rows: against a loop over cells, and what may not change them."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from steradian.data.columns import to_objects
from steradian.modalities import Tabular
from steradian.modalities.categories import BUCKETS
from steradian.modalities.tabular import FittedTabular
from steradian.modalities.tabular_tokenizer import ROW_TOKENS, TabularTokenizer
from steradian.modalities.tensors import to_tensors


@pytest.fixture
def mixed() -> tuple[FittedTabular, dict[str, Tensor]]:
    """Two numbers of 3 and 1 bins and two categories of 2 and 0 known names; every kind of cell."""
    modality = Tabular(numeric=["n", "m"], categorical=["c", "d"])
    table = {
        "n": to_objects([0, 1, 1, 2, 3, 3, None]),
        "m": to_objects([4.0] * 7),
        "c": to_objects(["a", "a", "b", "b", "once", None, "a"]),
        "d": to_objects(["x", None, "y", None, None, None, None]),
    }
    values = modality.read(table).values
    fitted = modality.fit(values)
    return fitted, to_tensors(fitted.prepare(values, np.arange(7))(np.arange(7)))  # type: ignore[return-value]


def test_tokens_are_those_of_a_loop_over_cells(mixed: tuple[FittedTabular, dict[str, Tensor]]) -> None:
    fitted, tensors = mixed
    tensors["positions"][1, 0], tensors["positions"][2, 0] = -2.5, 5.25
    tokenizer = fitted.tokenizer(6, 0.3).eval()
    bins = [len(edges) - 1 for edges in fitted.edges]
    assert bins[1] == 1 < bins[0]
    tokens = tokenizer(**tensors).values
    assert tokens.shape == (7, 4 + ROW_TOKENS, 6)
    for row in range(7):
        deviations, narrow = [], []
        for n in range(2):
            position = tensors["positions"][row, n].item()
            expected = tokenizer.bias[n].clone()
            for place in range(bins[n]):
                expected += min(max(position - place, 0.0), 1.0) * tokenizer.slopes[n, place]
            expected += (min(position, 0.0) + max(position - bins[n], 0.0)) * tokenizer.slopes[n, -1]
            expected = tokenizer.empty[n] if math.isnan(position) else expected
            torch.testing.assert_close(tokens[row, n], expected, rtol=0, atol=1e-5)
            deviations.append(0.0 if math.isnan(position) else tensors["deviations"][row, n].item())
        for c, first in enumerate([0, 4]):
            expected = tokenizer.categories.weight[first + tensors["codes"][row, c]]
            torch.testing.assert_close(tokens[row, 2 + c], expected)
            narrow.append(tokenizer.narrow(expected))
        expected = tokenizer.rows(torch.cat([torch.tensor(deviations), *narrow]))
        torch.testing.assert_close(tokens[row, 4:].flatten(), expected, rtol=0, atol=1e-5)


def test_hashed_codes_are_sums_of_two_tokens_beside_the_unknown() -> None:
    tokenizer = TabularTokenizer([], [3, 2, 4], [True, False, True], 6, 0.0).eval()
    torch.nn.init.normal_(tokenizer.buckets)
    codes = torch.tensor([[2, 1, 3], [3 + 5 * BUCKETS + 7, 0, 4 + 9 * BUCKETS + 9]])
    tokens = tokenizer(positions=torch.zeros(2, 0), deviations=torch.zeros(2, 0), codes=codes).values
    weight, buckets = tokenizer.categories.weight, tokenizer.buckets
    assert buckets.shape == (2 * BUCKETS, 6)
    torch.testing.assert_close(tokens[0, :3], weight[[2, 4, 8]])
    torch.testing.assert_close(tokens[1, 0], weight[1] + buckets[5] + buckets[7])
    torch.testing.assert_close(tokens[1, 1], weight[3])
    torch.testing.assert_close(tokens[1, 2], weight[6] + 2 * buckets[BUCKETS + 9])


def test_a_new_hashed_category_begins_as_an_unknown_one() -> None:
    tokenizer = TabularTokenizer([], [3], [True], 6, 0.0).eval()
    empty = torch.zeros(2, 0)
    tokens = tokenizer(positions=empty, deviations=empty, codes=torch.tensor([[1], [3 + 77]])).values
    torch.testing.assert_close(tokens[0], tokens[1])


def test_a_number_moves_its_token_without_a_jump(mixed: tuple[FittedTabular, dict[str, Tensor]]) -> None:
    tokenizer = mixed[0].tokenizer(6, 0.3).eval()
    line = torch.linspace(-4, 7, 1101)[:, None].repeat(1, 2)
    tokens = tokenizer(positions=line, deviations=line, codes=torch.zeros(1101, 2, dtype=torch.int64)).values[:, :2]
    steps = tokens.diff(dim=0).norm(dim=-1)
    assert steps.max() < 0.02 * tokenizer.slopes.norm(dim=-1).max()
    assert steps.min() > 0


def test_no_row_and_no_other_rows_matter(mixed: tuple[FittedTabular, dict[str, Tensor]]) -> None:
    fitted, tensors = mixed
    tokenizer = fitted.tokenizer(6, 0.3).eval()
    whole = tokenizer(**tensors).values
    for row in range(7):
        alone = tokenizer(**{key: t[row : row + 1] for key, t in tensors.items()}).values
        torch.testing.assert_close(alone[0], whole[row], rtol=0, atol=1e-6)
    assert tokenizer(**{key: t[:0] for key, t in tensors.items()}).values.shape == (0, 4 + ROW_TOKENS, 6)


def test_cells_are_emptied_in_training_only(mixed: tuple[FittedTabular, dict[str, Tensor]]) -> None:
    fitted, tensors = mixed
    given = {key: t.clone() for key, t in tensors.items()}
    tokenizer = fitted.tokenizer(6, 0.5)
    emptied = fitted.tokenizer(6, 0.999_999_9)
    emptied.load_state_dict(tokenizer.state_dict())
    all_empty = emptied(**tensors).values
    torch.testing.assert_close(all_empty[:, :2], tokenizer.empty.expand(7, 2, 6))
    torch.testing.assert_close(all_empty[:, 2], tokenizer.categories.weight[0].expand(7, 6))
    assert not torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    tokenizer.eval()
    assert torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    for key, before in given.items():
        torch.testing.assert_close(tensors[key], before, rtol=0, atol=0, equal_nan=True)


def test_gradients_reach_every_parameter(mixed: tuple[FittedTabular, dict[str, Tensor]]) -> None:
    _, tensors = mixed
    tensors["positions"][0] = torch.tensor([-2.0, math.nan])
    tensors["codes"][1, 1] = 2 + 3 * BUCKETS + 4
    tokenizer = TabularTokenizer([3, 1], [4, 2], [False, True], 6, 0.0)
    tokens = tokenizer(**tensors).values
    (tokens * torch.randn_like(tokens)).sum().backward()
    for name, parameter in tokenizer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
