"""What a folder describes is believed only where it fits; tests of many damaged folders are in test_saved_model.py."""

import pytest

import steradian as sr
from steradian.saved_description import fitting


def test_values_that_do_not_fit_are_told_with_their_folder() -> None:
    with pytest.raises(sr.SavedModelError, match=r"want a configuration.*ValueError: odd.*model"), fitting("model"):
        raise ValueError("odd")
