"""A new version keeps the old class centers: its vectors are searched among the old ones, and the cost is measured."""

from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from steradian.compatibility import Compatibility

SCHEMA = sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")}, label="kind")


def made(classes: int, *, size: int = 12, seed: int = 0, names: str = "abcdefgh") -> sr.ObjectTable:
    rng, centers = np.random.default_rng(seed), np.random.default_rng(9).normal(size=(8, 6))
    labels = np.repeat(np.arange(classes), size)
    views = {name: list(centers[labels] + 0.3 * rng.normal(size=(len(labels), 6))) for name in "xy"}
    return sr.read_objects({**views, "kind": np.array(list(names))[labels]}, SCHEMA)


def recall(queries: np.ndarray, gallery: np.ndarray, labels: np.ndarray) -> float:
    cosines = queries @ gallery.T
    np.fill_diagonal(cosines, -2)
    return float((labels[cosines.argmax(axis=1)] == labels).mean())


@pytest.fixture(scope="module")
def old() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(made(5))


@pytest.fixture(scope="module")
def new(old: sr.SphereEmbedder) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, verbose=False).fit(made(8, seed=1), compatible_with=old)


def test_new_queries_find_their_class_among_old_vectors(old: sr.SphereEmbedder, new: sr.SphereEmbedder) -> None:
    test = made(8, seed=2)
    ours, theirs = new.transform(test), old.transform(test)
    assert ours.shape == theirs.shape
    assert recall(ours, theirs, test.labels) >= 0.95 * recall(ours, ours, test.labels) > 0.9
    # A fit of its own has other directions.
    alone = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(made(8, seed=1)).transform(test)
    assert recall(alone, theirs, test.labels) < 0.8 * recall(ours, theirs, test.labels)
    assert new.score(test) > 0.9


def test_old_centers_stay_bit_for_bit_and_new_ones_lie_where_the_old_model_puts_their_objects(
    old: sr.SphereEmbedder, new: sr.SphereEmbedder
) -> None:
    centers, before = (model.fitted_.classifier.weight.detach().numpy() for model in (new, old))
    np.testing.assert_allclose(centers[:5], before / np.linalg.norm(before, axis=1, keepdims=True), atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1, atol=1e-6)
    train = made(8, seed=1)
    for number, name in enumerate("fgh", start=5):
        mean = old.transform(train[train.labels == name]).sum(axis=0)
        # Half of it is the mean direction, half its own.
        assert centers[number] @ mean / np.linalg.norm(mean) == pytest.approx(0.5**0.5, abs=1e-5)
    own = centers[5:] - centers[5:] @ np.linalg.pinv(centers[:5]) @ centers[:5]
    assert np.linalg.matrix_rank(own, tol=0.1) == 3


def test_the_same_table_gives_the_same_vectors(old: sr.SphereEmbedder) -> None:
    table = made(5)
    again = sr.SphereEmbedder(epochs=0, verbose=False).fit(table, compatible_with=old)
    np.testing.assert_allclose(again.transform(table), old.transform(table), atol=1e-4)


def test_the_cost_is_measured_on_left_out_objects_or_a_table_and_printed(
    old: sr.SphereEmbedder, new: sr.SphereEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new.training_.choice is not None
    entry = new.training_.choice["compatible"]
    assert entry["queries"] == 96 and entry["with"] == [old.fingerprint] and entry["learnt"] == 4
    assert 0.8 < entry["new_to_old"] <= 1
    test = made(8, seed=2)
    told = sr.SphereEmbedder(epochs=0).fit(made(8, seed=1), compatible_with=old, validation=test)
    assert told.training_.choice is not None
    entry = told.training_.choice["compatible"]
    ours, theirs = told.transform(test), old.transform(test)
    assert entry["new_to_old"] == pytest.approx(recall(ours, theirs, test.labels))
    assert entry["new_to_new"] == pytest.approx(recall(ours, ours, test.labels))
    assert entry["old_to_old"] == pytest.approx(recall(theirs, theirs, test.labels))
    assert f"R@1 {100 * entry['new_to_old']:.1f} %" in capsys.readouterr().out
    assert "1,000 left-out" in str(Compatibility(0.5, 0.6, 0.4, 1000))


def test_an_index_of_the_old_model_takes_the_new_one_and_no_other(
    old: sr.SphereEmbedder, new: sr.SphereEmbedder, tmp_path: Path
) -> None:
    table = made(5, seed=3)
    sr.Index.build(old, table).save(tmp_path / "index")
    new.save(tmp_path / "new")
    loaded = sr.SphereEmbedder.load(tmp_path / "new")
    assert loaded.compatible_fingerprints == (old.fingerprint,) and old.compatible_fingerprints == ()
    index = sr.Index.load(tmp_path / "index", model=loaded)
    assert (index.search(table, k=1).labels[:, 0] == table.labels).mean() > 0.9
    third = sr.SphereEmbedder(epochs=0, verbose=False).fit(made(8, seed=4), compatible_with=loaded)
    assert third.compatible_fingerprints == (new.fingerprint, old.fingerprint)
    sr.Index.load(tmp_path / "index", model=third)
    stranger = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(made(8, seed=1))
    with pytest.raises(sr.SavedModelError, match="made by another"):
        sr.Index.load(tmp_path / "index", model=stranger)


def test_a_network_alone_keeps_the_centers_too(old: sr.SphereEmbedder) -> None:
    options = {"closed_form": False, "epochs": 1, "width": 8, "depth": 1, "heads": 1, "verbose": False}
    network = sr.SphereEmbedder(**options).fit(made(8, seed=1), compatible_with=old)
    centers, before = (model.fitted_.classifier.weight.detach().cpu().numpy() for model in (network, old))
    np.testing.assert_allclose(centers[:5], before / np.linalg.norm(before, axis=1, keepdims=True), atol=1e-7)


def test_what_cannot_be_kept_is_told(old: sr.SphereEmbedder) -> None:
    table = made(8)
    with pytest.raises(sr.ConfigError, match="one center a class"):
        sr.SphereEmbedder(subcenters=2, verbose=False).fit(table, compatible_with=old)
    with pytest.raises(sr.ConfigError, match="embedding_dim=16"):
        sr.SphereEmbedder(embedding_dim=8, verbose=False).fit(table, compatible_with=old)
    fewer = sr.read_objects({"x": list(np.eye(6)), "kind": list("aabbcc")}, sr.Schema({"x": sr.Vector("x")}, "kind"))
    with pytest.raises(sr.InputError, match="one without y"):
        sr.SphereEmbedder(verbose=False).fit(fewer, compatible_with=old)
    numbers = sr.read_objects({**table.columns, "kind": np.arange(len(table)) % 3}, SCHEMA)
    with pytest.raises(sr.InputError, match="labels that are text"):
        sr.SphereEmbedder(verbose=False).fit(numbers, compatible_with=old)
