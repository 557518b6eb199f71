"""From a configuration and fitted modalities to the encoder."""

from collections.abc import Mapping

from steradian.config import ModelConfig
from steradian.data.modality import FittedModality
from steradian.model.encoder import ModalityEncoder, SphereEncoder
from steradian.model.fusion import Fusion

__all__ = ["build_encoder"]


def build_encoder(modalities: Mapping[str, FittedModality], config: ModelConfig) -> SphereEncoder:
    """An encoder with fresh weights from torch's global generator.

    Args:
        modalities: the fitted modalities by name.
        config: sizes and options; a dropout that is None, since nothing derived it, is none.
    """
    dropout, input_dropout = config.dropout or 0.0, config.input_dropout or 0.0
    encoders = {
        name: ModalityEncoder(
            fitted.tokenizer(config.width, input_dropout),
            width=config.width,
            embedding_dim=config.embedding_dim,
            depth=config.depth,
            heads=config.heads,
            dropout=dropout,
        )
        for name, fitted in modalities.items()
    }
    fusion = Fusion(
        modalities=len(encoders),
        width=config.width,
        embedding_dim=config.embedding_dim,
        kind=config.fusion,
        depth=config.fusion_depth,
        heads=config.heads,
        dropout=dropout,
        context_limit=config.context_limit,
    )
    return SphereEncoder(encoders, fusion)
