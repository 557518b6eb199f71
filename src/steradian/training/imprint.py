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
    # Of millions of classes the draw has only some: nothing here may be of all classes' size.
    seen, positions = np.unique(objects.labels[rows], return_inverse=True)
    sums = torch.zeros(len(seen), vectors.shape[1]).index_add_(0, torch.from_numpy(positions), vectors)
    means = sums / torch.from_numpy(np.bincount(positions))[:, None]
    offsets = (means - means.mean(dim=0)).to(means.dtype)
    # Rounding has no direction worth starting from.
    apart = offsets.norm(dim=-1) > 1e-6
    directions = classifier.directions
    chosen = torch.from_numpy(seen)[apart].to(directions.device)
    centers = F.normalize(offsets[apart], dim=-1).to(directions)
    with torch.no_grad():
        if directions.ndim == 3:
            # Equal centers of a class would stay equal: each keeps a part of its random direction.
            centers = F.normalize(centers[:, None] + APART * directions[chosen], dim=-1)
        directions[chosen] = centers
