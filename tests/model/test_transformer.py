"""The block against attention written out with loops, and its masks."""

import math

import pytest
import torch
from torch import Tensor

from steradian.model import Block

WIDTH = 12


def slow_attention(block: Block, tokens: Tensor) -> Tensor:
    """Attention among the tokens [tokens, width] of one item, head by head and token by token."""
    queries, (keys, values) = block.queries(tokens), block.keys_values(tokens).chunk(2, dim=-1)
    size = tokens.shape[1] // block.heads
    rows = []
    for query in queries:
        heads = []
        for head in range(block.heads):
            part = slice(head * size, (head + 1) * size)
            scores = torch.stack([(query[part] * key[part]).sum() / math.sqrt(size) for key in keys])
            weights = scores.exp() / scores.exp().sum()
            heads.append(sum(w * value[part] for w, value in zip(weights, values, strict=True)))
        rows.append(torch.cat(heads))
    return block.attended(torch.stack(rows))


def slow_block(block: Block, tokens: Tensor) -> Tensor:
    tokens = tokens + slow_attention(block, block.attention_norm(tokens))
    return tokens + block.feed_forward(block.feed_forward_norm(tokens))


@pytest.fixture
def block() -> Block:
    return Block(WIDTH, heads=3, dropout=0.3).double().eval()


@pytest.fixture
def tokens() -> Tensor:
    return 3 * torch.randn(4, 5, WIDTH, dtype=torch.float64)


@pytest.fixture
def mask() -> Tensor:
    """Real tokens in the middle and at the ends, one item with a single one."""
    return torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], dtype=torch.bool)


def test_without_mask_it_is_the_loop(block: Block, tokens: Tensor) -> None:
    expected = torch.stack([slow_block(block, item) for item in tokens])
    torch.testing.assert_close(block(tokens), expected, rtol=0, atol=1e-12)


def test_with_a_mask_it_is_the_loop_over_real_tokens_alone(block: Block, tokens: Tensor, mask: Tensor) -> None:
    found = block(tokens, mask)
    for item, real in enumerate(mask):
        expected = slow_block(block, tokens[item, real])
        torch.testing.assert_close(found[item, real], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("outputs", [1, 2, 5])
def test_the_first_tokens_are_the_same_when_only_they_are_wanted(
    block: Block, tokens: Tensor, mask: Tensor, outputs: int
) -> None:
    mask[:, 0] = True
    torch.testing.assert_close(
        block(tokens, mask, outputs=outputs), block(tokens, mask)[:, :outputs], rtol=0, atol=1e-12
    )
    torch.testing.assert_close(block(tokens, outputs=outputs), block(tokens)[:, :outputs], rtol=0, atol=1e-12)


def test_what_stands_in_masked_tokens_has_no_influence(block: Block, tokens: Tensor, mask: Tensor) -> None:
    garbage = torch.where(mask[..., None], tokens, 1e4 * torch.randn_like(tokens))
    assert not torch.equal(garbage, tokens)
    assert torch.equal(block(garbage, mask)[mask], block(tokens, mask)[mask])


def test_no_gradient_comes_back_from_masked_tokens(block: Block, tokens: Tensor, mask: Tensor) -> None:
    tokens.requires_grad_()
    block(tokens, mask)[mask].square().sum().backward()
    assert tokens.grad is not None
    assert (tokens.grad[~mask] == 0).all()
    assert (tokens.grad[mask] != 0).any(dim=-1).all()


def test_more_than_one_block_keeps_masked_tokens_out(tokens: Tensor, mask: Tensor) -> None:
    blocks = [Block(WIDTH, heads=3, dropout=0.0).double() for _ in range(3)]
    through, alone = tokens, tokens[1, mask[1]][None]
    for block in blocks:
        through, alone = block(through, mask), block(alone)
    torch.testing.assert_close(through[1, mask[1]], alone[0], rtol=0, atol=1e-12)


def test_dropout_is_for_training_only(block: Block, tokens: Tensor) -> None:
    assert torch.equal(block(tokens), block(tokens))
    block.train()
    assert not torch.equal(block(tokens), block(tokens))


def test_gradient_reaches_every_parameter(block: Block, tokens: Tensor) -> None:
    block(tokens).square().sum().backward()
    assert [name for name, p in block.named_parameters() if p.grad is None or not (p.grad != 0).any()] == []


def test_no_item_at_all(block: Block, tokens: Tensor, mask: Tensor) -> None:
    assert block(tokens[:0], mask[:0]).shape == (0, 5, WIDTH)
