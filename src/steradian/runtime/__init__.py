"""A model where it is served: by numpy and Pillow, without torch, scipy, scikit-learn, pyarrow or rich."""

from steradian.runtime.runtime_model import RuntimeModel, runs_without_torch
from steradian.runtime.runtime_objects import RuntimeObjects

__all__ = ["RuntimeModel", "RuntimeObjects", "runs_without_torch"]
