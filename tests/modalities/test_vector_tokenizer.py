"""What a vector's tokens see, what is left out in training, and how outputs begin and move."""

import pytest
import torch

from steradian.modalities.vector_tokenizer import TOKENS, WHOLE, VectorTokenizer


def test_tokens_are_linear_views_of_all_features() -> None:
    tokenizer = VectorTokenizer(3, 6, 0.3).eval()
    values = torch.randn(4, 3)
    tokens = tokenizer(values=values)
    assert tokens.values.shape == (4, 8, 6)
    assert tokens.mask is None
    (layer,) = tokenizer.project
    for token in range(8):
        part = slice(6 * token, 6 * token + 6)
        expected = values * tokenizer.shrink @ layer.weight[part].T + layer.bias[part]
        torch.testing.assert_close(tokens.values[:, token], expected, rtol=0, atol=1e-5)
    assert tokenizer(values=values[:0]).values.shape == (0, 8, 6)


def test_features_are_left_out_in_training_only() -> None:
    tokenizer, values = VectorTokenizer(20, 4, 0.5), torch.ones(2, 20)
    assert not torch.equal(tokenizer(values=values).values, tokenizer(values=values).values)
    tokenizer.eval()
    assert torch.equal(tokenizer(values=values).values, tokenizer(values=values).values)


@pytest.mark.parametrize(("features", "share"), [(6, 0.0197), (32, 0.0968), (128, 0.3), (500, 0.3), (5000, 0.3)])
def test_of_few_features_fewer_are_left_out(features: int, share: float) -> None:
    tokenizer = VectorTokenizer(features, 4, 0.3)
    dropped = (tokenizer.dropout(torch.ones(400_000)) == 0).float().mean()
    assert float(dropped) == pytest.approx(share, abs=0.005)
    # A sum of standardised features is as noisy whatever their number, up to 128 of them.
    noise = [share / (1 - share) / min(features, 128), 0.3 / 0.7 / 128]
    assert noise[0] == pytest.approx(noise[1], rel=0.01)


@pytest.mark.parametrize("features", [WHOLE, WHOLE + 1])
def test_every_feature_counts_and_tokens_of_long_vectors_see_their_part(features: int) -> None:
    tokenizer = VectorTokenizer(features, 4, 0.0)
    values = torch.zeros(1, features, requires_grad=True)
    tokens = tokenizer(values).values
    assert tokens.shape == (1, TOKENS, 4)
    (seen,) = torch.autograd.grad(tokens[0, 0].sum(), values, retain_graph=True)
    assert int((seen != 0).sum()) == (features if features == WHOLE else -(-features // TOKENS))
    (all_seen,) = torch.autograd.grad(tokens.sum(), values)
    assert bool((all_seen != 0).all())


@pytest.mark.parametrize("features", [16, 64, 1000])
def test_outputs_begin_as_those_of_a_usual_layer_and_a_step_moves_them_alike(features: int) -> None:
    torch.manual_seed(0)
    tokenizer = VectorTokenizer(features, 64, 0.0)
    values = torch.randn(2000, features)
    before = tokenizer(values).values
    assert before.std().item() == pytest.approx(3**-0.5, rel=0.1)
    with torch.no_grad():
        for weight in tokenizer.parameters():
            weight += 1e-3 * torch.sign(torch.randn_like(weight))
    moved = (tokenizer(values).values - before).std().item()
    assert moved < 1e-3 * 64**0.5 * 1.2
