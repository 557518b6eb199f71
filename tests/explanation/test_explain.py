"""Attributions of a trained model: exact sums, subsets that are fused again, Shapley values by another way."""

from itertools import permutations

import numpy as np
import pytest

import steradian as sr
from steradian.explanation import Attribution
from steradian.model import class_cosines


def targets_of(model: sr.SphereEmbedder, objects: sr.ObjectTable) -> np.ndarray:
    """The unit center of the predicted class that is nearest to each object."""
    vectors = model.transform(objects)
    centers = model.fitted_.classifier.class_centers.detach().numpy().reshape(len(model.classes_), -1, vectors.shape[1])
    own = centers[np.searchsorted(model.classes_, model.predict(objects))]
    return own[np.arange(len(own)), np.einsum("okd,od->ok", own, vectors).argmax(axis=1)]


def shares(attribution: Attribution) -> np.ndarray:
    return attribution.contributions.sum(axis=1) + (0 if attribution.context is None else attribution.context)


# -- The sum


def test_the_shares_sum_to_the_cosine_of_the_models_own_vector(model, make_objects) -> None:
    objects = make_objects(1)
    found = model.explain(objects)
    cosines = (model.transform(objects).astype(np.float64) * targets_of(model, objects)).sum(axis=1)
    np.testing.assert_allclose(shares(found), cosines, rtol=0, atol=1e-6)
    np.testing.assert_allclose(shares(found), found.cosines, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(found.targets, model.predict(objects))
    np.testing.assert_allclose(found.angles, np.arccos(cosines), atol=1e-5)


def test_the_largest_cosine_is_the_explained_one(model, make_objects) -> None:
    objects = make_objects(2)
    best = class_cosines(model.fitted_.classifier, model.transform(objects)).max(axis=1)
    np.testing.assert_allclose(model.explain(objects).cosines, best, atol=1e-6)


def test_gates_are_shares_of_what_is_present(model, make_objects) -> None:
    objects = make_objects(3)
    found = model.explain(objects)
    np.testing.assert_array_equal(found.present, objects.present)
    np.testing.assert_allclose(found.gates.sum(axis=1), 1.0, atol=1e-6)
    assert ((found.gates > 0) == objects.present).all()
    assert found.gates[objects.present].std() > 0.05
    assert (found.contributions[~objects.present] == 0).all()
    assert ((found.agreement > 0) & (found.agreement <= 1 + 1e-6)).all()


def test_the_context_has_a_line_of_its_own(context, certified, make_objects) -> None:
    objects = make_objects(4)
    assert certified.explain(objects).context is None
    found = context.explain(objects)
    assert np.abs(found.context).max() > 0.02
    # It is at most its limit of the sum, so it adds at most that over what is left of the length.
    assert np.abs(found.context).max() <= 0.15 / 0.85


def test_a_modality_has_its_own_angle(certified, make_objects) -> None:
    objects = make_objects(5)
    found, toward = certified.explain(objects), targets_of(certified, objects)
    for m, (_, rows, vectors) in enumerate(certified.transform_subsets(objects, [(name,) for name in "abcdef"])):
        np.testing.assert_allclose(found.modality_cosines[rows, m], (vectors * toward[rows]).sum(axis=1), atol=1e-5)
        assert np.isnan(np.delete(found.modality_angles[:, m], rows)).all()


# -- What a modality is worth


def test_left_out_is_fused_again_without_it(model, make_objects) -> None:
    objects = make_objects(6)
    found, toward = model.explain(objects), targets_of(model, objects)
    masks = [objects.present & (np.arange(6) != m) for m in range(6)]
    for m, (_, rows, vectors) in enumerate(model.transform_subsets(objects, masks)):
        cosines = np.full(len(objects), np.nan)
        cosines[rows] = (vectors * toward[rows]).sum(axis=1)
        cosines[~objects.present[:, m]] = np.nan
        np.testing.assert_allclose(found.cosines_without[:, m], cosines, atol=1e-5)
    gates = found.gates.max(axis=1) < 0.999
    # Gates depend on the subset: the rest is not simply scaled up.
    rest = (found.cosines[:, None] - found.contributions)[gates]
    assert np.nanmax(np.abs(found.cosines_without[gates] - rest)) > 0.01


def test_shapley_values_are_the_mean_over_all_orders(model, make_objects) -> None:
    objects = make_objects(7, 6)
    found, toward = model.explain(objects), targets_of(model, objects)
    for row in range(len(objects)):
        here = np.flatnonzero(objects.present[row])
        worth = {frozenset[int](): 0.0}

        def value(chosen: frozenset[int], row: int = row, worth: dict[frozenset[int], float] = worth) -> float:
            if chosen not in worth:
                names = ["abcdef"[m] for m in chosen]
                vector = model.transform(objects[row : row + 1], modalities=names)[0]
                worth[chosen] = float(vector.astype(np.float64) @ toward[row])
            return worth[chosen]

        expected = np.zeros(6)
        orders = list(permutations(here.tolist()))
        for order in orders:
            for place, m in enumerate(order):
                expected[m] += value(frozenset(order[: place + 1])) - value(frozenset(order[:place]))
        np.testing.assert_allclose(found.shapley[row], expected / len(orders), atol=1e-5)


def test_shapley_values_sum_to_the_cosine_and_are_nothing_where_absent(model, make_objects) -> None:
    objects = make_objects(8)
    found = model.explain(objects)
    np.testing.assert_allclose(found.shapley.sum(axis=1), found.cosines, atol=1e-6)
    assert (found.shapley[~objects.present] == 0).all()


def test_above_eight_modalities_there_are_no_shapley_values(wide, make_objects) -> None:
    objects = make_objects(9, 40, tuple("abcdefghij"))
    counts = objects.present.sum(axis=1)
    assert counts.min() <= 8 < counts.max()
    found = wide.explain(objects)
    np.testing.assert_array_equal(np.isnan(found.shapley).any(axis=1), counts > 8)
    few = counts <= 8
    np.testing.assert_allclose(found.shapley[few].sum(axis=1), found.cosines[few], atol=1e-6)
    np.testing.assert_allclose(shares(found), found.cosines)
    many = wide.explain(objects[counts > 8])
    assert np.isnan(many.shapley).all()
    assert many.to_dict()["objects"][0]["modalities"]["a"]["shapley"] is None


def test_one_modality_is_all_there_is(model, make_objects) -> None:
    objects = make_objects(10).only("c")
    objects = objects[objects.present.any(axis=1)]
    found = model.explain(objects)
    np.testing.assert_allclose(found.gates[:, 2], 1.0)
    np.testing.assert_allclose(found.agreement, 1.0, atol=1e-6)
    np.testing.assert_allclose(found.shapley[:, 2], found.cosines, atol=1e-6)
    assert np.isnan(found.cosines_without).all()
    assert found.to_dict()["objects"][0]["modalities"]["c"]["angle_without"] is None


# -- Targets


def test_a_class_for_all_objects(model, make_objects) -> None:
    objects = make_objects(11)
    found = model.explain(objects, "kind 1")
    assert set(found.targets) == {"kind 1"}
    np.testing.assert_allclose(
        found.cosines, class_cosines(model.fitted_.classifier, model.transform(objects))[:, 1], atol=1e-6
    )


def test_other_objects_or_vectors(model, make_objects) -> None:
    objects, others = make_objects(12, 20), make_objects(13, 20)
    vectors = model.transform(others)
    found = model.explain(objects, others)
    assert found.target_kind == "object"
    assert found.targets.tolist() == others.ids.tolist()
    np.testing.assert_allclose(found.cosines, (model.transform(objects) * vectors).sum(axis=1), atol=1e-6)
    np.testing.assert_allclose(shares(found), found.cosines)
    raw = {name: list(others.columns[name]) for name in (*"abcdef", "id")}
    np.testing.assert_array_equal(model.explain(objects, raw).cosines, found.cosines)
    plain = model.explain(objects, 3.0 * vectors)
    assert plain.target_kind == "vector"
    assert plain.targets.tolist() == list(range(20))
    np.testing.assert_allclose(plain.cosines, found.cosines, atol=1e-6)
    np.testing.assert_allclose(model.explain(objects, model.transform(objects)).cosines, 1.0, atol=1e-6)


def test_classes_that_are_numbers(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(20, 3)) + np.repeat([[-2], [2]], 10, axis=0), np.repeat([4, 7], 10)
    model = sr.SphereEmbedder(embedding_dim=4, width=8, heads=2, epochs=3, verbose=False).fit(points, labels)
    assert model.explain(points, 7).targets.tolist() == model.explain(points, np.int64(7)).targets.tolist() == [7] * 20
    with pytest.raises(sr.InputError, match="a class of the model: 4, 7, got '7'"):
        model.explain(points, "7")


def test_targets_that_do_not_fit_are_refused(certified, make_objects) -> None:
    objects = make_objects(14, 10)
    with pytest.raises(sr.InputError, match=r"want a class of the model: kind 0, kind 1, kind 2, got 'kind 9'"):
        certified.explain(objects, "kind 9")
    with pytest.raises(sr.InputError, match=r"want 10 targets.* got 9 of 8"):
        certified.explain(objects, objects[:9])
    with pytest.raises(sr.InputError, match="got 10 of 5"):
        certified.explain(objects, np.ones((10, 5)))
    with pytest.raises(sr.InputError, match="only zeros"):
        certified.explain(objects, np.zeros((10, 8)))


# -- The same whatever the way


def test_batches_and_order_have_no_influence(model, make_objects) -> None:
    objects, others = make_objects(15, 20), make_objects(16, 20)
    whole, turned = model.explain(objects, others), model.explain(objects[::-1], others[::-1])
    small = model.explain(objects, others, batch_size=3)
    for name in ("cosines", "gates", "contributions", "agreement", "cosines_without", "shapley"):
        np.testing.assert_allclose(getattr(small, name), getattr(whole, name), atol=1e-5)
        np.testing.assert_allclose(getattr(turned, name)[::-1], getattr(whole, name), atol=1e-5)


def test_a_saved_model_says_the_same(model, make_objects, tmp_path) -> None:
    model.save(tmp_path)
    objects = make_objects(17, 10)
    assert sr.SphereEmbedder.load(tmp_path).explain(objects).to_dict() == model.explain(objects).to_dict()
