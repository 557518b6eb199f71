"""What the loss refuses by name: learnt margins and scales, rows that are not finite; and what must not change it."""

from typing import Any

import numpy as np
import pytest
import torch

from steradian.errors import ConfigError, InputError
from steradian.losses import MARGINS
from steradian.model import AngularMarginLoss


@pytest.mark.parametrize(
    ("name", "kind"),
    [("margin", "arcface"), ("scale", "arcface"), ("cosine_margin", "cosface"), ("angle_factor", "combined")],
)
@pytest.mark.parametrize(
    "value",
    [torch.nn.Parameter(torch.tensor(1.2)), torch.tensor(1.2, requires_grad=True) * 1, torch.tensor(1.2), True, [1.2]],
    ids=["parameter", "hangs on one", "tensor", "boolean", "list"],
)
def test_margin_and_scale_are_plain_numbers(name: str, kind: Any, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"want {name} .* not learnt") as error:
        AngularMarginLoss(4, 16, kind=kind, **{name: value})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["num_classes", "embedding_dim", "subcenters", "hard_negatives", "class_share"])
@pytest.mark.parametrize("value", ["4", None, True, [4], torch.tensor(0.5)], ids=repr)
def test_numbers_of_another_type_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"want .*{name}"):
        AngularMarginLoss(**{"num_classes": 4, "embedding_dim": 16, name: value})


@pytest.mark.parametrize("make", [list, tuple, np.array, torch.tensor, lambda values: torch.tensor(values).double()])
def test_weights_and_counts_of_classes_may_be_lists(make: Any) -> None:
    rows, labels = torch.randn(8, 16), torch.arange(8) % 4
    for name in ("class_weights", "class_counts"):
        loss = AngularMarginLoss(4, 16, **{name: torch.tensor([1.0, 2.0, 3.0, 4.0])})
        other = AngularMarginLoss(4, 16, **{name: make([1.0, 2.0, 3.0, 4.0])}, classifier=loss.classifier)
        torch.testing.assert_close(other(rows, labels), loss(rows, labels))


@pytest.mark.parametrize(
    "weights",
    [
        [1, 2, 3],
        [1, 2, 3, -1],
        [1, 2, 3, float("nan")],
        [0, 0, 0, 0],
        ["a", "b", "c", "d"],
        torch.ones(4, requires_grad=True),
    ],
    ids=str,
)
def test_weights_that_cannot_be_are_refused(weights: Any) -> None:
    with pytest.raises(ConfigError, match="want class_weights a finite number from 0 a class"):
        AngularMarginLoss(4, 16, class_weights=weights)


def test_a_batch_of_classes_that_weigh_nothing_has_a_loss_of_nothing() -> None:
    loss = AngularMarginLoss(4, 16, class_weights=[0, 1, 1, 1])
    assert loss(torch.randn(3, 16), torch.zeros(3, dtype=torch.int64)).item() == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("options", [{}, {"kind": "magface"}, {"subcenters": 2}, {"multi_label": True}], ids=str)
def test_the_first_row_that_is_not_finite_is_named(bad: float, options: dict[str, Any]) -> None:
    loss = AngularMarginLoss(4, 16, **options)
    rows = torch.randn(8, 16)
    rows[5, 2] = rows[3, 1] = bad
    labels: Any = [[0]] * 8 if options.get("multi_label") else torch.arange(8) % 4
    with pytest.raises(InputError, match=r"row 3 \(counted from 0\): want embeddings of finite numbers, got 2 of 8"):
        loss(rows, labels)
    with torch.no_grad():
        loss.classifier.weight[2] = bad
    with pytest.raises(
        InputError, match=r"class 2 \(counted from 0\): want class centers of finite numbers, got 1 of 4"
    ):
        loss(torch.randn(8, 16), labels)


def test_losses_of_rows_show_for_themselves_which_is_not_finite() -> None:
    rows = torch.randn(4, 16)
    rows[1, 2] = float("nan")
    losses = AngularMarginLoss(4, 16, reduction="none")(rows, torch.arange(4))
    assert losses.isfinite().tolist() == [True, False, True, True]


KINDS = tuple(MARGINS)
CHOICES: list[dict[str, Any]] = [{}, {"scale": "adacos"}, {"subcenters": 2}, {"hard_negatives": 2}, {"smoothing": 0.1}]


@pytest.mark.parametrize("options", [*({"kind": kind} for kind in KINDS), *CHOICES, {"multi_label": True}], ids=str)
def test_a_users_autocast_changes_nothing(options: dict[str, Any]) -> None:
    rows = torch.randn(8, 16, requires_grad=True)
    labels: Any = [[0]] * 8 if options.get("multi_label") else torch.arange(8) % 4
    found = []
    for half in (False, True):
        torch.manual_seed(0)
        loss = AngularMarginLoss(4, 16, **options)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            value = loss(rows, labels)
        gradients = torch.autograd.grad(value, [rows, loss.classifier.weight])
        found.append((value, *gradients))
    assert all(torch.equal(plain, half) for plain, half in zip(*found, strict=True))


@pytest.mark.parametrize("options", [*({"kind": kind} for kind in KINDS), *CHOICES, {"multi_label": True}], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_works_where_float64_is_the_default(options: dict[str, Any], dtype: torch.dtype) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        labels: Any = [[0]] * 8 if options.get("multi_label") else torch.arange(8) % 4
        rows = torch.randn(8, 16, dtype=dtype, requires_grad=True)
        value = AngularMarginLoss(4, 16, **options)(rows, labels)
        value.backward()
    finally:
        torch.set_default_dtype(torch.float32)
    assert value.dtype == torch.float64 and value.isfinite()
    assert rows.grad is not None and rows.grad.isfinite().all()
