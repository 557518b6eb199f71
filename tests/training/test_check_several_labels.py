"""Several labels an object are fitted by the closed form alone."""

import pytest

from steradian.config import TrainingConfig
from steradian.errors import ConfigError
from steradian.training.check_several_labels import alone_for_several


@pytest.mark.parametrize("epochs", [None, 0])
def test_no_epochs_are_the_default(epochs: int | None) -> None:
    assert alone_for_several(TrainingConfig(epochs=epochs), solvable=True, others=[]).epochs == 0


def test_everything_else_is_refused_in_one_message() -> None:
    with pytest.raises(ConfigError, match=r"got epochs=3, options without a closed form, validation=\.\.\."):
        alone_for_several(TrainingConfig(epochs=3), solvable=False, others=["validation=..."])
