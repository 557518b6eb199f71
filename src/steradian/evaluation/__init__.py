"""Score a model for every subset of modalities, every pattern of missing ones, and while more and more are dropped."""

from steradian.evaluation.evaluate import evaluate
from steradian.evaluation.result import Evaluation, SubsetScores
from steradian.evaluation.robustness import Robustness, robustness

__all__ = ["Evaluation", "Robustness", "SubsetScores", "evaluate", "robustness"]
