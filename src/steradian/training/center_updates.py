"""Class centers that move while their gradient is computed, so that no gradient of their size ever exists."""

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["RowwiseAdam"]


class RowwiseAdam:
    """Adam with one second moment a center and no first: a step of the centers whose gradient comes in.

    Give `update` to a loss as `take_gradient`. A center's step is learning_rate * gradient / (sqrt(v / (1 - decay^t)) +
    epsilon), with v the running mean of its gradient's mean square and t the number of its own steps, so that a center
    which is drawn seldom is not held back by the others' steps. (Adam: Kingma and Ba 2015, arXiv 1412.6980; one moment
    a row: as in Adagrad's row-wise form for embedding tables.)

    Args:
        directions: the class centers, changed in place [..., embedding_dim]; of their gradient nothing is stored.
        learning_rate: of the next updates; may be set anew.
        decay: of the second moment, Adam's 0.999.
        epsilon: Adam's 1e-8.

    Examples:
        >>> centers = torch.eye(2)
        >>> RowwiseAdam(centers, learning_rate=0.1).update(slice(0, 1), torch.tensor([[0.0, 3.0]]))
        >>> centers[0]
        tensor([ 1.0000, -0.1414])
    """

    def __init__(
        self, directions: Tensor, *, learning_rate: float, decay: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.learning_rate = learning_rate
        self._directions, self._decay, self._epsilon = directions, decay, epsilon
        self._moments = torch.zeros_like(directions[..., 0])
        self._steps = torch.zeros_like(directions[..., 0])

    def tensors(self) -> dict[str, Tensor]:
        """Moments and steps of the centers, by name."""
        return {"moments": self._moments, "steps": self._steps}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Be as one whose `tensors` these are.

        Args:
            tensors: by name.
        """
        self._moments.copy_(tensors["moments"])
        self._steps.copy_(tensors["steps"])

    @torch.no_grad()
    def update(self, rows: slice | Tensor, gradient: Tensor) -> None:
        """Move some centers.

        Args:
            rows: their numbers, as a slice or int64 [some].
            gradient: theirs [some, ..., embedding_dim]; written to.
        """
        steps = self._steps[rows] + 1
        squares = torch.linalg.vector_norm(gradient, dim=-1).square_() / gradient.shape[-1]
        moments = torch.lerp(squares, self._moments[rows], self._decay)
        self._steps[rows], self._moments[rows] = steps, moments
        size = (moments / (1 - self._decay**steps)).sqrt_().add_(self._epsilon)
        step = gradient.mul_((-self.learning_rate / size)[..., None])
        if isinstance(rows, slice):
            self._directions[rows] += step
        else:
            self._directions.index_add_(0, rows, step)
