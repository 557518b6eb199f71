"""How a sweep over class centers will use memory, known before it starts."""

from dataclasses import dataclass

__all__ = ["MEMORY_BUDGET", "StreamPlan", "plan_stream", "tile_cosines"]

MEMORY_BUDGET = 62_000_000
"""Bytes a call may take beside the gradient of the class centers."""

TILE = {"cpu": 2**20, "cuda": 2**24, "mps": 2**24}
"""Cosines computed at once: on a CPU enough to hide what a call costs, elsewhere enough to fill the device."""


@dataclass(frozen=True)
class StreamPlan:
    """How a call will go about it.

    Args:
        tiles: in how many parts the class centers are swept.
        tile_classes: class centers of a tile.
        kept_in_gradient: the first so many tiles keep their exponentials where later the centers' gradient goes.
        kept_in_workspace: so many more keep them in memory of their own; the rest compute them twice.
        size: bytes taken beside the gradient of the class centers.

    Examples:
        >>> print(plan_stream(256, 10_000, 128))
        workspace: all 3 tiles kept, 17.7 MB
    """

    tiles: int
    tile_classes: int
    kept_in_gradient: int
    kept_in_workspace: int
    size: int

    @property
    def kept(self) -> int:
        """Tiles that compute their exponentials once."""
        return self.kept_in_gradient + self.kept_in_workspace

    def __str__(self) -> str:
        megabytes = f"{self.size / 1e6:.1f} MB"
        if self.kept < self.tiles:
            return f"streaming: {self.kept:,} of {self.tiles:,} tiles kept, others twice, {megabytes}"
        kept = "its only tile" if self.tiles == 1 else f"all {self.tiles:,} tiles"
        return f"workspace: {kept} kept, {megabytes}"


def tile_cosines(device: str) -> int:
    """Cosines computed at once.

    Args:
        device: its type, as "cpu" or "cuda".
    """
    return TILE.get(device, TILE["cuda"])


def plan_stream(
    rows: int,
    num_classes: int,
    embedding_dim: int,
    *,
    own: int = 1,
    centers_a_class: int = 1,
    device: str = "cpu",
    element_size: int = 4,
    memory_budget: int = MEMORY_BUDGET,
    keepable: bool = True,
    gradient: bool = True,
) -> StreamPlan:
    """How `stream_softmax` will go about so many rows and classes; few classes may take less, being no sweep.

    Args:
        rows: of embeddings, all modalities and subsets together.
        num_classes: that take part.
        embedding_dim: length of a center.
        own: own classes a row, hard negatives among them.
        centers_a_class: 1, or sub-centers.
        device: its type, as "cpu" or "cuda".
        element_size: bytes of a number.
        memory_budget: bytes beside the gradient of the class centers.
        keepable: whether exponentials may be kept: with one center a class and no bend.
        gradient: whether the centers' gradient is there to keep exponentials in.
    """
    tile = max(1, min(num_classes, tile_cosines(device) // max(1, rows * centers_a_class)))
    tiles = -(-num_classes // tile)
    scratch = tile * centers_a_class * (2 * embedding_dim + rows)
    fixed = scratch + num_classes * centers_a_class + (3 + 4 * own) * rows * embedding_dim
    in_gradient = in_workspace = 0
    if keepable and rows:
        if gradient:
            in_gradient = tiles if rows <= embedding_dim else num_classes * embedding_dim // (tile * rows)
        affordable = max(0, memory_budget // element_size - fixed) // (tile * rows)
        in_workspace = min(tiles - in_gradient, affordable)
    size = fixed + in_workspace * tile * rows
    return StreamPlan(tiles, tile, in_gradient, in_workspace, size * element_size)
