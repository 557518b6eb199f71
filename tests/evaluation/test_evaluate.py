"""Evaluation of a small transparent model: every score beside its metric, every object that is left out counted."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.evaluation import Evaluation, SubsetScores, evaluate
from steradian.metrics import accuracy, balanced_accuracy, clustering_ami, macro_f1, retrieval_scores

NAMES = ("left", "right", "top")


def check_row(
    model: Any,
    row: SubsetScores,
    objects: sr.ObjectTable,
    gallery: sr.ObjectTable | None,
    *,
    unknown: set[str],
    random_state: int = 0,
    max_queries: int | None = None,
) -> None:
    """One row of an evaluation, score by score from the metrics."""
    ((_, rows, vectors),) = model.transform_subsets(objects, [row.subset])
    labels = objects.labels[rows]
    searched = objects if gallery is None else gallery
    retrieval = retrieval_scores(
        vectors,
        labels,
        model.transform(searched),
        searched.labels,
        exclude=rows if gallery is None else None,
        max_queries=max_queries,
    )
    assert (row.objects, row.without_subset) == (len(rows), len(objects) - len(rows))
    assert (row.recall, row.map_at_r, row.r_precision) == (retrieval.recall, retrieval.map_at_r, retrieval.r_precision)
    assert row.without_relevant == retrieval.without_relevant
    assert (row.queries, row.recall_errors) == (retrieval.queries, retrieval.recall_errors)
    assert (row.map_at_r_error, row.r_precision_error) == (retrieval.map_at_r_error, retrieval.r_precision_error)
    known = ~np.isin(labels, list(unknown))
    predicted = model.predict_vectors(vectors)[known]
    assert row.unknown_class == np.count_nonzero(~known)
    assert row.accuracy == accuracy(labels[known], predicted)
    assert row.balanced_accuracy == balanced_accuracy(labels[known], predicted)
    assert row.macro_f1 == macro_f1(labels[known], predicted)
    assert row.ami == clustering_ami(vectors, labels, random_state=random_state)


def test_of_many_objects_some_are_drawn_and_the_table_says_so(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 12 + ["yak"])
    evaluation, whole = evaluate(model, objects, max_queries=20), evaluate(model, objects)
    for row in evaluation:
        check_row(model, row, objects, None, unknown={"yak"}, max_queries=20 if row is evaluation.whole else 5)
    assert evaluation.whole.drawn and evaluation.whole.map_at_r_error > 0  # type: ignore[operator]
    assert evaluation.floor is not None and evaluation.floor.queries == 20
    assert "Searched for 20, in other rows for 5 drawn objects" in " ".join(repr(evaluation).split())
    assert not whole.whole.drawn and "drawn" not in repr(whole)


def test_where_starts_of_k_means_are_tried_the_table_says_so(
    model, make_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steradian.metrics.clustering._LEAST_TRIED", 8)
    monkeypatch.setattr("steradian.metrics.clustering._TRIED_A_CLUSTER", 2)
    objects = make_table(["cat", "dog", "owl"] * 12)
    tried, whole = (evaluate(model, objects, max_queries=most, subsets=["top"], floor="none") for most in (40, None))
    assert (tried.ami_tried, whole.ami_tried) == (True, False)
    vectors = model.transform(objects)
    assert tried.whole.ami == clustering_ami(vectors, objects.labels, trial=True)
    assert whole.whole.ami == clustering_ami(vectors, objects.labels)


def test_of_many_objects_and_classes_only_drawn_ones_are_predicted(
    model, make_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steradian.evaluation.scoring.MOST_COSINES", 20 * len(model.classes_))
    objects = make_table(["cat", "dog", "owl"] * 12)
    whole, drawn = evaluate(model, objects, max_queries=None), evaluate(model, objects, max_queries=4)
    assert (whole.classified, drawn.classified) == (None, 20)
    chosen = np.sort(np.random.default_rng(0).choice(36, size=20, replace=False))
    right = model.predict_vectors(model.transform(objects)[chosen]) == objects.labels[chosen]
    assert drawn.whole.accuracy == pytest.approx(right.mean())


def test_every_subset_leave_one_out(model, make_table) -> None:
    # One yak: no other to find, and a class the model does not know.
    objects = make_table(["cat", "dog", "owl"] * 12 + ["yak"])
    evaluation = evaluate(model, objects)
    everything = [subset for size in (3, 2, 1) for subset in combinations(NAMES, size)]
    assert [row.subset for row in evaluation] == everything
    for row in evaluation:
        check_row(model, row, objects, None, unknown={"yak"})
    assert evaluation.gallery is None
    assert evaluation.whole.objects == len(objects) == 37
    assert evaluation.whole.without_relevant == evaluation.whole.unknown_class == 1
    assert evaluation["left"].without_subset > 0
    assert 0.5 < evaluation["left"].recall[1] < evaluation.whole.recall[1]  # type: ignore[index]
    assert not evaluation.ami_sampled


def test_every_subset_in_a_gallery(model, make_table) -> None:
    objects, gallery = make_table(["cat", "dog", "yak"] * 8), make_table(["cat", "dog", "owl"] * 5)
    evaluation = evaluate(model, objects, gallery=gallery, random_state=5)
    assert len(evaluation) == 7
    for row in evaluation:
        check_row(model, row, objects, gallery, unknown={"yak"}, random_state=5)
    assert evaluation.gallery == 15
    assert evaluation.whole.without_relevant == evaluation.whole.unknown_class == 8


def test_only_the_subsets_that_are_asked_for(model, make_table) -> None:
    objects = make_table(["cat", "dog"] * 6)
    evaluation = evaluate(model, objects, subsets=["top", ("top", "left"), ["left", "top"], NAMES], ks=(2,))
    assert [row.subset for row in evaluation] == [NAMES, ("top",), ("left", "top")]
    assert evaluation["top", "left"].recall == pytest.approx({2: evaluation["left + top"].recall[2]})  # type: ignore[index]
    everything = evaluate(model, objects, ks=(2,))
    assert evaluation["top"] == everything["top"]


def test_an_object_without_anything_is_no_query_and_in_no_gallery(model, make_table) -> None:
    objects = make_table(["cat", "dog"] * 10, missing=0.6).only("right")
    has = objects.present.any(axis=1)
    assert 0 < has.sum() < 20
    want = replace(evaluate(model, objects[has]).whole, without_subset=np.count_nonzero(~has))
    assert evaluate(model, objects).whole == want


def test_a_subset_that_nobody_has(model, make_table) -> None:
    objects = make_table(["cat", "dog"] * 5, missing=0.0).only(["left", "right"])
    assert evaluate(model, objects)["top"] == SubsetScores(("top",), objects=0, without_subset=10)


def test_what_cannot_be_scored_is_none(model, make_table) -> None:
    yaks = evaluate(model, make_table(["yak"] * 4)).whole
    assert (yaks.accuracy, yaks.balanced_accuracy, yaks.macro_f1, yaks.ami) == (None, None, None, None)
    assert yaks.unknown_class == 4
    assert yaks.recall == {1: 1.0, 5: 1.0, 10: 1.0}
    alone = evaluate(model, make_table(["cat", "dog"])).whole
    assert (alone.recall, alone.map_at_r, alone.r_precision, alone.without_relevant) == (None, None, None, 2)
    assert alone.accuracy is not None


def test_a_class_is_known_by_value_and_labels_of_another_kind_are_refused(model, make_table) -> None:
    model.classes_ = np.array([1, 2, 3])
    objects = make_table(["cat", "dog"] * 4)
    with pytest.raises(InputError, match=r"want labels that are numbers.* got text"):
        evaluate(model, objects.with_labels(["1", "2"] * 4))
    assert evaluate(model, objects.with_labels([1, 9] * 4)).whole.unknown_class == 4


def test_a_model_that_learnt(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 10)
    model = sr.SphereEmbedder(embedding_dim=8, width=8, epochs=2, device="cpu", verbose=False).fit(objects)
    evaluation = sr.evaluate(model, objects)
    assert isinstance(evaluation, Evaluation)
    assert evaluation.whole.accuracy == pytest.approx(model.score(objects))
    assert [row.objects for row in evaluation][-3:] == objects.present.sum(axis=0).tolist()
    certificates = model.certify(objects)
    assert evaluation.certified == certificates.share
    right = certificates.certified & (certificates.predicted == objects.labels)
    assert evaluation.certified_right == right.mean() <= evaluation.whole.accuracy


def test_a_fusion_that_promises_nothing_is_evaluated_without_certificates(model, make_table) -> None:
    objects = make_table(["cat", "dog"] * 5)
    options = {"embedding_dim": 4, "width": 8, "heads": 2, "epochs": 1, "verbose": False}
    free = sr.SphereEmbedder(fusion="free", **options).fit(objects)
    evaluation = sr.evaluate(free, objects)
    assert evaluation.certified is evaluation.certified_right is None
    assert "Certified" not in str(evaluation)


# -- Patterns of present modalities


def patterns_of(objects: sr.ObjectTable) -> Counter[tuple[str, ...]]:
    return Counter(tuple(name for name, has in zip(NAMES, row, strict=True) if has) for row in objects.present)


def test_each_pattern_is_scored_as_a_table_of_its_own(model, make_table) -> None:
    objects, gallery = make_table(["cat", "dog", "owl", "yak"] * 20), make_table(["cat", "dog", "owl"] * 5)
    found = evaluate(model, objects, gallery=gallery).patterns
    counts = patterns_of(objects)
    assert {row.subset: row.objects for row in found} == counts
    assert [row.objects for row in found] == sorted(counts.values(), reverse=True)
    for row in found:
        alone = objects[(objects.present == np.isin(NAMES, row.subset)).all(axis=1)]
        expected = evaluate(model, alone, gallery=gallery).whole
        assert row == replace(expected, subset=row.subset, without_subset=80 - len(alone))


def test_patterns_are_searched_among_all_other_objects_where_there_is_no_gallery(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 12)
    vectors, labels = model.transform(objects), objects.labels
    for row in evaluate(model, objects).patterns:
        rows = np.flatnonzero((objects.present == np.isin(NAMES, row.subset)).all(axis=1))
        expected = retrieval_scores(vectors[rows], labels[rows], vectors, labels, exclude=rows)
        assert (row.recall, row.map_at_r) == (expected.recall, expected.map_at_r)
        assert row.accuracy == accuracy(labels[rows], model.predict_vectors(vectors[rows]))


def test_rare_patterns_are_joined(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 30)
    counts = patterns_of(objects).most_common()
    assert len(counts) == 7
    *frequent, rest = evaluate(model, objects, max_patterns=4).patterns
    assert [row.objects for row in frequent] == [count for _, count in counts[:3]]
    assert (rest.subset, rest.name) == ((), "other patterns")
    assert rest.objects == 90 - sum(row.objects for row in frequent)
    mean = sum(row.objects * (row.accuracy or 0) for row in (*frequent, rest)) / 90
    assert mean == pytest.approx(evaluate(model, objects).whole.accuracy)


def test_the_tables_own_order_of_modalities_does_not_matter(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl"] * 8)
    modalities = {name: model.schema_.modalities[name] for name in ("top", "left", "right")}
    turned = sr.read_objects(dict(objects.columns), sr.Schema(modalities, label="kind"))
    assert evaluate(model, turned) == evaluate(model, objects)


def test_nothing_is_shown_of_a_short_evaluation_in_a_pipe(model, make_table, capsys) -> None:
    evaluate(model, make_table(["cat", "dog"] * 4))
    assert capsys.readouterr() == ("", "")


def test_a_long_one_names_its_steps(model, make_table, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.progress_bar.SECONDS_BETWEEN_LINES", -1.0)
    objects = make_table(["cat", "dog"] * 4, missing=0.0).only(["left", "top"])
    evaluate(model, objects, subsets=["top"], gallery=objects, verbose=True)
    out, lines = capsys.readouterr()
    assert out == ""
    assert [line.split(", ")[-1] for line in lines.splitlines()] == [
        "embedding the gallery",
        "embedding the objects",
        "left + right + top",
        "top",
        "left + top",
        "a plain baseline",
    ]
    assert lines.splitlines()[-1].startswith("evaluating: 5 of 6, ")
    evaluate(model, objects, subsets=["top"], verbose=False)
    assert capsys.readouterr() == ("", "")


# -- What a user may get wrong


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (slice(0, 1), {}, r"objects: want at least 2 objects, got 1\. Pass more objects, or a gallery"),
        (slice(0, 0), {"gallery": slice(0, 4)}, "objects: want at least one object, got 0"),
        (slice(0, 4), {"gallery": slice(0, 0)}, "gallery: want at least one object, got 0"),
        (slice(0, 4), {"subsets": ["up"]}, "subsets, 'up': want modalities of left, right, top, got 'up'"),
        (slice(0, 4), {"subsets": [()]}, r"subsets, \(\): .* got none"),
        (slice(0, 4), {"max_subsets": 0}, "max_subsets: want an integer from 1, got 0"),
        (slice(0, 4), {"max_patterns": 0}, "max_patterns: want an integer from 1, got 0"),
        (slice(0, 4), {"ks": (0,)}, "ks: want"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    model, make_table, rows: slice, options: dict[str, Any], says: str
) -> None:
    objects = make_table(["cat", "dog"] * 2)
    if "gallery" in options:
        options = {"gallery": objects[options["gallery"]]}
    with pytest.raises(InputError, match=says):
        evaluate(model, objects[rows], **options)


def test_a_table_without_labels_is_refused(model, rng: np.random.Generator) -> None:
    columns = {name: rng.normal(size=(3, 4)) for name in NAMES}
    with pytest.raises(InputError, match="want labels in column 'kind'"):
        evaluate(model, sr.read_objects(columns, model.schema_, labelled=False))
