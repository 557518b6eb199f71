"""Options: their bounds, unknown keys, and mistakes told all at once."""

import json
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from steradian.config import ModelConfig, TrainingConfig
from steradian.errors import ConfigError

KINDS = [ModelConfig, TrainingConfig]


@pytest.mark.parametrize("kind", KINDS)
def test_plain_values_out_and_in_again(kind: type[Any]) -> None:
    config = kind()
    entries = json.loads(json.dumps(config.to_dict()))
    assert list(entries) == [field.name for field in fields(kind)]
    assert kind.from_dict(entries, where="here") == config


def test_options_given_are_kept_and_the_rest_have_their_defaults() -> None:
    config = ModelConfig.from_dict({"width": 8, "fusion": "free"}, where="here")
    assert config == ModelConfig(width=8, fusion="free")
    assert config.depth == ModelConfig().depth
    assert TrainingConfig.from_dict({"scale": 9.5}, where="here").scale == 9.5


@pytest.mark.parametrize("kind", KINDS)
def test_it_cannot_be_changed(kind: type[Any]) -> None:
    config = kind()
    with pytest.raises(FrozenInstanceError):
        setattr(config, fields(kind)[0].name, 3)


def test_unknown_keys_are_refused_all_at_once_with_the_nearest_known() -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig.from_dict({"widht": 8, "depht": 1, "width": 8, "qqqq": 0}, where="model.yaml")
    assert caught.value.where == "model.yaml"
    assert caught.value.got == "'widht', 'depht', 'qqqq'"
    assert caught.value.fix == "Did you mean 'widht' -> 'width', 'depht' -> 'depth'?"
    with pytest.raises(ConfigError, match="Remove them"):
        TrainingConfig.from_dict({"qqqq": 0}, where="here")


REFUSED: list[tuple[type[Any], str, list[Any]]] = [
    (ModelConfig, "embedding_dim", [1, 0, -3]),
    (ModelConfig, "width", [0, -4, 6]),
    (ModelConfig, "depth", [0]),
    (ModelConfig, "fusion_depth", [0]),
    (ModelConfig, "heads", [0, -1]),
    (ModelConfig, "dropout", [-0.1, 1.0, float("nan")]),
    (ModelConfig, "input_dropout", [-0.1, 1.0, float("nan")]),
    (ModelConfig, "fusion", ["sum", ""]),
    (ModelConfig, "context_limit", [-0.1, 1.0, float("nan")]),
    (ModelConfig, "subcenters", [0, -1]),
    (TrainingConfig, "epochs", [-1, -2]),
    (TrainingConfig, "batch_size", [0]),
    (TrainingConfig, "learning_rate", [0.0, -1e-3, float("nan")]),
    (TrainingConfig, "center_learning_rate", [0.0, float("nan")]),
    (TrainingConfig, "weight_decay", [-0.1, float("nan")]),
    (TrainingConfig, "scale", [0.0, -1.0, float("nan")]),
    (TrainingConfig, "margin", [-0.1, 1.5, 28.6, float("nan")]),
    (TrainingConfig, "modality_weight", [-0.1, float("nan")]),
    (TrainingConfig, "subset_weight", [-0.1, float("nan")]),
    (TrainingConfig, "alignment_weight", [-0.1, float("nan")]),
    (TrainingConfig, "validation_fraction", [-0.1, 1.0, float("nan")]),
    (TrainingConfig, "patience", [0]),
    (TrainingConfig, "max_grad_norm", [0.0, float("nan")]),
    (TrainingConfig, "precision", ["float16", None]),
    (TrainingConfig, "margin_gradient", ["none", None]),
    (TrainingConfig, "label_smoothing", [-0.1, 1.0, float("nan")]),
    (TrainingConfig, "class_share", [0.0, -0.1, 1.1, float("nan"), 0.5]),
    (TrainingConfig, "center_optimizer", ["sgd", "", None]),
    (TrainingConfig, "subset_policy", ["full", "", None]),
    (TrainingConfig, "samples_per_class", [0, -1]),
    (TrainingConfig, "objective", ["two words", "", None]),
    (TrainingConfig, "margin_kind", ["](http", "", None]),
    (TrainingConfig, "positives", ["label", "", None]),
]


@pytest.mark.parametrize(("kind", "option", "values"), REFUSED, ids=[option for _, option, _ in REFUSED])
def test_each_bound_is_held(kind: type[Any], option: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ConfigError, match=option) as caught:
            kind(**{option: value})
        assert caught.value.got == f"{option}={value!r}"
        assert caught.value.where == kind.__name__


