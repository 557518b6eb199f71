from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from torch import nn

from steradian.config import TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.errors import InputError
from steradian.model import SphericalClassifier
from steradian.ranks import Ranks
from steradian.training.progress import Progress
from steradian.training.shared_work import refuse_empty_shares, spreads_centers, tell_shared_work, wire_a_step
from tests.thread_ranks import ThreadRanks, in_threads


def test_many_classes_are_spread_and_few_are_not() -> None:
    angular, supcon = TrainingConfig(), TrainingConfig(objective="supcon")
    for classes, config, expected in ((256, angular, True), (255, angular, False), (256, supcon, False)):
        assert in_threads(2, lambda ranks, c=classes, o=config: spreads_centers(o, c, ranks)) == [expected] * 2
    assert not spreads_centers(angular, 1000, Ranks())


def test_a_batch_must_have_an_object_for_each_rank() -> None:
    refuse_empty_shares(5, 5, Ranks())
    with pytest.raises(InputError, match="an object of each batch for each of 3 ranks, got 5 objects in batches of 2"):
        in_threads(3, lambda ranks: refuse_empty_shares(5, 2, ranks))


def test_one_rank_sends_nothing_and_many_send_nearly_twice_the_weights() -> None:
    sizes = {"weights": 1000, "spread": True}
    assert wire_a_step(64, 1, 8, **sizes, size=1) == 0
    # 64 rows of 8 numbers there and back, 8 numbers a row for the softmax, the weights twice; half of it for two ranks.
    assert wire_a_step(64, 1, 8, **sizes, size=2) == 4 * (2 * 64 * 8 + 8 * 64 + 2 * 1000) // 2


@pytest.mark.parametrize(("optimizer", "megabytes"), [("adamw", "4.8"), ("rowwise", "1.3")])
def test_what_a_rank_holds_and_sends_is_told(optimizer: str, megabytes: str) -> None:
    objects = PreparedObjects({}, np.ones((128, 2), dtype=bool))

    def run(ranks: ThreadRanks) -> str:
        classifier = SphericalClassifier(30_000, 20)
        classifier.spread(ranks)
        config = TrainingConfig(batch_size=100, center_optimizer=optimizer)
        output = StringIO()
        encoder = nn.Linear(1000, 1000, bias=False)
        tell_shared_work(Progress(Console(file=output)), objects, config, encoder, classifier, ranks)
        return output.getvalue()

    told, _ = in_threads(2, run)
    assert told == (
        f"2 ranks, each 50 objects a step and 15,000 of 30,000 class centers in {megabytes} MB with gradient and "
        "moments; 4.04 MB a step on the wire\n"
    )
