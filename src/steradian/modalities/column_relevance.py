"""How much each column says about what is to be told: the slope of a first answer along it."""

import numpy as np

__all__ = ["column_relevance"]

ROWS, OUTPUTS = 1000, 8
"""Rows that take part, and random sums of the targets: slopes along columns need no more."""
PENALTY = 0.1
"""Of that answer."""
LEAST = 0.01
"""Of the root mean square of all: a column that seems to say nothing keeps a little."""


def column_relevance(rows: np.ndarray, targets: np.ndarray, *, turns: int = 1) -> np.ndarray:
    """A factor for each column, by which distances along it count: float32 [columns], their mean square 1.

    The root mean square slope along each column of a kernel ridge to the targets with one Gaussian kernel. Where few of
    many columns matter, distances then are those along these. The diagonal form of recursive feature machines,
    Radhakrishnan et al. 2024 (Science 383, 1461).

    Args:
        rows: [rows, columns], each column on the same scale.
        targets: [rows, outputs], of mean 0 or not.
        turns: a turn more sees distances by the relevance of the last.

    Examples:
        >>> rows = np.random.default_rng(0).normal(size=(300, 4))
        >>> int(column_relevance(rows, np.sign(rows[:, :1])).argmax())
        0
    """
    draw = np.random.default_rng(0)
    if len(rows) > ROWS:
        chosen = np.sort(draw.permutation(len(rows))[:ROWS])
        rows, targets = rows[chosen], targets[chosen]
    if targets.shape[1] > OUTPUTS:
        targets = targets @ draw.normal(size=(targets.shape[1], OUTPUTS))
    rows, targets = rows.astype(np.float64), targets - targets.mean(axis=0)
    relevance = np.ones(rows.shape[1])
    for _ in range(turns):
        relevance = relevance * np.sqrt(_slopes(rows * relevance, targets))
        size = np.sqrt(np.square(relevance).mean())
        if not 0 < size < np.inf:
            return np.ones(rows.shape[1], dtype=np.float32)
        relevance = np.maximum(relevance / size, LEAST)
    return relevance.astype(np.float32)


def _slopes(rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean square slope along each column, but for a common factor, of a kernel ridge to the targets [columns]."""
    squares = np.square(rows).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0)
    apart = distances[np.triu_indices(len(rows), 1)]
    width = float(np.median(apart)) / 2 if len(apart) else 0.0
    kernel = np.exp(-distances / (width or 1.0))
    coefficients = np.linalg.solve(kernel + PENALTY * np.eye(len(rows)), targets)
    answers, slopes = kernel @ coefficients, np.zeros(rows.shape[1])
    for answer, each in zip(answers.T[:, :, None], coefficients.T[:, :, None], strict=True):
        # The slope of a sum of Gaussians at each row, but for the factor 2 / width.
        slopes += np.square(rows * answer - kernel @ (each * rows)).sum(axis=0)
    return slopes
