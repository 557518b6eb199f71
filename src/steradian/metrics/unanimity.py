"""By how much every subset of an object's modalities is bound to prefer its class, from the modalities one by one.

Let u_m be the unit vectors of an object's modalities, w_y and w_j two class centers, and suppose that each modality
prefers y to j by u_m . (w_y - w_j) >= d > 0. A subset S has the vector z = unit(s), s = sum over S of a_m u_m with
a_m >= 0, whatever the a_m. As |s| <= sum a_m,

    unit(s) . (w_y - w_j) = sum a_m u_m . (w_y - w_j) / |s| >= d sum a_m / |s| >= d.

So M vectors speak for 2^M - 1 subsets. If a context c with |c| <= g |s|, g < 1, is added to s, then z lies within
arcsin(g) of unit(s). With D = |w_y - w_j|, the angle of unit(s) to w_y - w_j is at most arccos(d / D), so that of z is
at most arccos(d / D) + arcsin(g), and

    z . (w_y - w_j) >= D cos(arccos(d / D) + arcsin(g)) = d sqrt(1 - g^2) - g sqrt(D^2 - d^2),

which is above 0 if d > g D. The classes may have sub-centers, of which the nearest counts: y leads j by d where for
each sub-center of j there is one of y, the same for all modalities, that leads it by d.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError

__all__ = ["GuaranteedLeads", "guaranteed_leads", "rounding_slack"]

_TILE = 2**20
_CENTERS_A_TILE = 4096
_MAX_OBJECTS = 1024
_UNIT = 1e-5


@dataclass(frozen=True, eq=False)
class GuaranteedLeads:
    """By how much the class of each object leads the others in every subset of its modalities.

    A lead above 0 is a guarantee. One of 0 or less guarantees nothing; it tells how far from a guarantee it is.

    Args:
        least: the smallest lead over another class, in cosine, float64 [objects].
        runners_up: the class that it is over, int64 [objects].
        below: how many classes the lead over is above 0, int64 [objects].
        all_classes: the lead over each class float32 [objects, num_classes], NaN over itself; None if not asked for.
    """

    least: np.ndarray
    runners_up: np.ndarray
    below: np.ndarray
    all_classes: np.ndarray | None = None


def guaranteed_leads(
    vectors: np.ndarray,
    present: np.ndarray,
    *,
    class_centers: np.ndarray,
    classes: np.ndarray,
    context_limit: float = 0.0,
    all_classes: bool = False,
) -> GuaranteedLeads:
    """By how much the cosine to an object's class exceeds that to any other class, at least, in every subset.

    The vector of a subset is unit(s + c), where s is a sum of the modalities' unit vectors with weights of 0 or more,
    which may differ from subset to subset, and |c| <= context_limit |s|. What is guaranteed holds also for vectors and
    cosines computed in float32: `rounding_slack` is taken off. The cost is linear in modalities, and the work is done
    in tiles of objects and classes.

    Args:
        vectors: unit vectors [objects, modalities, dim]; what stands where a modality is absent has no influence.
        present: bool [objects, modalities], at least one True a row.
        class_centers: unit vectors [num_classes, dim] or [num_classes, subcenters, dim].
        classes: the number of each object's class, int [objects].
        context_limit: in [0, 1).
        all_classes: give the lead over every class, objects x classes numbers.

    Raises:
        InputError: shapes that do not fit together, vectors that are not unit, an object without any modality, fewer
            than two classes.

    Examples:
        >>> vectors = np.array([[[1.0, 0.0], [0.8, 0.6]]])
        >>> leads = guaranteed_leads(vectors, np.ones((1, 2)) > 0, class_centers=np.eye(2), classes=np.array([0]))
        >>> leads.least.round(3), leads.runners_up, leads.below
        (array([0.2]), array([1]), array([1]))
    """
    centers = np.asarray(class_centers)
    centers = centers[:, None] if centers.ndim == 2 else centers
    _check(vectors, present, centers, classes, context_limit)
    (objects, modalities, dim), (num_classes, subcenters, _) = vectors.shape, centers.shape
    step = max(1, min(num_classes, _CENTERS_A_TILE // subcenters))
    rows = max(1, min(_MAX_OBJECTS, _TILE // (step * subcenters**2)))
    least, runners_up, below = np.full(objects, np.inf), np.zeros(objects, np.int64), np.zeros(objects, np.int64)
    every = np.full((objects, num_classes), np.nan, np.float32) if all_classes else None
    slack = rounding_slack(dim, modalities)
    for part in _chunks(objects, rows):
        seen = np.where(present[part, :, None], vectors[part].astype(np.float64), 0.0)
        own = centers[classes[part]].astype(np.float64)
        for tile in _chunks(num_classes, step):
            leads = _leads(seen, present[part], own, centers[tile].astype(np.float64), context_limit, slack)
            others = classes[part, None] != np.arange(tile.start, tile.stop)
            leads = np.where(others, leads, np.inf)
            nearest = leads.argmin(axis=1)
            lead = leads[np.arange(len(leads)), nearest]
            runners_up[part] = np.where(lead < least[part], nearest + tile.start, runners_up[part])
            least[part] = np.minimum(lead, least[part])
            below[part] += (others & (leads > 0)).sum(axis=1)
            if every is not None:
                every[part, tile] = np.where(others, leads, np.nan)
    return GuaranteedLeads(least, runners_up, below, every)


def rounding_slack(dim: int, modalities: int) -> float:
    """What is taken off every lead, in cosine, so that a guarantee survives float32: 1e-4, or more for wide vectors.

    With u = 2^-24, the sum of M weighted vectors, its division by its length and two dot products of D numbers are off
    by at most 4 (D + M + 3) u together, since a lead above 0 keeps the sum from vanishing. Twice that leaves room for
    vectors that another batch size gives other last digits.

    Args:
        dim: width of a vector.
        modalities: how many are summed.

    Examples:
        >>> rounding_slack(128, 3)
        0.0001
    """
    return max(1e-4, (dim + modalities) * 2.0**-21)


def _leads(
    vectors: np.ndarray, present: np.ndarray, own: np.ndarray, centers: np.ndarray, limit: float, slack: float
) -> np.ndarray:
    """The leads [objects, classes] over one tile of classes.

    Args:
        vectors: float64 [objects, modalities, dim], zeros where absent.
        present: bool [objects, modalities].
        own: the sub-centers of each object's class float64 [objects, subcenters, dim].
        centers: float64 [classes, subcenters, dim].
        limit: of the context.
        slack: half of it is taken off before the tilt by the context, half after it.
    """
    flat = centers.reshape(-1, centers.shape[-1])
    own_cosines = np.einsum("omd,okd->omk", vectors, own)
    leads = np.full((len(vectors), own.shape[1], len(flat)), np.inf)
    for m in range(vectors.shape[1]):
        cosines = np.where(present[:, m, None], vectors[:, m] @ flat.T, -np.inf)
        np.minimum(leads, own_cosines[:, m, :, None] - cosines[:, None], out=leads)
    leads -= slack / 2
    if limit:
        # The length of the context is rounded too.
        limit = min(1.0, limit * (1.0 + slack))
        squares = (own**2).sum(axis=2)[:, :, None] + (flat**2).sum(axis=1)
        beyond = np.maximum(squares - 2.0 * (own @ flat.T) - leads**2, 0.0)
        leads = leads * np.sqrt(1.0 - limit**2) - limit * np.sqrt(beyond)
    leads -= slack / 2
    best = leads.max(axis=1).reshape(len(vectors), *centers.shape[:2])
    return np.asarray(best.min(axis=2))


def _chunks(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def _check(
    vectors: np.ndarray, present: np.ndarray, centers: np.ndarray, classes: np.ndarray, context_limit: float
) -> None:
    shapes = f"{list(vectors.shape)}, {list(present.shape)}, {list(centers.shape)} and {list(classes.shape)}"
    fits = vectors.ndim == centers.ndim == 3 and vectors.shape[2] == centers.shape[2]
    if not fits or present.shape != vectors.shape[:2] or classes.shape != vectors.shape[:1] or len(centers) < 2:
        raise InputError(
            want="vectors [objects, modalities, dim], present [objects, modalities], centers of two classes or more "
            "[num_classes, dim], classes [objects]",
            got=f"shapes {shapes}",
            where="guaranteed_leads",
            fix="Pass arrays that fit together.",
        )
    if len(classes) and not 0 <= classes.min() <= classes.max() < len(centers):
        got = f"{classes.min()} to {classes.max()}"
        raise InputError(f"class numbers below {len(centers)}", got, "classes", "Number the rows of the centers.")
    if not present.any(axis=1).all():
        raise InputError("a modality in every row", "a row without any", "present", "Leave such objects out.")
    if not 0 <= context_limit < 1:
        raise InputError("a share in [0, 1)", repr(context_limit), "context_limit", "Leave it out for 0.")
    lengths = np.linalg.norm(vectors[present].astype(np.float64), axis=1)
    if not (np.abs(lengths - 1.0) <= _UNIT).all():
        raise InputError("unit vectors", "other lengths", "vectors", "Divide each vector by its length.")
