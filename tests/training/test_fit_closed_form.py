"""The closed form of a table: what it learns of made objects, known and new classes, and tables that say little."""

from typing import Any

import numpy as np
import pytest
from scipy.linalg import helmert

import steradian as sr
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.metrics import map_at_r, nearest
from steradian.modalities import text
from steradian.training import class_targets, feature_rows, fit_closed_form
from steradian.training.choose_penalties import mean_target
from steradian.training.feature_rows import Prepare
from steradian.training.fit_closed_form import ClosedFormFit

DIM = 16
WORDS = ["crimson", "azure", "leaf", "amber", "slate", "ivory", "plum", "coral"]
SCHEMA = sr.Schema(
    {"x": sr.Vector("x"), "title": sr.Text("title"), "specs": sr.Tabular(numeric=["size"], categorical=["kind"])}
)
VECTOR = sr.Schema({"x": sr.Vector("x")})
Table = dict[str, Any]


def made(labels: np.ndarray, *, random_state: int = 0, missing: float = 0.3) -> Table:
    """Objects of classes below 8 that each modality tells apart in part, and each may lack."""
    rng, centers = np.random.default_rng(random_state), np.random.default_rng(99).normal(size=(8, 5))
    there = rng.random((len(labels), 3)) >= missing
    there[:, 0] |= ~there.any(axis=1)
    x = centers[labels] + 0.7 * rng.normal(size=(len(labels), 5))
    titles = [f"{WORDS[label if rng.random() < 0.8 else rng.integers(8)]} {rng.integers(50)}" for label in labels]
    cells = {
        "x": list(x),
        "title": titles,
        "size": (labels + 0.4 * rng.normal(size=len(labels))).tolist(),
        "kind": [("odd", "even")[label % 2] for label in labels],
    }
    for (name, column), m in zip(cells.items(), (0, 1, 2, 2), strict=True):
        cells[name] = [cell if has else None for cell, has in zip(column, there[:, m], strict=True)]
    return {**cells, "label": labels}


class Fit:
    """A closed form fitted on a table, and what it says of another."""

    def __init__(
        self,
        table: Table,
        schema: sr.Schema = SCHEMA,
        *,
        dim: int = DIM,
        new_classes: bool = False,
        random_state: int = 0,
        whole: bool = False,
        weights: np.ndarray | None = None,
    ) -> None:
        self.schema = schema
        self.objects = sr.read_objects(table, schema)
        self.preprocessor = Preprocessor.fit(self.objects)
        self.classes, numbers = np.unique(self.objects.labels, return_inverse=True)
        self.labels = numbers.astype(np.int64)
        self.found: ClosedFormFit = fit_closed_form.fit_closed_form(
            self.preprocessor,
            self._whole() if whole else self._rows,
            self.labels,
            present=self.objects.present,
            embedding_dim=dim,
            new_classes=new_classes,
            random_state=random_state,
            object_weights=weights,
        )

    def _rows(self, rows: np.ndarray) -> tuple[PreparedObjects, np.ndarray]:
        return self.preprocessor.prepare(self.objects[rows]), np.arange(len(rows))

    def _whole(self) -> Prepare:
        prepared = self.preprocessor.prepare(self.objects)
        return lambda rows: (prepared, rows)

    def vectors(self, table: Table) -> np.ndarray:
        """Of each modality [objects, modalities, dim]."""
        prepared = self.preprocessor.prepare(sr.read_objects(table, self.schema))
        return self.found.closed_form.vectors(self.preprocessor.modalities, prepared.items, prepared.present)

    def units(self, table: Table) -> np.ndarray:
        sums = self.vectors(table).sum(axis=1)
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)

    def cosines(self, table: Table) -> np.ndarray:
        """To the class centers [objects, classes]."""
        return self.units(table) @ self.found.centers.T

    def accuracy(self, table: Table) -> float:
        return float((self.classes[self.cosines(table).argmax(axis=1)] == table["label"]).mean())


def permuted(table: Table, order: np.ndarray) -> Table:
    return {name: [column[row] for row in order] for name, column in table.items()}


TRAIN, TEST = made(np.arange(120) % 4), made(np.arange(200) % 4, random_state=1)


