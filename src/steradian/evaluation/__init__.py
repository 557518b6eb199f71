"""Score a model for every subset and pattern of modalities, while more and more are dropped, and by its geometry."""

from steradian.evaluation.evaluate import evaluate
from steradian.evaluation.geometry import Geometry, measure_geometry, measure_vectors
from steradian.evaluation.result import Evaluation, SubsetScores
from steradian.evaluation.robustness import Robustness, robustness

__all__ = [
    "Evaluation",
    "Geometry",
    "Robustness",
    "SubsetScores",
    "evaluate",
    "measure_geometry",
    "measure_vectors",
    "robustness",
]
