"""What is searched for; the rest of it is tested through `Index.search`."""

import numpy as np
import pytest

from steradian.errors import InputError
from steradian.search.queries import are_vectors, check_k, query_vectors


def test_numeric_arrays_are_vectors_and_nothing_else_is() -> None:
    assert are_vectors(np.eye(2)) and are_vectors(np.eye(2, dtype=int))
    assert not are_vectors(np.array(["a"])) and not are_vectors([[1.0]])


def test_vectors_of_another_width_name_the_argument() -> None:
    with pytest.raises(InputError, match=r"add\(objects\): want vectors of width 3"):
        query_vectors(None, np.eye(2), dim=3, where="add(objects)")
    with pytest.raises(InputError, match="an integer from 1"):
        check_k(0)
