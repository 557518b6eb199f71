"""Pure functions from embeddings, labels and class centers to a loss. They own no weights."""

from steradian.losses.angular_softmax import angular_softmax_loss
from steradian.losses.contrastive import clip_loss, gmc_loss, gram_loss, symile_loss
from steradian.losses.defaults import adacos_scale, adacos_update, center_spacing, default_margin, default_scale
from steradian.losses.hard_negatives import nearest_others, sample_classes
from steradian.losses.margins import (
    MARGINS,
    BatchRows,
    Margin,
    adaface,
    adaface_quality,
    arcface,
    class_margins,
    combined,
    cosface,
    curricular,
    elastic_margins,
    magface_margins,
    magface_penalty,
    normface,
    sphereface,
)
from steradian.losses.multi_label import angular_multilabel_loss, label_rows
from steradian.losses.pairs import supcon_loss, triplet_loss
from steradian.losses.proxies import circle_loss, proxy_anchor_loss
from steradian.losses.stream_plan import StreamPlan, plan_stream
from steradian.losses.streaming import Streamed, stream_softmax

__all__ = [
    "MARGINS",
    "BatchRows",
    "Margin",
    "StreamPlan",
    "Streamed",
    "adacos_scale",
    "adacos_update",
    "adaface",
    "adaface_quality",
    "angular_multilabel_loss",
    "angular_softmax_loss",
    "arcface",
    "center_spacing",
    "circle_loss",
    "class_margins",
    "clip_loss",
    "combined",
    "cosface",
    "curricular",
    "default_margin",
    "default_scale",
    "elastic_margins",
    "gmc_loss",
    "gram_loss",
    "label_rows",
    "magface_margins",
    "magface_penalty",
    "nearest_others",
    "normface",
    "plan_stream",
    "proxy_anchor_loss",
    "sample_classes",
    "sphereface",
    "stream_softmax",
    "supcon_loss",
    "symile_loss",
    "triplet_loss",
]
