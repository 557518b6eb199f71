from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.claim_sets import QUICK_SET, load_claim_set
from benchmarks.closed_form_start import SolvedSet, StartedEncoder, solve_set
from steradian.config import ModelConfig, TrainingConfig
from steradian.model import SphericalClassifier, TensorBatch, build_encoder, embed, embed_subsets
from steradian.training import derive
from steradian.training.learner import Learner


@pytest.fixture(scope="module")
def solved() -> SolvedSet:
    return solve_set(load_claim_set(QUICK_SET, Path(), seed=0), seed=0)


def started(solved: SolvedSet) -> StartedEncoder:
    torch.manual_seed(0)
    config = ModelConfig(embedding_dim=solved.found.closed_form.embedding_dim, width=32)
    return StartedEncoder(build_encoder(solved.data.preprocessor.modalities, config))


def test_every_part_of_the_set_has_the_vectors_and_the_clock_has_run(solved: SolvedSet) -> None:
    for objects in (solved.data.fit, solved.data.validation.queries, solved.data.test.queries):
        assert objects.closed is not None
        assert objects.closed.shape == (*objects.present.shape, solved.found.closed_form.embedding_dim)
    assert 0 < solved.choosing_seconds < solved.seconds <= solved.start_seconds


def test_the_start_is_the_closed_form_on_every_subset(solved: SolvedSet) -> None:
    objects = solved.data.test.queries
    every = np.arange(len(objects))
    subsets = [np.broadcast_to(mask, objects.present.shape) for mask in ([True, True], [True, False], [False, True])]
    encoders = solved.encoder(), started(solved).eval()
    alone, start = (
        [v for _, _, v in embed_subsets(e, objects, every, subsets=subsets, batch_size=64)] for e in encoders
    )
    for first, second in zip(alone, start, strict=True):
        np.testing.assert_allclose(second, first, atol=1e-6)


@pytest.mark.parametrize("objective", ["angular", "supcon", "clip", "gmc", "cross_entropy"])
def test_an_objective_moves_it_from_there(solved: SolvedSet, objective: str) -> None:
    data, encoder = solved.data, started(solved)
    config = TrainingConfig(objective=objective)  # type: ignore[arg-type]
    classifier = SphericalClassifier(data.num_classes, encoder.embedding_dim)
    assert data.fit.labels is not None
    derived = derive(config, data.fit.labels, num_classes=data.num_classes, model=ModelConfig())
    learner = Learner(encoder, classifier, config=config, derived=derived, steps=40)
    every = np.arange(len(data.fit))
    before = embed(encoder.eval(), data.fit, every, batch_size=512)
    encoder.train()
    for step in range(4):
        learner.learn(data.fit.batch(every[:64]), step)
    assert (encoder.shares != 0).all()
    vectors = embed(encoder.eval(), data.fit, every, batch_size=512)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors - before).max() > 1e-4
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_batch_without_the_closed_form_is_refused(solved: SolvedSet) -> None:
    bare = load_claim_set(QUICK_SET, Path(), seed=0).fit
    with pytest.raises(ValueError, match="closed form"):
        started(solved).encode(TensorBatch.of(bare.batch(np.arange(4))))
