"""The block by hand against the plain one."""

import pytest
import torch
from torch import Tensor

from steradian.modalities import dropout as drawn
from steradian.model.block_gradients import serves
from steradian.model.transformer import Block

ITEMS, TOKENS, WIDTH, HEADS = 5, 7, 24, 3


def gradients(block: Block, tokens: Tensor, given: Tensor) -> list[Tensor]:
    """Of a fixed sum of what a block gives, in the tokens and all weights."""
    above = torch.linspace(-1, 2, given.numel(), dtype=given.dtype).view(given.shape).cos()
    return list(torch.autograd.grad((given * above).sum(), [tokens, *block.parameters()], allow_unused=True))


@pytest.mark.parametrize("outputs", [4, 1, None])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_it_gives_what_the_plain_block_gives(
    outputs: int | None, masked: bool, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    block = Block(WIDTH, heads=HEADS, dropout=dropout)
    for weight in block.parameters():
        weight.data.add_(0.2 * torch.randn_like(weight))
    tokens = torch.randn(ITEMS, TOKENS, WIDTH, requires_grad=True)
    mask = torch.rand(ITEMS, TOKENS) < 0.6 if masked else None
    if mask is not None:
        mask[:, 0] = True
    assert serves(tokens, heads=HEADS, outputs=outputs)
    torch.manual_seed(2)
    ours = block(tokens, mask, outputs=outputs)
    of_ours = gradients(block, tokens, ours)

    torch.manual_seed(2)
    count = outputs or TOKENS
    factors = iter(drawn.factors((2, ITEMS * count, WIDTH), dropout).view(2, ITEMS, count, WIDTH) if dropout else ())
    monkeypatch.setattr(block.dropout, "forward", lambda values: values * next(factors).double() if dropout else values)
    plain, exact = block.double(), tokens.detach().double().requires_grad_()
    wanted = plain(exact, mask, outputs=outputs)
    of_plain = gradients(plain, exact, wanted)

    # The plain block in float32 is as far off: 4.6e-7 of a gradient.
    torch.testing.assert_close(ours.double(), wanted, rtol=0, atol=1e-6 * float(wanted.detach().abs().max()))
    for got, expected in zip(of_ours, of_plain, strict=True):
        assert float((got - expected).norm()) <= 1e-6 * max(float(expected.norm()), 1.0)


def test_the_draws_are_those_of_the_global_generator() -> None:
    block, tokens = Block(WIDTH, heads=HEADS, dropout=0.5), torch.randn(2, 3, WIDTH)
    once, again, other = (torch.manual_seed(seed) and block(tokens, outputs=2) for seed in (1, 1, 2))
    assert torch.equal(once, again) and not torch.equal(once, other)


@pytest.mark.parametrize(
    "tokens",
    [torch.zeros(0, 7, 24), torch.zeros(2, 7, 24).double(), torch.zeros(2, 7, 24, device="meta"), torch.zeros(2, 7, 8)],
    ids=["no items", "float64", "another device", "more queries than numbers in a token"],
)
def test_what_the_plain_block_is_left(tokens: Tensor) -> None:
    assert not serves(tokens, heads=HEADS, outputs=4)


def test_without_a_gradient_or_under_autocast_the_plain_block_is_taken() -> None:
    tokens = torch.zeros(2, 7, WIDTH)
    assert serves(tokens, heads=HEADS, outputs=4)
    with torch.no_grad():
        assert not serves(tokens, heads=HEADS, outputs=4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not serves(tokens, heads=HEADS, outputs=4)
