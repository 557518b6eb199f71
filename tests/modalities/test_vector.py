"""Vectors in every form of column, their mistakes, and their standardisation."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.data.columns import from_cells, to_objects
from steradian.data.modality import ReadValues
from steradian.data.reading import read_objects
from steradian.data.schema import Schema
from steradian.errors import ConfigError, InputError
from steradian.modalities import Vector, vector
from steradian.modalities.vector import FittedVector

NAN, INF = float("nan"), float("inf")


def read(**columns: Any) -> ReadValues:
    arrays = {name: c if isinstance(c, np.ndarray) else to_objects(c) for name, c in columns.items()}
    return Vector(*columns).read(arrays)


def fit(matrix: Any) -> FittedVector:
    return Vector("x").fit({"values": np.array(matrix, dtype=np.float32)})  # type: ignore[return-value]


def prepare(fitted: FittedVector, matrix: Any) -> np.ndarray:
    matrix = np.array(matrix, dtype=np.float32)
    return fitted.prepare({"values": matrix}, np.arange(len(matrix)))(np.arange(len(matrix)))["values"]


# -- Reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    [
        np.array([[1, 2], [3, 4]]),
        np.array([[1, 2], [3, 4]], dtype=np.float16),
        np.array([[1, 2], [3, 4]], dtype=np.uint8),
        [[1, 2], [3, 4]],
        [(1, 2), np.array([3, 4])],
        [torch.tensor([1.0, 2.0]), torch.tensor([3, 4])],
    ],
)
def test_every_form_of_vectors_gives_the_same_matrix(column: Any) -> None:
    found = read(x=column)
    assert found.present.tolist() == [True, True]
    assert found.values["values"].dtype == np.float32
    assert found.values["values"].tolist() == [[1, 2], [3, 4]]


def test_numbers_and_truth_values_are_vectors_of_length_1() -> None:
    for column in (np.array([1.0, 0.0]), [1, 0], np.array([True, False]), [True, np.float32(0)]):
        assert read(x=column).values["values"].tolist() == [[1], [0]]


def test_columns_are_joined_in_the_order_of_the_schema() -> None:
    found = read(b=np.array([[1, 2], [3, 4]]), a=[5, 6], c=[[7], [8]])
    assert found.values["values"].tolist() == [[1, 2, 5, 7], [3, 4, 6, 8]]


def test_wholly_missing_rows() -> None:
    found = read(x=[[1, 2], None, [NAN, NAN], [None], NAN, []], y=np.array([[3], [NAN], [NAN], [NAN], [NAN], [NAN]]))
    assert found.present.tolist() == [True, False, False, False, False, False]
    assert found.values["values"][0].tolist() == [1, 2, 3]
    assert read(x=np.array([[1.0, 2.0], [NAN, NAN]])).present.tolist() == [True, False]


def test_a_column_without_any_vector() -> None:
    found = read(x=[None, [NAN, NAN]])
    assert found.present.tolist() == [False, False]
    assert found.values["values"].shape == (2, 1)


@pytest.mark.parametrize(
    ("columns", "got"),
    [
        ({"x": [[1, 2], [1, NAN]]}, "1 NaN of 2 entries"),
        ({"x": np.array([[1, 2, 3], [NAN, 2, NAN]])}, "2 NaN of 3 entries"),
        ({"x": [[1, 2], [1, None]]}, "1 NaN of 2 entries"),
        ({"x": [[1, 2], [1, 2]], "y": [[3], None]}, "1 NaN of 3 entries"),
    ],
)
def test_a_vector_that_is_partly_missing_is_refused_with_its_row(columns: dict[str, Any], got: str) -> None:
    where = rf"^row 1 \(counted from 0\), columns {', '.join(columns)}: want a vector that is whole.*got {got}"
    with pytest.raises(InputError, match=where):
        read(**columns)


@pytest.mark.parametrize("value", [INF, -INF, 1e39, -1e300])
def test_infinite_and_too_large_numbers_are_refused_with_their_row(value: float) -> None:
    for column in ([[1, 2], [1, value]], np.array([[1, 2], [value, 2]])):
        with pytest.raises(InputError, match=r"^row 1 \(counted from 0\), columns x: want finite float32"):
            read(x=column)


@pytest.mark.parametrize(
    "cell", ["red", b"blue", ["a", "b"], {"a": 1}, [[1], [2, 3]], 1j, np.array([1j]), "(3,4)", "1 2", ["4"], [10**400]]
)
def test_what_is_no_number_is_refused_with_its_row_and_column(cell: Any) -> None:
    with pytest.raises(
        InputError, match=r"^row 1 \(counted from 0\), column 'y': want numbers, got .*CSV as .\[1, 2\]"
    ):
        read(x=[1, 2, 3], y=[None, cell, 1])


@pytest.mark.parametrize("column", [np.array(["a", "b"]), np.array([1j, 2]), np.array(["2020-01-01"], "datetime64[D]")])
def test_a_column_of_another_type_is_refused(column: np.ndarray) -> None:
    with pytest.raises(InputError, match="column 'x': want numbers, got ") as caught:
        read(x=column)
    assert caught.value.got == str(column.dtype)


def test_dates_belong_to_tabular() -> None:
    with pytest.raises(InputError, match=r"Declare dates as Tabular\(numeric=\['day'\]\)"):
        read(day=np.array(["2020-01-01"], "datetime64[D]"))


def test_vectors_of_unequal_length_are_refused_with_two_of_their_rows() -> None:
    with pytest.raises(InputError, match=r"^column 'x' .*want vectors of one length, got ") as caught:
        read(x=[[1, 2, 3], None, [1, 2], [4, 5], [1, 2, 3]])
    assert caught.value.got == "3 entries in row 0 and 2 in row 2"


def test_a_schema_file_may_name_one_column_or_a_list() -> None:
    assert Vector.from_options({"columns": "omics"}) == Vector("omics")
    assert Vector.from_options({"columns": ["omics", "age"]}) == Vector("omics", "age")


def test_one_column_of_float32_is_not_copied() -> None:
    column = np.array([[1, 2], [NAN, NAN]], dtype=np.float32)
    assert np.shares_memory(read(x=column).values["values"], column)


# -- Standardising -----------------------------------------------------------------------------------------------------


def test_training_rows_get_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    matrix = rng.normal(size=(50, 3)) * [1, 1e-20, 1e20] + [0, 3e-20, -1e20]
    standardised = prepare(fit(matrix), matrix).astype(np.float64)
    np.testing.assert_allclose(standardised.mean(axis=0), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(standardised.std(axis=0), np.ones(3), rtol=1e-5)


def test_other_rows_are_measured_by_the_training_rows(rng: np.random.Generator) -> None:
    training, others = rng.normal(2, 3, size=(50, 3)), rng.normal(-5, 1, size=(4, 3))
    expected = (others - training.mean(axis=0)) / training.std(axis=0)
    np.testing.assert_allclose(prepare(fit(training), others), expected, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 7.0, 0.1, 1e30, 1e-40, -3.3e38])
def test_a_constant_feature_becomes_0_and_others_stay_measured(value: float) -> None:
    fitted = fit([[value], [value], [value]])
    assert fitted.std.tolist() == [1.0]
    assert prepare(fitted, [[value]]).tolist() == [[0.0]]


@pytest.mark.parametrize("chunk", [1, 20, 1 << 20])
def test_means_and_deviations_are_those_of_a_float64_copy(
    chunk: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector, "CHUNK", chunk)
    matrix = (rng.normal(size=(101, 4)) * [1, 1e-20, 1e20, 0] + [1000, 3e-20, -1e20, 0.1]).astype(np.float32)
    fitted, copy = fit(matrix), matrix.astype(np.float64)
    np.testing.assert_allclose(fitted.mean, copy.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(fitted.std, [*copy.std(axis=0)[:3], 1], rtol=1e-7)


def test_fit_and_prepare_need_little_memory_and_leave_the_values_alone(rng: np.random.Generator) -> None:
    matrix = rng.normal(size=(40_000, 100)).astype(np.float32)
    before, values, rows = matrix.copy(), {"values": matrix}, np.arange(len(matrix))
    tracemalloc.start()
    fitted = Vector("x").fit(values)
    of_fit = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    prepared = fitted.prepare(values, rows)
    of_prepare = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert of_fit < 3 * 8 * vector.CHUNK, "some chunks in float64, whatever the rows"
    assert of_prepare < 1.1 * matrix.nbytes, "the one copy that is returned"
    assert np.array_equal(matrix, before)
    assert len(prepared(rows[:3])["values"]) == 3


def test_what_is_far_from_the_training_rows_overflows_nowhere() -> None:
    fitted = fit([[1.0, 3e38], [3.0, 2e38]])
    found = prepare(fitted, [[3.3e38, 3e38], [-3.3e38, 1e38], [1.0, -3.3e38]])
    # The last difference is beyond float32 itself.
    expected = [[1e6, 1.0], [-1e6, -3.0], [-1.0, -11.6]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    tokens = fitted.tokenizer(8, 0.0)(torch.from_numpy(prepare(fitted, [[3.3e38, -3.3e38]]))).values
    assert torch.nn.functional.layer_norm(tokens, [8]).isfinite().all()


def test_a_single_training_row() -> None:
    assert prepare(fit([[1.0, 2.0]]), [[1.0, 4.0]]).tolist() == [[0.0, 2.0]]


@pytest.mark.parametrize("features", [1, 3])
def test_another_number_of_features_is_refused(features: int) -> None:
    with pytest.raises(InputError, match=rf"^row 5 .*want vectors of 2 features, as in training, got {features}"):
        fit([[1, 2], [3, 4]]).prepare({"values": np.zeros((2, features), np.float32)}, np.array([5, 6]))


def test_items_are_rows_in_any_order() -> None:
    fitted = fit([[0.0], [2.0]])
    items = fitted.prepare({"values": np.array([[0.0], [1.0], [2.0]], np.float32)}, np.arange(3))
    assert items(np.array([2, 0, 2]))["values"].tolist() == [[1.0], [-1.0], [1.0]]
    assert items(np.array([], dtype=np.int64))["values"].shape == (0, 1)


@pytest.mark.parametrize(
    "column",
    [
        [[[1, 2], [3, 4]], [[5, 6]], [7, 8], [], None],
        [np.array([[1, 2], [3, 4]]), [np.array([5, 6])], np.array([7, 8]), [None], np.zeros((0, 2))],
        [[[1, 2], None, [3, 4]], [[5, 6], [np.nan, np.nan]], [[7, 8]], [None, None], []],
    ],
)
def test_a_list_is_a_set_of_vectors(column: Any) -> None:
    objects = np.empty(len(column), dtype=object)
    objects[:] = column
    found = Vector("x").read({"x": objects})
    assert found.present.tolist() == [True, True, True, False, False]
    sets = found.values["values"][:3]
    assert [vectors.tolist() for vectors in sets] == [[[1, 2], [3, 4]], [[5, 6]], [[7, 8]]]
    fitted = Vector("x").fit({"values": sets})
    np.testing.assert_allclose(fitted.mean, [4, 5])
    batch = fitted.prepare({"values": sets}, np.arange(3))(np.array([2, 0]))
    assert batch["set_sizes"].tolist() == [1, 2]
    expected = (np.array([[7, 8], [1, 2], [3, 4]]) - fitted.mean) / fitted.std
    np.testing.assert_allclose(batch["values"], expected, rtol=1e-6)


def test_an_array_of_three_axes_is_sets_of_equal_size() -> None:
    found = Vector("x").read({"x": np.arange(12.0).reshape(2, 3, 2)})
    assert [vectors.shape for vectors in found.values["values"]] == [(3, 2), (3, 2)]


def test_a_mistake_in_a_set_names_its_row() -> None:
    column = np.empty(2, dtype=object)
    column[:] = [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [np.inf, 1.0]]]
    with pytest.raises(InputError, match="row 1"):
        Vector("x").read({"x": column})
    column[:] = [[[1.0, 2.0]], [[1.0, 2.0], [3.0]]]
    with pytest.raises(InputError, match="and 1 in row 1"):
        Vector("x").read({"x": column})


def test_a_set_of_vectors_knows_no_order_and_no_doubles() -> None:
    column = [[[1.0, 2.0], [3.0, 1.0]], [[3.0, 1.0], [1.0, 2.0]], [[1.0, 2.0]], [[1.0, 2.0], [1.0, 2.0]]] * 3
    objects = sr.read_objects({"x": column, "label": ["a", "b", "c", "d"] * 3}, sr.Schema({"x": sr.Vector("x")}))
    model = sr.SphereEmbedder(8, epochs=2, verbose=False).fit(objects)
    first, swapped, one, twice = model.transform(objects[:4])
    np.testing.assert_allclose(first, swapped, atol=1e-6)
    np.testing.assert_allclose(one, twice, atol=1e-6)
    assert np.abs(first - one).max() > 1e-3


FAR = {
    "int32": lambda seconds: seconds.astype(np.int32),
    "uint32": lambda seconds: seconds.astype(np.uint32),
    "int64": lambda seconds: seconds.astype(np.int64),
    "floats": lambda seconds: seconds,
    "lists": lambda seconds: [[second] for second in seconds.tolist()],
    "arrays of int32": lambda seconds: [np.array([second], dtype=np.int32) for second in seconds],
    "ragged gaps": lambda seconds: [None, *([int(second)] for second in seconds[1:])],
    "sets": lambda seconds: [[[second]] for second in seconds.tolist()],
}


@pytest.mark.parametrize("write", FAR.values(), ids=FAR.keys())
def test_seconds_are_told_apart_however_they_are_held(write: Callable[[np.ndarray], Any]) -> None:
    seconds = 1_700_000_000.0 + np.arange(12)
    objects = read_objects(
        {"t": write(seconds), "y": np.ones(12)}, Schema({"t": Vector("t"), "y": Vector("y")}), labelled=False
    )
    items = Preprocessor.fit(objects).prepare(objects).items["t"](np.arange(objects.present[:, 0].sum()))
    found = items["values"][:, 0]
    np.testing.assert_allclose(np.diff(found), np.full(len(found) - 1, found[1] - found[0]), rtol=1e-5)
    assert found[1] > found[0]


@pytest.mark.parametrize(("bad", "got"), [(NAN, "1 NaN of 502 entries"), (INF, "an infinite or too large one")])
def test_one_bad_cell_among_many_columns_is_named(bad: float, got: str) -> None:
    columns: dict[str, Any] = {f"g{number}": np.ones(6) for number in range(500)} | {"wide": np.ones((6, 2))}
    columns["g77"][3] = bad
    with pytest.raises(InputError) as error:
        read(**columns)
    assert error.value.where == "row 3 (counted from 0), columns g0, g1, g2, g3, g4 and 496 more"
    assert error.value.got == f"{got}, the first in column 'g77'"
    columns["g77"], columns["wide"][3, 1] = np.ones(6), bad
    with pytest.raises(InputError, match=r"the first in column 'wide', entry 1 \(counted from 0\)"):
        read(**columns)


GAPPY = [[1.0, 10.0, 5.0], [3.0, np.nan, 5.0], [np.nan, 30.0, np.nan], [np.nan, np.nan, np.nan]]


def gappy(gaps: Any, cells: Any = None) -> tuple[ReadValues, np.ndarray]:
    """What is read of vectors with gaps, and what is prepared of those that are there."""
    modality = Vector("x", gaps=gaps)
    column = np.array(GAPPY) if cells is None else from_cells(cells)
    read = modality.read({"x": column})
    kept = {"values": read.values["values"][read.present]}
    items = modality.fit(kept).prepare(kept, np.flatnonzero(read.present))
    return read, np.asarray(items(np.arange(read.present.sum()))["values"])


def test_a_gap_is_the_mean_of_training() -> None:
    read, prepared = gappy("mean")
    assert read.present.tolist() == [True, True, True, False]
    # Means 2 and 20, deviations 1 and 10; the last feature is constant.
    assert prepared.tolist() == [[-1, -1, 0], [1, 0, 0], [0, 1, 0]]


def test_a_mask_says_what_was_there() -> None:
    read, prepared = gappy("mask")
    assert read.present.tolist() == [True, True, True, False]
    assert prepared.shape == (3, 6) and prepared[:, :3].tolist() == gappy("mean")[1].tolist()
    there = ~np.isnan(np.array(GAPPY[:3]))
    for feature, column in enumerate(prepared[:, 3:].T):
        assert (column > 0).tolist() == there[:, feature].tolist() and abs(column.sum()) < 1e-6


def test_vectors_of_sets_may_have_gaps_too() -> None:
    modality = Vector("x", gaps="mask")
    read = modality.read({"x": from_cells([[[1.0, None], [None, None], [3.0, 4.0]], [[5.0, 6.0]], None])})
    assert read.present.tolist() == [True, True, False]
    np.testing.assert_array_equal(read.values["values"][0], [[1, np.nan, 1, 0], [3, 4, 1, 1]])
    assert np.isfinite(modality.fit({"values": read.values["values"][:2]}).mean).all()


def test_without_gaps_nothing_changes_and_a_feature_that_no_vector_has_is_nothing(rng: np.random.Generator) -> None:
    matrix = rng.normal(size=(30, 4)).astype(np.float32)
    plain, beside = (Vector("x", gaps=gaps).fit({"values": matrix}) for gaps in (None, "mean"))
    np.testing.assert_allclose(plain.mean, beside.mean, rtol=1e-12)
    np.testing.assert_allclose(plain.std, beside.std, rtol=1e-6)
    empty = Vector("x", gaps="mean").fit({"values": np.array([[1.0, np.nan], [2.0, np.nan]])})
    assert empty.mean[1] == 0 and empty.std[1] == 1


def test_gaps_are_said_in_the_schema() -> None:
    schema = Schema({"x": Vector(columns=["a", "b"], gaps="mean")})
    assert Schema.from_dict(schema.to_dict()) == schema != Schema({"x": Vector("a", "b")})
    assert Vector("a", columns="b").columns == Vector.from_options({"columns": ["a", "b"]}).columns == ("a", "b")
    with pytest.raises(ConfigError, match='"mean", "mask" or None, got \'zero\''):
        Vector("x", gaps="zero")  # type: ignore[arg-type]
    with pytest.raises(InputError, match='gaps="mean"'):
        Vector("x").read({"x": np.array(GAPPY)})
