"""The whole demo on made-up emoji: what it writes and prints."""

import json
from pathlib import Path

import numpy as np
import pytest

from steradian import Index, SphereEmbedder
from steradian.demo import run_demo
from steradian.demo.comparison import QUESTIONS
from steradian.demo.emoji import Emoji
from steradian.training import Progress

pytestmark = pytest.mark.slow

SMALL = {"rows_per_emoji": 4, "epochs": 1, "width": 16, "heads": 2, "embedding_dim": 16, "verbose": False}


def test_the_demo_writes_a_model_its_index_scores_and_a_page(shapes: list[Emoji], tmp_path: Path) -> None:
    said: list[str] = []
    out = tmp_path / "made" / "demo"
    metrics = run_demo(out, emoji=shapes, say=said.append, **SMALL)
    assert sorted(path.name for path in out.iterdir()) == [
        *("metrics.json", "model", "neighbors.html", "query.png", "training.jsonl")
    ]
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8")) == metrics
    assert not metrics["interrupted"]
    assert metrics["emoji"] == {"train": 25, "valid": 3, "test": 12}
    for scores in metrics["results"].values():
        assert list(scores) == [question.title for question in QUESTIONS]

    model = SphereEmbedder.load(out / "model")
    query = {"picture": [out / "query.png"], "name": [None]}
    assert np.linalg.norm(model.transform(query), axis=1) == pytest.approx(1, abs=1e-6)
    assert len(Index.load(out / "model" / "index", model=model)) == len(shapes)


def test_what_it_prints_fits_a_terminal_and_credits_the_artists(shapes: list[Emoji], tmp_path: Path) -> None:
    said: list[str] = []
    run_demo(tmp_path, emoji=shapes, say=said.append, **SMALL)
    told = "\n".join(said)
    assert [line for line in told.replace(str(tmp_path), "demo-output").splitlines() if len(line) > 80] == []
    for credited in ("Twemoji", "CC BY 4.0", "OpenMoji", "CC BY-SA 4.0", "Unicode CLDR"):
        assert credited in told


def test_after_ctrl_c_it_goes_on_with_the_best_model_and_says_so(
    shapes: list[Emoji], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Progress, step: int, *, loss: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", interrupt)
    metrics = run_demo(tmp_path, emoji=shapes, say=lambda line: None, **SMALL)
    assert metrics["interrupted"]
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == metrics


def test_the_same_seed_gives_the_same_scores(shapes: list[Emoji], tmp_path: Path) -> None:
    first, second = (run_demo(tmp_path, random_state=1, emoji=shapes, say=lambda line: None, **SMALL) for _ in range(2))
    assert first["results"] == second["results"]
