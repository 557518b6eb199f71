"""The objectives that the spherical classifier is measured against, on the same encoders."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import ObjectiveKind, Positives
from steradian.losses import clip_loss, gmc_loss, gram_loss, proxy_anchor_loss, supcon_loss, symile_loss, triplet_loss
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch
from steradian.training.joined_encoder import JoinedEncoder

__all__ = ["BatchLoss", "Contrastive", "CrossEntropy"]

LARGEST_SCALE = 100.0
"""Of a learned scale, as CLIP holds it (arXiv 2103.00020), unless it starts beyond."""


class CrossEntropy(nn.Module):
    """A linear layer with bias on the vectors, brought to a mean square of 1 an entry as by an RMS norm: a loss a row.

    Lengths of the weights are free: the usual softmax head of a transformer, to which an angle has no meaning.

    Args:
        classifier: its directions are the layer's weights.

    Examples:
        >>> CrossEntropy(SphericalClassifier(3, 8))(torch.eye(8)[:2], torch.tensor([0, 2]), strength=1.0).shape
        torch.Size([2])
    """

    def __init__(self, classifier: SphericalClassifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.bias = nn.Parameter(torch.zeros(len(classifier.weight)))

    def forward(
        self, rows: Tensor, labels: Tensor, *, strength: float, take_gradient: GradientTaker | None = None
    ) -> Tensor:
        """The loss of each row [rows]; see `Objective`."""
        with torch.autocast(rows.device.type, enabled=False):
            logits = F.linear(rows * math.sqrt(rows.shape[1]), self.classifier.weight, self.bias)
            return F.cross_entropy(logits, labels, reduction="none")


class BatchLoss(nn.Module):
    """A loss that looks at all rows of a batch at once: Proxy-Anchor, SupCon or triplets, a number a row.

    Args:
        kind: "proxy_anchor", "supcon" or "triplet".
        classifier: its directions are Proxy-Anchor's proxies.
        scale: of the cosines, for the first two.
        cosine_margin: a difference of cosines, for the first and the last.

    Examples:
        >>> loss = BatchLoss("supcon", SphericalClassifier(3, 8), scale=10.0, cosine_margin=0.1)
        >>> loss(torch.eye(8)[[0, 0, 1]], torch.tensor([0, 0, 2]), strength=1.0)[2]
        tensor(0.)
    """

    def __init__(
        self, kind: ObjectiveKind, classifier: SphericalClassifier, *, scale: float, cosine_margin: float
    ) -> None:
        super().__init__()
        self.kind, self.classifier = kind, classifier
        self.scale, self.cosine_margin = scale, cosine_margin

    def forward(
        self, rows: Tensor, labels: Tensor, *, strength: float, take_gradient: GradientTaker | None = None
    ) -> Tensor:
        """The loss of each row [rows]; see `Objective`. Proxy-Anchor's is the batch's, for every row."""
        scale, cosine_margin, proxies = self.scale, self.cosine_margin, self.classifier.weight
        with torch.autocast(rows.device.type, enabled=False):
            if self.kind == "supcon":
                return supcon_loss(rows, labels, scale=scale)
            if self.kind == "triplet":
                return triplet_loss(rows, labels, cosine_margin=cosine_margin)
            loss = proxy_anchor_loss(rows, labels, class_centers=proxies, scale=scale, cosine_margin=cosine_margin)
            return loss.expand(len(rows))


class Contrastive(nn.Module):
    """An objective between the modalities of a batch: CLIP over pairs or to an anchor, GMC, Symile, GRAM.

    The scale is learned from its start, as CLIP, Symile and GRAM do, but GMC's, which is fixed in its paper. Only GMC
    trains level 2; the fused vector of the others stays the mean of the modalities' vectors.

    Args:
        kind: "clip", "anchor_clip", "gmc", "gmc_cross_entropy", "symile" or "gram".
        classifier: of the cross entropy on the fused vector that "gmc_cross_entropy" adds.
        scale: where the scale starts.
        positives: "class", or "object" for the papers' forms without labels.
        anchor: number of the modality that the others are paired with, for "anchor_clip" and "gram".

    Examples:
        >>> Contrastive("clip", SphericalClassifier(3, 8), scale=14.3).log_scale.exp()
        tensor(14.3000, grad_fn=<ExpBackward0>)
    """

    def __init__(
        self,
        kind: ObjectiveKind,
        classifier: SphericalClassifier,
        *,
        scale: float,
        positives: Positives = "class",
        anchor: int = 0,
    ) -> None:
        super().__init__()
        self.kind, self.positives, self.anchor = kind, positives, anchor
        self.largest_log_scale = math.log(max(scale, LARGEST_SCALE))
        start = torch.tensor(math.log(scale))
        self.log_scale = start if kind.startswith("gmc") else nn.Parameter(start)
        self.head = CrossEntropy(classifier) if kind == "gmc_cross_entropy" else None

    def forward(
        self,
        encoder: SphereEncoder | JoinedEncoder,
        batch: TensorBatch,
        *,
        strength: float,
        take_gradient: GradientTaker | None = None,
    ) -> Tensor:
        """The loss of a batch with labels, a scalar."""
        if batch.labels is None:
            raise ValueError("training needs class numbers")
        labels, present = batch.labels, batch.present
        row_labels = labels if self.positives == "class" else torch.arange(len(labels), device=labels.device)
        encoded = encoder.encode(batch)
        fused = encoder.fuse(encoded) if self.kind.startswith("gmc") else None
        with torch.no_grad():
            # The weight itself is held: beyond a bound of its exponential it would have no slope to come back by.
            self.log_scale.clamp_(max=self.largest_log_scale)
        scale = self.log_scale.exp()
        with torch.autocast(present.device.type, enabled=False):
            if fused is not None:
                loss = gmc_loss(encoded.vectors, fused, row_labels, present=present, scale=scale)
                return loss if self.head is None else loss + self.head(fused, labels, strength=strength).mean()
            if self.kind == "symile":
                return symile_loss(encoded.vectors, row_labels, present=present, scale=scale)
            if self.kind == "gram":
                return gram_loss(encoded.vectors, row_labels, present=present, scale=scale, anchor=self.anchor)
            anchor = None if self.kind == "clip" else self.anchor
            return clip_loss(encoded.vectors, row_labels, present=present, scale=scale, anchor=anchor)
