"""The usual softmax head against torch's own layers."""

import torch
from torch import nn
from torch.nn import functional as F

from steradian.config import TrainingConfig
from steradian.model import SphericalClassifier
from steradian.training import Derived
from steradian.training.objectives.cross_entropy import CrossEntropy
from steradian.training.objectives.row_objective import LossRows


def test_it_is_a_linear_layer_on_rows_of_mean_square_one() -> None:
    classifier = SphericalClassifier(3, 8)
    objective = CrossEntropy(classifier, TrainingConfig(objective="cross_entropy"), Derived(1.0, 0.0, 1, ()))
    nn.init.normal_(objective.head.bias)
    rows, labels = F.normalize(torch.randn(9, 8), dim=1), torch.arange(9) % 3
    layer = nn.Linear(8, 3)
    layer.weight.data, layer.bias.data = classifier.weight.detach().clone(), objective.head.bias.detach().clone()
    expected = F.cross_entropy(layer(F.rms_norm(rows, (8,))), labels, reduction="none")
    torch.testing.assert_close(objective.row_losses(LossRows(rows, labels)), expected, rtol=1e-5, atol=1e-5)
    assert {id(p) for p in objective.parameters()} == {id(classifier.weight), id(objective.head.bias)}
