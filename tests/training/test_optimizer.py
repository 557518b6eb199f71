"""Every parameter is in exactly one group, with the right rate and decay."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.modalities import Image, Series, Tabular, Text, Vector
from steradian.modalities.pretrained_encoder import PooledEncoder
from steradian.model import SphericalClassifier, build_encoder
from steradian.training.optimizer import clip_gradients, make_optimizer

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
NEVER_DECAYED = (nn.LayerNorm, nn.GroupNorm, nn.Embedding, nn.EmbeddingBag)


@pytest.mark.parametrize("kind", ["certified", "context", "free"])
def test_groups(kind: str) -> None:
    picture = np.zeros((8, 8))
    row = {"picture": [picture], "words": ["a"], "price": [1.0], "colour": ["red"], "x": [1.0], "motion": [[1.0]]}
    fitted = Preprocessor.fit(read_objects(row, SCHEMA, labelled=False)).modalities
    encoder = build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4, fusion=kind))  # type: ignore[arg-type]
    classifier = SphericalClassifier(3, 4)
    groups = make_optimizer(encoder, classifier, CONFIG).param_groups

    names = {id(p): name for name, p in encoder.named_parameters()} | {id(classifier.weight): "centers"}
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

    spared = {f"{name}.weight" for name, module in encoder.named_modules() if isinstance(module, NEVER_DECAYED)}
    matrices = {name for name in options if name.endswith("weight") and "gates" not in name}
    assert decayed == matrices - spared
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
    assert (classifier.weight == 2.0).all()


def test_centers_that_move_in_the_backward_pass_are_not_the_optimizers() -> None:
    fitted = Preprocessor.fit(read_objects({"x": [1.0, 2.0]}, Schema({"x": Vector("x")}), labelled=False)).modalities
    encoder = build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4))
    classifier = SphericalClassifier(3, 4)
    before = classifier.weight.detach().clone()
    optimizer = make_optimizer(encoder, classifier, TrainingConfig(center_optimizer="rowwise"))
    members = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    assert {id(p) for p in members} == {id(p) for p in encoder.parameters()}
    for parameter in [*encoder.parameters(), *classifier.parameters()]:
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert torch.equal(classifier.weight, before)


def test_pretrained_weights_learn_a_hundredth_as_fast() -> None:
    class Tuned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layers = nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Embedding(7, 5))
            self.encoder = PooledEncoder(layers, kind="text", pooling="mean")
            self.tokens = nn.Linear(5, 8)

    fitted = Preprocessor.fit(read_objects({"x": [1.0, 2.0]}, Schema({"x": Vector("x")}), labelled=False)).modalities
    encoder = build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4))
    encoder.modalities[0].tokenizer = Tuned()
    groups = make_optimizer(encoder, SphericalClassifier(3, 4), CONFIG).param_groups
    names = {id(p): name for name, p in encoder.named_parameters()}
    options = {
        names[id(p)]: (group["lr"], group["weight_decay"])
        for group in groups
        for p in group["params"]
        if id(p) in names
    }
    assert options.keys() == set(names.values())
    slow = {
        name.removeprefix("modalities.0.tokenizer.encoder."): o for name, o in options.items() if "encoder." in name
    }
    undecayed = ("model.0.bias", "model.1.weight", "model.1.bias", "model.2.weight")
    assert slow == {"model.0.weight": (2e-5, 0.07), **dict.fromkeys(undecayed, (2e-5, 0.0))}
    assert options["modalities.0.tokenizer.tokens.weight"] == (0.002, 0.07)
    assert {rate for name, (rate, _) in options.items() if "encoder." not in name} == {0.002}


def test_the_objectives_own_weights_learn_as_the_encoders_do_and_do_not_decay() -> None:
    fitted = Preprocessor.fit(read_objects({"x": [1.0, 2.0]}, Schema({"x": Vector("x")}), labelled=False)).modalities
    encoder = build_encoder(fitted, ModelConfig(width=8, heads=2, embedding_dim=4))
    scale = nn.Parameter(torch.tensor(2.0))
    plain, more = (
        make_optimizer(encoder, SphericalClassifier(3, 4), CONFIG, others=others).param_groups
        for others in ([], [scale])
    )
    assert len(more) == len(plain) == 3
    (group,) = [group for group in more if any(p is scale for p in group["params"])]
    assert (group["lr"], group["weight_decay"]) == (0.002, 0.0)
    assert [len(group["params"]) for group in more] == [
        len(group["params"]) + (number == 1) for number, group in enumerate(plain)
    ]


@pytest.mark.parametrize("longest", [0.5, 100.0])
def test_gradients_are_shortened_as_torch_does(longest: float) -> None:
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.zeros(shape)) for shape in ((3, 4), (5,), (2,))]
    for weight in weights[:2]:
        weight.grad = torch.randn_like(weight)
    expected = [nn.Parameter(torch.zeros_like(weight)) for weight in weights]
    for weight, other in zip(weights, expected, strict=True):
        other.grad = None if weight.grad is None else weight.grad.clone()
    clip_grad_norm_(expected, longest)
    clip_gradients(weights, longest)
    clip_gradients(weights[2:], longest)
    assert weights[2].grad is None
    for weight, other in zip(weights[:2], expected[:2], strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=3e-7, atol=0)
