"""Pure functions from embeddings, labels and class centers to a loss. They own no weights."""

from steradian.losses.angular_softmax import angular_softmax_loss
from steradian.losses.defaults import adacos_scale, adacos_update, center_spacing, default_margin, default_scale
from steradian.losses.margins import adaface, arcface, combined, cosface, normface, sphereface
from steradian.losses.row_margins import (
    adaface_quality,
    class_margins,
    elastic_margins,
    magface_margins,
    magface_penalty,
)

__all__ = [
    "adacos_scale",
    "adacos_update",
    "adaface",
    "adaface_quality",
    "angular_softmax_loss",
    "arcface",
    "center_spacing",
    "class_margins",
    "combined",
    "cosface",
    "default_margin",
    "default_scale",
    "elastic_margins",
    "magface_margins",
    "magface_penalty",
    "normface",
    "sphereface",
]
