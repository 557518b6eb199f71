"""How many coordinates kept centers use."""

import numpy as np

from steradian.training.kept_centers import used_coordinates


def test_only_trailing_zeros_are_unused() -> None:
    assert used_coordinates(np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])) == 2
    assert used_coordinates(np.array([[0.0, 0.0, 1e-9]])) == 3