@pytest.fixture(scope="module")
def fit() -> Fit:
    return Fit(TRAIN)


def test_left_out_objects_of_known_classes_are_recognised(fit: Fit) -> None:
    assert fit.accuracy(TRAIN) > 0.9
    assert fit.accuracy(TEST) > 0.85
    assert -1 < fit.found.score < 0


def test_every_modality_alone_is_heard(fit: Fit) -> None:
    whole = made(np.arange(200) % 4, random_state=2, missing=0)
    for name, columns in (("x", ["x"]), ("title", ["title"]), ("specs", ["size", "kind"])):
        others = {column: [None] * 200 for column in ("x", "title", "size", "kind") if column not in columns}
        assert fit.accuracy({**whole, **others}) > 0.6, name
    assert fit.accuracy(whole) > 0.95


def test_centers_of_known_classes_are_at_equal_angles(fit: Fit) -> None:
    assert fit.found.centers.shape == (4, DIM)
    np.testing.assert_allclose(fit.found.centers @ fit.found.centers.T, (4 * np.eye(4) - 1) / 3, atol=1e-6)


def test_vectors_of_known_classes_tell_how_likely_each_is() -> None:
    # No news in x: what is left are the classes' shares.
    labels = np.repeat(np.arange(4), [60, 20, 10, 10])
    table = {"x": list(np.random.default_rng(0).normal(size=(100, 3))), "label": labels}
    found = Fit(table, VECTOR)
    likely = found.vectors(table)[:, 0, :3] @ found.found.centers[:, :3].T
    # Targets are shorter than unit centers, by the same factor.
    shares = np.array([0.6, 0.2, 0.1, 0.1])
    np.testing.assert_allclose(likely.mean(axis=0) * 0.75**0.5, shares - shares.mean(), atol=0.02)


def test_the_shares_of_classes_are_parted_among_modalities() -> None:
    table = made(np.repeat(np.arange(4), [60, 20, 10, 10]))
    found = Fit(table)
    mean = mean_target(helmert(4).T, found.labels)
    for m, linear in enumerate(found.found.closed_form.maps.values()):
        own = found.vectors(table)[found.objects.present[:, m], m, :3]
        np.testing.assert_allclose(own.mean(axis=0), mean / 3, atol=1e-3)
        assert linear.offset.shape == (DIM,)


