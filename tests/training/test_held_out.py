"""The validation score against a loop, for classes seen and unseen, and what it leaves behind."""

import numpy as np
import pytest
import torch

from steradian.data.batch import PreparedObjects
from steradian.errors import InputError
from steradian.model import TensorBatch
from steradian.training import held_out as module
from steradian.training.held_out import RetrievalValidation, class_numbers, hold_out


def slow_map_at_r(vectors: np.ndarray, labels: np.ndarray, queries: int) -> float:
    """MAP@R of the first vectors among all the others."""
    scores = []
    for query in range(queries):
        others = [row for row in range(len(vectors)) if row != query]
        relevant = sum(labels[row] == labels[query] for row in others)
        if not relevant:
            continue
        ranked = sorted(others, key=lambda row: -float(vectors[query] @ vectors[row]))
        hits, precision = 0, 0.0
        for place, row in enumerate(ranked[:relevant], 1):
            if labels[row] == labels[query]:
                hits += 1
                precision += hits / place
        scores.append(precision / relevant)
    return float(np.mean(scores))


def prepare(toy, table) -> PreparedObjects:
    return toy.preprocessor.prepare(table, table.labels.astype(np.int64))


LABELS = {"seen": [0, 1, 2, 0, 1, 2], "unseen": [5] * 4 + [6] * 7, "both, and one alone": [0, 1, 5, 5, 5, 7]}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_score_is_that_of_the_loop(toy, make_table, labels: list[int]) -> None:
    encoder, _ = toy.build()
    held_out, training = prepare(toy, make_table(np.array(labels), random_state=1)), toy.prepared()
    found = RetrievalValidation(held_out, training, random_state=0).score(encoder)
    with torch.no_grad():
        encoder.eval()
        parts = [encoder(TensorBatch.of(objects.batch(np.arange(len(objects))))) for objects in (held_out, training)]
    vectors = torch.cat(parts).double().numpy()
    all_labels = np.concatenate([held_out.labels, training.labels])
    assert 0 < found < 1
    assert found == pytest.approx(slow_map_at_r(vectors, all_labels, len(labels)), abs=1e-6)


def test_the_encoder_returns_to_training_and_nothing_random_is_drawn(toy, make_table) -> None:
    encoder, _ = toy.build()
    validation = RetrievalValidation(
        prepare(toy, make_table(np.arange(9) % 3, random_state=1)), toy.prepared(), random_state=0
    )
    encoder.train()
    state, weights = torch.get_rng_state(), [p.clone() for p in encoder.parameters()]
    first = validation.score(encoder)
    assert all(module.training for module in encoder.modules())
    assert torch.equal(torch.get_rng_state(), state)
    # With dropout the two would differ.
    assert validation.score(encoder) == first
    assert all(torch.equal(p, before) for p, before in zip(encoder.parameters(), weights, strict=True))
    assert all(p.requires_grad and p.grad is None for p in encoder.parameters())


def test_at_most_so_many_take_part_drawn_by_the_seed(toy, make_table, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, _ = toy.build()
    held_out = prepare(toy, make_table(np.arange(60) % 3, random_state=1))
    everything = RetrievalValidation(held_out, toy.prepared(), random_state=0)
    assert everything.queries == 60
    monkeypatch.setattr(module, "MAX_QUERIES", 12)
    monkeypatch.setattr(module, "MAX_GALLERY", 20)
    encoded: list[int] = []
    encoder.modalities[0].register_forward_hook(lambda _, given, __: encoded.append(len(given[0]["values"])))
    few = RetrievalValidation(held_out, toy.prepared(), random_state=0)
    assert few.queries == 12
    score = few.score(encoder)
    assert len(encoded) == 2
    assert encoded[0] <= 12
    assert encoded[1] <= 20
    assert RetrievalValidation(held_out, toy.prepared(), random_state=0).score(encoder) == score
    assert RetrievalValidation(held_out, toy.prepared(), random_state=1).score(encoder) != score


def test_objects_that_can_find_nothing_are_refused(toy, make_table) -> None:
    with pytest.raises(InputError, match=r"want a validation object whose class has another.*got 3 objects"):
        RetrievalValidation(prepare(toy, make_table(np.array([5, 6, 7]))), toy.prepared(), random_state=0)


def test_without_class_numbers_it_says_so(toy) -> None:
    unlabelled = toy.preprocessor.prepare(toy.table)
    with pytest.raises(ValueError, match="class numbers"):
        RetrievalValidation(unlabelled, toy.prepared(), random_state=0)


def test_known_classes_keep_their_numbers_and_new_ones_follow() -> None:
    classes = np.array(["b", "d", "f"])
    assert class_numbers(np.array(["f", "a", "b", "z", "a", "d"]), classes).tolist() == [2, 3, 0, 4, 3, 1]
    assert class_numbers(np.array([7, 5]), np.array([5, 7])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("sizes", "held"), [((2500, 2500), 500), ((2499, 2500), 0), ((4980, 20, 5), 500), ((19, 19, 6000), 0)]
)
def test_a_tenth_is_held_out_where_the_classes_are_large_enough(make_table, sizes: tuple[int, ...], held: int) -> None:
    objects = make_table(np.repeat(np.arange(len(sizes)), sizes))
    training, validation = hold_out(objects, None, random_state=0)
    assert (0 if validation is None else len(validation)) == pytest.approx(held, abs=1)
    assert len(training) + (0 if validation is None else len(validation)) == len(objects)
    assert (validation is None) == (held == 0)


def test_a_share_that_is_given_is_held_out(make_table) -> None:
    objects = make_table(np.arange(60) % 3)
    assert hold_out(objects, 0.0, random_state=0) == (objects, None)
    training, validation = hold_out(objects, 0.5, random_state=0)
    assert validation is not None
    assert (len(training), len(validation)) == (30, 30)
    assert sorted([*training.rows, *validation.rows]) == list(range(60))
    assert hold_out(objects, 0.5, random_state=0)[1].rows.tolist() == validation.rows.tolist()
    assert hold_out(objects, 0.5, random_state=1)[1].rows.tolist() != validation.rows.tolist()
