from typing import Any

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.training.fit_identity import fit_identity
from steradian.training.object_weights import weighed_objects


def identity(columns: dict[str, Any] | None = None, **options: Any) -> dict[str, str]:
    table = {"text": ["red", "blue"], "size": [[1.0], [2.0]], "label": ["a", "b"]} | (columns or {})
    schema = sr.Schema({"text": sr.Text("text"), "size": sr.Vector("size")}, label="label")
    return fit_identity(sr.read_objects(table, schema), None, ModelConfig(), TrainingConfig(**options))


def changed(first: dict[str, str], second: dict[str, str]) -> list[str]:
    return [name for name in first if first[name] != second[name]]


def test_the_same_fit_is_the_same_and_another_tells_in_what_it_differs() -> None:
    assert changed(identity(), identity()) == []
    assert changed(identity(), identity(margin=0.1, epochs=3)) == ["epochs", "margin"]
    for other in ({"text": ["red", "green"]}, {"size": [[1.0], [2.5]]}, {"label": ["a", "c"]}):
        assert changed(identity(), identity(other)) == ["table"]


def test_weights_count_as_well() -> None:
    objects = sr.read_objects({"size": [[1.0], [2.0]], "label": ["a", "b"]}, sr.Schema({"size": sr.Vector("size")}))
    found = [
        fit_identity(weighed_objects(objects, weights, None), None, ModelConfig(), TrainingConfig())
        for weights in (None, [1, 1], [1, 2], [1, 3])
    ]
    assert changed(found[0], found[1]) == []
    assert changed(found[0], found[2]) == changed(found[2], found[3]) == ["table"]


def test_a_validation_table_counts_as_well() -> None:
    objects = sr.read_objects(
        {"size": [[1.0], [2.0]], "label": ["a", "b"]}, sr.Schema({"size": sr.Vector("size")}, label="label")
    )
    configs = ModelConfig(), TrainingConfig()
    assert changed(fit_identity(objects, None, *configs), fit_identity(objects, objects, *configs)) == ["table"]
