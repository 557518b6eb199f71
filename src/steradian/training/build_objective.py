"""From a configuration to what training minimises."""

from collections.abc import Collection
from dataclasses import fields

import numpy as np

from steradian.config import ModelConfig, TrainingConfig
from steradian.errors import ConfigError
from steradian.losses import MARGINS
from steradian.misspelt import did_you_mean
from steradian.model import SphericalClassifier
from steradian.training.objectives import OBJECTIVES, Derived, Objective

__all__ = ["build_objective", "check_objective", "check_options", "choose_anchor"]

WORDS = {"one": "a modality", "two": "two modalities", "every": "every modality"}


def build_objective(
    classifier: SphericalClassifier, config: TrainingConfig, derived: Derived, *, anchor: int = 0
) -> Objective:
    """The objective that a configuration describes, on the device of these class centers.

    Args:
        classifier: the class centers.
        config: the kind of objective and its options.
        derived: scale and margin.
        anchor: number of the modality that some objectives compare all others with, see `choose_anchor`.
    """
    return OBJECTIVES[config.objective](classifier, config, derived, anchor=anchor)


def choose_anchor(present: np.ndarray) -> int:
    """The number of the modality that most objects have beside another one, the first of equals.

    Args:
        present: bool [objects, modalities].

    Examples:
        >>> choose_anchor(np.array([[True, False, False], [True, False, False], [False, True, True]]))
        1
    """
    paired = present & (present.sum(axis=1, keepdims=True) > 1)
    return int(paired.sum(axis=0).argmax())


def check_options(config: TrainingConfig) -> None:
    """Refuse an objective or a kind of margin that is not known, and options that the objective leaves no meaning.

    Args:
        config: of the training.

    Raises:
        ConfigError: it is.
    """
    _check_name("objective", config.objective, OBJECTIVES)
    # Unit vectors have no lengths that a margin could read.
    _check_name("margin_kind", config.margin_kind, [n for n, margin in MARGINS.items() if not margin.needs_lengths])
    usual = {option.name: option.default for option in fields(config)}
    takers: dict[str, list[str]] = {}
    for name, objective in OBJECTIVES.items():
        for option in objective.options:
            takers.setdefault(option, []).append(name)
    left = [o for o, names in takers.items() if config.objective not in names and getattr(config, o) != usual[o]]
    if left:
        want = "; ".join(
            f"{o} left out with objective={config.objective!r}, since it belongs to {', '.join(takers[o])}"
            for o in left
        )
        got = ", ".join(f"{option}={getattr(config, option)!r}" for option in left)
        raise ConfigError(want, got, type(config).__name__, "Change these options; the others are fine.")


def _check_name(option: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        fix = did_you_mean(name, known, otherwise=f"Leave {option} out for {next(iter(known))}.")
        raise ConfigError(f"one of {', '.join(known)}", repr(name), option, fix)


def check_objective(config: TrainingConfig, model: ModelConfig, present: np.ndarray, *, weighed: bool = False) -> None:
    """Refuse an objective that would learn nothing from these objects, or not all that the model has.

    Args:
        config: the kind of objective.
        model: the kind of fusion, and the centers a class.
        present: which modalities the training objects have, bool [objects, modalities].
        weighed: whether they have weights.

    Raises:
        ConfigError: it would.
    """
    objective, where = OBJECTIVES[config.objective], f"objective={config.objective!r}"
    if weighed and not objective.takes_weights:
        takers = ", ".join(name for name, each in OBJECTIVES.items() if each.takes_weights)
        fix = "Leave both out, or choose another objective."
        raise ConfigError(f"one of {takers}", "sample_weight or class_weight, which it cannot take", where, fix)
    if model.subcenters > 1 and not objective.streams:
        raise ConfigError("one center a class", f"subcenters={model.subcenters}", where, "Leave subcenters out.")
    if not objective.trains_fusion and model.kind_of_fusion != "certified":
        got, fix = f"fusion={model.fusion!r}", "Leave fusion out: this objective trains no fusion, only what is fused."
        raise ConfigError('fusion="certified", which is a mean untrained', got, where, fix)
    enough, number = objective.can_learn_from(present), objective.needs_modalities
    if number == "one" and config.positives == "object":
        enough, number = present.sum(axis=1) > 1, "two"
    if enough.sum() < 2:
        raise ConfigError(
            want=f"2 training objects that have {WORDS[number]}",
            got=f"{enough.sum()} of {len(present)}",
            where=where,
            fix='Choose objective="angular" or "supcon", and positives="class".',
        )
