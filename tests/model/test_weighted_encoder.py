"""A user's weights: the gates times them, the context as long as it may be, and level 1 untouched."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from steradian.model import ModalityVectors, SphereEncoder, WeightedEncoder

WEIGHTS = torch.tensor([2.0, 0.25, 1.0])


def seen(encoder: SphereEncoder, objects: int = 20) -> ModalityVectors:
    names = len(encoder.fusion.kinds_of_modality)
    vectors = torch.nn.functional.normalize(torch.randn(objects, names, encoder.embedding_dim), dim=-1)
    present = torch.rand(objects, names) < 0.6
    present[:, 0] |= ~present.any(dim=1)
    width = encoder.fusion.kinds_of_modality.shape[1]
    return ModalityVectors(vectors * present[..., None], torch.randn(objects, names, width), present)


@pytest.mark.parametrize("kind", ["certified", "context"])
@torch.inference_mode()
def test_gates_are_multiplied_and_sum_to_one(make_encoder: Callable[..., SphereEncoder], kind: str) -> None:
    encoder = make_encoder("a", "b", "c", kind=kind)
    weighted, batch = WeightedEncoder(encoder, WEIGHTS), seen(encoder)
    own, own_context = encoder.fusion.weigh(batch.vectors, batch.summaries, batch.present)
    gates, context = weighted.fusion.weigh(batch.vectors, batch.summaries, batch.present)
    expected = own.double().numpy() * WEIGHTS.double().numpy()
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gates.numpy(), expected, atol=1e-6)
    total = (expected[..., None] * batch.vectors.double().numpy()).sum(axis=1)
    if context is not None and own_context is not None:
        assert (context.norm(dim=1).numpy() < encoder.fusion.context_limit * np.linalg.norm(total, axis=1)).all()
        turned = torch.nn.functional.cosine_similarity(context, own_context)
        np.testing.assert_allclose(turned, 1.0, atol=1e-5)
        total += context.double().numpy()
    fused = weighted.fuse(batch)
    np.testing.assert_allclose(fused, total / np.linalg.norm(total, axis=1, keepdims=True), atol=1e-5)


@torch.inference_mode()
def test_equal_weights_change_nothing(make_encoder: Callable[..., SphereEncoder]) -> None:
    encoder = make_encoder("a", "b", kind="context")
    batch, subset = seen(encoder), torch.tensor([True, False])
    weighted = WeightedEncoder(encoder, torch.tensor([3.0, 3.0]))
    torch.testing.assert_close(weighted.fuse(batch), encoder.fuse(batch))
    with_first = batch[batch.present[:, 0]]
    torch.testing.assert_close(weighted.fuse(with_first, subset), encoder.fuse(with_first, subset))