def test_centers_of_classes_to_be_found_are_those_of_the_training_objects() -> None:
    fit = Fit(TRAIN, new_classes=True)
    units = fit.units(TRAIN)
    means = np.stack([units[fit.labels == label].mean(axis=0) for label in range(4)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    assert fit.found.centers.shape == (4, DIM)
    np.testing.assert_allclose(fit.found.centers, means, atol=1e-4)


def test_vectors_are_zero_exactly_where_a_modality_is_absent(fit: Fit) -> None:
    vectors = fit.vectors(TEST)
    assert (vectors.shape, vectors.dtype) == ((200, 3, DIM), np.float32)
    assert np.array_equal(vectors.any(axis=2), sr.read_objects(TEST, SCHEMA).present)


def test_choices_are_told_by_modality(fit: Fit) -> None:
    assert set(fit.found.penalties) == set(fit.found.weights) == {"x", "title", "specs"}
    assert min(fit.found.penalties.values()) > 0
    assert all(np.log2(weight).is_integer() for weight in fit.found.weights.values())


def test_a_seed_decides_everything(fit: Fit) -> None:
    again = Fit(TRAIN)
    assert (again.found.penalties, again.found.weights) == (fit.found.penalties, fit.found.weights)
    assert again.found.score == fit.found.score
    np.testing.assert_array_equal(again.found.centers, fit.found.centers)
    np.testing.assert_array_equal(again.vectors(TEST), fit.vectors(TEST))
    assert Fit(TRAIN, random_state=1).found.score != fit.found.score


def test_rows_in_another_order_change_next_to_nothing(fit: Fit) -> None:
    other = Fit(permuted(TRAIN, np.random.default_rng(0).permutation(120)))
    assert np.abs(other.cosines(TEST) - fit.cosines(TEST)).mean() < 0.1
    assert (other.cosines(TEST).argmax(axis=1) == fit.cosines(TEST).argmax(axis=1)).mean() > 0.95


def test_modalities_in_another_order_change_next_to_nothing(fit: Fit) -> None:
    backwards = sr.Schema(dict(reversed(SCHEMA.modalities.items())))
    other = Fit(TRAIN, backwards)
    assert list(other.preprocessor.modalities) == ["specs", "title", "x"]
    assert (other.cosines(TEST).argmax(axis=1) == fit.cosines(TEST).argmax(axis=1)).mean() > 0.95


def test_how_a_table_is_prepared_changes_nothing(fit: Fit) -> None:
    whole = Fit(TRAIN, whole=True)
    assert whole.found.penalties == fit.found.penalties
    np.testing.assert_allclose(whole.cosines(TEST), fit.cosines(TEST), atol=1e-3)


def test_classes_in_another_order_change_next_to_nothing(fit: Fit) -> None:
    other = Fit({**TRAIN, "label": 3 - TRAIN["label"]})
    np.testing.assert_allclose(other.cosines(TEST)[:, ::-1], fit.cosines(TEST), atol=0.1)


def test_solving_again_for_all_rows_gives_the_same(fit: Fit) -> None:
    again = fit.found.solve(np.arange(120))
    for name, linear in fit.found.closed_form.maps.items():
        np.testing.assert_allclose(again.maps[name].matrix, linear.matrix, rtol=1e-4, atol=1e-5)


def test_rows_left_out_of_a_solution_do_not_count(fit: Fit) -> None:
    half = np.arange(60)
    mistaken = Fit({**TRAIN, "label": np.where(np.arange(120) < 60, TRAIN["label"], 3 - TRAIN["label"])})
    prepared = mistaken.preprocessor.prepare(sr.read_objects({**TRAIN, "label": TRAIN["label"]}, SCHEMA))
    given = mistaken.preprocessor.modalities, prepared.items, prepared.present
    sums = mistaken.found.solve(half).vectors(*given).sum(axis=1)
    centers = np.stack([sums[half][fit.labels[half] == label].mean(axis=0) for label in range(4)])
    # Those of the other half, whose labels were wrong, are recognised all the same.
    assert ((sums[60:] @ centers.T).argmax(axis=1) == fit.labels[60:]).mean() > 0.7


@pytest.mark.parametrize("schema", [VECTOR, SCHEMA])
def test_the_large_tables_path_agrees_roughly(monkeypatch: pytest.MonkeyPatch, schema: sr.Schema) -> None:
    table, others = made(np.arange(120) % 4, missing=0), made(np.arange(200) % 4, random_state=1, missing=0)
    exact = Fit(table, schema)
    for module in (fit_closed_form, feature_rows):
        monkeypatch.setattr(module, "EXACT", 50)
    monkeypatch.setattr(fit_closed_form, "CHUNK", 32)
    large = Fit(table, schema)
    assert large.accuracy(others) > exact.accuracy(others) - 0.05
    assert (large.cosines(others).argmax(axis=1) == exact.cosines(others).argmax(axis=1)).mean() > 0.9
    if schema is VECTOR:
        assert large.found.penalties == exact.found.penalties
        np.testing.assert_allclose(large.cosines(others), exact.cosines(others), atol=0.02)


def test_rows_and_features_solve_the_same_for_sparse_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    # What all texts share is no news, but counts unless it is centered away.
    shared = "a very long beginning of every title that "
    table = made(np.repeat(np.arange(4), [60, 20, 10, 10]))
    table["title"] = [title and shared + title for title in table["title"]]
    others = {**TEST, "title": [title and shared + title for title in TEST["title"]]}
    summed = Fit(table)
    monkeypatch.setattr(text, "SUMS", 0)
    by_rows = Fit(table)
    assert by_rows.found.closed_form.maps["title"].matrix.dtype == np.float16
    monkeypatch.setattr(fit_closed_form, "EXACT", 50)
    by_features = Fit(table)
    # Sums stand for sparse features but for noise, and texts of a large table are sparse.
    assert (by_rows.cosines(others).argmax(axis=1) == summed.cosines(others).argmax(axis=1)).mean() > 0.9
    assert by_features.found.penalties == pytest.approx(by_rows.found.penalties)
    np.testing.assert_allclose(by_features.cosines(others), by_rows.cosines(others), atol=0.1)
    assert np.abs(by_features.cosines(others) - by_rows.cosines(others)).mean() < 0.01
    present, spread = by_rows.objects.present, by_rows.vectors(table)[:, 1].std()
    shares = mean_target(helmert(4).T, by_rows.labels) / 3
    for found in (by_rows, by_features):
        title = found.vectors(table)[present[:, 1], 1, :3]
        np.testing.assert_allclose(title.mean(axis=0), shares, atol=0.01 * spread)
    difference = by_features.vectors(table)[:, 1, :3] - by_rows.vectors(table)[:, 1, :3]
    assert np.abs(difference).max() < 0.05 * spread


def test_of_a_large_table_some_rows_of_each_class_and_modality_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("EXACT", 50), ("DRAWN", 64), ("AVERAGED", 80), ("CHUNK", 32)):
        monkeypatch.setattr(fit_closed_form, name, value)
    table = made(np.where(np.arange(300) == 299, 7, np.arange(300) % 4), missing=0)
    table["title"] = [title if row == 298 else None for row, title in enumerate(table["title"])]
    found = Fit(table)
    assert set(found.found.closed_form.maps) == {"x", "title", "specs"}
    assert found.found.centers.shape == (5, DIM)
    np.testing.assert_allclose(np.linalg.norm(found.found.centers, axis=1), 1, rtol=1e-4)
    assert found.accuracy(TEST) > 0.8


@pytest.mark.parametrize("most", [DIM, 4])
def test_a_table_of_more_classes_than_drawn_rows_knows_them_all(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(class_targets, "MAX_LIKENED_CLASSES", most)
    for name, value in (("EXACT", 50), ("DRAWN", 64), ("AVERAGED", 64), ("CHUNK", 32)):
        monkeypatch.setattr(fit_closed_form, name, value)
    # 64 drawn rows are of 64 classes at most.
    vectors = np.random.default_rng(0).normal(size=(150, 3))
    table = {"x": list(vectors), "label": np.arange(150) % 75}
    found = Fit(table, sr.Schema({"x": sr.Vector("x")}), dim=4).found
    assert found.centers.shape == (75, 4)
    np.testing.assert_allclose(np.linalg.norm(found.centers, axis=1), 1, rtol=1e-4)


def test_of_texts_that_do_not_fit_the_memory_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit_closed_form, "EXACT", 50)
    monkeypatch.setattr(fit_closed_form, "MAX_NUMBERS", 2 * 3 * 90)
    train, test = made(np.arange(120) % 4, missing=0), made(np.arange(200) % 4, random_state=1, missing=0)
    assert Fit(train, sr.Schema({"title": sr.Text("title")})).accuracy(test) > 0.6


def test_new_classes_are_told_apart() -> None:
    known, new = made(np.arange(120) % 6, missing=0.1), made(6 + np.arange(40) % 2, random_state=1, missing=0.1)
    found = Fit(known, new_classes=True)
    assert 0 < found.found.score <= 1
    units = found.units(new)
    rows, _ = nearest(units, units, k=19, exclude=np.arange(40))
    labels = new["label"]
    precision = map_at_r(labels[rows] == labels[:, None], np.full(40, 19)).mean()
    # By chance it is about a quarter: half of the neighbours, the first of them as wrong as the last.
    assert precision > 0.6
    assert found.accuracy(made(np.arange(120) % 6, random_state=2)) > 0.7


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_fewer_dimensions_than_classes_are_used_well(dim: int) -> None:
    found = Fit(made(np.arange(160) % 8, missing=0), dim=dim)
    assert found.found.centers.shape == (8, dim)
    assert found.accuracy(made(np.arange(160) % 8, random_state=1, missing=0)) > (0.2, 0.5, 0.6)[dim - 1]


def test_very_many_classes_have_random_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_targets, "MAX_LIKENED_CLASSES", 7)
    found = Fit(made(np.arange(160) % 8, missing=0), dim=6)
    assert found.accuracy(made(np.arange(160) % 8, random_state=1, missing=0)) > 0.6


