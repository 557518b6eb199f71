"""From a configuration to the objective, and which ones are refused before anything is prepared."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from steradian.config import FusionKind, ModelConfig, TrainingConfig
from steradian.errors import ConfigError
from steradian.model import SphericalClassifier
from steradian.training import OBJECTIVES, Derived, check_objective, check_options
from steradian.training.build_objective import build_objective, choose_anchor
from steradian.training.objectives.modality_objective import ModalityObjective

DERIVED = Derived(scale=12.5, margin=0.3, epochs=1, reasons=())
KINDS = list(OBJECTIVES)
BETWEEN = [kind for kind, objective in OBJECTIVES.items() if issubclass(objective, ModalityObjective)]


def build(**options: Any) -> Any:
    return build_objective(SphericalClassifier(3, 4), TrainingConfig(**options), DERIVED, anchor=2)


# -- The objective


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_built_over_the_given_centers(kind: str) -> None:
    classifier = SphericalClassifier(3, 4)
    objective = build_objective(classifier, TrainingConfig(objective=kind), DERIVED)
    learned = [p is classifier.weight for p in objective.parameters()]
    scaled = kind in ("clip", "anchor_clip", "symile", "gram")
    biased = kind in ("cross_entropy", "gmc_cross_entropy")
    centered = kind not in ("gmc", "clip", "anchor_clip", "symile", "gram")
    assert sorted(learned) == [False] * (scaled or biased) + [True] * centered
    assert type(objective) is OBJECTIVES[kind]


def test_terms_and_their_weights_are_those_of_the_configuration() -> None:
    options = {"modality_weight": 0.3, "subset_weight": 0.7, "subset_policy": "half", "positives": "object"}
    objective = build(objective="supcon", **options)
    assert {name: getattr(objective, name) for name in options} == options


def test_the_margin_softmax_is_aligned_as_derived() -> None:
    derived = replace(DERIVED, alignment_weight=0.3)
    assert build_objective(SphericalClassifier(3, 4), TrainingConfig(), derived).alignment_weight == 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_each_has_the_derived_numbers(kind: str) -> None:
    objective = build(objective=kind)
    assert (objective.scale, objective.margin, objective.positives) == (12.5, 0.3, "class")


@pytest.mark.parametrize("kind", BETWEEN)
def test_objectives_between_modalities_have_them_too(kind: str) -> None:
    objective = build(objective=kind, positives="object")
    assert (objective.positives, objective.anchor) == ("object", 2)
    assert objective.log_scale.exp().item() == pytest.approx(12.5)
    assert hasattr(objective, "head") == (kind == "gmc_cross_entropy")


# -- Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"objective": "supkon"}, "objective: want one of angular, .*Did you mean 'supcon'"),
        ({"objective": "xxxx"}, "Leave objective out for angular"),
        ({"margin_kind": "arcfase"}, "Did you mean 'arcface'"),
        ({"margin_kind": "adaface"}, "one of arcface, cosface"),
    ],
)
def test_a_name_that_is_none_and_a_margin_that_needs_lengths_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_options(TrainingConfig(**options))  # type: ignore[arg-type]


OF_ROWS = [*("angular", "normalised_cross_entropy", "cross_entropy", "proxy_anchor", "supcon", "triplet")]
OF_SOME: list[tuple[str, Any, list[str]]] = [
    ("margin_kind", "cosface", ["angular"]),
    ("margin_gradient", "detached", ["angular"]),
    ("label_smoothing", 0.1, ["angular"]),
    ("center_optimizer", "rowwise", ["angular"]),
    ("alignment_weight", 0.1, ["angular"]),
    ("margin", 0.3, ["angular", "proxy_anchor", "triplet"]),
    ("modality_weight", 0.3, OF_ROWS),
    ("subset_weight", 0.3, OF_ROWS),
    ("subset_policy", "half", OF_ROWS),
    (
        "positives",
        "object",
        [*("supcon", "triplet", "clip", "anchor_clip", "gmc", "gmc_cross_entropy", "symile", "gram")],
    ),
]


def test_all_twelve_objectives_are_there() -> None:
    assert len(KINDS) == 12 and {option for option, *_ in OF_SOME} | {"class_share"} == {
        option for objective in OBJECTIVES.values() for option in objective.options
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("option", "value", "takers"), OF_SOME, ids=[option for option, _, _ in OF_SOME])
def test_an_objective_refuses_what_it_does_not_take(kind: str, option: str, value: Any, takers: list[str]) -> None:
    config = TrainingConfig(objective=kind, **{option: value})
    if kind in takers:
        check_options(config)
        return
    with pytest.raises(ConfigError) as caught:
        check_options(config)
    assert caught.value.want == f"{option} left out with objective={kind!r}, since it belongs to {', '.join(takers)}"
    assert (caught.value.got, caught.value.where) == (f"{option}={value!r}", "TrainingConfig")


def test_all_such_options_are_told_at_once() -> None:
    config = TrainingConfig(objective="clip", margin=0.3, margin_kind="cosface", positives="object")
    with pytest.raises(
        ConfigError, match=r"margin left out with .*; margin_kind left out with .*got margin=0.3, margin_kind="
    ):
        check_options(config)


@pytest.mark.parametrize("kind", KINDS)
def test_objectives_of_rows_take_weights_and_others_refuse_them(kind: str) -> None:
    given = TrainingConfig(objective=kind), ModelConfig(), np.ones((4, 3), dtype=bool)
    check_objective(*given)
    if kind in OF_ROWS and kind != "proxy_anchor":
        check_objective(*given, weighed=True)
        return
    with pytest.raises(
        ConfigError, match=r"one of angular, .*triplet, got sample_weight or class_weight, which it can"
    ):
        check_objective(*given, weighed=True)


# -- The anchor


def test_the_anchor_is_what_most_objects_have_beside_another() -> None:
    assert choose_anchor(np.ones((4, 3), dtype=bool)) == 0
    assert choose_anchor(np.array([[1, 0, 0]] * 5 + [[0, 1, 1], [1, 0, 1]], dtype=bool)) == 2
    assert choose_anchor(np.ones((4, 1), dtype=bool)) == 0


# -- What is refused

WHOLE, ALONE = np.ones((4, 3), dtype=bool), np.ones((4, 1), dtype=bool)
PAIRS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]], dtype=bool)
NO_PAIRS = np.eye(3, dtype=bool)


def check(kind: Any, present: np.ndarray, *, positives: Any = "class", **model: Any) -> None:
    check_objective(TrainingConfig(objective=kind, positives=positives), ModelConfig(**model), present)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_objects_suit_every_kind(kind: str) -> None:
    check(kind, WHOLE)
    if kind not in ("angular", "normalised_cross_entropy", "cross_entropy", "proxy_anchor"):
        check(kind, WHOLE, positives="object")


@pytest.mark.parametrize("kind", KINDS)
def test_what_pairs_modalities_needs_objects_that_have_pairs(kind: str) -> None:
    pairing, whole = kind in ("clip", "anchor_clip"), kind in ("symile", "gram")
    for present, enough in [(ALONE, not (pairing or whole)), (NO_PAIRS, not (pairing or whole)), (PAIRS, not whole)]:
        if enough:
            check(kind, present)
            continue
        with pytest.raises(ConfigError, match=f"objective='{kind}': want 2 training objects that have .*, got 0 of"):
            check(kind, present)


@pytest.mark.parametrize("kind", ["supcon", "triplet", "clip", "gmc", "gmc_cross_entropy"])
def test_an_object_is_no_positive_of_itself_with_one_modality(kind: str) -> None:
    check(kind, PAIRS, positives="object")
    for present in (ALONE, NO_PAIRS):
        with pytest.raises(ConfigError, match=r'that have two modalities, got 0 of .*positives="class"'):
            check(kind, present, positives="object")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fusion", get_args(FusionKind))
def test_a_fusion_that_would_stay_untrained_is_refused(kind: str, fusion: str) -> None:
    if fusion == "certified" or kind not in ("clip", "anchor_clip", "symile", "gram"):
        check(kind, WHOLE, fusion=fusion)
        return
    with pytest.raises(ConfigError, match=f'want fusion="certified".*, got fusion=.{fusion}..* Leave fusion out'):
        check(kind, WHOLE, fusion=fusion)


@pytest.mark.parametrize("kind", KINDS)
def test_sub_centers_are_of_the_streamed_softmax_alone(kind: str) -> None:
    if kind in ("angular", "normalised_cross_entropy"):
        check(kind, WHOLE, subcenters=3)
        return
    with pytest.raises(ConfigError, match=r"want one center a class, got subcenters=3\. Leave subcenters out"):
        check(kind, WHOLE, subcenters=3)
