"""Where the class centers start: at the class means of the untrained encoder's vectors."""

import numpy as np
import torch
from torch.nn import functional as F

from steradian.data.batch import PreparedObjects
from steradian.model import SphereEncoder, SphericalClassifier, embed

__all__ = ["imprint_centers"]

MAX_OBJECTS, BATCH = 20_000, 512

APART = 0.5
"""Length of a sub-center's own part beside the class mean's 1, about 27 degrees."""


def imprint_centers(
    encoder: SphereEncoder, classifier: SphericalClassifier, objects: PreparedObjects, *, seed: int
) -> None:
    """Set each class center to its class mean, seen from the mean of all classes.

    An untrained encoder's vectors all lie in one narrow cone; less their common mean they already say which classes
    are alike, so that the first steps need not find that out. Classes without an object in the draw, or whose mean
    is no other than that of all, keep their random center.

    Args:
        encoder: both levels.
        classifier: changed in place.
        objects: training objects with class numbers; at most 20,000 of them, drawn by the seed, take part.
        seed: of the draw.
    """
    if objects.labels is None:
        raise ValueError("imprinting needs class numbers")
    rows = np.random.default_rng(seed).permutation(len(objects))[:MAX_OBJECTS]
    training = encoder.training
    vectors = torch.from_numpy(embed(encoder.eval(), objects, rows, batch_size=BATCH))
    encoder.train(training)
    labels = torch.from_numpy(objects.labels[rows])
    num_classes, dim = classifier.directions.shape[0], classifier.directions.shape[-1]
    sums = torch.zeros(num_classes, dim).index_add_(0, labels, vectors)
    counts = torch.bincount(labels, minlength=num_classes)
    seen = counts > 0
    means = sums / counts.clamp(min=1)[:, None]
    offsets = means - means[seen].mean(dim=0)
    # Rounding has no direction worth starting from.
    apart = seen & (offsets.norm(dim=-1) > 1e-6)
    with torch.no_grad():
        directions = classifier.directions
        centers = F.normalize(offsets[apart], dim=-1).to(directions.device)
        # Equal centers of a class would stay equal: each keeps a part of its random direction.
        directions[apart] = centers if directions.ndim == 2 else centers[:, None] + APART * directions[apart]
