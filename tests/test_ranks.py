import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steradian import AngularMarginLoss, ConfigError, SphereEmbedder
from steradian.model import SphericalClassifier
from steradian.ranks import Ranks, gather_rows, launched_ranks
from tests.thread_ranks import ThreadRanks, in_threads

SCHEMA = """
label: label
modalities:
  a: {type: Vector, columns: a}
"""


def test_every_rank_has_its_share_and_none_is_left_out() -> None:
    shares = in_threads(3, lambda ranks: (ranks.share(10), ranks.counts(10)))
    assert [share for share, _ in shares] == [slice(0, 3), slice(3, 6), slice(6, 10)]
    assert {tuple(counts) for _, counts in shares} == {(3, 3, 4)}


def test_one_process_is_its_own_group() -> None:
    ranks, rows = Ranks.all(), torch.eye(3)
    assert (ranks.size, ranks.rank, ranks.share(5)) == (1, 0, slice(0, 5))
    assert ranks.agreed({"a": [1]}) == {"a": [1]} and ranks.from_first(lambda: 7) == 7
    assert gather_rows(rows) is rows and ranks.scattered(rows, [3]) is rows


def test_texts_and_plain_values_travel() -> None:
    def run(ranks: ThreadRanks) -> Any:
        value = {"share": 0.1 + 0.2, "state": 2**100} if ranks.rank == 0 else None
        return ranks.texts("ä" * ranks.rank), ranks.agreed(value), ranks.from_first(lambda: ranks.rank)

    assert in_threads(3, run) == [(["", "ä", "ää"], {"share": 0.1 + 0.2, "state": 2**100}, 0)] * 3


def test_gathered_rows_get_the_sum_of_all_gradients() -> None:
    def run(ranks: ThreadRanks) -> tuple[list[float], list[float]]:
        rows = torch.full((ranks.rank + 1,), float(ranks.rank), requires_grad=True)
        joined = gather_rows(rows, ranks)
        (joined * torch.arange(3.0) * (ranks.rank + 1)).sum().backward()
        assert rows.grad is not None
        return joined.tolist(), rows.grad.tolist()

    assert in_threads(2, run) == [([0.0, 1.0, 1.0], [0.0]), ([0.0, 1.0, 1.0], [3.0, 6.0])]


def test_a_gradient_is_the_mean_over_ranks_and_none_where_none_has_one() -> None:
    def run(ranks: ThreadRanks) -> list[list[float] | None]:
        weights = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
        weights[0].grad = torch.full((2,), float(ranks.rank + 1))
        if ranks.rank == 1:
            weights[1].grad = torch.full((2,), 4.0)
        ranks.average_gradients(weights)
        return [None if weight.grad is None else weight.grad.tolist() for weight in weights]

    assert in_threads(2, run) == [[[1.5, 1.5], [2.0, 2.0], None]] * 2


def test_ranks_that_differ_are_told_in_what() -> None:
    def run(ranks: ThreadRanks) -> None:
        entries = {"table": "same", "margin": str(ranks.rank // 2)}
        ranks.refuse_differences(entries, where="here")

    with pytest.raises(ConfigError, match="the same margin in all 3 ranks, got margin 0 in rank 0, 1 in rank 2"):
        in_threads(3, run)


@pytest.mark.parametrize(
    "options",
    [
        *({"kind": kind} for kind in ("cosface", "sphereface", "curricularface", "adaface", "magface")),
        {"scale": "adacos"},
        {"subcenters": 3, "smoothing": 0.1},
        {"hard_negatives": 3},
        {"class_counts": torch.arange(1, 32)},
    ],
    ids=str,
)
def test_the_margin_loss_over_slices_learns_as_in_one_process(options: dict[str, Any]) -> None:
    draw = torch.Generator().manual_seed(1)
    rows = torch.randn(20, 9, 6, generator=draw, dtype=torch.float64) * 20
    labels = torch.randint(31, (20, 9), generator=draw)

    def run(ranks: Ranks) -> tuple[list[float], torch.Tensor]:
        shape = {"subcenters": options.get("subcenters", 1)}
        classifier = SphericalClassifier(31, 6, **shape).double()
        with torch.no_grad():
            classifier.weight.copy_(torch.linspace(-3, 5, classifier.weight.numel()).sin().view_as(classifier.weight))
        classifier.spread(ranks)
        loss = AngularMarginLoss(31, 6, classifier=classifier, **options).double()
        optimizer = torch.optim.Adam([classifier.weight], lr=0.05)
        losses = []
        for step in range(20):
            value = loss(rows[step], labels[step])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        classifier.gather()
        return losses, classifier.weight.detach()

    losses, centers = run(Ranks())
    for found, gathered in in_threads(2, run):
        assert found == pytest.approx(losses, rel=1e-9)
        torch.testing.assert_close(gathered, centers, rtol=0, atol=1e-6)


def test_a_port_in_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(taken.getsockname()[1])}
        for name, value in {**address, "WORLD_SIZE": "2", "RANK": "0"}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigError, match="another --master-port if this one is in use"), launched_ranks():
            pass


@pytest.mark.slow
def test_two_processes_fit_what_one_fits_and_end_together(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(SCHEMA, encoding="utf-8")
    rows = [json.dumps({"a": [row % 3, row % 2, row / 40], "label": f"class {row % 3}"}) for row in range(40)]
    (tmp_path / "table.jsonl").write_text("\n".join(rows), encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = Path(__file__).with_name("two_processes.py")
    root = str(Path(__file__).parents[1])
    paths = os.pathsep.join([str(Path(root, "src")), root, os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([*command, str(script), str(tmp_path)], capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr[-4000:]
    found = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))

    for name, difference in found.items():
        if isinstance(difference, dict):
            assert difference["losses"] < 1e-6, name
            # In the mean over all numbers: AdamW divides each by its own gradient's size, and where that is nearly zero
            # rounding decides. In float64 the test above holds each of them to 1e-6.
            assert difference["vectors"] < 1e-5 and difference["centers"] < 1e-5, name
    assert found["spread centers"]["steps"] == 18 and found["resumed"]["steps"] == 8
    assert found["equal in both"]
    assert found["resumed"]["vectors"] == found["resumed"]["centers"] == 0
    for texts in found["errors"]:
        wanted = ["the same table in", "the same margin in", "an object of each batch for each of 2"]
        assert [words for words, (text, _) in zip(wanted, texts, strict=True) if words not in text] == []
    (told, seconds), (own, _) = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert own == "ValueError: disk on fire" and "rank 1 failed: ValueError: disk on fire. Fix" in told
    # Far below the 30 minutes that torch waits for a rank; nothing here measures speed.
    assert seconds < 30
    assert ended.stdout.count("wrote the model") == 1
    assert len(SphereEmbedder.load(tmp_path / "model").classes_) == 3
