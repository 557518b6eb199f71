"""Plain models on made-up sets in the form of the shared ones."""

import io
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

import steradian as sr
from benchmarks import kernel_ridge
from benchmarks.plain_features import plain_features, summary
from benchmarks.plain_models import DRAWING, ESTIMATORS, MODELS, WHOLE, plain_scores, run, score, table_lines
from benchmarks.shared_sets import open_set, split_rows


def write_set(folder: Path, *, official: bool) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 10)
    lengths = rng.integers(3, 6, size=30)
    steps = np.repeat(labels, lengths)[:, None] + 0.1 * rng.normal(size=(lengths.sum(), 2))
    absent = rng.normal(size=(30, 2))
    absent[::5] = np.nan
    arrays = {
        "modality_shape": np.eye(3)[labels] + rng.normal(size=(30, 3)),
        "modality_absent": absent,
        **{"values_path": steps, "lengths_path": lengths, "label": labels},
        **({"train": np.arange(30) % 5 > 0} if official else {}),
    }
    np.savez(folder / "made.npz", **arrays)


@pytest.mark.parametrize("official", [False, True])
def test_a_run_writes_what_it_prints(
    official: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ESTIMATORS, "forest", lambda seed: RandomForestClassifier(20, random_state=seed))
    write_set(tmp_path, official=official)
    file = tmp_path / "plain.json"
    file.write_text('{"other": {}}', encoding="utf-8")
    run(["made"], tmp_path, splits=2, file=file)
    scores = plain_scores("made", file)
    # Each split tests objects without the third modality.
    assert list(scores) == [WHOLE, "shape", "path"] and plain_scores("other", file) == {}
    for models in scores.values():
        assert tuple(models) == MODELS
        assert [len(models[model]) for model in MODELS] == [
            2 if model in DRAWING or not official else 1 for model in MODELS
        ]
    assert min(np.mean(values) for values in scores["path"].values()) > 90
    lines = capsys.readouterr().out.splitlines()
    assert all(line in lines for line in table_lines("made", scores)) and max(map(len, lines[:-1])) <= 80


def test_the_best_of_a_row_is_marked_and_an_error_is_best_when_least() -> None:
    scores = {WHOLE: {"LR": [100.0, 100.0], "SVM": [90.0], "forest": [100.0]}}
    assert table_lines("made", scores) == ["made            100.00+-0.0*       90.00       100.00*"]
    assert table_lines("breast_tcga", scores) == ["breast_tcga     100.00+-0.0        90.00*      100.00"]
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    assert score("made", labels, predicted) == 75 and score("breast_tcga", labels, predicted) == 50


def test_splits_are_official_by_each_seed_or_stratified() -> None:
    labels = np.repeat([0, 1], 10)
    drawn = list(split_rows(labels, None, splits=2))
    assert [np.bincount(labels[test]).tolist() for _, test, _ in drawn] == [[2, 2], [2, 2]]
    assert [sorted([*train, *test]) for train, test, _ in drawn] == [list(range(20))] * 2
    assert set(drawn[0][1]) != set(drawn[1][1])
    given = list(split_rows(labels, labels == 0, splits=2))
    assert [(train.tolist(), test[0], seed) for train, test, seed in given] == [
        (list(range(10)), 10, seed) for seed in (0, 1)
    ]


def test_recordings_are_split_by_takes_or_by_a_speaker(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "fsdd_recordings.tar.gz", "w:gz") as archive:
        for name in ("0_ann_4", "0_ann_5", "1_bob_4", "1_bob_5"):
            file = io.BytesIO()
            with wave.open(file, "wb") as sound:
                sound.setparams((1, 2, 8000, 0, "NONE", ""))
                sound.writeframes(np.random.default_rng(0).integers(-99, 99, 800, dtype=np.int16).tobytes())
            entry = tarfile.TarInfo(f"recordings/{name}.wav")
            entry.size = len(file.getvalue())
            archive.addfile(entry, io.BytesIO(file.getvalue()))
    objects, official = open_set("fsdd", tmp_path)
    assert official is not None and official.tolist() == [False, True, False, True]
    assert plain_features(objects)["sound"].shape == (4, 14 * 64)
    _, official = open_set("fsdd_bob", tmp_path)
    assert official is not None and official.tolist() == [True, True, False, False]
    with pytest.raises(SystemExit, match="no speaker is named 'cid': one of ann, bob"):
        open_set("fsdd_cid", tmp_path)


def test_features_of_series_are_of_values_and_of_changes() -> None:
    steps = np.array([[0.0], [1.0], [3.0]])
    of_values, of_changes = np.split(summary(steps), 2)
    assert of_values.tolist() == pytest.approx([4 / 3, steps.std(), 0, 3, 0.5, 1, 2])
    assert of_changes.tolist() == pytest.approx([1.5, 0.5, 1, 2, 1.25, 1.5, 1.75])
    objects = sr.read_objects(
        {"path": [steps, None], "size": [1.0, 2.0], "label": [0, 1]},
        sr.Schema({"path": sr.Series("path"), "size": sr.Vector("size")}),
    )
    features = plain_features(objects)
    assert np.isnan(features["path"][1]).all() and features["path"][0].tolist() == summary(steps).tolist()
    assert features["size"].tolist() == [[1.0], [2.0]]


def test_ridge_takes_the_penalty_of_least_error_on_objects_left_out() -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    gram = inputs @ inputs.T
    errors = []
    for penalty in kernel_ridge.LAMBDAS:
        missed = []
        for row in range(12):
            rest = np.arange(12) != row
            weights = np.linalg.solve(gram[np.ix_(rest, rest)] + penalty * np.eye(11), targets[rest])
            missed.append(targets[row] - gram[row, rest] @ weights)
        errors.append(np.mean(np.square(missed)))
    best = kernel_ridge.LAMBDAS[np.argmin(errors)]
    assert kernel_ridge.ridge(gram, targets) == pytest.approx(np.linalg.solve(gram + best * np.eye(12), targets))


def test_the_sum_of_kernels_sees_a_ring_that_no_line_can_part() -> None:
    rng = np.random.default_rng(0)
    labels = np.tile(["inner", "outer"], 60)
    places = rng.normal(size=(120, 2))
    places *= np.where(labels == "inner", 1, 3)[:, None] / np.linalg.norm(places, axis=1, keepdims=True)
    train, test = [places[:80], places[:80] ** 2], [places[80:], places[80:] ** 2]
    assert (kernel_ridge.classify(train[:1], labels[:80], test[:1]) == labels[80:]).mean() > 0.9
    gram, across = kernel_ridge.sum_of_kernels(train, test)
    assert gram.shape == (80, 80) and across.shape == (40, 80) and gram == pytest.approx(gram.T)
    singles = [kernel_ridge.sum_of_kernels(train[m : m + 1], test[m : m + 1])[1] for m in (0, 1)]
    assert across == pytest.approx(np.mean(singles, axis=0))