def test_dimensions_beyond_the_classes_hold_a_shorter_likeness(fit: Fit) -> None:
    learnt, likeness = fit.vectors(TEST)[..., :3], fit.vectors(TEST)[..., 3:]
    ratio = np.linalg.norm(likeness, axis=-1).sum() / np.linalg.norm(learnt, axis=-1).sum()
    assert 0.5 * fit_closed_form.LIKENESS < ratio < 2 * fit_closed_form.LIKENESS
    tight = Fit(TRAIN, dim=3)
    np.testing.assert_allclose(tight.vectors(TEST), learnt, atol=1e-3)
    assert (tight.cosines(TEST).argmax(axis=1) == fit.cosines(TEST).argmax(axis=1)).mean() > 0.95


def test_a_modality_that_says_nothing_does_not_drown_the_others() -> None:
    rng, noise = np.random.default_rng(0), sr.Schema({"x": sr.Vector("x"), "noise": sr.Vector("noise")})
    train, test = made(np.arange(120) % 4, missing=0), made(np.arange(200) % 4, random_state=1, missing=0)
    alone = Fit(train, VECTOR).accuracy(test)
    both = Fit({**train, "noise": list(rng.normal(size=(120, 30)))}, noise)
    assert both.accuracy({**test, "noise": list(rng.normal(size=(200, 30)))}) > alone - 0.05


