"""From a configuration and fitted modalities to the encoder."""

from collections.abc import Mapping

import torch

from steradian.config import ModelConfig
from steradian.data.modality import FittedModality
from steradian.model.classifier import SphericalClassifier
from steradian.model.encoder import ModalityEncoder, SphereEncoder
from steradian.model.fusion import Fusion

__all__ = ["build_encoder", "build_model"]


def build_model(
    modalities: Mapping[str, FittedModality], config: ModelConfig, *, num_classes: int, device: torch.device
) -> tuple[SphereEncoder, SphericalClassifier]:
    """An encoder in evaluation mode and class centers, with fresh weights from torch's global generator.

    Args:
        modalities: the fitted modalities by name.
        config: sizes and options.
        num_classes: at least 2.
        device: where they are to stand.
    """
    encoder = build_encoder(modalities, config).to(device).eval()
    centers = SphericalClassifier(num_classes, config.dim, subcenters=config.subcenters)
    return encoder, centers.to(device)


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
            embedding_dim=config.dim,
            depth=config.depth,
            heads=config.heads,
            dropout=dropout,
        )
        for name, fitted in modalities.items()
    }
    fusion = Fusion(
        modalities=len(encoders),
        width=config.width,
        embedding_dim=config.dim,
        kind=config.kind_of_fusion,
        depth=config.fusion_depth,
        heads=config.heads,
        dropout=dropout,
        context_limit=config.context_limit,
    )
    return SphereEncoder(encoders, fusion)
