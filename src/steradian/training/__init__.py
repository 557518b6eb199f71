"""One readable training function and what it is made of."""

from steradian.training.derived import Derived, default_validation_share, derive
from steradian.training.objective import Objective, random_subsets
from steradian.training.progress import Progress
from steradian.training.train import TrainingResult, train

__all__ = [
    "Derived",
    "Objective",
    "Progress",
    "TrainingResult",
    "default_validation_share",
    "derive",
    "random_subsets",
    "train",
]
