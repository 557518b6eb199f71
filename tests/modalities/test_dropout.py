"""Dropout by few draws."""

import pytest
import torch

from steradian.modalities.dropout import Dropout, dropout, factors


@pytest.mark.parametrize("share", [0.1, 0.25, 0.7])
def test_it_zeroes_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    drawn = factors((400, 503), share)
    assert float((drawn == 0).float().mean()) == pytest.approx(share, abs=0.004)
    assert len(drawn.unique()) == 2 and float(drawn.max()) == pytest.approx(1 / (1 - share), rel=2e-5)


def test_neighbors_are_drawn_for_themselves() -> None:
    torch.manual_seed(0)
    kept = (factors((50_000, 4), 0.5) > 0).float()
    assert float((torch.corrcoef(kept.T) - torch.eye(4)).abs().max()) < 0.02


@pytest.mark.parametrize("share", [1e-9, 1 - 1e-9])
def test_a_share_near_its_ends_is_neither_all_nor_none(share: float) -> None:
    assert factors((2,), share).isfinite().all()


def test_gradients_go_where_values_went() -> None:
    values = torch.ones(30, dtype=torch.float64, requires_grad=True)
    given = dropout(values, 0.5, training=True)
    (gradient,) = torch.autograd.grad(given.sum(), values)
    assert torch.equal(gradient, given.detach()) and given.dtype == torch.float64


@pytest.mark.parametrize(("share", "training"), [(0.5, False), (0.0, True)])
def test_else_values_stay_as_they_are(share: float, training: bool) -> None:
    values = torch.ones(30)
    assert dropout(values, share, training=training) is values
    assert torch.equal(Dropout(share).train(training)(values), values)


def test_all_may_be_zeroed_and_nothing_may_come() -> None:
    assert not dropout(torch.ones(30), 1.0, training=True).any()
    assert dropout(torch.ones(0, 3), 0.5, training=True).shape == (0, 3)


def test_a_state_of_the_generator_gives_the_same_draws_again() -> None:
    state = torch.get_rng_state()
    once = factors((7, 3), 0.5)
    torch.set_rng_state(state)
    assert torch.equal(factors((7, 3), 0.5), once)
