"""Pure functions from embeddings, labels and class centers to a loss. They own no weights."""

from steradian.losses.angular_softmax import angular_softmax_loss
from steradian.losses.margins import arcface, center_spacing, default_margin, default_scale

__all__ = ["angular_softmax_loss", "arcface", "center_spacing", "default_margin", "default_scale"]
