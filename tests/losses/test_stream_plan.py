"""What is said of the memory before a sweep starts, and what is then really taken."""

import weakref
from dataclasses import astuple
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from steradian.losses import stream_plan, workspace
from steradian.losses.stream_plan import MEMORY_BUDGET, TILE, StreamPlan, plan_stream
from steradian.losses.streaming import stream_softmax

some_sizes = given(
    rows=st.integers(1, 3000),
    num_classes=st.integers(1, 100_000),
    dim=st.integers(1, 600),
    options=st.fixed_dictionaries(
        {
            "centers_a_class": st.integers(1, 4),
            "element_size": st.sampled_from([4, 8]),
            "keepable": st.booleans(),
            "gradient": st.booleans(),
        }
    ),
    budget=st.integers(0, 4 * MEMORY_BUDGET),
)

# -- The plan ----------------------------------------------------------------------------------------------------------


def test_in_words() -> None:
    kept_all = StreamPlan(tiles=10, tile_classes=5, kept_in_gradient=4, kept_in_workspace=6, size=9_400_000)
    assert str(kept_all) == "workspace: all 10 tiles kept, 9.4 MB"
    some = StreamPlan(tiles=10, tile_classes=5, kept_in_gradient=1, kept_in_workspace=2, size=50_000)
    assert some.kept == 3
    assert str(some) == "streaming: 3 of 10 tiles kept, others twice, 0.1 MB"
    assert str(plan_stream(256, 1000, 64)) == "workspace: its only tile kept, 3.0 MB"


def test_one_million_classes_fit_into_the_budget_and_ten_thousand_need_nothing_twice() -> None:
    million = plan_stream(256, 1_000_000, 128)
    assert 0 < million.kept < million.tiles
    assert million.kept_in_gradient * million.tile_classes * 256 <= 1_000_000 * 128
    assert 0.9 * MEMORY_BUDGET < million.size <= MEMORY_BUDGET
    for dim in (128, 512):
        assert plan_stream(256, 10_000, dim).kept == plan_stream(256, 10_000, dim).tiles


@some_sizes
def test_tiles_cover_all_classes_and_none_is_empty(
    rows: int, num_classes: int, dim: int, budget: int, options: dict[str, Any]
) -> None:
    plan = plan_stream(rows, num_classes, dim, memory_budget=budget, **options)
    assert (plan.tiles - 1) * plan.tile_classes < num_classes <= plan.tiles * plan.tile_classes
    assert plan.tile_classes == 1 or plan.tile_classes * options["centers_a_class"] * rows <= TILE["cpu"]
    assert all(part >= 0 for part in astuple(plan)) and plan.kept <= plan.tiles
    assert plan.kept == 0 or options["keepable"]
    assert plan.kept_in_gradient == 0 or options["gradient"]
    # What is kept in the gradient has its place there.
    last = max(0, plan.kept_in_gradient - 1) * plan.tile_classes
    classes = min(plan.kept_in_gradient * plan.tile_classes, num_classes) - last
    assert plan.kept_in_gradient == 0 or last * max(rows, dim) + classes * rows <= num_classes * dim


@some_sizes
def test_a_larger_budget_keeps_no_fewer_and_is_exceeded_by_the_fixed_part_only(
    rows: int, num_classes: int, dim: int, budget: int, options: dict[str, Any]
) -> None:
    bare, plan, more = (
        plan_stream(rows, num_classes, dim, memory_budget=size, **options) for size in (0, budget, 2 * budget + 1)
    )
    assert bare.kept_in_workspace == 0
    assert bare.size <= plan.size <= more.size and plan.kept <= more.kept
    assert plan.size <= max(bare.size, budget)
    tile = plan.tile_classes * rows * options["element_size"]
    assert plan.size == bare.size + plan.kept_in_workspace * tile
    if options["keepable"] and plan.kept < plan.tiles and budget > bare.size:
        assert budget - plan.size < tile + options["element_size"]


@pytest.mark.parametrize("device", TILE)
def test_no_rows_and_no_classes(device: str) -> None:
    assert plan_stream(0, 10, 4, device=device).tiles == 1
    assert plan_stream(4, 0, 4, device=device).tiles == 0
    assert plan_stream(0, 0, 0, device=device).kept == 0
    assert plan_stream(10**9, 3, 4, device=device).tile_classes == 1


# -- What is really taken ----------------------------------------------------------------------------------------------


class Peak(TorchDispatchMode):
    """The most bytes that were alive at once, of all that was made under it."""

    def __init__(self, *there_before: Tensor) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {tensor.untyped_storage()._cdata: 0 for tensor in there_before}
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for tensor in results if isinstance(results, tuple | list) else (results,):
            if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
                storage = tensor.untyped_storage()
                if storage._cdata not in self.sizes:
                    self.sizes[storage._cdata] = storage.nbytes()
                    weakref.finalize(storage, self.sizes.pop, storage._cdata)
        self.most = max(self.most, sum(self.sizes.values()))
        return results


@pytest.mark.parametrize("options", [{}, {"scale": 300.0}, {"with_sum": True}], ids=["plain", "steep", "sum"])
@pytest.mark.parametrize(
    ("rows", "budget", "sampled"),
    [(32, 0, False), (128, 0, False), (128, 10**6, False), (128, 10**7, False), (128, 10**6, True)],
)
def test_the_bytes_foretold_are_the_bytes_taken(
    monkeypatch: pytest.MonkeyPatch, rows: int, budget: int, sampled: bool, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(workspace, "_idle", {})
    monkeypatch.setitem(stream_plan.TILE, "cpu", 2**13)
    embeddings = F.normalize(torch.randn(rows, 64), dim=1).requires_grad_()
    centers = torch.randn(3000, 64, requires_grad=True)
    own, classes = torch.arange(rows)[:, None], torch.arange(3000) if sampled else None
    options = {"scale": 12.0, "classes": classes, "memory_budget": budget, **options}
    with Peak(embeddings, centers, own, *([classes] if classes is not None else [])) as peak:
        streamed = stream_softmax(embeddings, own, class_centers=centers, **options)
        (streamed.others.sum() + streamed.own.sum()).backward()
    foretold = plan_stream(rows, 3000, 64, memory_budget=budget, gradient=not sampled).size
    taken = peak.most - centers.numel() * 4
    assert 0.75 * foretold <= taken <= 1.15 * foretold


def test_what_is_foretold_grows_with_sub_centers() -> None:
    sizes = [plan_stream(100, 3000, 64, centers_a_class=number, keepable=False).size for number in (1, 2, 4)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