def test_more_features_than_rows_do_no_harm() -> None:
    rng, labels = np.random.default_rng(0), np.arange(24) % 3
    centers = rng.normal(size=(3, 400))
    table, other = ({"x": list(centers[labels] + rng.normal(size=(24, 400))), "label": labels} for _ in range(2))
    assert Fit(table, VECTOR).accuracy(other) == 1


@pytest.mark.parametrize("new_classes", [False, True])
@pytest.mark.parametrize(
    ("x", "labels"),
    [
        ([[0.0, 1.0], [0.0, 1.0], [5.0, 1.0], [1.0, 4.0], [2.0, 0.0], [3.0, 3.0]], "abaabb"),
        ([[0.0, 1.0]] * 8, "abababab"),
        ([[0.0], [1.0]], "ab"),
        ([[0.0], [1.0], [2.0]], "aab"),
        ([[0.0], [1.0], [4.0], [9.0], [16.0], [25.0]], "abcdef"),
        ([[float(row)] for row in range(9)], "aaaaaaaab"),
        ([[float(row)] for row in range(9)], "aaaaaaaaa"),
        ([[0.0], [0.0], [1.0], [1.0], [2.0], [2.0]], "aabbcc"),
        ([[1e-30], [1e30], [-1e30], [0.0], [1.0], [-1.0]], "abcabc"),
    ],
    ids=[
        *("two equal rows in two classes", "all rows equal", "two objects", "three objects", "one object a class"),
        *("a class of one", "one class", "each class in one fold", "huge and tiny"),
    ],
)
def test_tables_that_say_little_are_solved(x: list[list[float]], labels: str, new_classes: bool) -> None:
    table = {"x": x, "label": list(labels)}
    found = Fit(table, VECTOR, new_classes=new_classes)
    assert found.found.centers.shape == (len(set(labels)), DIM)
    assert np.isfinite(found.cosines(table)).all()
    assert all(np.isfinite(list(each.values())).all() for each in (found.found.penalties, found.found.weights))
    if len(set(map(tuple, x))) == len(x) > 1 and len(set(labels)) == len(labels):
        assert found.accuracy(table) == 1


@pytest.mark.parametrize("new_classes", [False, True])
@pytest.mark.parametrize("holders", [1, 2, 4])
def test_a_modality_that_few_objects_have_does_no_harm(holders: int, new_classes: bool) -> None:
    schema = sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")})
    train, test = made(np.arange(60) % 4, missing=0), made(np.arange(200) % 4, random_state=1, missing=0)
    y = [[float(row), 1.0] if row < holders else None for row in range(60)]
    found = Fit({**train, "y": y}, schema, new_classes=new_classes)
    nothing = {**test, "y": [None] * 200}
    assert found.accuracy(nothing) > Fit(train, VECTOR, new_classes=new_classes).accuracy(test) - 0.05
    own = [[float(label), 1.0] if label < holders else None for label in test["label"]]
    assert found.accuracy({**test, "y": own}) > found.accuracy(nothing) - 0.05


