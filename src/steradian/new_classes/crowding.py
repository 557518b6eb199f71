"""How near a new class is to the others: angles, and what its own examples would be taken for."""

import numpy as np
from scipy.special import softmax

from steradian.metrics import to_angles
from steradian.model import SphericalClassifier, class_cosines, cosine_chunks
from steradian.new_classes.added_classes import AddedClass
from steradian.new_classes.example_centers import Imprint

__all__ = ["measure_crowding"]


def measure_crowding(
    classifier: SphericalClassifier, classes: np.ndarray, made: Imprint, *, scale: float
) -> AddedClass:
    """The nearest other class, and the probability that examples give to others, each left out of its own center.

    Left out, an example stands for an object that the model has not seen; a center that it helped to make would
    flatter it.

    Args:
        classifier: with the new centers.
        classes: its class names, sorted [num_classes].
        made: the new class.
        scale: the factor of the cosines in the softmax.

    Examples:
        >>> import torch
        >>> classifier = SphericalClassifier(2, 2)
        >>> _ = classifier.weight.data.copy_(torch.tensor([[0.6, 0.8], [0.0, 1.0]]))
        >>> made = Imprint("jar", np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0, 0]), np.array([[0.0, 1.0]]))
        >>> found = measure_crowding(classifier, np.array(["cup", "jar"]), made, scale=10.0)
        >>> found.nearest, round(found.angle, 3), found.spread, round(found.confusion, 3), found.confused_with
        ('cup', 0.644, 0.0, 0.119, 'cup')
    """
    number = int(np.searchsorted(classes, made.name))
    between = class_cosines(classifier, made.centers).max(axis=0)
    between[number] = -np.inf
    nearest, examples = int(between.argmax()), len(made.vectors)
    distance = classes[nearest].item(), float(to_angles(between[nearest]))
    if examples == 1:
        return AddedClass(made.name, examples, *distance)
    own, shares = made.cosines_without_itself(), np.zeros(len(classes))
    for part, cosines in cosine_chunks(classifier, made.vectors):
        cosines[:, number] = own[part]
        shares += softmax(cosines * scale, axis=1).sum(axis=0) / examples
    shares[number] = 0.0
    taker = classes[shares.argmax()].item()
    return AddedClass(made.name, examples, *distance, float(to_angles(own).mean()), float(shares.sum()), taker)
