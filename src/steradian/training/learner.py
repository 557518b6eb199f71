"""One step of training: everything that it changes."""

import math
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn

from steradian.config import TrainingConfig
from steradian.data.batch import Batch
from steradian.errors import TrainingError
from steradian.losses.sharded_softmax import ClassSlices
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch
from steradian.ranks import ALONE, Ranks
from steradian.training.build_objective import build_objective
from steradian.training.center_updates import RowwiseAdam
from steradian.training.device import choose_precision
from steradian.training.joined_encoder import JoinedEncoder
from steradian.training.objectives import Derived
from steradian.training.optimizer import clip_gradients, make_optimizer
from steradian.training.schedule import learning_rate_factor, margin_factor

__all__ = ["Learner"]


class Learner:
    """Everything a step changes: weights, moments, learning rates.

    Args:
        encoder: both levels; brought to training mode.
        classifier: the class centers.
        config: the options.
        derived: scale and margin.
        steps: of the whole training, which the schedule spans.
        anchor: see `build_objective`.
        ranks: that share the work; their class centers may be spread over them.

    Attributes:
        weights: those of the model, the encoder's and the class centers.
    """

    def __init__(
        self,
        encoder: SphereEncoder,
        classifier: SphericalClassifier,
        *,
        config: TrainingConfig,
        derived: Derived,
        steps: int,
        anchor: int = 0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.weights = nn.ModuleList([encoder.train(), classifier])
        self._encoder, self._config, self._steps, self._ranks = encoder, config, steps, ranks
        self._classifier = classifier
        self._joined = JoinedEncoder(encoder, ranks, random_state=config.random_state) if ranks.size > 1 else None
        self._objective = build_objective(classifier, config, derived, anchor=anchor)
        others = [weight for weight in self._objective.parameters() if weight is not classifier.weight]
        self._clipped = list(encoder.parameters())
        self._optimizer = make_optimizer(encoder, classifier, config, others=others)
        self._center_updates = None
        if config.center_optimizer == "rowwise":
            self._center_updates = RowwiseAdam(classifier.weight, learning_rate=config.center_learning_rate)
        self._top_rates = [group["lr"] for group in self._optimizer.param_groups]
        self._device = classifier.weight.device
        self._half = choose_precision(config.precision, self._device) == torch.bfloat16
        # Slices of class centers belong to one rank; of all else each has the same.
        self._shared = [*encoder.parameters(), *others, *([] if classifier.slices else [classifier.weight])]
        for weight in self._shared if ranks.size > 1 else ():
            ranks.of_first(weight.data)

    @property
    def slices(self) -> ClassSlices | None:
        """How the class centers are spread over ranks, None where they are not."""
        return self._classifier.slices

    def learn(self, batch: Batch, step: int) -> float:
        """Take one step; the batch's loss before it.

        Args:
            batch: with labels; under several ranks a `shared_batch`.
            step: counted from 0.

        Raises:
            TrainingError: the loss is not finite.
        """
        speed, strength = learning_rate_factor(step, self._steps), margin_factor(step, self._steps)
        for group, rate in zip(self._optimizer.param_groups, self._top_rates, strict=True):
            group["lr"] = rate * speed
        take_gradient = None
        if self._center_updates is not None:
            self._center_updates.learning_rate = self._config.center_learning_rate * speed
            take_gradient = self._center_updates.update
        tensors = TensorBatch.of(batch, self._device)
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._half):
            if self._joined is not None:
                self._joined.begin(step)
            encoder = self._joined or self._encoder
            loss: Tensor = self._objective(encoder, tensors, strength=strength, take_gradient=take_gradient)
        self._optimizer.zero_grad(set_to_none=True)
        # Before anything changes. An accelerator is waited for behind the gradients, if these change nothing.
        waits = self._device.type == "cpu" or take_gradient is not None
        value = _finite(loss, step, self._config) if waits else math.nan
        loss.backward()
        if not waits:
            value = _finite(loss, step, self._config)
        self._ranks.average_gradients(self._shared)
        clip_gradients(self._clipped, self._config.max_grad_norm)
        self._optimizer.step()
        return value

    def tensors(self) -> dict[str, Tensor]:
        """Weights and moments, by name; of class centers that are spread over ranks all of them."""
        found = {f"weights/{name}": tensor for name, tensor in self.weights.state_dict().items()}
        found |= {f"objective/{name}": tensor for name, tensor in self._own_weights()}
        for number, state in self._optimizer.state_dict()["state"].items():
            found |= {f"moments/{number}/{name}": tensor for name, tensor in state.items()}
        if self._center_updates is not None:
            found |= {f"centers/{name}": tensor for name, tensor in self._center_updates.tensors().items()}
        slices = self._classifier.slices
        if slices is not None:
            found |= {name: slices.ranks.gathered(found[name], slices.counts) for name in self._of_slices(found)}
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Be as one whose `tensors` these are.

        Args:
            tensors: by name.
        """
        slices = self._classifier.slices
        if slices is not None:
            tensors = {**tensors, **{name: tensors[name][slices.own] for name in self._of_slices(tensors)}}
        self.weights.load_state_dict({name[8:]: each for name, each in tensors.items() if name.startswith("weights/")})
        with torch.no_grad():
            for name, tensor in self._own_weights():
                tensor.copy_(tensors[f"objective/{name}"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("moments/"):
                _, number, name = key.split("/")
                state.setdefault(int(number), {})[name] = tensor
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state})
        if self._center_updates is not None:
            self._center_updates.load({name[8:]: each for name, each in tensors.items() if name.startswith("centers/")})

    def _of_slices(self, names: Iterable[str]) -> list[str]:
        """Those that are of the size of the class centers."""
        learning = [weight for group in self._optimizer.param_groups for weight in group["params"]]
        number = next((n for n, weight in enumerate(learning) if weight is self._classifier.weight), None)
        sliced = ("weights/1.weight", "centers/", f"moments/{number}/exp_avg")
        return [name for name in names if name.startswith(sliced)]

    def _own_weights(self) -> Iterator[tuple[str, Tensor]]:
        """What the objective has beside the class centers, such as a learned scale."""
        shared = {weight.data_ptr() for weight in self.weights.parameters()}
        return (
            (str(number), weight)
            for number, weight in enumerate(self._objective.parameters())
            if weight.data_ptr() not in shared
        )

    def check(self, step: int) -> None:
        """See to it that the weights are finite: a last step may break them after its loss was fine.

        Args:
            step: for the message.

        Raises:
            TrainingError: they are not.
        """
        if not all(bool(weight.isfinite().all()) for weight in self.weights.parameters()):
            raise _not_finite("weights", "an infinite or NaN one", step, self._config)


def _finite(loss: Tensor, step: int, config: TrainingConfig) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise _not_finite("loss", str(value), step, config)
    return value


def _not_finite(what: str, got: str, step: int, config: TrainingConfig) -> TrainingError:
    return TrainingError(
        want=f"a finite {what}" if what == "loss" else f"finite {what}",
        got=got,
        where=f"training step {step} (counted from 0)",
        fix=f"Try learning_rate={config.learning_rate / 10:g}, or look for extreme values in the data.",
    )
