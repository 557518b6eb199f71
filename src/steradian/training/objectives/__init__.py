"""What training minimises. An objective is a file: its loss, its defaults, what it needs and holds."""

from steradian.training.objectives.angular import Angular, NormalisedCrossEntropy
from steradian.training.objectives.clip import AnchorClip, Clip
from steradian.training.objectives.cross_entropy import CrossEntropy
from steradian.training.objectives.gmc import Gmc, GmcCrossEntropy
from steradian.training.objectives.gram import Gram
from steradian.training.objectives.objective import Derived, Objective
from steradian.training.objectives.proxy_anchor import ProxyAnchor
from steradian.training.objectives.supcon import SupCon
from steradian.training.objectives.symile import Symile
from steradian.training.objectives.triplet import Triplet

__all__ = ["OBJECTIVES", "Derived", "Objective"]

OBJECTIVES: dict[str, type[Objective]] = {
    "angular": Angular,
    "normalised_cross_entropy": NormalisedCrossEntropy,
    "cross_entropy": CrossEntropy,
    "proxy_anchor": ProxyAnchor,
    "supcon": SupCon,
    "triplet": Triplet,
    "clip": Clip,
    "anchor_clip": AnchorClip,
    "gmc": Gmc,
    "gmc_cross_entropy": GmcCrossEntropy,
    "symile": Symile,
    "gram": Gram,
}
"""The objectives by name; one of your own is one more entry: `OBJECTIVES["mine"] = MyObjective`."""
