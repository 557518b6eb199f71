"""Which parameters learn how fast, and which decay."""

from torch import nn
from torch.optim import AdamW

from steradian.config import TrainingConfig
from steradian.model import SphereEncoder, SphericalClassifier

__all__ = ["make_optimizer"]


def make_optimizer(encoder: SphereEncoder, classifier: SphericalClassifier, config: TrainingConfig) -> AdamW:
    """AdamW in three groups: decaying matrices, the rest of the encoder, and the class centers.

    Only the weights of linear and convolutional layers decay. A center is a direction, whose length decay would only
    change its step size; the gates start at zero and belong there unless the data says otherwise.

    Args:
        encoder: both levels.
        classifier: the class centers.
        config: learning rates and decay.
    """
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    gates = getattr(encoder.fusion, "gates", None)
    for module in encoder.modules():
        for name, parameter in module.named_parameters(recurse=False):
            matrix = isinstance(module, (nn.Linear, nn.Conv2d)) and name == "weight" and module is not gates
            (decayed if matrix else undecayed).append(parameter)
    groups = [
        {"params": decayed, "lr": config.learning_rate, "weight_decay": config.weight_decay},
        {"params": undecayed, "lr": config.learning_rate, "weight_decay": 0.0},
        {"params": [classifier.directions], "lr": config.center_learning_rate, "weight_decay": 0.0},
    ]
    # The fused kernel is 3 to 10 times faster than the default on CPU, and exists on CUDA and MPS.
    return AdamW(groups, fused=True)
