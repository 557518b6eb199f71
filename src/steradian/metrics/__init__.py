"""Pure functions on arrays that score retrieval, classification and clustering."""

from steradian.metrics.classification import accuracy, balanced_accuracy, macro_f1
from steradian.metrics.clustering import MAX_DISTANCES, clustering_ami
from steradian.metrics.nearest import nearest, unit_vectors
from steradian.metrics.retrieval import RetrievalScores, map_at_r, r_precision, recall_at_k, retrieval_scores

__all__ = [
    "MAX_DISTANCES",
    "RetrievalScores",
    "accuracy",
    "balanced_accuracy",
    "clustering_ami",
    "macro_f1",
    "map_at_r",
    "nearest",
    "r_precision",
    "recall_at_k",
    "retrieval_scores",
    "unit_vectors",
]
