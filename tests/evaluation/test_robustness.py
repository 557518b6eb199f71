"""The robustness curve against tables that really lack what is dropped."""

import json
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import steradian as sr
from steradian.data import closed_form
from steradian.data.closed_form import features_of
from steradian.errors import InputError
from steradian.evaluation.robustness import SHARES, Robustness, drop_modalities
from steradian.metrics import accuracy, retrieval_scores
from steradian.model import SphereEncoder, TwoPartEncoder, build_encoder

# -- What is dropped


@given(
    st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=20),
    st.integers(0, 99),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_larger_share_drops_more_and_never_the_last(
    rows: list[list[bool]], random_state: int, low: float, high: float
) -> None:
    present = np.array(rows)
    chances = np.random.default_rng(random_state).random(present.shape)
    less, more = (drop_modalities(present, chances, share=share) for share in sorted((low, high)))
    assert not (more & ~less).any()
    assert not (less & ~present).any()
    assert more.any(axis=1).tolist() == present.any(axis=1).tolist()
    assert drop_modalities(present, chances, share=0.0).tolist() == rows
    assert (drop_modalities(present, chances, share=1.0).sum(axis=1) == present.any(axis=1)).all()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_each_modality_stays_as_often_as_the_share_says(share: float, rng: np.random.Generator) -> None:
    present = np.ones((40_000, 3), dtype=bool)
    kept = drop_modalities(present, rng.random(present.shape), share=share)
    # One of the three is kept where all would be dropped.
    stays = 1 - share + share**3 / 3
    assert kept.mean(axis=0) == pytest.approx([stays] * 3, abs=6 * (stays * (1 - stays) / 40_000) ** 0.5)
    both = (1 - share) ** 2
    assert (kept[:, 0] & kept[:, 1]).mean() == pytest.approx(both, abs=6 * (both * (1 - both) / 40_000) ** 0.5)


# -- The curve


@pytest.mark.parametrize("searched", ["gallery", "others"])
def test_every_score_is_that_of_a_table_that_lacks_what_was_dropped(model, make_table, searched: str) -> None:
    objects, shares = make_table(["cat", "dog", "owl", "yak"] * 8, missing=0.2), [0.8, 0.25]
    gallery = make_table(["cat", "dog", "owl"] * 6) if searched == "gallery" else None
    curve = sr.robustness(model, objects, gallery=gallery, shares=shares, draws=2, random_state=7)
    assert curve.shares.tolist() == [0.0, 0.25, 0.8]
    assert (curve.objects, curve.gallery) == (32, None if gallery is None else 18)
    known = objects.labels != "yak"
    where, exclude = (objects, np.arange(32)) if gallery is None else (gallery, None)
    for draw in range(2):
        chances = np.random.default_rng((7, draw)).random(objects.present.shape)
        for place, share in enumerate(curve.shares):
            cut = replace(objects, present=drop_modalities(objects.present, chances, share=share))
            vectors = model.transform(cut)
            found = retrieval_scores(
                vectors, objects.labels, model.transform(where), where.labels, ks=(1,), exclude=exclude
            )
            assert curve.recall_at_1[place, draw] == found.recall[1]
            assert curve.map_at_r[place, draw] == found.map_at_r
            predicted = model.predict_vectors(vectors[known])
            assert curve.accuracy[place, draw] == accuracy(objects.labels[known], predicted)
    assert curve.modalities_left[0] == objects.present.sum(axis=1).mean()
    assert (np.diff(curve.modalities_left) < 0).all()


