"""The tokens of texts against a loop over their words and n-grams."""

import pytest
import torch
from torch import Tensor

from steradian.modalities.text_ngrams import MAX_TOKENS
from steradian.modalities.text_tokenizer import TextTokenizer, _Bags

# Three distinct words, of 2, 1 and 3 n-grams; a text of the words 2, 0 and one of the word 1.
BATCH = {
    "ngrams": torch.tensor([4, 1, 0, 2, 3, 4]),
    "offsets": torch.tensor([0, 2, 3]),
    "weights": torch.tensor([0.6, 0.8, 1.0, 0.5, 0.5, 0.7]),
    "words": torch.tensor([2, 0, 1]),
    "mask": torch.tensor([[True, True], [True, False]]),
    "features": torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]], dtype=torch.float16),
}


@pytest.fixture
def tokenizer() -> TextTokenizer:
    """Five n-grams and three features, without dropout."""
    torch.manual_seed(0)
    return TextTokenizer(5, 3, width=4, dropout=0.4).eval()


def word(tokenizer: TextTokenizer, number: int) -> Tensor:
    bounds = [*BATCH["offsets"].tolist(), len(BATCH["ngrams"])]
    places = range(bounds[number], bounds[number + 1])
    return sum((BATCH["weights"][p] * tokenizer.ngrams.weight[BATCH["ngrams"][p]] for p in places), torch.zeros(4))


def test_a_token_of_the_whole_then_a_token_a_word(tokenizer: TextTokenizer) -> None:
    tokens = tokenizer(**BATCH)
    assert tokens.mask.tolist() == [[True, True, True], [True, True, False]]
    expected = [
        [tokenizer.whole(BATCH["features"][0].float()), word(tokenizer, 2), word(tokenizer, 0)],
        [tokenizer.whole(BATCH["features"][1].float()), word(tokenizer, 1)],
    ]
    for row, text in enumerate(expected):
        for place, values in enumerate(text):
            moved = values + tokenizer.place[place - 1] if place else values
            torch.testing.assert_close(tokens.values[row, place], moved, rtol=1e-5, atol=1e-6)


def test_ngrams_and_features_are_left_out_in_training_only(tokenizer: TextTokenizer) -> None:
    assert torch.equal(tokenizer(**BATCH).values, tokenizer(**BATCH).values)
    tokenizer.train()
    first, second = tokenizer(**BATCH).values, tokenizer(**BATCH).values
    assert not torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first[:, 1:], second[:, 1:])


def test_what_it_sees_gets_a_gradient_and_nothing_else(tokenizer: TextTokenizer) -> None:
    seen = {**BATCH, "ngrams": torch.tensor([4, 1, 0, 2, 1, 4])}
    tokenizer(**seen).values.square().sum().backward()
    assert tokenizer.ngrams.weight.grad.any(dim=1).tolist() == [True, True, True, False, True]
    assert tokenizer.place.grad.any(dim=1).tolist() == [True, True] + [False] * (MAX_TOKENS - 2)


def test_texts_of_unknown_words_and_no_texts(tokenizer: TextTokenizer) -> None:
    unknown = {
        "ngrams": torch.zeros(0, dtype=torch.int64),
        "offsets": torch.zeros(1, dtype=torch.int64),
        "weights": torch.zeros(0),
        "words": torch.tensor([0]),
        "mask": torch.tensor([[True]]),
        "features": torch.zeros(1, 3),
    }
    torch.testing.assert_close(tokenizer(**unknown).values[0, 1], tokenizer.place[0])
    nothing = {
        **unknown,
        "offsets": torch.zeros(0, dtype=torch.int64),
        "words": torch.zeros(0, dtype=torch.int64),
        "mask": torch.zeros(0, 1, dtype=torch.bool),
        "features": torch.zeros(0, 3),
    }
    assert tokenizer(**nothing).values.shape == (0, 2, 4)


def test_a_vocabulary_of_nothing_is_allowed() -> None:
    assert TextTokenizer(0, 1, width=4, dropout=0.0).ngrams.weight.shape == (1, 4)


def test_the_gradient_of_bags_is_that_of_torch(tokenizer: TextTokenizer) -> None:
    ngrams, weights = BATCH["ngrams"], BATCH["weights"]
    # A word without n-grams behind the others, and one between them.
    for bounds in (BATCH["offsets"], torch.tensor([0, 2, 2, 3, 6])):
        above = torch.randn(len(bounds), 4)
        plain = tokenizer.ngrams(ngrams, bounds, per_sample_weights=weights)
        ours = _Bags.apply(tokenizer.ngrams.weight, ngrams, bounds, weights)
        assert torch.equal(ours, plain)
        expected, found = (torch.autograd.grad(each, tokenizer.ngrams.weight, above)[0] for each in (plain, ours))
        torch.testing.assert_close(found, expected, rtol=4e-7, atol=1e-7)