def test_duplicates_share_a_fold_and_do_not_fool_the_choice() -> None:
    rng = np.random.default_rng(0)
    x, labels = np.repeat(rng.normal(size=(40, 3)), 3, axis=0), np.repeat(rng.integers(0, 4, 40), 3)
    table = {"x": list(x), "label": labels}
    # Labels at random: each row's copies would tell its label, which no other row does.
    assert Fit(table, VECTOR).found.score < -1.2


def test_modalities_without_fixed_features_leave_nothing_to_solve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.modalities.vector.FittedVector.feature_map", lambda self, inputs, **_: None)
    found = Fit(made(np.arange(20) % 4, missing=0), VECTOR)
    assert found.found.closed_form.maps == {}
    assert found.found.penalties == found.found.weights == {}
    assert np.isnan(found.found.score)
    np.testing.assert_allclose(np.linalg.norm(found.found.centers, axis=1), 1, rtol=1e-6)
    without = Fit(TRAIN)
    assert set(without.found.closed_form.maps) == {"title", "specs"}
    assert not without.vectors(TEST)[:, 0].any()


# -- Weights


@pytest.mark.parametrize("dim", [DIM, 2], ids=["corners", "likeness"])
@pytest.mark.parametrize("exact", [4096, 10], ids=["by_rows", "by_features"])
def test_a_weight_says_what_as_many_equal_rows_say(dim: int, exact: int, monkeypatch: pytest.MonkeyPatch) -> None:
    table, times = made(np.arange(40) % 4), np.arange(40) // 4 % 3 + 1
    preprocessor = Preprocessor.fit(sr.read_objects(table, SCHEMA))
    monkeypatch.setattr(Preprocessor, "fit", lambda objects: preprocessor)
    monkeypatch.setattr(fit_closed_form, "EXACT", exact)
    # What features learn, and how they are penalised, would see repeated rows otherwise.
    for kind in {type(fitted) for fitted in preprocessor.modalities.values()}:
        monkeypatch.setattr(kind, "feature_map", _once(kind.feature_map))
    monkeypatch.setattr(fit_closed_form, "choose_turns", lambda *_, **__: {})
    monkeypatch.setattr(fit_closed_form.PenaltyChoice, "best", lambda *_: ([1.0, 2.0, 0.5], [1.0, 2.0, 1.0], 0.0))
    monkeypatch.setattr(fit_closed_form.PenaltyChoice, "interact", lambda *_: False)
    weighed, plain = Fit(table, dim=dim, weights=times), Fit(table, dim=dim)
    repeated = Fit(permuted(table, np.repeat(np.arange(40), times)), dim=dim)
    np.testing.assert_allclose(weighed.found.centers, repeated.found.centers, atol=1e-6)
    np.testing.assert_allclose(weighed.vectors(TEST), repeated.vectors(TEST), atol=1e-6)
    assert np.abs(weighed.vectors(TEST) - plain.vectors(TEST)).max() > 1e-2


def _once(learn: Any) -> Any:
    """A function that gives the same at every call, by what it is called on."""
    kept: dict[int, Any] = {}

    def learnt(fitted: Any, inputs: Any, **options: Any) -> Any:
        if id(fitted) not in kept:
            kept[id(fitted)] = learn(fitted, inputs, **options)
        return kept[id(fitted)]

    return learnt


@pytest.mark.parametrize("new_classes", [False, True])
def test_left_out_objects_are_weighed_as_well(new_classes: bool) -> None:
    heavy = np.where(np.arange(120) % 4 == 0, 5.0, 0.5)
    plain, weighed = (Fit(TRAIN, new_classes=new_classes, weights=weights) for weights in (None, heavy))
    assert weighed.found.score != plain.found.score
    ones = Fit(TRAIN, new_classes=new_classes, weights=np.ones(120))
    assert (ones.found.penalties, ones.found.weights) == (plain.found.penalties, plain.found.weights)
    assert ones.found.score == pytest.approx(plain.found.score)
    np.testing.assert_allclose(ones.vectors(TEST), plain.vectors(TEST), atol=1e-5)
