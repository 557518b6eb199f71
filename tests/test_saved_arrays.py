"""Every array of a saved preprocessor in turn as something else: refused, or vectors that are vectors."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, Likeness
from steradian.errors import SavedModelError
from steradian.fitted_model import FittedModel
from steradian.modalities.pretrained import FittedPretrained
from steradian.saved_arrays import check_preprocessor
from steradian.saved_model import load_model, save_model

OPTIONS: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False}
OTHERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "empty": lambda array: array[:0],
    "NaN": lambda array: np.full(array.shape, np.nan, array.dtype if array.dtype.kind == "f" else np.float32),
    "other type": lambda array: array.astype(np.float32 if array.dtype != np.float32 else np.float64),
    "other shape": lambda array: np.concatenate([array, array[-1:]]) if array.size else np.ones((3, 2), array.dtype),
    "huge": lambda array: np.full_like(array, np.finfo(array.dtype).max if array.dtype.kind == "f" else 100),
    "negative": lambda array: (-1.0 * array - 1).astype(array.dtype),
    "transposed": lambda array: np.ascontiguousarray(array.T),
}
SCHEMA = sr.Schema(
    {
        "vector": sr.Vector("x"),
        "title": sr.Text("title"),
        "specs": sr.Tabular(numeric=["price", "day"], categorical=["color"]),
        "photo": sr.Image("photo", size=8),
        "motion": sr.Series("motion"),
        "sound": sr.Audio("sound", rate=8000),
    }
)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    """A few objects of all kinds of modality."""
    rng, kinds = np.random.default_rng(0), np.arange(12) % 3
    return {
        "x": list(np.eye(4)[kinds] + 0.1 * rng.normal(size=(12, 4))),
        "title": [f"thing {kind} {number}" for number, kind in enumerate(kinds)],
        "price": kinds + rng.normal(size=12),
        "day": np.datetime64("2020-01-01") + 9 * kinds + np.arange(12),
        "color": np.array(["red", "blue", "green"])[kinds],
        "photo": [np.uint8(rng.integers(60, size=(8, 8, 3)) + 80 * kind) for kind in kinds],
        "motion": [np.float32(rng.normal(size=(8, 2)) + kind) for kind in kinds],
        "sound": [(np.sin(np.arange(800, dtype=np.float32) * (0.1 + 0.3 * kind)), 8000) for kind in kinds],
        "label": kinds,
    }


@pytest.fixture(scope="module")
def objects(table: dict[str, Any]) -> sr.ObjectTable:
    return sr.read_objects(table, SCHEMA)


@pytest.fixture(scope="module")
def alone(table: dict[str, Any]) -> dict[str, sr.ObjectTable]:
    """One object that has nothing but a modality, for each of them."""
    found = {}
    for name, modality in SCHEMA.modalities.items():
        columns = {column: cells if column in modality.columns else [None] * 12 for column, cells in table.items()}
        found[name] = sr.read_objects({**columns, "label": table["label"]}, SCHEMA)[:1]
    return found


@pytest.fixture(scope="module")
def model(objects: sr.ObjectTable) -> FittedModel:
    return sr.SphereEmbedder(**OPTIONS, epochs=0).fit(objects).fitted_


@pytest.fixture(scope="module")
def network(objects: sr.ObjectTable) -> FittedModel:
    """A network alone."""
    return sr.SphereEmbedder(**OPTIONS, closed_form=False, epochs=0).fit(objects).fitted_


def arrays_of(value: Any, other: Callable[[np.ndarray], np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """What its arrays become, those that stay the same left out."""
    for field in fields(value):
        array = getattr(value, field.name)
        if isinstance(array, np.ndarray) and (changed := other(array)) is not array:
            yield field.name, changed


def other_preprocessors(
    preprocessor: Preprocessor, other: Callable[[np.ndarray], np.ndarray]
) -> Iterator[tuple[str, Preprocessor]]:
    """The same with one array changed, for each array in turn."""
    form = preprocessor.closed_form
    for name, fitted in preprocessor.modalities.items():
        for field, array in arrays_of(fitted, other):
            changed = {**preprocessor.modalities, name: replace(fitted, **{field: array})}  # type: ignore[type-var]
            yield f"{name}, {field}", Preprocessor(changed, form)
        if form is None:
            continue
        linear = form.maps[name]
        maps = [(field, replace(linear, **{field: array})) for field, array in arrays_of(linear, other)]
        for field, array in arrays_of(linear.features, other):
            features: Any = replace(linear.features, **{field: array})  # type: ignore[type-var]
            maps.append((f"features, {field}", replace(linear, features=features)))
        for field, changed_map in maps:
            changed_form = ClosedForm({**form.maps, name: changed_map}, form.embedding_dim)
            yield f"{name}, {field}", Preprocessor(preprocessor.modalities, changed_form)


def shapes(preprocessor: Preprocessor) -> list[Any]:
    form = preprocessor.closed_form
    values = [*preprocessor.modalities.values(), *(form.maps.values() if form is not None else ())]
    values += [linear.features for linear in form.maps.values()] if form is not None else []
    return [(name, array.dtype, array.shape) for value in values for name, array in arrays_of(value, np.copy)]


@pytest.mark.parametrize("kind", ["model", "network"])
@pytest.mark.parametrize("other", OTHERS)
def test_an_array_that_is_something_else_is_refused_or_makes_vectors(
    kind: str, other: str, alone: dict[str, sr.ObjectTable], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fitted: FittedModel = request.getfixturevalue(kind)
    refused, tried = 0, 0
    for where, preprocessor in other_preprocessors(fitted.preprocessor, OTHERS[other]):
        tried += 1
        one = alone[where.split(", ")[0]]
        try:
            check_preprocessor(preprocessor, SCHEMA)
            save_model(replace(fitted, preprocessor=preprocessor), tmp_path, inputs={})
            loaded, _ = load_model(tmp_path, device="cpu")
        except (ValueError, SavedModelError) as error:
            assert where.split(", ")[0] in str(error) or "weights that it describes" in str(error)
            refused += 1
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = loaded.vectors(one)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4, err_msg=where)
        # Values of the same type and shape may say something else; other types and shapes must not.
        if shapes(preprocessor) != shapes(fitted.preprocessor):
            np.testing.assert_array_equal(found, fitted.vectors(one), err_msg=where)
    assert tried >= (1 if other == "transposed" else 15) and refused >= (0 if other == "transposed" else tried // 3)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        *(("vector", "features.widths", value) for value in ([], [1.0], [1.0, 0.0], [-1.0, 1.0], [1.0, np.nan])),
        *(("specs", "edges", value) for value in ([], [[0.0, 1.0]] * 3, [[1.0, 0.0]] * 8, [[1.0]] * 8, [[]] * 8)),
        *(("specs", "vocabularies", value) for value in ([], [["red", "red"]], [["red"], ["blue"]])),
        *(
            ("specs", "hashed", []),
            ("specs", "numeric", ["price"]),
            ("specs", "dates", [False]),
            ("specs", "dates", []),
        ),
        *(("photo", "size", 16), ("photo", "column", "image"), ("sound", "rate", 16000)),
        *(
            ("motion", "patch", 0),
            ("motion", "patch", 1 << 40),
            ("motion", "interval", 0.0),
            ("motion", "interval", -1.0),
        ),
        *(("motion", "features.weight", -1.0), ("sound", "features.std", 0.0), ("title", "features.sums", 7)),
        *(
            ("title", "likeness", Likeness(*value))
            for value in ((7, 2, 1.0), (-1, 2, 1.0), (0, 0, 1.0), (0, 2, -1.0), (0, 2, 1e300))
        ),
    ],
)
def test_a_plain_value_that_cannot_be_is_refused(model: FittedModel, name: str, field: str, value: Any) -> None:
    modalities, form = dict(model.preprocessor.modalities), model.preprocessor.closed_form
    assert form is not None
    maps = dict(form.maps)
    check_preprocessor(Preprocessor(modalities, ClosedForm(maps, 8)), SCHEMA)
    if field.startswith("features."):
        features: Any = replace(maps[name].features, **{field.removeprefix("features."): value})  # type: ignore[type-var]
        maps[name] = replace(maps[name], features=features)
    elif field == "likeness":
        maps[name] = replace(maps[name], likeness=value)
    else:
        modalities[name] = replace(modalities[name], **{field: value})  # type: ignore[type-var]
    with pytest.raises(ValueError, match=name):
        check_preprocessor(Preprocessor(modalities, ClosedForm(maps, 8)), SCHEMA)


def test_what_a_modality_became_is_of_its_kind(model: FittedModel) -> None:
    modalities, form = model.preprocessor.modalities, model.preprocessor.closed_form
    assert form is not None
    for one, two in permutations(modalities, 2):
        with pytest.raises(ValueError, match=f"{one} as {type(modalities[two]).__name__}, where the schema has"):
            check_preprocessor(Preprocessor({**modalities, one: modalities[two]}), SCHEMA)
        if type(form.maps[one].features) is not type(form.maps[two].features):
            swapped = ClosedForm({**form.maps, one: form.maps[two]}, 8)
            with pytest.raises(ValueError, match=one):
                check_preprocessor(Preprocessor(modalities, swapped), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "image"}, {"sizes": {"a": 3, "b": -1}}, {"sizes": {"a": 3}}, {"pooling": "cls"}, {"std": np.zeros(2)}],
)
def test_an_encoder_is_whole(wrong: dict[str, Any]) -> None:
    schema = sr.Schema({"title": sr.Text("title", encoder="folder")})
    fitted = FittedPretrained("text", "title", "mean", {"a": 2}, np.zeros(2, np.uint8), np.zeros(2), np.ones(2))
    check_preprocessor(Preprocessor({"title": fitted}), schema)
    with pytest.raises(ValueError, match="title"):
        check_preprocessor(Preprocessor({"title": replace(fitted, **wrong)}), schema)


def test_a_load_names_the_array(model: FittedModel, tmp_path: Path) -> None:
    modalities = dict(model.preprocessor.modalities)
    modalities["vector"] = replace(modalities["vector"], std=-np.ones(4))  # type: ignore[call-arg]
    save_model(replace(model, preprocessor=replace(model.preprocessor, modalities=modalities)), tmp_path, inputs={})
    with pytest.raises(
        SavedModelError, match=r"vector, std: values from -1\.0 to -1\.0, where float64 4 from .* is due"
    ):
        load_model(tmp_path, device="cpu")
