"""What cannot be explained is refused, for certificates and ledgers alike."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.explanation.gated import class_numbers, encode_objects

Ask = Callable[[sr.SphereEmbedder, Any], Any]

each_question = pytest.mark.parametrize(
    "ask", [lambda model, X: model.certify(X), lambda model, X: model.explain(X)], ids=["certify", "explain"]
)


@each_question
def test_a_free_fusion_is_refused_with_the_reason(free, make_objects, ask: Ask) -> None:
    with pytest.raises(sr.ConfigError, match=r'fusion="free".*Fit again with fusion="certified"'):
        ask(free, make_objects(1))


@each_question
def test_nothing_and_objects_without_anything_are_refused(certified, make_objects, ask: Ask) -> None:
    objects = make_objects(1)
    with pytest.raises(sr.InputError, match="0 objects"):
        ask(certified, objects[[]])
    bare = objects.only("a")
    first = int(np.flatnonzero(~bare.present.any(axis=1))[0])
    with pytest.raises(sr.InputError, match=f"row {first} "):
        ask(certified, bare)


@each_question
def test_other_tables_and_a_model_without_a_fit_are_refused(certified, make_objects, ask: Ask) -> None:
    with pytest.raises(NotFittedError):
        ask(sr.SphereEmbedder(), make_objects(1))
    with pytest.raises(sr.InputError):
        ask(certified, {"z": [1.0]})


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(certified, make_objects, batch_size: int) -> None:
    for ask in (certified.certify, certified.explain):
        with pytest.raises(sr.InputError, match=f"batch_size={batch_size}"):
            ask(make_objects(1), batch_size=batch_size)


def test_modalities_in_another_order_are_the_same(certified, make_objects) -> None:
    objects = make_objects(2, 20)
    schema = sr.Schema(dict(reversed(objects.schema.modalities.items())), id="id")
    turned = sr.read_objects(dict(objects.columns), schema)
    np.testing.assert_allclose(certified.certify(turned).leads, certified.certify(objects).leads, atol=1e-5)
    np.testing.assert_allclose(certified.explain(turned).gates, certified.explain(objects).gates, atol=1e-5)


def test_every_row_comes_once_and_in_order(certified, make_objects) -> None:
    objects = make_objects(3, 20)
    parts = list(encode_objects(certified, objects, batch_size=7, where="here"))
    assert np.concatenate([rows for rows, _ in parts]).tolist() == list(range(20))
    assert [len(encoded.present) for _, encoded in parts] == [7, 7, 6]


def test_class_numbers_are_places_among_the_classes(certified, make_objects) -> None:
    vectors = certified.transform(make_objects(3, 20))
    numbers = class_numbers(certified, vectors)
    np.testing.assert_array_equal(certified.classes_[numbers], certified.predict_vectors(vectors))
