"""Scale and noise against labels drawn from the very model of them, and against a search of the whole plane."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from steradian.audit.label_noise import (
    GRID,
    LabelEvidence,
    LabelNoise,
    fit_label_noise,
    longest_prefix,
    weigh_labels,
)

ONE = np.zeros(3000, dtype=int)


def draw(
    rng: np.random.Generator, *, noise: float, scale: float = 12.0, objects: int = 3000, classes: int = 8
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosines, labels drawn from their softmax with some made wrong, and which are wrong."""
    cosines = rng.uniform(-0.3, 0.5, size=(objects, classes))
    cosines[np.arange(objects), rng.integers(classes, size=objects)] += 0.4
    true = np.array([rng.choice(classes, p=row) for row in softmax(scale * cosines, axis=1)])
    wrong = rng.random(objects) < noise
    others = (true + rng.integers(1, classes, size=objects)) % classes
    # Half of the wrong labels are one of the three nearest classes that are not the true one.
    left = cosines.copy()
    left[np.arange(objects), true] = -2
    near = np.argsort(-left, axis=1)[np.arange(objects), rng.integers(3, size=objects)]
    return cosines, np.where(wrong, np.where(rng.random(objects) < 0.5, near, others), true), wrong


def weigh(cosines: np.ndarray, labels: np.ndarray) -> LabelEvidence:
    return weigh_labels([(slice(0, len(labels)), cosines)], labels)


def ranks_of(cosines: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return (cosines > np.take_along_axis(cosines, labels[:, None], axis=1)).sum(axis=1)


@pytest.mark.parametrize("noise", [0.0, 0.03, 0.2])
def test_the_scale_and_the_noise_that_were_put_in_are_found(rng: np.random.Generator, noise: float) -> None:
    cosines, labels, wrong = draw(rng, noise=noise)
    found = fit_label_noise(weigh(cosines, labels), groups=ONE, usual=10.0)
    assert found.noise == pytest.approx(wrong.mean(), abs=0.015)
    assert found.scale == pytest.approx(12, rel=0.12)


def test_the_probability_that_a_label_is_right_is_what_it_says(rng: np.random.Generator) -> None:
    cosines, labels, wrong = draw(rng, noise=0.1)
    found = fit_label_noise(weigh(cosines, labels), groups=ONE, usual=10.0)
    own = softmax(found.scale * cosines, axis=1)[np.arange(3000), labels]
    right = found.right(own, ranks_of(cosines, labels))
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 0.95), (0.95, 1.0)):
        among = (right >= low) & (right < high)
        assert among.sum() > 30
        assert (~wrong[among]).mean() == pytest.approx(right[among].mean(), abs=0.09)


def test_the_share_of_right_labels_among_those_listed_is_kept(rng: np.random.Generator) -> None:
    listed, right = 0, 0
    for noise in (0.02, 0.05, 0.1, 0.2):
        cosines, labels, wrong = draw(rng, noise=noise)
        found = fit_label_noise(weigh(cosines, labels), groups=ONE, usual=10.0)
        own = softmax(found.scale * cosines, axis=1)[np.arange(3000), labels]
        chances = found.right(own, ranks_of(cosines, labels))
        order = np.argsort(chances)
        taken = order[: longest_prefix(chances[order], mean=0.1)]
        listed, right = listed + len(taken), right + int((~wrong[taken]).sum())
    assert listed > 400
    assert 0.05 < right / listed < 0.13


def test_no_other_scale_and_noise_make_the_labels_more_probable(rng: np.random.Generator) -> None:
    cosines, labels, _ = draw(rng, noise=0.08, objects=400)
    own = cosines[np.arange(400), labels]

    def loss(scale: float, noise: float) -> float:
        chances = np.exp(scale * own) / np.exp(scale * cosines).sum(axis=1)
        weights = 0.5 / 7 + np.where(ranks_of(cosines, labels) <= 3, 0.5 / 3, 0)
        return -float(np.log((1 - noise) * chances + noise * (1 - chances) * weights).sum())

    found = fit_label_noise(weigh(cosines, labels), groups=np.zeros(400, dtype=int), usual=10.0)
    slow = min(loss(scale, noise) for scale in np.geomspace(2, 60, 60) for noise in np.linspace(0, 0.4, 81))
    # What is expected of the scale before anything is seen may cost it a little.
    assert loss(found.scale, found.noise) < slow + 0.5


