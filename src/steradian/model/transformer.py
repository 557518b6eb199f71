"""The transformer block that both levels share."""

from torch import Tensor, nn
from torch.nn import functional as F

from steradian.modalities.dropout import Dropout
from steradian.model.block_gradients import block_by_hand, serves

__all__ = ["Block"]


class Block(nn.Module):
    """A pre-norm transformer block: attention among the real tokens, then a feed-forward layer of twice the width.

    Args:
        width: length of a token, a multiple of `heads`.
        heads: attention heads.
        dropout: after attention and feed-forward, in training.

    Examples:
        >>> import torch
        >>> Block(8, heads=2, dropout=0.0)(torch.zeros(1, 3, 8)).shape
        torch.Size([1, 3, 8])
    """

    def __init__(self, width: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.queries = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.attended = nn.Linear(width, width)
        self.feed_forward_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor | None = None, *, outputs: int | None = None) -> Tensor:
        """Tokens [items, outputs, width] from tokens [items, tokens, width].

        Args:
            tokens: float [items, tokens, width].
            mask: bool [items, tokens], True where a token may be attended to; None when all may.
            outputs: how many of the first tokens are wanted; None for all. What is not wanted is not computed.
        """
        if self.training and serves(tokens, heads=self.heads, outputs=outputs):
            return block_by_hand(tokens, mask, self._weights(), outputs, heads=self.heads, dropout=self.dropout.p)
        normed = self.attention_norm(tokens)
        tokens = tokens[:, :outputs] + self.dropout(self._attend(normed[:, :outputs], normed, mask))
        forwarded: Tensor = self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))
        return tokens + forwarded

    def _weights(self) -> list[nn.Parameter]:
        """Weights and biases, in the order in which they are used."""
        first, _, second = self.feed_forward
        layers = (self.attention_norm, self.queries, self.keys_values, self.attended, self.feed_forward_norm)
        return [getattr(layer, name) for layer in (*layers, first, second) for name in ("weight", "bias")]

    def _attend(self, queries: Tensor, tokens: Tensor, mask: Tensor | None) -> Tensor:
        queries = self.queries(queries).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys, values = self.keys_values(tokens).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        allowed = None if mask is None else mask[:, None, None, :]
        attended = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
        joined: Tensor = self.attended(attended.transpose(1, 2).flatten(2))
        return joined
