"""The plain baseline: what it finds, and what it does with what is missing."""

import numpy as np
import pytest

from steradian.demo.baseline import PlainBaseline
from steradian.demo.emoji import Emoji, emoji_columns, query_and_gallery, training_objects


@pytest.fixture
def sides(shapes: list[Emoji]) -> list[dict[str, np.ndarray]]:
    return [emoji_columns(side) for side in query_and_gallery(shapes[20:])]


@pytest.fixture
def baseline(shapes: list[Emoji]) -> PlainBaseline:
    return PlainBaseline().fit(emoji_columns(training_objects(shapes[:20], rows_per_emoji=4)))


@pytest.mark.parametrize("modalities", [("picture",), ("name",), ("picture", "name")])
def test_it_finds_what_looks_or_reads_alike(
    baseline: PlainBaseline, sides: list[dict[str, np.ndarray]], modalities: tuple[str, ...]
) -> None:
    queries, gallery = (baseline.transform(side, modalities) for side in sides)
    assert np.sqrt(queries.multiply(queries).sum(axis=1)) == pytest.approx(1)
    found = (queries @ gallery.T).toarray().argmax(axis=1)
    assert (found == np.arange(20)).mean() > 0.8


def test_pictures_and_names_weigh_alike_and_share_no_feature(
    baseline: PlainBaseline, sides: list[dict[str, np.ndarray]]
) -> None:
    whole, picture, name = (baseline.transform(sides[0], m) for m in (("picture", "name"), ("picture",), ("name",)))
    assert abs(picture.multiply(name)).sum() == 0
    assert whole.toarray()[:, :500] == pytest.approx(((picture + name) / np.sqrt(2)).toarray()[:, :500], abs=1e-6)


def test_what_is_missing_is_zero(baseline: PlainBaseline, shapes: list[Emoji]) -> None:
    rows = [row for row in training_objects(shapes[:5], missing=1) if row.artist is None]
    columns = emoji_columns(rows)
    assert abs(baseline.transform(columns, ("picture",))).sum() == 0
    assert (baseline.transform(columns, ("picture", "name")) != baseline.transform(columns, ("name",))).nnz == 0
