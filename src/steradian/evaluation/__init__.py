"""Score a model for every subset of modalities."""

from steradian.evaluation.evaluate import evaluate
from steradian.evaluation.result import Evaluation, SubsetScores

__all__ = ["Evaluation", "SubsetScores", "evaluate"]
