"""The answer "unknown"."""

import numpy as np
import pytest

from steradian.calibration.rejection import with_unknown
from steradian.errors import InputError


def test_text_stays_text_and_is_never_cut() -> None:
    classes = np.array(["a", "b"])
    answers = with_unknown(classes, np.array([True, False]), classes)
    assert answers.dtype.kind == "U" and answers.tolist() == ["a", "unknown"]


def test_numbers_become_objects_beside_a_word() -> None:
    classes = np.array([3, 5])
    answers = with_unknown(classes, np.array([False, True]), classes)
    assert answers.tolist() == ["unknown", 5]


def test_a_class_of_that_name_would_make_two_answers_one() -> None:
    with pytest.raises(InputError, match="Rename the class"):
        with_unknown(np.array(["unknown"]), np.array([True]), np.array(["cup", "unknown"]))