ALLOWED: list[tuple[type[Any], dict[str, Any]]] = [
    (ModelConfig, {"embedding_dim": 2, "width": 1, "heads": 1, "depth": 1, "fusion_depth": 1}),
    (ModelConfig, {"dropout": 0, "input_dropout": 0.0, "context_limit": 0.0}),
    (ModelConfig, {"fusion": "context", "context_limit": 0.99}),
    (TrainingConfig, {"epochs": 1, "batch_size": 1, "patience": 1}),
    (
        TrainingConfig,
        {"weight_decay": 0, "modality_weight": 0, "alignment_weight": 0, "margin": 0, "validation_fraction": 0},
    ),
    (TrainingConfig, {"scale": 1, "margin": 1.49, "precision": "bfloat16"}),
    (ModelConfig, {"subcenters": 1}),
    (TrainingConfig, {"label_smoothing": 0, "class_share": 1, "center_optimizer": "rowwise"}),
    (TrainingConfig, {"label_smoothing": 0.99, "class_share": 1e-6, "center_optimizer": "rowwise"}),
    (TrainingConfig, {"margin_kind": "curricularface", "margin_gradient": "detached"}),
    (TrainingConfig, {"subset_policy": "half", "subset_weight": 0}),
    (TrainingConfig, {"samples_per_class": 1, "balanced": True}),
    (TrainingConfig, {"samples_per_class": 8, "objective": "angular"}),
    (TrainingConfig, {"objective": "supcon", "positives": "object", "scale": 14.0, "subset_weight": 0}),
    (TrainingConfig, {"objective": "supcon", "positives": "object", "modality_weight": 0}),
    (TrainingConfig, {"objective": "triplet", "margin": 0.2, "subset_policy": "observed"}),
    (TrainingConfig, {"objective": "proxy_anchor", "margin": 0.0, "scale": 16, "modality_weight": 0}),
    (TrainingConfig, {"objective": "gmc_cross_entropy", "positives": "object", "scale": 5}),
    (TrainingConfig, {"epochs": np.int64(3), "learning_rate": np.float32(0.01), "margin": np.float64(0.1)}),
]


@pytest.mark.parametrize(("kind", "options"), ALLOWED)
def test_the_bounds_themselves_are_allowed(kind: type[Any], options: dict[str, Any]) -> None:
    config = kind(**options)
    assert {name: getattr(config, name) for name in options} == options


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"want width an integer; dropout a number, got width='64', dropout='0.1'"):
        ModelConfig(width="64", dropout="0.1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"depth an integer.*depth=1\.5"):
        ModelConfig(depth=1.5)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"want epochs an integer; margin a number; max_grad_norm a number"):
        TrainingConfig(epochs="3", margin="0.2", max_grad_norm=[1])  # type: ignore[arg-type]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig(embedding_dim=1, width=7, dropout=2.0, fusion="sum")  # type: ignore[arg-type]
    assert caught.value.want.split("; ") == [
        "embedding_dim at least 2, or None",
        "width a multiple of heads=4",
        "dropout in [0, 1), or None",
        "fusion one of certified, context, free, or None",
    ]
    assert caught.value.got == "embedding_dim=1, width=7, dropout=2.0, fusion='sum'"
    with pytest.raises(ConfigError, match="max_grad_norm above 0; weight_decay 0 or more; margin in radians"):
        TrainingConfig(max_grad_norm=0.0, weight_decay=-1.0, margin=28.6)


def test_a_share_of_the_classes_needs_centers_that_move_by_rows() -> None:
    with pytest.raises(ConfigError, match='class_share below 1 only with center_optimizer="rowwise"') as caught:
        TrainingConfig(class_share=0.3)
    assert caught.value.got == "class_share=0.3"
    assert TrainingConfig(class_share=0.3, center_optimizer="rowwise").class_share == 0.3


def test_choices_are_told_with_the_other_mistakes() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(
            max_grad_norm=0.0, precision="half", subset_policy="all", center_optimizer="sgd", label_smoothing=2.0
        )  # type: ignore[arg-type]
    assert [mistake.split()[0] for mistake in caught.value.want.split("; ")] == [
        *("max_grad_norm", "precision", "center_optimizer", "subset_policy", "label_smoothing")
    ]
    assert "subset_policy one of both, half, observed" in caught.value.want
    assert "center_optimizer one of adamw, rowwise" in caught.value.want


# -- Options that leave each other no meaning


@pytest.mark.parametrize("terms", [{"subset_weight": 0}, {"subset_policy": "half"}])
@pytest.mark.parametrize("kind", ["supcon", "triplet"])
def test_an_object_of_one_row_has_no_positive(kind: Any, terms: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match='positives "class" where every object is one row; or give modality_weight'):
        TrainingConfig(objective=kind, positives="object", modality_weight=0, **terms)


def test_groups_and_balance_are_two_orders() -> None:
    with pytest.raises(ConfigError, match="samples_per_class 1 with balanced=True, which has an order of its own"):
        TrainingConfig(balanced=True, samples_per_class=4)
    assert TrainingConfig(balanced=True, objective="supcon").samples_per_class is None


def test_contradictions_are_told_with_the_other_mistakes() -> None:
    with pytest.raises(ConfigError) as caught:
        TrainingConfig(
            max_grad_norm=0.0,
            objective="supcon",
            positives="object",
            subset_policy="half",
            modality_weight=0,
            balanced=True,
            samples_per_class=4,
        )
    assert [mistake.split()[0] for mistake in caught.value.want.split("; ")] == [
        *("max_grad_norm", "positives", "or", "samples_per_class")
    ]
