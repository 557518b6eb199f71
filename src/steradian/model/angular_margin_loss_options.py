"""What the options of the margin loss may be, all mistakes told at once."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, get_args

import torch
from torch import Tensor

from steradian.config import MarginGradient
from steradian.errors import ConfigError
from steradian.losses.margins import MARGINS
from steradian.losses.matmul import Precision

__all__ = ["as_tensor", "check_options"]


def as_tensor(values: Tensor | Sequence[float] | None) -> Tensor | None:
    """Numbers as a tensor; an empty one for what is none.

    Args:
        values: of the user.
    """
    try:
        return None if values is None else torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        return torch.empty(0)


def check_options(options: dict[str, Any]) -> None:
    """Refuse options of `AngularMarginLoss` that cannot be, all of them at once.

    Args:
        options: by name.
    """
    mistakes = {name: wanted for name, (fine, wanted) in _bounds(options).items() if not fine}
    if options["multi_label"]:
        mistakes |= _left_out_with_several_labels(options)
    elif options["scale"] == "adacos" and options["class_share"] < 1:
        mistakes["class_share"] = '1 with scale="adacos", which needs all classes'
    if mistakes:
        raise ConfigError(
            want="; ".join(f"{name} {wanted}" for name, wanted in mistakes.items()),
            got=", ".join(f"{name}={' '.join(repr(options[name]).split()):.80}" for name in mistakes),
            where="AngularMarginLoss",
            fix="Change these options; the others are fine. Margin and scale are plain numbers and are not learnt.",
        )


def _bounds(options: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """For each option whether it is fine, and what it must be."""
    classes, dim = options["num_classes"], options["embedding_dim"]
    margin = MARGINS.get(options["kind"]) if isinstance(options["kind"], str) else None
    shape = (classes, dim) if options["subcenters"] == 1 else (classes, options["subcenters"], dim)

    def fits(name: str) -> bool:
        return options[name] is None or margin is None or name in margin.options

    def takers(name: str) -> str:
        return ", ".join(f'"{kind}"' for kind, each in MARGINS.items() if name in each.options)

    return {
        "num_classes": (_at_least(options["num_classes"], 2), "at least 2"),
        "embedding_dim": (_at_least(options["embedding_dim"], 2), "at least 2"),
        "kind": (margin is not None, f"one of {', '.join(MARGINS)}"),
        "margin": (
            _none_or(options["margin"], 0, math.pi / 2) and fits("margin"),
            f"in radians, 0 <= margin < pi / 2 (28.6 degrees are 0.5), for {takers('margin')}",
        ),
        "cosine_margin": (
            _none_or(options["cosine_margin"], 0, 2) and fits("cosine_margin"),
            f"in [0, 2), for {takers('cosine_margin')}",
        ),
        "angle_factor": (
            _none_or(options["angle_factor"], 1, math.inf) and fits("angle_factor"),
            f"at least 1, for {takers('angle_factor')}",
        ),
        "scale": (_is_scale(options["scale"]), 'above 0, "adacos" or None'),
        "subcenters": (_at_least(options["subcenters"], 1), "at least 1"),
        "gradient": (options["gradient"] in get_args(MarginGradient), '"exact" or "detached"'),
        "smoothing": (_none_or(options["smoothing"], 0, 1), "in [0, 1)"),
        "hard_negatives": (_at_least(options["hard_negatives"], 0, below=classes), "fewer than there are classes"),
        "class_share": (
            _is_number(options["class_share"]) and 0 < options["class_share"] <= 1,
            "above 0 and at most 1",
        ),
        "precision": (options["precision"] in get_args(Precision), '"float32" or "bfloat16"'),
        "reduction": (options["reduction"] in ("mean", "sum", "none"), '"mean", "sum" or "none"'),
        "class_weights": (
            _one_each(options["class_weights"], classes) and _are_weights(options["class_weights"]),
            "a finite number from 0 a class, one of them above 0, without a gradient",
        ),
        "class_counts": (
            _one_each(options["class_counts"], classes) and fits("class_counts"),
            f"a number a class, for {takers('class_counts')}",
        ),
        "classifier": (
            options["classifier"] is None or _shape(options["classifier"]) == shape,
            f"one with a weight of shape {shape}",
        ),
    }


def _left_out_with_several_labels(options: dict[str, Any]) -> dict[str, str]:
    """The options that a row of several labels leaves no meaning, and what they must be."""
    plain: dict[str, Any] = {
        "class_weights": None,
        "class_counts": None,
        "class_share": 1,
        "smoothing": 0,
        "hard_negatives": 0,
        "gradient": "exact",
        "scale": None if options["scale"] == "adacos" else options["scale"],
    }
    mistakes = {
        name: "left out with multi_label"
        for name, value in plain.items()
        if options[name] is not value and options[name] != value
    }
    margin = MARGINS.get(options["kind"]) if isinstance(options["kind"], str) else None
    if margin is not None and not margin.by_angle_alone:
        mistakes["kind"] = "one that depends on the angle alone, with multi_label"
    return mistakes


def _is_number(value: object) -> bool:
    """Whether a value is a plain real number, and no tensor, which might be learnt."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_scale(value: Any) -> bool:
    return (
        value == "adacos" if isinstance(value, str) else value is None or (_is_number(value) and 0 < value < math.inf)
    )


def _at_least(value: object, least: int, *, below: object = None) -> bool:
    if not isinstance(value, Integral) or isinstance(value, bool):
        return False
    # What is no number of classes is refused as such.
    return least <= int(value) and (not isinstance(below, Integral) or int(below) < 1 or int(value) < int(below))


def _none_or(value: float | None, least: float, below: float) -> bool:
    return value is None or (_is_number(value) and least <= value < below)


def _are_weights(values: Tensor | None) -> bool:
    return values is None or (
        not values.requires_grad and bool((values.isfinite() & (values >= 0)).all()) and bool((values > 0).any())
    )


def _one_each(values: Tensor | None, classes: int) -> bool:
    return values is None or (isinstance(values, Tensor) and values.shape == (classes,))


def _shape(classifier: Any) -> tuple[int, ...]:
    """That of the class centers of all ranks."""
    return (classifier.num_classes, *classifier.weight.shape[1:])
