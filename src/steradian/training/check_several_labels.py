"""What a fit to several labels an object takes: the closed form alone."""

from dataclasses import replace

from steradian.config import TrainingConfig
from steradian.data import ObjectTable
from steradian.data.label_sets import are_several
from steradian.errors import ConfigError

__all__ = ["alone_for_several"]


def alone_for_several(
    config: TrainingConfig, objects: ObjectTable, *, solvable: bool, validation: object = None, old: object = None
) -> TrainingConfig:
    """The configuration, where objects have several labels without networks, of which each object has one class.

    Args:
        config: of the training.
        objects: labelled.
        solvable: whether the options leave the closed form.
        validation: what was given as validation objects, or None.
        old: what was given as an earlier model, or None.

    Raises:
        ConfigError: several labels, and something else than the closed form.
    """
    if not are_several(objects.labels):
        return config
    others = {"validation=...": validation, "compatible_with=...": old}
    asked = [f"epochs={config.epochs}"] if config.epochs else []
    asked += [] if solvable else ["options without a closed form"]
    if asked := asked + [name for name, given in others.items() if given is not None]:
        raise ConfigError(
            want="the closed form alone, which learns several labels; networks learn one class an object",
            got=", ".join(asked),
            where="fit to several labels an object",
            fix="Leave it out, or train an encoder of your own with AngularMarginLoss(multi_label=True).",
        )
    return replace(config, epochs=0)
