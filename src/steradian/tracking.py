"""Followers of a fit: a protocol of three methods, and those of TensorBoard, MLflow and Weights & Biases."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from steradian.errors import MissingExtraError
from steradian.training import TrainingResult

__all__ = ["Follower", "MLflow", "TensorBoard", "WandB", "telling"]


class Follower(Protocol):
    """What `fit(callbacks=[...])` calls; one that needs only some of the methods leaves the others empty.

    Examples:
        >>> class Losses(list):
        ...     def on_fit_begin(self, config): pass
        ...     def on_record(self, record): self.append(record["loss"])
        ...     def on_fit_end(self, result): pass
    """

    def on_fit_begin(self, config: Mapping[str, Any]) -> None:
        """Before anything is learnt.

        Args:
            config: all options by name, and the number of `objects`.
        """
        ...

    def on_record(self, record: Mapping[str, Any]) -> None:
        """At some 30 steps of each network; the closed form alone has none.

        Args:
            record: `network` counted from 1, `step`, `epoch` from 0, `seconds`, `loss` and `score`, which is None
                without validation.
        """
        ...

    def on_fit_end(self, result: TrainingResult | None) -> None:
        """At the end, also of a fit that failed.

        Args:
            result: how training went; None where it failed.
        """
        ...


@contextmanager
def telling(followers: Sequence[Follower], config: Mapping[str, Any]) -> Iterator[list[TrainingResult]]:
    """Tell the followers of the begin, and of the end with what the fit has put into the list.

    Args:
        followers: in the order in which they are told.
        config: what they are told first.
    """
    results: list[TrainingResult] = []
    begun: list[Follower] = []
    try:
        for follower in followers:
            follower.on_fit_begin(config)
            begun.append(follower)
        yield results
    finally:
        for follower in begun:
            follower.on_fit_end(results[-1] if results else None)


class TensorBoard:
    """Writes the files that `tensorboard --logdir FOLDER` shows; it needs `steradian[tensorboard]`.

    Args:
        folder: of this run.
    """

    def __init__(self, folder: str | Path) -> None:
        self._writer = _imported("tensorboard", "torch.utils.tensorboard").SummaryWriter(str(folder))

    def on_fit_begin(self, config: Mapping[str, Any]) -> None:
        """See `Follower`; so for what follows."""
        self._writer.add_text("config", "\n".join(f"    {name}: {value}" for name, value in config.items()))

    def on_record(self, record: Mapping[str, Any]) -> None:
        """As a curve a network."""
        for name, value in _numbers(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def on_fit_end(self, result: TrainingResult | None) -> None:
        """Write what is left, and close."""
        for name, value in _end(result).items():
            self._writer.add_scalar(f"end/{name}", value, 0)
        self._writer.close()


class MLflow:
    """A run of MLflow, wherever it keeps runs; it needs `steradian[mlflow]`.

    Args:
        experiment: its name; None takes MLflow's own choice.
        run_name: of the run; None lets MLflow name it.
    """

    def __init__(self, experiment: str | None = None, run_name: str | None = None) -> None:
        self._mlflow, self._experiment, self._name = _imported("mlflow", "mlflow"), experiment, run_name

    def on_fit_begin(self, config: Mapping[str, Any]) -> None:
        """Start a run."""
        if self._experiment is not None:
            self._mlflow.set_experiment(self._experiment)
        self._mlflow.start_run(run_name=self._name)
        self._mlflow.log_params(dict(config))

    def on_record(self, record: Mapping[str, Any]) -> None:
        """As metrics a network."""
        self._mlflow.log_metrics(_numbers(record), step=record["step"])

    def on_fit_end(self, result: TrainingResult | None) -> None:
        """End the run, as failed where the fit has."""
        self._mlflow.log_metrics(_end(result))
        self._mlflow.end_run("FAILED" if result is None else "FINISHED")


class WandB:
    """A run of Weights & Biases; it needs `steradian[wandb]`.

    Args:
        options: of `wandb.init`, such as project="shoes".
    """

    def __init__(self, **options: Any) -> None:
        self._wandb, self._options = _imported("wandb", "wandb"), options
        self._run: Any = None

    def on_fit_begin(self, config: Mapping[str, Any]) -> None:
        """Start a run."""
        self._run = self._wandb.init(**self._options, config=dict(config))

    def on_record(self, record: Mapping[str, Any]) -> None:
        """As metrics a network; its steps are a metric, since W&B's own only rise."""
        self._run.log({**_numbers(record), f"network {record['network']}/step": record["step"]})

    def on_fit_end(self, result: TrainingResult | None) -> None:
        """Finish the run, as failed where the fit has."""
        self._run.summary.update(_end(result))
        self._run.finish(exit_code=int(result is None))


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """The loss and the score, if any, under the name of their network."""
    names = [name for name in ("loss", "score") if record[name] is not None]
    return {f"network {record['network']}/{name}": float(record[name]) for name in names}


def _end(result: TrainingResult | None) -> dict[str, float]:
    """The numbers of a result: what was chosen and measured."""
    if result is None:
        return {}
    found: dict[str, Any] = {"steps": result.steps, "best_score": result.best_score, **(result.choice or {})}
    return {name: float(value) for name, value in found.items() if isinstance(value, (int, float))}


def _imported(extra: str, module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(extra, module.split(".")[-1], "fit(callbacks=[...])") from error
