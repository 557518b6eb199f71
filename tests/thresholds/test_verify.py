"""Are two objects the same?"""

import numpy as np
import pytest

import steradian as sr

from .conftest import make_objects


def test_pairs_of_one_class_are_the_same_as_often_as_is_said(model) -> None:
    # A few misplaced objects make most false accepts: of 240 objects, the share would spread by 0.02.
    model.calibrate(make_objects(2400, random_state=1, missing=0.3), pair_false_accept=0.05)
    one, other = make_objects(400, random_state=5), make_objects(400, random_state=6)
    shifted = other[np.roll(np.arange(400), 1)]
    same, different = model.verify(one, other), model.verify(one, shifted)
    assert np.mean(different.same) == pytest.approx(0.05, abs=0.04)
    assert np.mean(same.same) == pytest.approx(same.true_accepts[0], abs=0.1)
    assert np.mean(same.same) > 0.5
    assert (same.false_accepts <= 0.05).all()


def test_angles_are_between_the_vectors_and_the_order_of_the_two_does_not_matter(model, held_out) -> None:
    model.calibrate(held_out)
    one, other = held_out[:40], held_out[40:80]
    there, back = model.verify(one, other), model.verify(other, one)
    cosines = (model.transform(one) * model.transform(other)).sum(axis=1)
    np.testing.assert_allclose(np.cos(there.angles), cosines, atol=1e-6)
    np.testing.assert_allclose(there.angles, back.angles, atol=1e-6)
    np.testing.assert_array_equal(there.thresholds, back.thresholds)
    # What each of the two has decides: there are several angles among forty pairs.
    assert len(np.unique(there.thresholds)) > 1


def test_it_prints_within_80_columns_and_gives_plain_values(model, held_out) -> None:
    model.calibrate(held_out)
    found = model.verify(held_out[:12], held_out[12:24])
    printed = repr(found)
    assert max(map(len, printed.splitlines())) <= 80
    assert "... 10 of 12 pairs shown" in printed
    assert found.__rich__().row_count == 10
    entries = found.to_dict()["pairs"]
    assert len(entries) == len(found) == 12
    assert entries[0]["same"] == bool(found.same[0]) and entries[0]["angle"] == found.angles[0]


def test_raw_columns_will_do(model, held_out) -> None:
    model.calibrate(held_out)
    columns = {"photo": [[2.0, 0, 0, 0, 0]], "title": [None]}
    assert model.verify(columns, columns).angles[0] == pytest.approx(0.0, abs=1e-3)


def test_what_cannot_be_compared_is_refused(model, held_out) -> None:
    model.calibrate(held_out)
    with pytest.raises(sr.InputError, match="as many second objects as first ones, a pair a row, got 2 and 3"):
        model.verify(held_out[:2], held_out[:3])
    fresh = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=1, verbose=False).fit(
        make_objects(30, random_state=0)
    )
    with pytest.raises(sr.InputError, match=r"was not calibrated.*Call model\.calibrate"):
        fresh.verify(held_out[:2], held_out[:2])
