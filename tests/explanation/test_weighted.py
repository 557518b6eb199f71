"""Weighted modalities: attributions still add up, certificates still hold, and nothing else is encoded."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import ConfigError, InputError


def weights_of(model: sr.SphereEmbedder) -> dict[str, float]:
    return dict(zip(model.schema_.modalities, (3.0, 0.2, 1.5), strict=False))


def test_attributions_are_of_the_weighted_gates(
    model: sr.SphereEmbedder, make_objects: Callable[..., sr.ObjectTable]
) -> None:
    encoded = model.encode(make_objects(1))
    weighted = encoded.weighted(weights_of(model))
    plain, found = model.explain(encoded), model.explain(weighted)
    expected = plain.gates * [weights_of(model).get(name, 1.0) for name in plain.modalities]
    np.testing.assert_allclose(found.gates, expected / expected.sum(axis=1, keepdims=True), atol=1e-6)
    context = 0.0 if found.context is None else found.context
    np.testing.assert_allclose(found.contributions.sum(axis=1) + context, found.cosines, atol=1e-12)
    vectors = model.transform(weighted).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    toward = sr.Index.from_vectors(vectors[::-1].copy()).vectors
    np.testing.assert_allclose(model.explain(weighted, toward).cosines, (vectors * toward).sum(axis=1), atol=1e-6)


def test_certificates_hold_in_every_subset_under_any_weights(
    model: sr.SphereEmbedder, make_objects: Callable[..., sr.ObjectTable], rng: np.random.Generator
) -> None:
    names, objects = list(model.schema_.modalities), make_objects(1)
    encoded, checked = model.encode(objects), 0
    for _ in range(2):
        weighted = encoded.weighted(dict(zip(names, rng.uniform(0.01, 5, len(names)), strict=True)))
        found = model.certify(weighted)
        for chosen in product([False, True], repeat=len(names)):
            rows, vectors = weighted.fused(np.array(chosen))
            kept = found.certified[rows]
            checked += np.count_nonzero(kept)
            assert (model.predict_vectors(vectors)[kept] == found.predicted[rows][kept]).all()
    assert checked > 50


def test_a_weight_of_zero_is_a_missing_modality(
    closed_form: sr.SphereEmbedder, make_objects: Callable[..., sr.ObjectTable]
) -> None:
    names, objects = list(closed_form.schema_.modalities), make_objects(1)
    has = closed_form.fitted_.present(objects)[:, 1:].any(axis=1)
    weighted = closed_form.encode(objects[has]).weighted({names[0]: 0})
    alone = closed_form.transform(objects[has], modalities=names[1:])
    np.testing.assert_allclose(closed_form.transform(weighted), alone, atol=1e-6)
    assert not closed_form.explain(weighted).present[:, 0].any()


def test_a_search_takes_weights(closed_form: sr.SphereEmbedder, make_objects: Callable[..., sr.ObjectTable]) -> None:
    objects, weights = make_objects(1), weights_of(closed_form)
    index = sr.Index.build(closed_form, make_objects(0))
    found = index.search(objects, k=3, weights=weights)
    expected = index.search(closed_form.transform(closed_form.encode(objects).weighted(weights)), k=3)
    assert (found.rows == expected.rows).all()
    assert (found.cosines != index.search(objects, k=3).cosines).any()


@pytest.mark.parametrize("weights", [{"no such": 1}, {"FIRST": -1}, {"FIRST": np.nan}, {"FIRST": np.inf}, "all 0"])
def test_what_is_no_weight_is_refused(closed_form: sr.SphereEmbedder, weights: Any, make_objects: Any) -> None:
    names = list(closed_form.schema_.modalities)
    if isinstance(weights, str):
        weights = dict.fromkeys(names, 0)
    weights = {name.replace("FIRST", names[0]): weight for name, weight in weights.items()}
    with pytest.raises(InputError, match="weights: want a number from 0"):
        closed_form.encode(make_objects(1)).weighted(weights)


def test_a_model_without_gates_has_no_weights(free: sr.SphereEmbedder, make_objects: Any) -> None:
    with pytest.raises(ConfigError, match="weights: want fusion"):
        free.encode(make_objects(1)).weighted({})
    vectors = sr.Index.from_vectors(np.eye(3))
    with pytest.raises(InputError, match="want objects and an index with a model"):
        vectors.search(np.eye(3), weights={"a": 1})
