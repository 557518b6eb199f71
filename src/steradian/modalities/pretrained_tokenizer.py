"""From items to a few tokens each, by a pretrained encoder that is trained on."""

from torch import Tensor, nn

from steradian.data.modality import Tokens
from steradian.modalities.pretrained_encoder import PooledEncoder
from steradian.modalities.vector_tokenizer import VectorTokenizer

__all__ = ["PretrainedTokenizer"]


class PretrainedTokenizer(nn.Module):
    """Items through a pretrained encoder; of its features, brought to one scale, a few tokens.

    Args:
        encoder: whose weights are trained too.
        features: numbers it makes of an item.
        width: length of a token.
        dropout: share of features zeroed in training.
    """

    def __init__(self, encoder: PooledEncoder, features: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.norm = nn.LayerNorm(features)
        self.tokens = VectorTokenizer(features, width, dropout)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, windows: Tensor | None = None) -> Tokens:
        """Tokens of the items that `PooledEncoder` takes."""
        if len(inputs):
            features = self.encoder(inputs, lengths, windows)
        else:
            features = self.norm.weight.new_zeros(0, len(self.norm.weight))
        tokens: Tokens = self.tokens(self.norm(features))
        return tokens