def test_a_group_of_its_own_scale_gets_it_and_a_small_one_the_common_one(rng: np.random.Generator) -> None:
    sharp, flat = draw(rng, noise=0.05, scale=20, objects=1500), draw(rng, noise=0.05, scale=6, objects=1500)
    cosines, labels = (np.concatenate([sharp[at], flat[at]]) for at in (0, 1))
    groups = np.repeat([0, 1], 1500)
    groups[-5:] = 3
    found = fit_label_noise(weigh(cosines, labels), groups=groups, usual=12.0)
    assert set(found.group_scales) == {0, 1}
    assert found.group_scales[0] == pytest.approx(20, rel=0.15)
    assert found.group_scales[1] == pytest.approx(6, rel=0.15)
    scales = found.scales(np.array([0, 3, 2, 5]))
    assert scales.tolist() == [found.group_scales[0], found.scale, found.scale, found.scale]
    assert found.noise == pytest.approx(0.05, abs=0.015)


def test_labels_without_a_doubt_ask_for_no_infinite_scale() -> None:
    found = fit_label_noise(weigh(np.eye(4)[np.arange(12) % 4], np.arange(12) % 4), groups=ONE[:12], usual=10.0)
    assert found.noise == 0
    assert found.scale < 20
    assert found.right(np.array([0.0, 0.4, 1.0]), np.arange(3)).tolist() == [1, 1, 1]


@given(st.integers(2, 40), st.floats(GRID[0], GRID[-1]), st.floats(0.01, 1), st.integers(0, 2**32 - 1))
def test_probabilities_between_the_scales_of_the_grid_are_those_of_the_cosines(
    classes: int, log_scale: float, width: float, random_state: int
) -> None:
    rng = np.random.default_rng(random_state)
    cosines, numbers = rng.uniform(-width, width, size=(5, classes)), rng.integers(classes, size=5)
    own = log_softmax(np.exp(log_scale) * cosines, axis=1)[np.arange(5), numbers]
    np.testing.assert_allclose(weigh(cosines, numbers).own(log_scale), np.exp(own), rtol=1e-3, atol=1e-300)


def test_evidence_in_chunks_is_that_of_all(rng: np.random.Generator) -> None:
    cosines, labels, _ = draw(rng, noise=0.1, objects=50)
    whole, slices = weigh(cosines, labels), (slice(0, 7), slice(7, 50))
    parts = weigh_labels(((part, cosines[part]) for part in slices), labels)
    rows = np.array([40, 3])
    for name in ("behind", "ranks", "totals", "slopes"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    np.testing.assert_array_equal(whole[rows].own(2.0), whole.own(2.0)[rows])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.01, 0.99))
def test_the_longest_prefix_is_the_longest(scores: list[float], mean: float) -> None:
    ascending = np.sort(scores)
    sizes = [size for size in range(1, len(scores) + 1) if np.cumsum(ascending)[size - 1] / size <= mean]
    assert longest_prefix(ascending, mean=mean) == max(sizes, default=0)


@given(st.floats(0, 0.5), st.floats(0, 1), st.integers(2, 1000))
def test_the_probability_of_a_right_label_grows_with_the_own_one(noise: float, own: float, classes: int) -> None:
    found = LabelNoise(noise, classes, 10.0, {})
    low, high = found.right(np.array([own * 0.9, own]), np.array([1, 1]))
    assert 0 <= low <= high <= 1


def test_a_slip_to_a_far_class_and_one_to_the_next_are_told_apart() -> None:
    found = LabelNoise(0.05, 100, 10.0, {})
    far, near = found.right(np.array([1e-3, 1e-3]), np.array([50, 1]))
    assert far > 4 * near
