"""What is no graph is refused; real graphs are run in tests/engines/test_onnx.py."""

import numpy as np
import pytest

import steradian as sr
from steradian.runtime.graphs import Graphs


def test_bytes_that_are_no_graph_are_refused() -> None:
    entry = {"fusion": False, "embedding_dim": 2, "width": 1}
    # Where onnxruntime is missing, the error names the extra.
    with pytest.raises((sr.SavedModelError, sr.MissingExtraError), match=r"ONNX|onnxruntime"):
        Graphs.load(entry, {"graphs/0": np.arange(9, dtype=np.uint8)}, ["title"])
