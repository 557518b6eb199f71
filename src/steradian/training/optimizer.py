"""Which parameters learn how fast, and which decay."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import AdamW

from steradian.config import TrainingConfig
from steradian.modalities.pretrained_encoder import PooledEncoder
from steradian.model import SphereEncoder, SphericalClassifier

__all__ = ["clip_gradients", "make_optimizer"]

FINE_TUNING = 0.01
"""Share of the encoders' learning rate for weights that were pretrained: 3e-5 by default, the middle of the three that
BERT's authors recommend (Devlin et al. 2019, arXiv 1810.04805, A.3)."""


def make_optimizer(
    encoder: SphereEncoder,
    classifier: SphericalClassifier,
    config: TrainingConfig,
    *,
    others: Iterable[nn.Parameter] = (),
) -> AdamW:
    """AdamW in groups: decaying matrices, the rest of the encoder, and the class centers if they are its.

    Weights that were pretrained are in two groups of their own, which learn more slowly. Only the weights of linear and
    convolutional layers decay. A center is a direction, whose length decay would only change its step size; the gates
    start at zero and belong there unless the data says otherwise.

    Args:
        encoder: both levels.
        classifier: the class centers.
        config: learning rates and decay.
        others: the objective's own weights, such as a learned scale; they learn as the encoder's do, without decay.
    """
    decays: dict[nn.Parameter, bool] = {}
    learns = config.center_optimizer == "adamw" and classifier.weight.requires_grad
    centers = [classifier.weight] if learns else []
    gates = [getattr(encoder.fusion, "gates", None), *(modality.item_gates for modality in encoder.modalities)]
    pretrained = [module for module in encoder.modules() if isinstance(module, PooledEncoder)]
    slow = {parameter for module in pretrained for parameter in module.parameters()}
    for module in encoder.modules():
        for name, parameter in module.named_parameters(recurse=False):
            matrix = isinstance(module, (nn.Linear, nn.Conv1d, nn.Conv2d)) and name == "weight" and module not in gates
            decays[parameter] = matrix
    decays |= dict.fromkeys(others, False)
    groups = [
        {
            "params": [p for p in decays if decays[p] == decaying and (p in slow) == tuned],
            "lr": config.learning_rate * (FINE_TUNING if tuned else 1.0),
            "weight_decay": config.weight_decay if decaying else 0.0,
        }
        for tuned in ((False, True) if slow else (False,))
        for decaying in (True, False)
    ]
    groups.insert(2, {"params": centers, "lr": config.center_learning_rate, "weight_decay": 0.0})
    # The fused kernel is 3 to 10 times faster than the default on CPU, and exists on CUDA and MPS.
    return AdamW(groups, fused=True)


@torch.no_grad()
def clip_gradients(weights: Iterable[nn.Parameter], longest: float) -> None:
    """Shorten the gradients, taken as one vector, to a length; the same as torch's `clip_grad_norm_` in a third of it.

    Args:
        weights: of one device; those without a gradient are left out.
        longest: gradients that are shorter stay as they are.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    if not gradients:
        return
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    # A comparison would wait for an accelerator; there a factor of 1 costs next to nothing.
    if length.device.type != "cpu" or not length <= longest:
        torch._foreach_mul_(gradients, (longest / (length + 1e-6)).clamp(max=1.0))
