"""Where the class centers start."""

import numpy as np
import torch
from torch.nn import functional as F

from steradian.config import ModelConfig
from steradian.data import Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.modalities import Vector
from steradian.model import SphericalClassifier, build_encoder, embed
from steradian.training.imprint import imprint_centers


def test_centers_start_at_class_means_seen_from_their_mean(rng: np.random.Generator) -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 2, 2])
    table = {"x": rng.normal(size=(8, 3)), "label": labels}
    objects = read_objects(table, Schema({"x": Vector("x")}))
    preprocessor = Preprocessor.fit(objects)
    prepared = preprocessor.prepare(objects, labels)
    encoder = build_encoder(preprocessor.modalities, ModelConfig(embedding_dim=4, width=8, heads=2))
    classifier = SphericalClassifier(4, 4)
    unseen = classifier.directions[3].detach().clone()
    encoder.train()
    imprint_centers(encoder, classifier, prepared, seed=0)

    assert encoder.training, "the encoder is left as it was found"
    vectors = torch.from_numpy(embed(encoder.eval(), prepared, np.arange(8), batch_size=3))
    means = torch.stack([vectors[torch.from_numpy(labels == label)].mean(dim=0) for label in range(3)])
    expected = F.normalize(means - means.mean(dim=0), dim=-1)
    torch.testing.assert_close(classifier.directions[:3].detach(), expected)
    assert torch.equal(classifier.directions[3], unseen), "a class without objects keeps its random center"


def test_classes_that_nothing_tells_apart_keep_their_random_centers() -> None:
    labels = np.arange(8) % 2
    objects = read_objects({"x": np.ones((8, 3)), "label": labels}, Schema({"x": Vector("x")}))
    preprocessor = Preprocessor.fit(objects)
    encoder = build_encoder(preprocessor.modalities, ModelConfig(embedding_dim=4, width=8, heads=2))
    classifier = SphericalClassifier(2, 4)
    before = classifier.directions.detach().clone()
    imprint_centers(encoder, classifier, preprocessor.prepare(objects, labels), seed=0)
    assert torch.equal(classifier.directions, before)
