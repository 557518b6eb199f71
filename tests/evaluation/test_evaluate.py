"""Evaluation of a small transparent model: every score beside its metric, every object that is left out counted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.evaluation import Evaluation, SubsetScores, evaluate
from steradian.evaluation.evaluate import choose_subsets
from steradian.metrics import accuracy, balanced_accuracy, clustering_ami, macro_f1, retrieval_scores

NAMES = ("left", "right", "top")
SCHEMA = sr.Schema({name: sr.Vector(name) for name in NAMES}, label="kind")


class SumOfParts:
    """The unit sum of the modalities an object has; the class is the largest component."""

    schema_ = SCHEMA
    classes_ = np.array(["cat", "dog", "owl"])

    def transform(self, objects: Any, /) -> np.ndarray:
        ((_, _, vectors),) = self.transform_subsets(objects, [NAMES])
        return vectors

    def transform_subsets(
        self, objects: Any, subsets: Iterable[Sequence[str]], /
    ) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
        for subset in subsets:
            used = objects.present & np.isin(NAMES, subset)
            rows = np.flatnonzero(used.any(axis=1))
            parts = np.stack([np.nan_to_num(objects.columns[name]) for name in NAMES], axis=1)
            vectors = (parts * used[:, :, None]).sum(axis=1)[rows]
            yield tuple(subset), rows, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def predict_vectors(self, vectors: np.ndarray, /) -> np.ndarray:
        return self.classes_[vectors[:, :3].argmax(axis=1)]


def table(rng: np.random.Generator, kinds: Sequence[str], *, missing: float = 0.3) -> sr.ObjectTable:
    known = ["cat", "dog", "owl", "yak"]
    columns: dict[str, Any] = {"kind": list(kinds)}
    absent = rng.random((len(kinds), 3)) < missing
    absent[:, 0] &= ~absent[:, 1:].all(axis=1)
    for place, name in enumerate(NAMES):
        columns[name] = np.eye(4)[[known.index(kind) for kind in kinds]] + 0.6 * rng.normal(size=(len(kinds), 4))
        columns[name][absent[:, place]] = np.nan
    return sr.read_objects(columns, SCHEMA)


def check_row(
    row: SubsetScores, objects: sr.ObjectTable, gallery: sr.ObjectTable | None, *, unknown: set[str], seed: int = 0
) -> None:
    """One row of an evaluation, score by score from the metrics."""
    model = SumOfParts()
    ((_, rows, vectors),) = model.transform_subsets(objects, [row.subset])
    labels = objects.labels[rows]
    searched = objects if gallery is None else gallery
    retrieval = retrieval_scores(
        vectors, labels, model.transform(searched), searched.labels, exclude=rows if gallery is None else None
    )
    assert (row.objects, row.without_subset) == (len(rows), len(objects) - len(rows))
    assert (row.recall, row.map_at_r, row.r_precision) == (retrieval.recall, retrieval.map_at_r, retrieval.r_precision)
    assert row.without_relevant == retrieval.without_relevant
    known = ~np.isin(labels, list(unknown))
    predicted = model.predict_vectors(vectors)[known]
    assert row.unknown_class == np.count_nonzero(~known)
    assert row.accuracy == accuracy(labels[known], predicted)
    assert row.balanced_accuracy == balanced_accuracy(labels[known], predicted)
    assert row.macro_f1 == macro_f1(labels[known], predicted)
    assert row.ami == clustering_ami(vectors, labels, seed=seed)


def test_every_subset_leave_one_out(rng: np.random.Generator) -> None:
    # One yak: no other to find, and a class the model does not know.
    objects = table(rng, ["cat", "dog", "owl"] * 12 + ["yak"])
    evaluation = evaluate(SumOfParts(), objects)
    everything = [subset for size in (3, 2, 1) for subset in combinations(NAMES, size)]
    assert [row.subset for row in evaluation] == everything
    for row in evaluation:
        check_row(row, objects, None, unknown={"yak"})
    assert evaluation.gallery is None
    assert evaluation.whole.objects == len(objects) == 37
    assert evaluation.whole.without_relevant == evaluation.whole.unknown_class == 1
    assert evaluation["left"].without_subset > 0
    assert 0.5 < evaluation["left"].recall[1] < evaluation.whole.recall[1]  # type: ignore[index]
    assert not evaluation.ami_sampled


def test_every_subset_in_a_gallery(rng: np.random.Generator) -> None:
    objects, gallery = table(rng, ["cat", "dog", "yak"] * 8), table(rng, ["cat", "dog", "owl"] * 5)
    evaluation = evaluate(SumOfParts(), objects, gallery=gallery, seed=5)
    assert len(evaluation) == 7
    for row in evaluation:
        check_row(row, objects, gallery, unknown={"yak"}, seed=5)
    assert evaluation.gallery == 15
    assert evaluation.whole.without_relevant == evaluation.whole.unknown_class == 8


def test_only_the_subsets_that_are_asked_for(rng: np.random.Generator) -> None:
    objects = table(rng, ["cat", "dog"] * 6)
    evaluation = evaluate(SumOfParts(), objects, subsets=["top", ("top", "left"), ["left", "top"], NAMES], ks=(2,))
    assert [row.subset for row in evaluation] == [NAMES, ("top",), ("left", "top")]
    assert evaluation["top", "left"].recall == pytest.approx({2: evaluation["left + top"].recall[2]})  # type: ignore[index]
    everything = evaluate(SumOfParts(), objects, ks=(2,))
    assert evaluation["top"] == everything["top"]


def test_an_object_without_anything_is_no_query_and_in_no_gallery(rng: np.random.Generator) -> None:
    objects = table(rng, ["cat", "dog"] * 10, missing=0.6).only("right")
    has = objects.present.any(axis=1)
    assert 0 < has.sum() < 20
    want = replace(evaluate(SumOfParts(), objects[has]).whole, without_subset=np.count_nonzero(~has))
    assert evaluate(SumOfParts(), objects).whole == want


def test_a_subset_that_nobody_has(rng: np.random.Generator) -> None:
    objects = table(rng, ["cat", "dog"] * 5, missing=0.0).only(["left", "right"])
    assert evaluate(SumOfParts(), objects)["top"] == SubsetScores(("top",), objects=0, without_subset=10)


def test_what_cannot_be_scored_is_none(rng: np.random.Generator) -> None:
    yaks = evaluate(SumOfParts(), table(rng, ["yak"] * 4)).whole
    assert (yaks.accuracy, yaks.balanced_accuracy, yaks.macro_f1, yaks.ami) == (None, None, None, None)
    assert yaks.unknown_class == 4
    assert yaks.recall == {1: 1.0, 5: 1.0, 10: 1.0}
    alone = evaluate(SumOfParts(), table(rng, ["cat", "dog"])).whole
    assert (alone.recall, alone.map_at_r, alone.r_precision, alone.without_relevant) == (None, None, None, 2)
    assert alone.accuracy is not None


def test_a_class_is_known_by_value_and_labels_of_another_kind_are_refused(rng: np.random.Generator) -> None:
    model = SumOfParts()
    model.classes_ = np.array([1, 2, 3])
    objects = table(rng, ["cat", "dog"] * 4)
    with pytest.raises(InputError, match=r"want labels that are numbers.* got text"):
        evaluate(model, objects.with_labels(["1", "2"] * 4))
    assert evaluate(model, objects.with_labels([1, 9] * 4)).whole.unknown_class == 4


def test_a_model_that_learnt(rng: np.random.Generator) -> None:
    objects = table(rng, ["cat", "dog", "owl"] * 10)
    model = sr.SphereEmbedder(embedding_dim=8, width=8, epochs=2, device="cpu", verbose=False).fit(objects)
    evaluation = sr.evaluate(model, objects)
    assert isinstance(evaluation, Evaluation)
    assert evaluation.whole.accuracy == pytest.approx(model.score(objects))
    assert [row.objects for row in evaluation][-3:] == objects.present.sum(axis=0).tolist()


def test_up_to_six_modalities_all_subsets_are_chosen() -> None:
    for number in range(1, 7):
        chosen = choose_subsets("abcdef"[:number], max_subsets=63, seed=0)
        assert len(set(chosen)) == len(chosen) == 2**number - 1
        assert chosen[0] == tuple("abcdef"[:number])
        assert [len(subset) for subset in chosen] == sorted((len(subset) for subset in chosen), reverse=True)


@pytest.mark.parametrize(
    ("number", "max_subsets", "count"), [(7, 63, 63), (12, 63, 63), (40, 63, 81), (4, 14, 14), (4, 1, 9)]
)
def test_more_are_sampled(number: int, max_subsets: int, count: int) -> None:
    names = [f"m{place:02}" for place in range(number)]
    chosen = choose_subsets(names, max_subsets=max_subsets, seed=1)
    assert len(set(chosen)) == len(chosen) == count
    must = {tuple(names), *((name,) for name in names), *(tuple(n for n in names if n != name) for name in names)}
    assert must <= set(chosen)
    assert all(list(subset) == sorted(subset) for subset in chosen)
    assert chosen == choose_subsets(names, max_subsets=max_subsets, seed=1)
    if count > len(must) and count < 2**number - 2:
        assert chosen != choose_subsets(names, max_subsets=max_subsets, seed=2)
        assert {len(subset) for subset in chosen} == set(range(1, number + 1))


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (slice(0, 1), {}, r"objects: want at least 2 objects, got 1\. Pass more objects, or a gallery"),
        (slice(0, 0), {"gallery": slice(0, 4)}, "objects: want at least one object, got 0"),
        (slice(0, 4), {"gallery": slice(0, 0)}, "gallery: want at least one object, got 0"),
        (slice(0, 4), {"subsets": ["up"]}, "subsets, 'up': want modalities of left, right, top, got 'up'"),
        (slice(0, 4), {"subsets": [()]}, r"subsets, \(\): .* got none"),
        (slice(0, 4), {"max_subsets": 0}, "max_subsets: want a whole number from 1, got 0"),
        (slice(0, 4), {"ks": (0,)}, "ks: want"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    rng: np.random.Generator, rows: slice, options: dict[str, Any], says: str
) -> None:
    objects = table(rng, ["cat", "dog"] * 2)
    if "gallery" in options:
        options = {"gallery": objects[options["gallery"]]}
    with pytest.raises(InputError, match=says):
        evaluate(SumOfParts(), objects[rows], **options)


def test_a_table_without_labels_is_refused(rng: np.random.Generator) -> None:
    columns = {name: rng.normal(size=(3, 4)) for name in NAMES}
    with pytest.raises(InputError, match="want labels in column 'kind'"):
        evaluate(SumOfParts(), sr.read_objects(columns, SCHEMA, labelled=False))
