"""One readable training function and what it is made of."""

from steradian.training.build_objective import check_margin_kind, check_objective
from steradian.training.center_updates import RowwiseAdam
from steradian.training.derived import Derived, derive, with_derived
from steradian.training.left_out import LeftOut
from steradian.training.memory import derive_within_memory
from steradian.training.objective import Objective, observed_subsets, random_subsets
from steradian.training.progress import Progress
from steradian.training.train import TrainingResult, train

__all__ = [
    "Derived",
    "LeftOut",
    "Objective",
    "Progress",
    "RowwiseAdam",
    "TrainingResult",
    "check_margin_kind",
    "check_objective",
    "derive",
    "derive_within_memory",
    "observed_subsets",
    "random_subsets",
    "train",
    "with_derived",
]
