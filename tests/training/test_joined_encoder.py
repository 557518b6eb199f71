import numpy as np
import torch
from torch import nn

from steradian.data.batch import Batch, PreparedObjects
from steradian.model import ModalityVectors, SphereEncoder, TensorBatch
from steradian.ranks import Ranks
from steradian.training.joined_encoder import JoinedEncoder, shared_batch
from tests.thread_ranks import ThreadRanks, in_threads

OBJECTS, DIM = 7, 3


class Scaled(nn.Module):
    """An encoder of one number an object, whose fusion multiplies by another; it says how many objects it has seen."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(3.0))
        self.seen: list[int] = []

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        vectors = (self.first * batch.items["a"]["numbers"])[:, None, None].expand(-1, 1, DIM)
        self.seen.append(len(vectors))
        return ModalityVectors(vectors, vectors[..., :1] + 1, batch.present)

    def fuse(self, encoded: ModalityVectors, subset: torch.Tensor | None = None) -> torch.Tensor:
        self.seen.append(len(encoded.present))
        kept = encoded.present if subset is None else encoded.present & subset
        return self.second * (encoded.vectors * encoded.summaries * kept[..., None]).sum(1)


def objects() -> PreparedObjects:
    items = {"a": lambda rows: {"numbers": np.arange(1, OBJECTS + 1, dtype=np.float32)[rows]}}
    return PreparedObjects(items, np.ones((OBJECTS, 1), dtype=bool), np.arange(OBJECTS))


def test_a_rank_knows_the_weights_of_all_rows() -> None:
    rows, weights = np.array([4, 0, 6]), np.arange(OBJECTS) / 2
    whole = objects()
    weighed = PreparedObjects(whole.items, whole.present, whole.labels, weights=weights)
    for batch in in_threads(2, lambda ranks: shared_batch(weighed.rows(np.arange(OBJECTS)[::-1]), rows, ranks)):
        assert batch.weights.tolist() == [1, 3, 0]
        assert batch.weights.dtype == np.float32
    assert TensorBatch.of(weighed.batch(rows)).weights.tolist() == [2, 0, 3]


def loss_of(encoder: SphereEncoder | JoinedEncoder | Scaled, batch: Batch) -> torch.Tensor:
    """Of rows that are fused twice, once through a subset."""
    encoded = encoder.encode(TensorBatch.of(batch))
    twice = ModalityVectors(*(each.repeat(2, *[1] * (each.ndim - 1)) for each in vars(encoded).values()))
    subset = torch.cat([encoded.present, torch.arange(OBJECTS)[:, None] % 2 == 0])
    fused = encoder.fuse(twice, subset)
    return (fused * torch.arange(2.0 * OBJECTS)[:, None]).sum() + encoded.vectors.square().sum()


def test_ranks_encode_their_rows_and_get_the_gradients_of_one_process() -> None:
    whole = Scaled()
    expected = loss_of(whole, objects().batch(np.arange(OBJECTS)))
    expected.backward()

    def run(ranks: ThreadRanks) -> tuple[float, list[float], list[int]]:
        encoder = Scaled()
        joined = JoinedEncoder(encoder, ranks, random_state=0)  # type: ignore[arg-type]
        loss = loss_of(joined, shared_batch(objects(), np.arange(OBJECTS), ranks))
        loss.backward()
        ranks.average_gradients(encoder.parameters())
        return (
            loss.item(),
            [float(weight.grad) for weight in encoder.parameters() if weight.grad is not None],
            encoder.seen,
        )

    for (loss, gradients, seen), rows in zip(in_threads(2, run), (3, 4), strict=True):
        assert loss == expected.item() and seen == [rows, 2 * rows]
        assert gradients == [float(weight.grad) for weight in whole.parameters() if weight.grad is not None]


def test_a_shared_batch_has_the_items_of_one_rank_and_the_labels_of_all() -> None:
    rows = np.array([6, 0, 3])
    first, second = in_threads(2, lambda ranks: shared_batch(objects(), rows, ranks))
    assert first.items["a"]["numbers"].tolist() == [7.0] and second.items["a"]["numbers"].tolist() == [1.0, 4.0]
    assert first.labels.tolist() == second.labels.tolist() == [6, 0, 3] and len(first.present) == 3
    assert shared_batch(objects(), rows, Ranks()).items["a"]["numbers"].tolist() == [7.0, 1.0, 4.0]


def test_each_rank_and_step_draws_its_own_and_leaves_the_others_draws() -> None:
    class Drawing(Scaled):
        def encode(self, batch: TensorBatch) -> ModalityVectors:
            drawn.append(torch.rand(()).item())
            return super().encode(batch)

    drawn: list[float] = []
    joined = JoinedEncoder(Drawing(), Ranks(), random_state=0)  # type: ignore[arg-type]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for step in (0, 1, 0):
        joined.begin(step)
        joined.encode(TensorBatch.of(objects().batch(np.arange(OBJECTS))))
    assert drawn[0] == drawn[2] != drawn[1]
    assert torch.equal(before, torch.get_rng_state())
