"""The training function on a toy: it learns, it is repeatable, and it keeps the best weights however it ends."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steradian.config import TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.errors import TrainingError
from steradian.training import Derived, Progress, TrainingResult, learner
from steradian.training import train as train_function
from steradian.training.held_out import RetrievalValidation
from steradian.training.objectives import Objective
from steradian.training.schedule import learning_rate_factor, margin_factor

module = sys.modules["steradian.training.train"]  # the name is taken by the function
Weights = dict[str, Tensor]


def weights_of(encoder: nn.Module, classifier: nn.Module) -> Weights:
    return {name: w.clone() for name, w in nn.ModuleList([encoder, classifier]).state_dict().items()}


def same(first: Weights, second: Weights) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


class Spy(Progress):
    """Does something after a step."""

    def __init__(self, after: Callable[[int], None]) -> None:
        super().__init__(None)
        self.after = after

    def advance(self, step: int, *, loss: float) -> None:
        self.after(step)


class Interruption(Spy):
    """Ctrl-C after a step."""

    def __init__(self, at: int) -> None:
        super().__init__(self.interrupt)
        self.at = at

    def interrupt(self, step: int) -> None:
        if step == self.at:
            raise KeyboardInterrupt


class Script:
    """A validation whose scores are written beforehand, and the weights it saw."""

    queries = 3

    def __init__(self, scores: Sequence[float], encoder: nn.Module, classifier: nn.Module) -> None:
        self.scores = iter(scores)
        self.parts = encoder, classifier
        self.seen: list[Weights] = []

    def score(self, encoder: nn.Module) -> float:
        self.seen.append(weights_of(*self.parts))
        return next(self.scores)


@pytest.fixture
def run(toy: Any, config: TrainingConfig, derived: Derived) -> Callable[..., tuple[TrainingResult, Weights]]:
    """Trains fresh weights on the toy; returns how it went and the weights it left."""

    def run_it(
        *, parts: Any = None, random_state: int = 0, change: dict[str, Any] | None = None, **options: Any
    ) -> tuple[TrainingResult, Weights]:
        encoder, classifier = parts or toy.build(random_state=random_state)
        options = {"objects": toy.prepared(), "derived": derived, **options}
        result = train_function(encoder, classifier, config=replace(config, **(change or {})), **options)
        assert not encoder.training, "a trained encoder is in evaluation mode"
        return result, weights_of(encoder, classifier)

    return run_it


Run = Callable[..., tuple[TrainingResult, Weights]]

# -- Learning


@pytest.mark.parametrize("change", [{}, {"balanced": True}, {"precision": "bfloat16"}, {"batch_size": 1000}])
def test_the_loss_falls(run: Run, derived: Derived, change: dict[str, Any]) -> None:
    result, weights = run(change=change, derived=replace(derived, epochs=100 if "batch_size" in change else 60))
    losses = [record["loss"] for record in result.history]
    assert losses[-1] < 0.5 * losses[0]
    assert {w.dtype for w in weights.values()} == {torch.float32}
    assert (result.interrupted, result.best_score, result.best_step) == (False, None, result.steps)


def test_an_untrained_loss_is_about_ln_c_a_term(run: Run) -> None:
    result, _ = run(change={"learning_rate": 1e-9, "center_learning_rate": 1e-9}, derived=Derived(1.0, 0.0, 1, ()))
    # The object, half its modalities, half a subset: two terms of ln 3, at scale 1 and with nothing learnt.
    assert result.history[0]["loss"] == pytest.approx(2 * np.log(3), rel=0.25)


def test_it_is_the_same_bit_for_bit_for_one_seed(run: Run) -> None:
    (first, weights), (second, again) = run(), run()
    assert same(weights, again)
    assert [r["loss"] for r in first.history] == [r["loss"] for r in second.history]


def test_prefetching_changes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    first, weights = run()
    monkeypatch.setattr(module, "prefetched", map)
    second, again = run()
    assert same(weights, again)
    assert [r["loss"] for r in first.history] == [r["loss"] for r in second.history]


def test_the_global_seed_and_the_seed_of_the_order_both_count(run: Run) -> None:
    _, weights = run()
    assert not same(weights, run(random_state=1)[1])
    assert not same(weights, run(change={"random_state": 1})[1])


def test_validation_changes_nothing_but_the_choice_of_weights(run: Run, toy: Any, make_table: Any) -> None:
    table = make_table(np.arange(12) % 3, random_state=1)
    held_out = toy.preprocessor.prepare(table, table.labels.astype(np.int64))
    plain, _ = run()
    validated, _ = run(validation=RetrievalValidation(held_out, toy.prepared(), random_state=0))
    assert [r["loss"] for r in validated.history] == [r["loss"] for r in plain.history]
    assert [r["score"] for r in plain.history] == [None] * 8
    scores = [r["score"] for r in validated.history]
    assert validated.best_score == max(scores) > scores[0]
    assert validated.best_step == max(r["step"] for r in validated.history if r["score"] == max(scores))


# -- Steps


def batches_seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[int], float]]:
    """The labels of each step, and the share of the margin."""
    seen: list[tuple[list[int], float]] = []
    plain = Objective.__call__

    def spy(self: Objective, encoder: Any, batch: Any, *, strength: float, **options: Any) -> Tensor:
        assert encoder.training
        seen.append((batch.labels.tolist(), strength))
        return plain(self, encoder, batch, strength=strength, **options)

    monkeypatch.setattr(Objective, "__call__", spy)
    return seen


@pytest.mark.parametrize("balanced", [False, True])
def test_batches_of_both_orders(
    run: Run, toy: Any, make_table: Any, derived: Derived, balanced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = make_table(np.repeat([0, 1, 2], [20, 15, 5]))
    objects = toy.preprocessor.prepare(table, table.labels.astype(np.int64))
    seen = batches_seen(monkeypatch)
    run(objects=objects, derived=replace(derived, epochs=3), change={"balanced": balanced})
    assert [len(labels) for labels, _ in seen] == [14, 13, 13] * 3
    for epoch in range(3):
        of_class = Counter(label for labels, _ in seen[3 * epoch : 3 * epoch + 3] for label in labels)
        assert sorted(of_class.values()) == ([13, 13, 14] if balanced else [5, 15, 20])
    orders = {tuple(label for labels, _ in seen[3 * epoch : 3 * epoch + 3] for label in labels) for epoch in range(3)}
    assert len(orders) == 3, "each epoch has its own order"


def test_margin_and_learning_rates_follow_their_schedules(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = batches_seen(monkeypatch)
    made, rates = [], []
    plain = learner.make_optimizer
    monkeypatch.setattr(learner, "make_optimizer", lambda *a, **options: made.append(plain(*a, **options)) or made[0])
    run(progress=Spy(lambda step: rates.append([group["lr"] for group in made[0].param_groups])))
    assert [strength for _, strength in seen] == pytest.approx([margin_factor(step, 24) for step in range(24)])
    factors = [learning_rate_factor(step, 24) for step in range(24)]
    expected = np.outer(factors, [3e-3, 3e-3, 1e-2])
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_the_gradient_of_the_encoder_is_clipped_and_that_of_the_centers_is_not(run: Run, toy: Any) -> None:
    encoder, classifier = toy.build()
    norms: list[tuple[float, float]] = []

    def measure(_: int) -> None:
        of_encoder = torch.cat([p.grad.flatten() for p in encoder.parameters() if p.grad is not None]).norm()
        norms.append((of_encoder.item(), classifier.weight.grad.norm().item()))

    run(
        parts=(encoder, classifier),
        progress=Spy(measure),
        change={"max_grad_norm": 0.001},
        derived=Derived(10.0, 0.2, 2, ()),
    )
    assert len(norms) == 6
    assert all(of_encoder == pytest.approx(0.001, rel=1e-2) for of_encoder, _ in norms)
    assert all(of_centers > 0.01 for _, of_centers in norms)


# -- The history and the log


def test_there_is_a_record_an_epoch_but_at_most_30(run: Run) -> None:
    result, _ = run()
    assert [record["step"] for record in result.history] == list(range(3, 25, 3))
    assert [record["epoch"] for record in result.history] == list(range(8))
    assert result.steps == 24
    assert module.VALIDATIONS == 30


def test_a_record_holds_the_mean_loss_since_the_one_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VALIDATIONS", 4)
    losses: list[float] = []

    class Listener(Progress):
        def advance(self, step: int, *, loss: float) -> None:
            losses.append(loss)

    result, _ = run(progress=Listener(None), derived=Derived(10.0, 0.2, 7, ()))
    ends = [record["step"] for record in result.history]
    assert ends == [6, 12, 18, 21]
    for start, record in zip([0, *ends], result.history, strict=False):
        assert record["loss"] == pytest.approx(np.mean(losses[start : record["step"]]), rel=1e-6)


def test_the_log_has_a_line_a_record(run: Run, tmp_path: Path, toy: Any) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("of an earlier training\n")
    parts = toy.build()
    result, _ = run(parts=parts, log_file=log, validation=Script([0.1] * 8, *parts), change={"patience": 100})
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert lines == result.history
    assert len(lines) == 8
    assert {"step", "epoch", "seconds", "loss", "score"} <= set(lines[0])
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)


def test_the_log_is_written_while_training_goes_on(run: Run, tmp_path: Path) -> None:
    log, lines = tmp_path / "log.jsonl", []
    log.write_text("of an older training\n" * 9)
    run(log_file=log, progress=Spy(lambda step: lines.append(len(log.read_text().splitlines()))))
    assert lines[:7] == [9, 9, 9, 1, 1, 1, 2], "the older log stays until there is something to replace it"


def test_weights_that_break_in_the_last_step_are_not_kept(run: Run, derived: Derived) -> None:
    one_step = replace(derived, epochs=1)
    with pytest.raises(TrainingError, match=r"training step 1 .*want finite weights"):
        run(derived=one_step, change={"learning_rate": 1e38, "batch_size": 1000})


# -- The best weights


def test_patience_stops_and_the_best_weights_stand(run: Run, toy: Any) -> None:
    parts = toy.build()
    # While the margin rises, up to 40% of the 24 steps, a worse score costs no patience: 0.5 is for free.
    script = Script([0.3, 0.6, 0.5, 0.4, 0.55, 0.45, 0.9], *parts)
    result, weights = run(parts=parts, validation=script, change={"patience": 3})
    assert len(script.seen) == 6
    assert (result.steps, result.best_step, result.best_score) == (18, 6, 0.6)
    assert same(weights, script.seen[1])
    assert not same(weights, script.seen[-1])
    assert [record["score"] for record in result.history] == [0.3, 0.6, 0.5, 0.4, 0.55, 0.45]


def test_of_equal_scores_the_later_is_kept_but_patience_goes_on(run: Run, toy: Any) -> None:
    parts = toy.build()
    script = Script([0.5, 0.5, 0.4, 0.5, 0.5, 0.4, 0.9], *parts)
    result, weights = run(parts=parts, validation=script, change={"patience": 3})
    assert (result.steps, result.best_step) == (18, 15)
    assert same(weights, script.seen[4])


def test_a_better_score_gives_new_patience(run: Run, toy: Any) -> None:
    parts = toy.build()
    scores = [0.5, 0.4, 0.6, 0.5, 0.7, 0.6, 0.71, 0.9]
    result, _ = run(parts=parts, validation=Script(scores, *parts), change={"patience": 2})
    assert (result.steps, result.best_step, result.best_score) == (24, 24, 0.9)


def test_each_improvement_is_told_with_the_best_weights_in_place(run: Run, toy: Any) -> None:
    parts = toy.build()
    script = Script([0.3, 0.6, 0.5, 0.6, 0.4, 0.7, 0.1, 0.1], *parts)
    told: list[Weights] = []
    result, weights = run(
        parts=parts,
        validation=script,
        on_improvement=lambda: told.append(weights_of(*parts)),
        change={"patience": 100},
    )
    assert len(told) == 4
    assert all(same(found, script.seen[record]) for found, record in zip(told, [0, 1, 3, 5], strict=True))
    assert same(weights, told[-1])
    assert (result.steps, result.best_step) == (24, 18)


def test_without_validation_the_latest_weights_are_told(run: Run, toy: Any) -> None:
    parts = toy.build()
    told: list[Weights] = []
    _, weights = run(parts=parts, on_improvement=lambda: told.append(weights_of(*parts)))
    assert same(told[-1], weights)
    assert not same(told[0], weights)


# -- Ctrl-C


def test_ctrl_c_leaves_the_best_weights(run: Run, toy: Any) -> None:
    parts = toy.build()
    script = Script([0.3, 0.6, 0.5, 0.4], *parts)
    lines: list[str] = []
    interruption = Interruption(11)
    interruption.say = lines.append  # type: ignore[method-assign]
    result, weights = run(parts=parts, validation=script, progress=interruption)
    assert (result.interrupted, result.steps, result.best_step, result.best_score) == (True, 11, 6, 0.6)
    assert same(weights, script.seen[1])
    assert len(result.history) == 3
    assert lines[-2] == "stopped by Ctrl-C at step 11 of 24"


def test_ctrl_c_before_the_first_score_leaves_the_latest_weights(run: Run, toy: Any) -> None:
    parts = toy.build()
    untrained = weights_of(*parts)
    result, weights = run(parts=parts, validation=Script([], *parts), progress=Interruption(2))
    assert (result.interrupted, result.steps, result.best_step, result.best_score) == (True, 2, 2, None)
    assert result.history == []
    assert not same(weights, untrained)
    assert all(w.isfinite().all() for w in weights.values())


def test_ctrl_c_while_validating_leaves_the_best_weights(run: Run, toy: Any) -> None:
    parts = toy.build()

    class Interrupted(Script):
        def score(self, encoder: nn.Module) -> float:
            if len(self.seen) == 2:
                raise KeyboardInterrupt
            return super().score(encoder)

    script = Interrupted([0.6, 0.5], *parts)
    result, weights = run(parts=parts, validation=script)
    assert (result.interrupted, result.steps, result.best_step) == (True, 9, 3)
    assert same(weights, script.seen[0])


# -- Mistakes


def test_an_error_of_cutting_a_batch_is_raised_and_no_thread_is_left(run: Run, toy: Any) -> None:
    class Broken(PreparedObjects):
        def batch(self, rows: np.ndarray, *, items: bool = True) -> Any:
            if threading.current_thread() is not threading.main_thread() and 7 in rows:
                raise OSError("the disk is gone")
            return super().batch(rows, items=items)

    whole = toy.prepared()
    with pytest.raises(OSError, match="the disk is gone"):
        run(objects=Broken(whole.items, whole.present, whole.labels))
    assert run(progress=Interruption(2))[0].interrupted
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_the_step(run: Run, toy: Any, value: float) -> None:
    parts = toy.build()

    def poison(step: int) -> None:
        if step == 7:
            nn.init.constant_(parts[1].weight, value)

    with pytest.raises(
        TrainingError, match=r"^training step 7 \(counted from 0\): want a finite loss, got nan"
    ) as caught:
        run(parts=parts, progress=Spy(poison))
    assert "learning_rate=0.0003" in caught.value.fix


def test_without_class_numbers_it_says_so(run: Run, toy: Any) -> None:
    unlabelled: PreparedObjects = toy.preprocessor.prepare(toy.table)
    with pytest.raises(ValueError, match="class numbers"):
        run(objects=unlabelled)


def test_what_is_trained_is_introduced(run: Run, toy: Any) -> None:
    lines: list[str] = []
    spy = Spy(lambda step: None)
    spy.say = lines.append  # type: ignore[method-assign]
    parts = toy.build()
    run(parts=parts, progress=spy, validation=Script([0.1] * 8, *parts))
    count = sum(p.numel() for part in parts for p in part.parameters())
    assert lines[0] == "45 objects to train on, 3 to validate on"
    assert lines[1] == f"{count:,} weights, {4 * count:,} bytes, on cpu"
    assert lines[2] == "because"
