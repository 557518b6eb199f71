"""What the module refuses: options that cannot be, all at once, and batches that cannot be, before anything moves."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from steradian.errors import ConfigError, InputError, SteradianError
from steradian.losses import MARGINS
from steradian.model import AngularMarginLoss, SphericalClassifier

CLASSES, DIM = 5, 8
NAN, INFINITE = float("nan"), float("inf")

REFUSED: list[tuple[str, list[Any]]] = [
    ("kind", ["arc", "ArcFace", None, ""]),
    ("margin", [-0.1, math.pi / 2, 28.6, NAN, INFINITE]),
    ("scale", [0.0, -1.0, NAN, INFINITE, "adacoss"]),
    ("subcenters", [0, -1]),
    ("gradient", ["both", None]),
    ("smoothing", [-0.1, 1.0, NAN]),
    ("hard_negatives", [-1, CLASSES, 100]),
    ("class_share", [0.0, -0.1, 1.1, NAN]),
    ("precision", ["float16", None]),
    ("reduction", ["max", None]),
    ("class_weights", [torch.ones(CLASSES + 1), torch.ones(CLASSES, 1)]),
    ("class_counts", [torch.ones(CLASSES - 1), torch.ones(CLASSES, 1), torch.zeros(CLASSES)]),
]


@pytest.mark.parametrize(("option", "values"), REFUSED, ids=[option for option, _ in REFUSED])
def test_each_bound_is_held_before_the_first_batch(option: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(SteradianError) as caught:
            AngularMarginLoss(CLASSES, DIM, **{option: value})
        assert option.replace("class_", "") in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "magface", "margin": 0.3},
        {"kind": "arcface", "cosine_margin": 0.3},
        {"kind": "cosface", "cosine_margin": 2.0},
        {"kind": "cosface", "cosine_margin": -0.1},
        {"kind": "cosface", "cosine_margin": NAN},
        {"kind": "cosface", "angle_factor": 1.5},
        {"kind": "sphereface", "angle_factor": 0.9},
        {"kind": "sphereface", "angle_factor": NAN},
        {"kind": "sphereface", "angle_factor": INFINITE},
        *({"kind": kind, "class_counts": torch.ones(CLASSES)} for kind in ("cosface", "adaface", "normface")),
        *({"kind": kind, "multi_label": True} for kind in ("curricularface", "elasticface", "adaface", "magface")),
        {"multi_label": True, "class_counts": torch.ones(CLASSES)},
        {"multi_label": True, "class_weights": torch.ones(CLASSES)},
        {"multi_label": True, "class_share": 0.5},
        {"multi_label": True, "smoothing": 0.1},
        {"multi_label": True, "hard_negatives": 2},
        {"multi_label": True, "gradient": "detached"},
        {"multi_label": True, "scale": "adacos"},
        {"classifier": SphericalClassifier(CLASSES + 1, DIM)},
        {"classifier": SphericalClassifier(CLASSES, DIM - 1)},
        {"classifier": SphericalClassifier(CLASSES, DIM, subcenters=2), "subcenters": 3},
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        AngularMarginLoss(CLASSES, DIM, **options)
    assert caught.value.where == "AngularMarginLoss"


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        AngularMarginLoss(
            1,
            0,
            kind="arc",  # type: ignore[arg-type]
            margin=28.6,
            cosine_margin=3.0,
            angle_factor=0.0,
            scale=-1.0,
            subcenters=0,
            class_share=2.0,
            reduction="max",  # type: ignore[arg-type]
        )
    told = [mistake.split(" ")[0] for mistake in caught.value.got.split(", ")]
    names = ["num_classes", "embedding_dim", "kind", "margin", "cosine_margin", "angle_factor", "scale", "subcenters"]
    assert {mistake.split("=")[0] for mistake in told} == {*names, "class_share", "reduction"}
    assert all(f"{name} " in caught.value.want for name in names)
    assert "in radians, 0 <= margin < pi / 2 (28.6 degrees are 0.5)" in caught.value.want
    assert "one of arcface, cosface" in caught.value.want
    assert "got num_classes=1, embedding_dim=0, kind='arc', margin=28.6" in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"margin": 0, "smoothing": 0, "hard_negatives": CLASSES - 1, "class_share": 1},
        {"margin": 1.57, "scale": 1e-3, "smoothing": 0.99, "class_share": 1e-6},
        {"kind": "combined", "cosine_margin": 0.0, "angle_factor": 1.0, "class_counts": torch.arange(1, CLASSES + 1)},
        {"kind": "magface", "margin": None, "subcenters": 1},
        {"classifier": SphericalClassifier(CLASSES, DIM, subcenters=3), "subcenters": 3},
    ],
    ids=["least", "most", "combined", "magface", "classifier"],
)
def test_the_bounds_themselves_are_allowed(options: dict[str, Any]) -> None:
    loss = AngularMarginLoss(CLASSES, DIM, **options)
    assert bool(loss(torch.randn(6, DIM), torch.arange(6) % CLASSES).isfinite())


# -- Batches

ROWS = torch.randn(6, DIM, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % CLASSES
BATCHES: dict[str, tuple[Tensor, Any, str]] = {
    "label beyond the last": (ROWS, LABELS + 1, r"labels in 0\.\.4, got 1\.\.5"),
    "label below 0": (ROWS, LABELS - 1, r"labels in 0\.\.4, got -1\.\.3"),
    "another width": (ROWS[:, :3], LABELS, "class centers of one width, got 3 and"),
    "no row": (ROWS[:0], LABELS[:0], "at least one row"),
    "one flat row": (ROWS[0], LABELS[:1], "at least one row"),
    "a table of rows": (ROWS[None], LABELS[None], "at least one row"),
    "fewer labels": (ROWS, LABELS[:3], r"one label a row, shape \(6,\), got \(3,\)"),
    "a column of labels": (ROWS, LABELS[:, None], r"one label a row, shape \(6,\), got \(6, 1\)"),
    "labels of another type": (ROWS, LABELS.int(), "labels of type int64"),
    "labels with a point": (ROWS, LABELS.float(), "labels of type int64"),
    "several labels": (ROWS, [[0], [1, 2], [], [3], [4], [0]], r"multi_label=True"),
}
WAYS: list[dict[str, Any]] = [
    *({"kind": kind} for kind in tuple(MARGINS)),
    {"class_share": 0.5},
    {"scale": "adacos"},
    {"class_weights": torch.ones(CLASSES)},
    {"class_counts": torch.arange(1, CLASSES + 1)},
    {"hard_negatives": 2},
    {"subcenters": 2},
]


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("options", WAYS)
def test_a_batch_that_cannot_be_is_refused_in_our_words_and_moves_nothing(options: dict[str, Any], name: str) -> None:
    loss = AngularMarginLoss(CLASSES, DIM, **options)
    loss(ROWS, LABELS)
    before = {key: value.clone() for key, value in loss.state_dict().items()}
    embeddings, labels, words = BATCHES[name]
    with pytest.raises(InputError, match=words):
        loss(embeddings, labels)
    after = {key: value.nan_to_num() for key, value in loss.state_dict().items()}
    assert all(torch.equal(after[key], value.nan_to_num()) for key, value in before.items())


@pytest.mark.parametrize(
    ("embeddings", "labels", "words"),
    [
        (ROWS, LABELS, r"labels \[6, most labels a row\]"),
        (ROWS, LABELS[:, None] + 1, r"labels in -1\.\.4, got 1\.\.5"),
        (ROWS, LABELS[:, None] - 2, r"labels in -1\.\.4, got -2\.\.2"),
        (ROWS, LABELS[:, None].float(), "int64"),
        (ROWS, [[0]], r"most labels a row|one label a row"),
        (ROWS, [[0], [9], [], [], [], []], r"labels in -1\.\.4, got -1\.\.9"),
        (ROWS, torch.ones(6, CLASSES + 1, dtype=torch.bool), r"labels in -1\.\.4, got 0\.\.5"),
        (ROWS, torch.ones(6, dtype=torch.bool), "bool tensor"),
        (ROWS[:0], [], "at least one row"),
        (ROWS[:, :2], LABELS[:, None], "class centers of one width, got 2 and"),
    ],
)
def test_several_labels_that_cannot_be_are_refused(embeddings: Tensor, labels: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        AngularMarginLoss(CLASSES, DIM, multi_label=True)(embeddings, labels)
