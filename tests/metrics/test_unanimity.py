"""What is guaranteed of every subset holds in every subset, whatever the gates; what is not guaranteed may fail."""

import math
import tracemalloc
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import GuaranteedLeads, guaranteed_leads, rounding_slack, unanimity


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def make(
    rng: np.random.Generator, *, objects: int, modalities: int, dim: int = 6, num_classes: int = 5, subcenters: int = 1
) -> dict[str, Any]:
    """Objects whose modalities lie around their class, some nearly in it and some far off, with float32 arrays."""
    centers = unit(rng.normal(size=(num_classes, subcenters, dim)))
    classes = rng.integers(num_classes, size=objects)
    spread = rng.uniform(0.05, 1.0, size=(objects, 1, 1))
    around = centers[classes, rng.integers(subcenters, size=objects)][:, None]
    vectors = unit(around + spread * rng.normal(size=(objects, modalities, dim)))
    present = rng.random((objects, modalities)) < 0.7
    present[np.arange(objects), rng.integers(modalities, size=objects)] = True
    return {
        "vectors": vectors.astype(np.float32),
        "present": present,
        "class_centers": (centers[:, 0] if subcenters == 1 else centers).astype(np.float32),
        "classes": classes,
    }


def shares(rng: np.random.Generator, member: np.ndarray) -> np.ndarray:
    """Gates as uneven as can be: from all alike to all on one modality."""
    logits = rng.normal(size=member.shape) * rng.uniform(0, 8, size=(len(member), 1))
    gates = np.exp(logits) * member
    return gates / gates.sum(axis=1, keepdims=True)


def class_cosines(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    cosines = np.tensordot(vectors, centers, axes=([1], [-1]))
    return cosines if cosines.ndim == 2 else cosines.max(axis=2)


def subset_leads(
    rng: np.random.Generator, given: dict[str, Any], limit: float, *, toward: np.ndarray | None = None
) -> np.ndarray:
    """The smallest lead of each object over each class in any subset, gates drawn anew for each [objects, classes].

    With a context it is of random direction and full length, or tilts each vector toward a class with all its length.
    """
    vectors, present, centers = given["vectors"], given["present"], given["class_centers"]
    every, smallest = np.arange(len(vectors)), np.full((len(vectors), len(centers)), np.inf)
    for subset in product([False, True], repeat=present.shape[1]):
        member = present & np.array(subset)
        rows = np.flatnonzero(member.any(axis=1))
        if not len(rows):
            continue
        # In float32, as a model computes.
        gates = shares(rng, member[rows]).astype(np.float32)
        fused = (gates[:, :, None] * vectors[rows]).sum(axis=1)
        length = np.linalg.norm(fused, axis=1, keepdims=True)
        context = limit * length * unit(rng.normal(size=fused.shape))
        if toward is not None:
            difference = centers[given["classes"][rows]] - centers[toward[rows]]
            straight = fused / length
            across = difference - (difference * straight).sum(axis=1, keepdims=True) * straight
            tilted = math.sqrt(1 - limit**2) * straight - limit * unit(across)
            context = length * (math.sqrt(1 - limit**2) * tilted - straight)
        found = unit(fused + context.astype(np.float32)).astype(np.float32)
        cosines = class_cosines(found, centers)
        leads = cosines[np.arange(len(rows)), given["classes"][rows], None] - cosines
        smallest[rows] = np.minimum(smallest[rows], leads)
    smallest[every, given["classes"]] = np.nan
    return smallest


def slow(given: dict[str, Any], context_limit: float = 0.0) -> np.ndarray:
    """The leads before rounding slack, in plain loops."""
    centers = given["class_centers"].astype(np.float64)
    centers = centers[:, None] if centers.ndim == 2 else centers
    leads = np.full((len(given["vectors"]), len(centers)), np.nan)
    for row, (vectors, present, own) in enumerate(
        zip(given["vectors"].astype(np.float64), given["present"], given["classes"], strict=True)
    ):
        for other in set(range(len(centers))) - {own}:
            of_centers = []
            for theirs in centers[other]:
                of_own = []
                for mine in centers[own]:
                    lead, apart = min(vectors[present] @ (mine - theirs)), np.linalg.norm(mine - theirs)
                    angle = math.acos(np.clip(lead / apart, -1, 1)) + math.asin(context_limit)
                    of_own.append(apart * math.cos(angle))
                of_centers.append(max(of_own))
            leads[row, other] = min(of_centers)
    return leads


# -- What is guaranteed


@pytest.mark.parametrize("limit", [0.0, 0.1, 0.2, 0.6])
@pytest.mark.parametrize("subcenters", [1, 3])
@given(random_state=st.integers(0, 100_000), modalities=st.integers(1, 6))
def test_every_subset_leads_by_as_much_as_is_promised(
    limit: float, subcenters: int, random_state: int, modalities: int
) -> None:
    rng = np.random.default_rng(random_state)
    given = make(rng, objects=60, modalities=modalities, subcenters=subcenters)
    guaranteed = guaranteed_leads(**given, context_limit=limit, all_classes=True).all_classes
    assert guaranteed is not None
    held = guaranteed > 0
    assert (subset_leads(rng, given, limit) >= guaranteed)[held].all()
    assert held.any() or limit > 0.2


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.5])
def test_no_context_breaks_the_promise_even_if_it_tries(limit: float, rng: np.random.Generator) -> None:
    given = make(rng, objects=3000, modalities=5)
    found = guaranteed_leads(**given, context_limit=limit, all_classes=True)
    assert found.all_classes is not None
    leads = subset_leads(rng, given, limit, toward=found.runners_up)
    assert (leads >= found.all_classes)[found.all_classes > 0].all()
    assert 100 < (found.least > 0).sum() < 3000


