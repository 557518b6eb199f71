"""Class centers at class means: where training starts, and where it ends if its objective learns no centers."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.data.batch import PreparedObjects
from steradian.model import SphereEncoder, SphericalClassifier, embed

__all__ = ["imprint_centers", "imprint_class_means"]

MAX_OBJECTS, BATCH = 20_000, 512

APART = 0.5
"""Length of a sub-center's own part beside the class mean's 1, about 27 degrees."""


def imprint_centers(
    encoder: SphereEncoder, classifier: SphericalClassifier, objects: PreparedObjects, *, random_state: int
) -> None:
    """Set each class center to its class mean, seen from the mean of all classes.

    An untrained encoder's vectors all lie in one narrow cone; less their common mean they already say which classes
    are alike, so that the first steps need not find that out. Classes without an object in the draw, or whose mean
    is no other than that of all, keep their random center.

    Args:
        encoder: both levels.
        classifier: changed in place.
        objects: training objects with class numbers; at most 20,000 of them, drawn by the seed, take part.
        random_state: of the draw.
    """
    rows = np.random.default_rng(random_state).permutation(len(objects))[:MAX_OBJECTS]
    if objects.windows is not None and len(objects) > objects.windows.rows:
        # In order, so that each row group is read once.
        rows = np.sort(rows)
    seen, means = _class_means(encoder, objects, rows)
    _set_centers(classifier, seen, means - means.mean(dim=0))


def imprint_class_means(encoder: SphereEncoder, classifier: SphericalClassifier, objects: PreparedObjects) -> None:
    """Set each class center to the mean direction of its objects, for objectives that learn no centers of their own.

    Args:
        encoder: both levels, trained.
        classifier: changed in place.
        objects: training objects with class numbers, all of which take part.
    """
    _set_centers(classifier, *_class_means(encoder, objects, np.arange(len(objects))))


def _class_means(encoder: SphereEncoder, objects: PreparedObjects, rows: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """The classes that these rows have, and the means of their vectors [classes, embedding_dim]."""
    if objects.labels is None:
        raise ValueError("imprinting needs class numbers")
    training = encoder.training
    vectors = torch.from_numpy(embed(encoder.eval(), objects, rows, batch_size=BATCH))
    encoder.train(training)
    # Of millions of classes the draw has only some: nothing here may be of all classes' size.
    seen, positions = np.unique(objects.labels[rows], return_inverse=True)
    sums = torch.zeros(len(seen), vectors.shape[1]).index_add_(0, torch.from_numpy(positions), vectors)
    return seen, (sums / torch.from_numpy(np.bincount(positions))[:, None]).to(sums.dtype)


def _set_centers(classifier: SphericalClassifier, classes: np.ndarray, offsets: Tensor) -> None:
    """Bring the centers of these classes to the directions of their offsets [classes, embedding_dim]."""
    # Rounding has no direction worth starting from.
    apart = offsets.norm(dim=-1) > 1e-6
    directions = classifier.weight
    chosen = torch.from_numpy(classes)[apart].to(directions.device)
    centers = F.normalize(offsets[apart], dim=-1).to(directions)
    with torch.no_grad():
        if directions.ndim == 3:
            # Equal centers of a class would stay equal: each keeps a part of its random direction.
            centers = F.normalize(centers[:, None] + APART * directions[chosen], dim=-1)
        directions[chosen] = centers