def test_of_many_objects_the_same_are_drawn_in_every_row(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl", "yak"] * 8, missing=0.2)
    curve = sr.robustness(model, objects, shares=[0.5], draws=2, max_queries=12)
    vectors, options = model.transform(objects), {"ks": (1,), "exclude": np.arange(32), "max_queries": 12}
    found = retrieval_scores(vectors, objects.labels, vectors, objects.labels, **options)
    assert (curve.queries, found.queries) == (12, 12)
    assert (curve.recall_at_1[0, 0], curve.map_at_r[0, 0]) == (found.recall[1], found.map_at_r)
    assert curve.errors[0] >= found.recall_errors[1] and curve.errors[1] >= found.map_at_r_error > 0
    assert "Searched for 12 drawn objects" in repr(curve)
    assert sr.robustness(model, objects, shares=[0.5], draws=2).queries is None


def test_of_many_objects_and_classes_only_drawn_ones_are_predicted(
    model, make_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steradian.evaluation.scoring.MOST_COSINES", 20 * len(model.classes_))
    objects = make_table(["cat", "dog", "owl"] * 12)
    whole, drawn = (sr.robustness(model, objects, shares=[0.5], draws=1, max_queries=most) for most in (None, 4))
    assert (whole.classified, drawn.classified, drawn.to_dict()["classified"]) == (None, 20, 20)
    chosen = np.sort(np.random.default_rng(0).choice(36, size=20, replace=False))
    right = model.predict_vectors(model.transform(objects)[chosen]) == objects.labels[chosen]
    assert drawn.accuracy[0, 0] == pytest.approx(right.mean())
    assert "Predicted 20 drawn objects" in repr(drawn) and "Predicted" not in repr(whole)


@pytest.fixture(scope="module")
def learnt() -> tuple[sr.SphereEmbedder, sr.ObjectTable]:
    """A fitted model and its 60 objects of two modalities, each missing in a fifth of them."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    cells: dict[str, Any] = {}
    for m, name in enumerate("xy"):
        values = np.eye(3)[labels] + 0.4 * rng.normal(size=(60, 3))
        cells[name] = [None if row % 5 == m else value for row, value in enumerate(values)]
    objects = sr.read_objects({**cells, "label": labels}, sr.Schema({name: sr.Vector(name) for name in "xy"}))
    options: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 20, "verbose": False}
    return sr.SphereEmbedder(**options).fit(objects), objects


def test_a_mask_gives_the_vectors_of_a_table_that_lacks_the_rest(learnt, rng: np.random.Generator) -> None:
    model, objects = learnt
    masks = [drop_modalities(objects.present, rng.random(objects.present.shape), share=share) for share in (0.3, 0.7)]
    for mask, (subset, rows, vectors) in zip(masks, model.transform_subsets(objects, masks, batch_size=7), strict=True):
        assert subset is mask
        assert len(rows) == 60
        np.testing.assert_allclose(vectors, model.transform(replace(objects, present=mask)), atol=1e-5)


@pytest.mark.parametrize("closed", [False, True], ids=["a network alone", "a closed form and networks"])
def test_each_item_is_encoded_once_for_all_shares_and_draws(
    learnt, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    model, objects = learnt
    if closed:
        # Whatever left-out objects say of it, a network takes part.
        network = build_encoder(model.fitted_.preprocessor.modalities, model.fitted_.model_config)
        parts = {"share": 1.0, "learned_gates": True, "featured": [True, True]}
        model = copy(model)
        encoder = TwoPartEncoder(("x", "y"), [network], embedding_dim=8, **parts).eval()
        model.fitted_ = replace(model.fitted_, encoder=encoder)
    else:
        model = sr.SphereEmbedder(**(model.get_params() | {"closed_form": False, "epochs": 1})).fit(objects)
    networks = [module for module in model.fitted_.encoder.modules() if isinstance(module, SphereEncoder)]
    items: list[int] = []
    hooks = [
        encoder.register_forward_hook(lambda *given: items.append(len(given[2][0])))
        for network in networks
        for encoder in network.modalities
    ]
    rows: list[int] = []

    def counted(fitted: Any, features: Any, given: Any, which: np.ndarray) -> Any:
        rows.append(len(which))
        return features_of(fitted, features, given, which)

    monkeypatch.setattr(closed_form, "features_of", counted)
    curve = sr.robustness(model, objects, draws=2)
    for hook in hooks:
        hook.remove()
    assert networks
    assert sum(items) == len(networks) * objects.present.sum()
    assert sum(rows) == (objects.present.sum() if closed else 0)
    assert curve.accuracy.shape == (10, 2)
    assert curve.shares.tolist() == list(SHARES)
    assert curve.accuracy[0].tolist() == [model.score(objects)] * 2


def test_the_seed_says_what_is_dropped(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 20)
    first, again, other = (
        sr.robustness(model, objects, shares=[0.5], random_state=random_state) for random_state in (1, 1, 2)
    )
    assert first.to_dict() == again.to_dict()
    assert first.to_dict() != other.to_dict()


def test_objects_without_anything_do_not_count(model, make_table) -> None:
    objects = make_table(["cat", "dog"] * 10, missing=0.6).only("right")
    has = objects.present.any(axis=1)
    curve = sr.robustness(model, objects, shares=[0.5])
    assert curve.objects == has.sum() < 20
    assert curve.modalities_left.tolist() == [1.0, 1.0]
    assert curve.accuracy[1].tolist() == curve.accuracy[0].tolist()


# -- As a value


def make_curve(**changes: Any) -> Robustness:
    scores = np.array([[1.0, 1.0], [0.5, 0.7]])
    plain = Robustness(np.array([0.0, 0.9]), np.array([12.5, 1.0]), scores, scores - 0.1, scores / 2, 9_999_999, 1000)
    return replace(plain, **changes)


def test_it_prints_as_a_table_with_bars() -> None:
    assert repr(make_curve()).splitlines() == [
        "Robustness: 9,999,999 objects, searched in a gallery of 1,000, 2 draws",
        "dropped  left        accuracy             R@1           MAP@R  0   accuracy  1",
        "     0% 12.50  1.000 +- 0.000  0.900 +- 0.000  0.500 +- 0.000  ███████████████",
        "    90%  1.00  0.600 +- 0.100  0.500 +- 0.100  0.300 +- 0.050  █████████",
    ]
    assert max(map(len, repr(make_curve()).splitlines())) < 80


def test_without_known_classes_the_bars_are_of_retrieval() -> None:
    unknown = make_curve(accuracy=np.full((2, 2), np.nan), gallery=None)
    lines = repr(unknown).splitlines()
    assert lines[0].endswith("searched each among the others, 2 draws")
    assert lines[1].endswith("0     R@1     1")
    assert " ".join(lines[3].split()) == "90% 1.00 - 0.500 +- 0.100 0.300 +- 0.050 ████████"


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    console.print(make_curve())
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert all(line.split() in shown for line in repr(make_curve()).splitlines())


def test_it_is_written_as_json(tmp_path: Path) -> None:
    curve = make_curve(map_at_r=np.full((2, 2), np.nan))
    curve.save(tmp_path / "new" / "curve.json")
    read = json.loads((tmp_path / "new" / "curve.json").read_text(encoding="utf-8"))
    assert read == curve.to_dict()
    assert (read["objects"], read["gallery"], read["draws"]) == (9_999_999, 1000, 2)
    assert read["shares"][1] == {
        "share": 0.9,
        "modalities_left": 1.0,
        "accuracy": 0.6,
        "accuracy_spread": pytest.approx(0.1),
        "recall_at_1": 0.5,
        "recall_at_1_spread": pytest.approx(0.1),
        "map_at_r": None,
        "map_at_r_spread": None,
    }


@pytest.mark.parametrize(
    ("change", "options", "says"),
    [
        (lambda t: t, {"shares": [0.5, 1.2]}, r"robustness\(shares=...\): want shares from 0 to 1, got \[0\.5, 1\.2\]"),
        (lambda t: t, {"shares": [-0.1]}, "want shares from 0 to 1"),
        (lambda t: t, {"shares": [float("nan")]}, "want shares from 0 to 1"),
        (lambda t: t, {"draws": 0}, r"robustness\(draws=...\): want an integer from 1, got 0"),
        (lambda t: t, {"draws": 1.5}, "want an integer from 1"),
        (lambda t: t[:1], {}, r"robustness\(...\), objects: want at least 2 objects"),
        (lambda t: t.only("top"), {}, "want an object that has any modality"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    model, make_table, change: Callable[[sr.ObjectTable], sr.ObjectTable], options: dict[str, Any], says: str
) -> None:
    objects = make_table(["cat", "dog"] * 2, missing=0.0).only(["left", "right"])
    with pytest.raises(InputError, match=says):
        sr.robustness(model, change(objects), **options)
