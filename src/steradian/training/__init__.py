"""One readable training function and what it is made of."""

from steradian.training.build_objective import check_objective, check_options
from steradian.training.center_updates import RowwiseAdam
from steradian.training.derive import derive, with_derived, with_epochs_beside
from steradian.training.left_out import LeftOut
from steradian.training.memory import derive_within_memory
from steradian.training.objectives import OBJECTIVES, Derived, Objective
from steradian.training.progress import Progress
from steradian.training.train import TrainingResult, train

__all__ = [
    "OBJECTIVES",
    "Derived",
    "LeftOut",
    "Objective",
    "Progress",
    "RowwiseAdam",
    "TrainingResult",
    "check_objective",
    "check_options",
    "derive",
    "derive_within_memory",
    "train",
    "with_derived",
    "with_epochs_beside",
]
