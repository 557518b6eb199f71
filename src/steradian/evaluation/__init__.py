"""Score a model for every subset and pattern of modalities, while more and more are dropped, and by its geometry."""

from steradian.evaluation.compare_models import ComparedScore, ModelComparison, compare_models
from steradian.evaluation.decision_table import Decisions, SubsetDecisions
from steradian.evaluation.decisions import measure_decisions
from steradian.evaluation.evaluate import evaluate
from steradian.evaluation.evaluation_table import Evaluation, SubsetScores
from steradian.evaluation.geometry import Geometry, measure_geometry, measure_vectors
from steradian.evaluation.label_evaluation import LabelEvaluation, LabelScores
from steradian.evaluation.plain_baseline import PlainBaseline, measure_plain_baseline
from steradian.evaluation.robustness import Robustness, robustness

__all__ = [
    "ComparedScore",
    "Decisions",
    "Evaluation",
    "Geometry",
    "LabelEvaluation",
    "LabelScores",
    "ModelComparison",
    "PlainBaseline",
    "Robustness",
    "SubsetDecisions",
    "SubsetScores",
    "compare_models",
    "evaluate",
    "measure_decisions",
    "measure_geometry",
    "measure_plain_baseline",
    "measure_vectors",
    "robustness",
]
