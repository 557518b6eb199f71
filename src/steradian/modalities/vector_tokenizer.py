"""From vectors to a few tokens each."""

import torch
from torch import Tensor, nn

from steradian.data.modality import Tokens
from steradian.modalities.dropout import Dropout

__all__ = ["VectorTokenizer"]

TOKENS = 8
"""Tokens a vector is cut into; the first prototype's value, within noise of 4 and 16 on the shared sets."""
WHOLE = 4096
"""Features that every token sees; of longer vectors each token sees its own part, so that the layer stays small."""
USUAL_WIDTH = 64
"""Features of a layer whose outputs move by a usual amount in a step, see `VectorTokenizer`."""
MANY = 128
"""Features from which on the whole share of them is dropped in training; of fewer, fewer."""


class VectorTokenizer(nn.Module):
    """A vector as a few tokens, each a linear view of all features, or of its own part of very many.

    AdamW moves every weight by about the learning rate in a step, so a sum over thousands of features would move that
    much further than one over a layer's usual 64. Inputs of longer vectors are therefore scaled down by their number
    and the weights begin so much larger: the outputs begin the same and move as those of a usual layer do
    (the rule 1 / fan-in of Yang et al. 2022, arXiv 2203.03466).

    Args:
        features: length of a vector.
        width: length of a token.
        dropout: share of features zeroed in training.
    """

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        # What is dropped of few features is missed more: the odds fall with their number, so that a sum is as noisy
        # whatever its length.
        odds = dropout / (1 - dropout) * min(1.0, features / MANY)
        self.dropout = Dropout(odds / (1 + odds))
        # Parts differ by one feature at most; each is a layer of its own.
        self.parts = (
            [len(part) for part in torch.arange(features).tensor_split(TOKENS)] if features > WHOLE else [features]
        )
        self.project = nn.ModuleList(nn.Linear(part, TOKENS * width // len(self.parts)) for part in self.parts)
        self.shrink = min(1.0, USUAL_WIDTH / self.parts[0])
        with torch.no_grad():
            for layer in self.project.children():
                layer.get_parameter("weight").div_(self.shrink)

    def forward(self, values: Tensor) -> Tokens:
        """Tokens of values [items, features]."""
        parts = (self.dropout(values) * self.shrink).split(self.parts, dim=1)
        seen = [layer(part) for layer, part in zip(self.project, parts, strict=True)]
        return Tokens(torch.cat(seen, dim=1).reshape(values.shape[0], TOKENS, self.width))
