"""Tokens of a pretrained encoder: linear views of its features, which are brought to one scale."""

import pytest
import torch
from torch import Tensor, nn

from steradian.modalities.pretrained_tokenizer import PretrainedTokenizer


class Doubling(nn.Module):
    """An encoder of one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs: Tensor, lengths: Tensor | None, windows: Tensor | None) -> Tensor:
        return self.factor * inputs


@pytest.mark.parametrize("items", [0, 1, 5])
def test_tokens_are_those_of_normed_features(items: int) -> None:
    encoder = Doubling()
    tokenizer = PretrainedTokenizer(encoder, 6, width=4, dropout=0.0)  # type: ignore[arg-type]
    inputs = torch.randn(items, 6)
    tokens = tokenizer(inputs).values
    assert tokens.shape == (items, 8, 4)
    normed = nn.functional.layer_norm(2 * inputs, [6])
    torch.testing.assert_close(tokens, tokenizer.tokens(normed).values)
    (tokens * torch.randn_like(tokens)).sum().backward()
    assert (encoder.factor.grad is None) == (items == 0), "the encoder learns where there is an item"
