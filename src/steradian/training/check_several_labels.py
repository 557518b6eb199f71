"""What a fit to several labels an object takes: the closed form alone."""

from dataclasses import replace

from steradian.config import TrainingConfig
from steradian.errors import ConfigError

__all__ = ["alone_for_several"]

WHERE = "fit to several labels an object"


def alone_for_several(config: TrainingConfig, *, solvable: bool, others: list[str]) -> TrainingConfig:
    """The configuration without networks, of which each object has one class.

    Args:
        config: of the training.
        solvable: whether its options leave the closed form.
        others: what else was asked for and cannot be.

    Raises:
        ConfigError: something else than the closed form.

    Examples:
        >>> alone_for_several(TrainingConfig(), solvable=True, others=[]).epochs
        0
    """
    asked = [f"epochs={config.epochs}"] if config.epochs else []
    asked += [] if solvable else ["options without a closed form"]
    if asked := [*asked, *others]:
        raise ConfigError(
            want="the closed form alone, which learns several labels; networks learn one class an object",
            got=", ".join(asked),
            where=WHERE,
            fix="Leave it out, or train an encoder of your own with AngularMarginLoss(multi_label=True).",
        )
    return replace(config, epochs=0)
