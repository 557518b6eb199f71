"""Where the class centers start, and where they end if training learns none."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steradian.config import ModelConfig
from steradian.data import Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.modalities import Vector
from steradian.model import SphericalClassifier, build_encoder, embed
from steradian.training.imprint import imprint_centers, imprint_class_means


def test_centers_start_at_class_means_seen_from_their_mean(rng: np.random.Generator) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2])
    table = {"x": rng.normal(size=(8, 3)), "label": labels}
    objects = read_objects(table, Schema({"x": Vector("x")}))
    preprocessor = Preprocessor.fit(objects)
    prepared = preprocessor.prepare(objects, labels)
    encoder = build_encoder(preprocessor.modalities, ModelConfig(embedding_dim=4, width=8, heads=2))
    classifier = SphericalClassifier(4, 4)
    unseen = classifier.weight[3].detach().clone()
    encoder.train()
    imprint_centers(encoder, classifier, prepared, random_state=0)

    assert encoder.training, "the encoder is left as it was found"
    vectors = torch.from_numpy(embed(encoder.eval(), prepared, np.arange(8), batch_size=3))
    means = torch.stack([vectors[torch.from_numpy(labels == label)].mean(dim=0) for label in range(3)])
    expected = F.normalize(means - means.mean(dim=0), dim=-1)
    torch.testing.assert_close(classifier.weight[:3].detach(), expected)
    assert torch.equal(classifier.weight[3], unseen), "a class without objects keeps its random center"


def test_classes_that_nothing_tells_apart_keep_their_random_centers() -> None:
    labels = np.arange(8) % 2
    objects = read_objects({"x": np.ones((8, 3)), "label": labels}, Schema({"x": Vector("x")}))
    preprocessor = Preprocessor.fit(objects)
    encoder = build_encoder(preprocessor.modalities, ModelConfig(embedding_dim=4, width=8, heads=2))
    classifier = SphericalClassifier(2, 4)
    before = classifier.weight.detach().clone()
    imprint_centers(encoder, classifier, preprocessor.prepare(objects, labels), random_state=0)
    assert torch.equal(classifier.weight, before)


@pytest.mark.parametrize("embedding_dim", [2, 16])
def test_sub_centers_differ_and_lie_near_their_class_mean(toy: Any, embedding_dim: int) -> None:
    torch.manual_seed(0)
    model = ModelConfig(embedding_dim=embedding_dim, width=8, heads=2)
    encoder = build_encoder(toy.preprocessor.modalities, model)
    plain = SphericalClassifier(4, embedding_dim)
    classifier = SphericalClassifier(4, embedding_dim, subcenters=3)
    unseen = classifier.weight[3].detach().clone()
    for one in (plain, classifier):
        imprint_centers(encoder, one, toy.prepared(), random_state=0)
    means, centers = plain.class_centers.detach(), classifier.class_centers.detach()
    assert torch.equal(classifier.weight[3], unseen), "a class without objects keeps its random centers"
    # Half the length in any direction turns a unit vector by 30 degrees at most.
    cosines = torch.einsum("ckd,cd->ck", centers[:3], means[:3])
    assert cosines.min() >= math.cos(math.pi / 6) - 1e-5
    assert cosines.max() < 1 - 1e-4
    for of_class in centers[:3]:
        angles = torch.pdist(of_class)
        assert angles.min() > 0.01, "equal centers of a class would stay equal"


def test_class_means_are_the_mean_directions_of_all_objects(toy: Any) -> None:
    encoder, classifier = toy.build(classes=4)
    unseen = classifier.weight[3].detach().clone()
    prepared = toy.prepared()
    imprint_class_means(encoder.train(), classifier, prepared)
    assert encoder.training, "the encoder is left as it was found"
    vectors = torch.from_numpy(embed(encoder.eval(), prepared, np.arange(45), batch_size=7))
    means = torch.stack([vectors[torch.from_numpy(prepared.labels == label)].mean(dim=0) for label in range(3)])
    torch.testing.assert_close(classifier.weight[:3].detach(), F.normalize(means, dim=-1))
    assert torch.equal(classifier.weight[3], unseen), "a class without objects keeps its center"
    again = classifier.weight.detach().clone()
    imprint_class_means(encoder, classifier, prepared)
    assert torch.equal(classifier.weight, again), "nothing is drawn"


def test_class_means_without_class_numbers_are_refused(toy: Any) -> None:
    with pytest.raises(ValueError, match="class numbers"):
        imprint_class_means(*toy.build(), toy.preprocessor.prepare(toy.table))
