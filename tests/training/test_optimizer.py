"""Every parameter is in exactly one group, with the right rate and decay."""

import numpy as np
import pytest
import torch
from torch import nn

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.modalities import Image, Series, Tabular, Text, Vector
from steradian.model import SphericalClassifier, build_encoder
from steradian.training.optimizer import make_optimizer

CONFIG = TrainingConfig(learning_rate=0.002, center_learning_rate=0.03, weight_decay=0.07)
SCHEMA = Schema(
    {
        "picture": Image("picture", size=8),
        "words": Text("words"),
        "specs": Tabular(numeric=["price"], categorical=["colour"]),
        "x": Vector("x"),
        "motion": Series("motion"),
    }
)
NEVER_DECAYED = ("norm", "gates", "ngrams", "categories", "stem.1.", "stem.4.", "stem.7.")


@pytest.mark.parametrize("kind", ["certified", "context", "free"])
def test_groups(kind: str) -> None:
    picture = np.zeros((8, 8))
    row = {"picture": [picture], "words": ["a"], "price": [1.0], "colour": ["red"], "x": [1.0], "motion": [[1.0]]}
    fitted = Preprocessor.fit(read_objects(row, SCHEMA, labelled=False)).modalities
    encoder = build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4, fusion=kind))  # type: ignore[arg-type]
    classifier = SphericalClassifier(3, 4)
    groups = make_optimizer(encoder, classifier, CONFIG).param_groups

    names = {id(p): name for name, p in encoder.named_parameters()} | {id(classifier.directions): "centers"}
    grouped = [[names[id(p)] for p in group["params"]] for group in groups]
    assert sorted(name for group in grouped for name in group) == sorted(names.values())
    options = {
        name: (group["lr"], group["weight_decay"])
        for group, members in zip(groups, grouped, strict=True)
        for name in members
    }
    assert options.pop("centers") == (0.03, 0.0)
    assert {rate for rate, _ in options.values()} == {0.002}
    decayed = {name for name, (_, decay) in options.items() if decay}
    assert {options[name][1] for name in decayed} == {0.07}

    matrices = {name for name in options if name.endswith("weight")}
    expected = {name for name in matrices if not any(part in name for part in NEVER_DECAYED)}
    assert decayed == expected
    assert any("stem.0.weight" in name for name in decayed)
    assert any("keys_values.weight" in name for name in decayed)
    assert "fusion.kinds_of_modality" not in decayed


def test_a_step_without_gradient_shrinks_the_decayed_alone() -> None:
    fitted = Preprocessor.fit(read_objects({"x": [1.0, 2.0]}, Schema({"x": Vector("x")}), labelled=False)).modalities
    encoder, classifier = (
        build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4)),
        SphericalClassifier(3, 4),
    )
    for parameter in [*encoder.parameters(), *classifier.parameters()]:
        nn.init.constant_(parameter, 2.0)
        parameter.grad = torch.zeros_like(parameter)
    make_optimizer(encoder, classifier, CONFIG).step()
    shrunk = 2.0 * (1 - 0.002 * 0.07)
    for name, parameter in encoder.named_parameters():
        matrix = parameter.ndim == 2 and name.endswith("weight") and "gates" not in name
        torch.testing.assert_close(parameter, torch.full_like(parameter, shrunk if matrix else 2.0), rtol=1e-7, atol=0)
    assert (classifier.directions == 2.0).all()
