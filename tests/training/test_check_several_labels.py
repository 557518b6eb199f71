"""Several labels an object are fitted by the closed form alone."""

import pytest

import steradian as sr
from steradian.config import TrainingConfig
from steradian.errors import ConfigError
from steradian.training.check_several_labels import alone_for_several


@pytest.fixture
def several() -> sr.ObjectTable:
    return sr.read_objects({"title": ["x", "y"], "label": [["a"], ["a", "b"]]}, sr.Schema({"title": sr.Text("title")}))


@pytest.mark.parametrize("epochs", [None, 0])
def test_no_epochs_are_the_default(several: sr.ObjectTable, epochs: int | None) -> None:
    assert alone_for_several(TrainingConfig(epochs=epochs), several, solvable=True).epochs == 0


def test_one_label_an_object_changes_nothing(several: sr.ObjectTable) -> None:
    config = TrainingConfig(epochs=3)
    assert alone_for_several(config, several.with_labels(["a", "b"]), solvable=False, validation=1) is config


def test_everything_else_is_refused_in_one_message(several: sr.ObjectTable) -> None:
    with pytest.raises(ConfigError, match=r"got epochs=3, options without a closed form, validation=\.\.\.") as refused:
        alone_for_several(TrainingConfig(epochs=3), several, solvable=False, validation=several)
    assert "compatible_with" not in str(refused.value)
