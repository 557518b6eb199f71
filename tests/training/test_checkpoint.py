"""A fit that was killed and begun again ends as if it had not been killed, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import SavedModelError
from steradian.training import Progress, checkpoint

OPTIONS: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "batch_size": 16, "verbose": False}
KINDS: dict[str, dict[str, Any]] = {
    "beside a closed form": {"epochs": 2},
    "alone, early stopping": {"closed_form": False, "epochs": 8, "validation_fraction": 0.25, "patience": 2},
    "row-wise centers": {"closed_form": False, "epochs": 2, "center_optimizer": "rowwise", "class_share": 0.5},
    "a learned scale": {"objective": "clip", "epochs": 2},
    "class means at the end": {"objective": "supcon", "epochs": 2},
    "sub-centers": {"subcenters": 2, "epochs": 2},
}


class Killed(BaseException):
    """As by a signal that nothing can handle."""


def make_table(random_state: int = 0) -> sr.ObjectTable:
    rng, kinds = np.random.default_rng(random_state), np.arange(48) % 4
    table: dict[str, Any] = {"label": kinds}
    for name in ("photo", "title"):
        cells = np.eye(4)[kinds] + 0.3 * rng.normal(size=(48, 4))
        table[name] = [None if name == "title" and row % 5 == 0 else cell for row, cell in enumerate(cells)]
    return sr.read_objects(table, sr.Schema({name: sr.Vector(name) for name in ("photo", "title")}))


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ends the next fit at its so-manieth step; 0 lets it go on. Every step is kept."""
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    advance, left = Progress.advance, [0]

    def counted(self: Progress, step: int, *, loss: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        advance(self, step, loss=loss)

    monkeypatch.setattr(Progress, "advance", counted)

    def arm(steps: int) -> None:
        left[0] = steps

    return arm


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_anywhere_it_ends_as_if_it_had_not_been(kind: str, kill: Callable[[int], None], tmp_path: Path) -> None:
    table, options = make_table(), OPTIONS | KINDS[kind]
    whole = sr.SphereEmbedder(**options).fit(table)
    expected, steps = whole.transform(table), whole.training_.steps
    for first in range(1, steps + 1, max(1, steps // 3)):
        folder = tmp_path / str(first)
        for step in (first, 2):
            kill(step)
            try:
                sr.SphereEmbedder(**options).fit(table, checkpoint=folder)
            except Killed:
                assert step == 1 or folder.exists()
        kill(0)
        model = sr.SphereEmbedder(**options).fit(table, checkpoint=folder)
        np.testing.assert_array_equal(model.transform(table), expected)
        history = [{key: record[key] for key in ("step", "loss", "score")} for record in model.training_.history]
        assert history == [
            {key: record[key] for key in ("step", "loss", "score")} for record in whole.training_.history
        ]
        assert not folder.exists()


def test_the_log_has_every_record_once(kill: Callable[[int], None], tmp_path: Path) -> None:
    table, log = make_table(), tmp_path / "log.jsonl"
    options = OPTIONS | {"closed_form": False, "epochs": 10}
    kill(17)
    with pytest.raises(Killed):
        sr.SphereEmbedder(**options).fit(table, checkpoint=tmp_path / "kept", log_file=log)
    kill(0)
    model = sr.SphereEmbedder(**options).fit(table, checkpoint=tmp_path / "kept", log_file=log)
    assert len(log.read_text().splitlines()) == len(model.training_.history) > 5


def test_it_says_where_it_goes_on(
    kill: Callable[[int], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = OPTIONS | {"closed_form": False, "epochs": 3, "verbose": True}
    kill(5)
    with pytest.raises(Killed):
        sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path / "kept")
    kill(0)
    sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path / "kept")
    assert "taken up at step 4 of 9" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["option", "table", "values"])
def test_the_checkpoint_of_another_fit_is_refused(kill: Callable[[int], None], tmp_path: Path, change: str) -> None:
    options = OPTIONS | {"closed_form": False, "epochs": 3}
    kill(5)
    with pytest.raises(Killed):
        sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path)
    kill(0)
    table = {"option": make_table(), "table": make_table()[1:], "values": make_table(random_state=1)}[change]
    other = options | ({"epochs": 4} if change == "option" else {})
    with pytest.raises(SavedModelError, match=r"a checkpoint of this very fit.*remove this one to begin anew"):
        sr.SphereEmbedder(**other).fit(table, checkpoint=tmp_path)


def test_a_damaged_checkpoint_is_refused(kill: Callable[[int], None], tmp_path: Path) -> None:
    options = OPTIONS | {"closed_form": False, "epochs": 3}
    kill(5)
    with pytest.raises(Killed):
        sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path)
    kill(0)
    (state,) = tmp_path.glob("state-*")
    state.write_bytes(state.read_bytes()[:-7])
    with pytest.raises(SavedModelError, match="the state of a training, whole"):
        sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path)


def test_a_full_disk_does_not_end_a_training(
    kill: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "replace_files", full)
    options = OPTIONS | {"closed_form": False, "epochs": 2, "verbose": True}
    model = sr.SphereEmbedder(**options).fit(make_table(), checkpoint=tmp_path)
    assert model.training_.steps == 6
    assert "could not be written, training goes on" in capsys.readouterr().out


def test_ctrl_c_leaves_what_was_kept(kill: Callable[[int], None], tmp_path: Path, monkeypatch: Any) -> None:
    table, options = make_table(), OPTIONS | {"closed_form": False, "epochs": 4}
    expected = sr.SphereEmbedder(**options).fit(table).transform(table)
    advance = Progress.advance

    def interrupt(self: Progress, step: int, *, loss: float) -> None:
        if step == 7:
            raise KeyboardInterrupt
        advance(self, step, loss=loss)

    monkeypatch.setattr(Progress, "advance", interrupt)
    stopped = sr.SphereEmbedder(**options).fit(table, checkpoint=tmp_path)
    assert stopped.training_.interrupted and any(tmp_path.iterdir())
    monkeypatch.setattr(Progress, "advance", advance)
    np.testing.assert_array_equal(
        sr.SphereEmbedder(**options).fit(table, checkpoint=tmp_path).transform(table), expected
    )