def test_thousands_of_objects_and_all_their_subsets(rng: np.random.Generator) -> None:
    given = make(rng, objects=5000, modalities=6, dim=12, num_classes=10)
    found = guaranteed_leads(**given, all_classes=True)
    assert found.all_classes is not None
    for _ in range(2):
        assert (subset_leads(rng, given, 0.0) >= found.all_classes)[found.all_classes > 0].all()
    assert 1000 < (found.least > 0).sum() < 5000


def test_the_promise_is_as_large_as_it_can_be(rng: np.random.Generator) -> None:
    # Of one modality nothing is lost but the slack, and the worst context loses just what is foreseen.
    given = make(rng, objects=500, modalities=1, num_classes=2)
    for limit in (0.0, 0.3):
        found = guaranteed_leads(**given, context_limit=limit)
        kept = np.nanmin(subset_leads(rng, given, limit, toward=found.runners_up), axis=1) - found.least
        held = found.least > 0
        assert held.sum() > 50
        assert np.median(kept[held]) < 2 * rounding_slack(6, 1)


# -- What is not


def test_what_is_not_promised_is_really_broken(rng: np.random.Generator) -> None:
    given = make(rng, objects=1000, modalities=4)
    leads = guaranteed_leads(**given, all_classes=True).all_classes
    assert leads is not None
    # A modality alone is a subset: where one of them prefers another class, this one does.
    broken = subset_leads(rng, given, 0.0) < 0
    assert broken[leads < -2e-4].all()
    assert broken[leads < -2e-4].sum() > 200


def test_sub_centers_that_help_one_modality_each_promise_nothing() -> None:
    # Each modality lies at a sub-center of class 0; their sum lies at the center of class 1.
    corner = 1 / math.sqrt(2)
    centers = np.array([[[1.0, 0.0], [0.0, 1.0]], [[corner, corner], [corner, corner]]])
    vectors = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    given = {"vectors": vectors, "present": np.ones((1, 2), dtype=bool), "classes": np.array([0])}
    assert guaranteed_leads(**given, class_centers=centers).least < 0
    cosines = class_cosines(unit(vectors.sum(axis=1)), centers)
    assert cosines[0, 0] < cosines[0, 1]
    # Where all modalities share the sub-center, it is guaranteed.
    given["vectors"] = np.repeat(vectors[:, :1], 2, axis=1)
    assert guaranteed_leads(**given, class_centers=centers).least == pytest.approx(1 - corner, abs=2e-4)


def test_a_lead_within_rounding_is_no_promise() -> None:
    centers = unit(np.array([[1.0, 1e-5], [1.0, -1e-5]]))
    given = {"vectors": centers[:1, None], "present": np.ones((1, 1), dtype=bool), "classes": np.array([0])}
    found = guaranteed_leads(**given, class_centers=centers)
    assert -1e-4 < found.least[0] < 0
    assert found.below.tolist() == [0]


