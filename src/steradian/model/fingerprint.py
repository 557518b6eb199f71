"""The fingerprint of a model: the same for as long as its vectors are, another for a model of other data."""

from hashlib import sha256

from torch import nn

from steradian.data.batch import Preprocessor
from steradian.model.classifier import SphericalClassifier

__all__ = ["fingerprint_of", "has_fingerprint_of"]

_CENTERS = 8


def fingerprint_of(preprocessor: Preprocessor, encoder: nn.Module, classifier: SphericalClassifier) -> str:
    """16 hexadecimal digits: 8 of the class centers, 8 of the closed form's maps and the networks' weights.

    The centers of known classes stand at equal angles, whatever the data, so they alone do not tell models apart.

    Args:
        preprocessor: holds the closed form.
        encoder: the networks.
        classifier: the class centers.
    """
    digest, closed_form = sha256(), preprocessor.closed_form
    for linear in {} if closed_form is None else closed_form.maps.values():
        digest.update(linear.matrix.tobytes() + linear.offset.tobytes())
    for name, tensor in encoder.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().numpy().tobytes())
    return classifier.fingerprint[:_CENTERS] + digest.hexdigest()[: 16 - _CENTERS]


def has_fingerprint_of(classifier: SphericalClassifier, fingerprint: str) -> bool:
    """Whether a model's class centers are those of the fit that its fingerprint was made of.

    Args:
        classifier: the class centers that it has.
        fingerprint: of the model.
    """
    return fingerprint.startswith(classifier.fingerprint[:_CENTERS])
