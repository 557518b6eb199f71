"""A transformer block and its gradients written out, for training on a CPU, where a step is mostly calls of torch.

Queries are brought to the tokens, so that no token becomes keys and values: (Wk x + bk) . q is x . (Wk^T q) but for a
term that is the same for all tokens, which the softmax cancels; and the weighted mean of Wv x + bv is Wv times that of
x, plus bv.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from steradian.modalities.dropout import factors

__all__ = ["block_by_hand", "serves"]

EPSILON = 1e-5
"""Of both norms, as torch's default has it."""


def serves(tokens: Tensor, *, heads: int, outputs: int | None) -> bool:
    """Whether a block is faster by hand: float32 on a CPU, to be differentiated, and few tokens that are wanted.

    Args:
        tokens: float [items, tokens, width].
        heads: of attention.
        outputs: how many of the tokens are wanted; None for all.
    """
    wanted = tokens.shape[1] if outputs is None else outputs
    few = 0 < heads * wanted <= tokens.shape[2] and tokens.dtype == torch.float32 and len(tokens) > 0
    return few and tokens.device.type == "cpu" and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")


def block_by_hand(
    tokens: Tensor, mask: Tensor | None, weights: Sequence[Tensor], outputs: int | None, *, heads: int, dropout: float
) -> Tensor:
    """What a `Block` gives in training, differentiable once.

    Args:
        tokens: float32 [items, tokens, width].
        mask: bool [items, tokens], True where a token may be attended to; None when all may.
        weights: and biases of a `Block`, in the order in which they are used.
        outputs: how many of the first tokens are wanted; None for all.
        heads: of attention.
        dropout: share of what attention and the feed-forward layer give that is zeroed.

    Returns:
        [items, outputs, width].
    """
    items, count, width = tokens.shape
    count = outputs or count
    kept = factors((2, items * count, width), dropout) if dropout else None
    given: Tensor = _Block.apply(tokens, mask, kept, count, heads, *weights)  # type: ignore[no-untyped-call]
    return given


class _Block(torch.autograd.Function):
    """The block; rows are the wanted tokens of all items, one behind the other."""

    @staticmethod
    def forward(
        ctx: Any, tokens: Tensor, mask: Tensor | None, kept: Tensor | None, count: int, heads: int, *weights: Tensor
    ) -> Tensor:
        scale1, shift1, wq, bq, wkv, bkv, wo, bo, scale2, shift2, w1, b1, w2, b2 = weights
        items, _, width = tokens.shape
        rows = items * count
        keys, values = wkv.view(2, heads, -1, width).unbind(0)
        normed, *moments1 = torch.native_layer_norm(tokens, (width,), scale1, shift1, EPSILON)
        wanted = normed[:, :count].reshape(rows, width)
        queries = torch.addmm(bq, wanted, wq.t()).mul_((width // heads) ** -0.5)
        sought = _by_item(torch.bmm(queries.view(rows, heads, -1).transpose(0, 1), keys), items)
        # Tokens stand before queries: torch's softmax over so few numbers in a row takes ten times as long.
        scores = torch.bmm(normed, sought.transpose(1, 2))
        if mask is not None:
            scores.masked_fill_(~mask[..., None], -torch.inf)
        shares = torch.softmax(scores, dim=1)
        found = _by_head(torch.bmm(shares.transpose(1, 2), normed), heads)
        attended = torch.bmm(found, values.transpose(1, 2)).transpose(0, 1).reshape(rows, width).add_(bkv[width:])
        middle = torch.addmm(bo, attended, wo.t())
        if kept is not None:
            middle.mul_(kept[0])
        middle.view(items, count, width).add_(tokens[:, :count])
        fed, *moments2 = torch.native_layer_norm(middle, (width,), scale2, shift2, EPSILON)
        hidden = torch.addmm(b1, fed, w1.t())
        active = F.gelu(hidden)
        given = torch.addmm(b2, active, w2.t())
        if kept is not None:
            given.mul_(kept[1])
        ctx.save_for_backward(
            *(tokens, kept, normed, *moments1, wanted, queries, sought, shares, found, attended),
            *(middle, *moments2, fed, hidden, active, *weights),
        )
        ctx.heads = heads
        return given.add_(middle).view(items, count, width)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        tokens, kept, *saved = ctx.saved_tensors
        normed, mean1, rstd1, wanted, queries, sought, shares, found, attended = saved[:9]
        middle, mean2, rstd2, fed, hidden, active = saved[9:15]
        scale1, shift1, wq, _, wkv, _, wo, _, scale2, shift2, w1, _, w2, _ = saved[15:]
        items, count, width = above.shape
        heads, above = ctx.heads, above.reshape(-1, width)
        keys, values = wkv.view(2, heads, -1, width).unbind(0)
        norm_backward = torch.ops.aten.native_layer_norm_backward
        # -- The feed-forward layer
        of_given = above if kept is None else above * kept[1]
        of_hidden = torch.ops.aten.gelu_backward(of_given @ w2, hidden)
        of_middle, *of_norm2 = norm_backward(
            of_hidden @ w1, middle, (width,), mean2, rstd2, scale2, shift2, (True, True, True)
        )
        of_middle.add_(above)
        of_feed_forward = _of_linear(of_hidden, fed) + _of_linear(of_given, active)
        # -- Attention
        of_joined = of_middle if kept is None else of_middle * kept[0]
        of_attended = of_joined @ wo
        by_head = of_attended.view(-1, heads, width // heads).transpose(0, 1)
        of_values = torch.bmm(by_head.transpose(1, 2), found)
        of_found = _by_item(torch.bmm(by_head, values), items)
        of_normed = torch.bmm(shares, of_found)
        of_shares = torch.bmm(normed, of_found.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_shares, shares, 1, shares.dtype)
        of_normed.baddbmm_(of_scores, sought)
        of_sought = _by_head(torch.bmm(of_scores.transpose(1, 2), normed), heads)
        of_keys = torch.bmm(queries.view(-1, heads, width // heads).permute(1, 2, 0), of_sought)
        of_queries = torch.bmm(of_sought, keys.transpose(1, 2)).transpose(0, 1).reshape(-1, width)
        of_queries.mul_((width // heads) ** -0.5)
        of_normed[:, :count].add_((of_queries @ wq).view(items, count, width))
        of_tokens, *of_norm1 = norm_backward(
            of_normed, tokens, (width,), mean1, rstd1, scale1, shift1, (True, True, True)
        )
        of_tokens[:, :count].add_(of_middle.view(items, count, width))
        of_keys_values = torch.stack([of_keys, of_values]).view(2 * width, width)
        of_bias = F.pad(of_attended.sum(0), (width, 0))
        return (
            *(of_tokens, None, None, None, None, *of_norm1, *_of_linear(of_queries, wanted), of_keys_values, of_bias),
            *(*_of_linear(of_joined, attended), *of_norm2, *of_feed_forward),
        )


def _of_linear(above: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of a linear layer's weight and bias."""
    return above.t() @ rows, above.sum(0)


def _by_item(vectors: Tensor, items: int) -> Tensor:
    """From [heads, items x count, width] to [items, heads x count, width]."""
    heads, _, width = vectors.shape
    return vectors.view(heads, items, -1, width).transpose(0, 1).reshape(items, -1, width)


def _by_head(vectors: Tensor, heads: int) -> Tensor:
    """From [items, heads x count, width] to [heads, items x count, width]."""
    items, _, width = vectors.shape
    return vectors.view(items, heads, -1, width).transpose(0, 1).reshape(heads, -1, width)