@given(modalities=st.integers(1, 16), dim=st.sampled_from([2, 64, 1024, 4096]))
def test_the_slack_is_more_than_float32_can_be_off(modalities: int, dim: int) -> None:
    assert rounding_slack(dim, modalities) > 1.5 * 4 * (dim + modalities + 3) * 2.0**-24
    assert rounding_slack(dim, modalities) < 0.003


# -- The numbers


@pytest.mark.parametrize(("limit", "subcenters"), [(0.0, 1), (0.0, 2), (0.25, 1), (0.25, 3)])
def test_the_leads_are_those_of_plain_loops(limit: float, subcenters: int, rng: np.random.Generator) -> None:
    given = make(rng, objects=40, modalities=3, subcenters=subcenters)
    leads = guaranteed_leads(**given, context_limit=limit, all_classes=True).all_classes
    assert leads is not None
    expected = slow(given, limit)
    both = np.isfinite(leads)
    assert (both == np.isfinite(expected)).all()
    # With a context, a lead of 0 or less is no bound, so that only its sign counts.
    held = both & (expected > 1e-3)
    assert held.sum() > 10
    np.testing.assert_allclose(leads[held], expected[held], atol=4e-4)
    assert (leads <= 0)[both & (expected < 0)].all()


def test_least_runner_up_and_count_are_those_of_all_classes(rng: np.random.Generator) -> None:
    given = make(rng, objects=200, modalities=3)
    found = guaranteed_leads(**given, all_classes=True)
    assert found.all_classes is not None
    np.testing.assert_allclose(found.least, np.nanmin(found.all_classes, axis=1), atol=1e-6)
    np.testing.assert_array_equal(found.runners_up, np.nanargmin(found.all_classes, axis=1))
    np.testing.assert_array_equal(found.below, (found.all_classes > 0).sum(axis=1))
    assert guaranteed_leads(**given).all_classes is None


def as_list(found: GuaranteedLeads) -> list[list[float]]:
    return [found.least.round(9).tolist(), found.runners_up.tolist(), found.below.tolist()]


@pytest.mark.parametrize(("tile", "centers"), [(1, 1), (8, 2), (50, 4), (2**20, 7)])
def test_tiles_have_no_influence(
    tile: int, centers: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make(rng, objects=30, modalities=3, subcenters=2) | {"context_limit": 0.1}
    whole = guaranteed_leads(**given)
    monkeypatch.setattr(unanimity, "_TILE", tile)
    monkeypatch.setattr(unanimity, "_CENTERS_A_TILE", centers)
    assert as_list(guaranteed_leads(**given)) == as_list(whole)


def test_absent_modalities_have_no_influence(rng: np.random.Generator) -> None:
    given = make(rng, objects=50, modalities=4)
    emptied = given | {"vectors": np.where(given["present"][..., None], given["vectors"], np.nan)}
    assert as_list(guaranteed_leads(**emptied)) == as_list(guaranteed_leads(**given))


def test_many_classes_never_stand_in_memory_with_all_modalities(rng: np.random.Generator) -> None:
    given = make(rng, objects=512, modalities=4, dim=8, num_classes=20_000)
    tracemalloc.start()
    guaranteed_leads(**given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Objects x classes in float64 would be 82 MB, times modalities 328 MB.
    assert peak < 60e6


def test_no_objects() -> None:
    given = {"vectors": np.zeros((0, 2, 3)), "present": np.zeros((0, 2), dtype=bool)}
    found = guaranteed_leads(**given, class_centers=np.eye(3), classes=np.zeros(0, dtype=np.int64))
    assert len(found.least) == len(found.below) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": np.ones((4, 3))}, "want vectors"),
        ({"present": np.ones((4, 2), dtype=bool)}, "present"),
        ({"class_centers": np.eye(6)[:1]}, "two classes or more"),
        ({"class_centers": np.eye(5)}, "want vectors"),
        ({"classes": np.array([0, 1, 2, 6])}, "class numbers below 6, got 0 to 6"),
        ({"present": np.zeros((4, 3), dtype=bool)}, "a modality in every row"),
        ({"vectors": np.ones((4, 3, 6))}, "unit vectors"),
        ({"context_limit": 1.0}, "context_limit"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], says: str) -> None:
    given = {
        "vectors": np.eye(6)[np.zeros((4, 3), dtype=int)],
        "present": np.ones((4, 3), dtype=bool),
        "class_centers": np.eye(6),
        "classes": np.zeros(4, dtype=int),
    }
    with pytest.raises(InputError, match=says):
        guaranteed_leads(**(given | changes))
