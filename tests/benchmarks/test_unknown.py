"""Unknown classes by angle and by the softmax of a plain cross entropy, on scikit-learn's digits."""

import numpy as np
import pytest

from benchmarks import unknown
from benchmarks.unknown import QUICK_SET


def test_both_ways_are_measured_on_the_same_objects(capsys: pytest.CaptureFixture[str]) -> None:
    found = unknown.run([QUICK_SET], None, seeds=1)
    assert {name for name, _ in found} == {QUICK_SET}
    shares = {method: scores[0] for (_, method), scores in found.items()}
    for auroc, fpr95, oscr, accuracy in shares.values():
        assert 0.6 < auroc <= 1 and 0 <= fpr95 < 1 and oscr <= min(auroc, accuracy) + 1e-9 and accuracy > 0.9
    # The kept head is the one that was trained: it predicts as well as the class means of its own vectors.
    head, means = (shares[f"plain cross entropy, {way}"][3] for way in ("largest softmax", "angle to class mean"))
    assert head == pytest.approx(means, abs=0.05)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 90


def test_known_and_unknown_classes_are_disjoint_and_training_has_none_of_the_test() -> None:
    part = unknown.load_open_set(QUICK_SET, None, seed=0)
    assert not set(part.unknown.labels) & set(part.train.labels)
    assert set(part.known.labels) == set(part.train.labels) and len(set(part.unknown.labels)) == 2
    assert not np.isin(part.known.rows, part.train.rows).any()
