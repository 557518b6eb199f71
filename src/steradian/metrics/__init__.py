"""Pure functions on arrays that score retrieval, classification and clusters, measure geometry and explain cosines."""

from steradian.metrics.angles import to_angles
from steradian.metrics.class_angles import ClassAngles, class_angles
from steradian.metrics.class_bootstrap import class_interval
from steradian.metrics.class_means import ClassMeans, class_means, concentration
from steradian.metrics.classification import accuracy, balanced_accuracy, macro_f1
from steradian.metrics.clustering import MAX_DISTANCES, clustering_ami, most_distances, rows_to_try
from steradian.metrics.confidence import expected_calibration_error, fit_scale, negative_log_likelihood
from steradian.metrics.contributions import Contributions, contributions
from steradian.metrics.detection import (
    DetectionCurve,
    SortedScores,
    auroc,
    equal_error_rate,
    false_positive_rate_at,
    true_accept_rate,
)
from steradian.metrics.labelled_pairs import MAX_PAIRS, pair_angles
from steradian.metrics.modality_gap import ModalityGap, modality_gap
from steradian.metrics.nearest import nearest, unit_vectors
from steradian.metrics.neural_collapse import (
    center_disagreement,
    equiangularity,
    self_duality,
    single_centers,
    within_class_variability,
)
from steradian.metrics.open_set import oscr
from steradian.metrics.retrieval import (
    MOST_QUERIES,
    RetrievalScores,
    map_at_r,
    r_precision,
    recall_at_k,
    retrieval_scores,
)
from steradian.metrics.shapley import shapley_values
from steradian.metrics.sphere_projection import SphereProjection, sphere_projection
from steradian.metrics.spread import alignment, effective_rank, hyperspherical_energy, least_center_angle, uniformity
from steradian.metrics.unanimity import GuaranteedLeads, guaranteed_leads, rounding_slack

__all__ = [
    "MAX_DISTANCES",
    "MAX_PAIRS",
    "MOST_QUERIES",
    "ClassAngles",
    "ClassMeans",
    "Contributions",
    "DetectionCurve",
    "GuaranteedLeads",
    "ModalityGap",
    "RetrievalScores",
    "SortedScores",
    "SphereProjection",
    "accuracy",
    "alignment",
    "auroc",
    "balanced_accuracy",
    "center_disagreement",
    "class_angles",
    "class_interval",
    "class_means",
    "clustering_ami",
    "concentration",
    "contributions",
    "effective_rank",
    "equal_error_rate",
    "equiangularity",
    "expected_calibration_error",
    "false_positive_rate_at",
    "fit_scale",
    "guaranteed_leads",
    "hyperspherical_energy",
    "least_center_angle",
    "macro_f1",
    "map_at_r",
    "modality_gap",
    "most_distances",
    "nearest",
    "negative_log_likelihood",
    "oscr",
    "pair_angles",
    "r_precision",
    "recall_at_k",
    "retrieval_scores",
    "rounding_slack",
    "rows_to_try",
    "self_duality",
    "shapley_values",
    "single_centers",
    "sphere_projection",
    "to_angles",
    "true_accept_rate",
    "uniformity",
    "unit_vectors",
    "within_class_variability",
]
