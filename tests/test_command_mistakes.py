"""Mistakes are told in the words that a person types."""

import re
from pathlib import Path

import pytest

from steradian import command_mistakes
from steradian.command_mistakes import PHRASES, as_options, did_you_mean, option_name, told_for_commands, told_plainly
from steradian.config import ModelConfig, TrainingConfig
from steradian.errors import ConfigError, InputError, SteradianError
from steradian.training import check_options

NAMES = ["batch_size", "center_optimizer", "embedding_dim", "heads", "k", "margin", "objective", "scale", "width"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("batch_size=8", "--batch-size 8"),
        ("objective='clip'; next", "--objective clip; next"),
        ("learning_rate=0.3", "learning_rate=0.3"),
        ("margin=0.25.", "--margin 0.25."),
        ("margin=1e-05, more", "--margin 1e-05, more"),
        ("a smaller batch_size or embedding_dim", "a smaller --batch-size or --embedding-dim"),
        ("the margin of `margin` and the width", "the margin of --margin and the width"),
        ("my_batch_size, batch_size.csv, a/batch_size", "my_batch_size, batch_size.csv, a/batch_size"),
        ("--batch_size", "--batch_size"),
        ("heads=True", "--heads true"),
        ("heads=None", "--heads null"),
        ("scale='two words'", "--scale 'two words'"),
    ],
)
def test_arguments_become_options(text: str, told: str) -> None:
    assert as_options(text, NAMES) == told
    assert as_options(text, []) == text


def test_options_have_hyphens() -> None:
    assert (option_name("k"), option_name("center_learning_rate")) == ("--k", "--center-learning-rate")


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"center_optimizer": "x"}, {"objective": "clip", "margin": 0.1}])
def test_options_of_training_are_told_as_typed(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as error:
        check_options(TrainingConfig(**wrong))  # type: ignore[arg-type]
    told = told_for_commands(error.value, list(TrainingConfig().to_dict()))
    assert told.startswith(f"the options: want {option_name([*wrong][-1])} ")
    assert "=" not in told and "TrainingConfig" not in told


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        ModelConfig(embedding_dim=1, width=6)
    assert told_for_commands(error.value, list(ModelConfig().to_dict())) == (
        "the options: want --embedding-dim at least 2, or left out; --width a multiple of --heads 4, "
        "got --embedding-dim 1, --width 6. Change these options; the others are fine."
    )


def test_an_option_to_leave_out_is_told_as_typed() -> None:
    error = ConfigError("one center a class", "heads=3", "objective='supcon'", "Leave heads out.")
    told = told_for_commands(error, NAMES)
    assert told == "--objective supcon: want one center a class, got --heads 3. Leave --heads out."


def test_what_is_no_argument_stays() -> None:
    error = InputError("a number", "'x'", "row 3, column 'width'", "Fix the cell.")
    assert told_for_commands(error, NAMES) == str(error)


def test_python_becomes_a_command() -> None:
    reject = "predict(..., reject=True) and verify(...)"
    error = SteradianError("a model with thresholds", "none", reject, "Call model.calibrate(held_out_objects) first.")
    told = told_for_commands(error, [])
    assert told == (
        "--reject: want a model with thresholds, got none. Run this first: steradian calibrate MODEL TABLE."
    )


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_phrase_of_python_is_one_that_the_library_says(phrase: str) -> None:
    folder = Path(command_mistakes.__file__).parent
    sources = (path for path in folder.rglob("*.py") if path.name != "command_mistakes.py")
    assert any(re.search(phrase, path.read_text(encoding="utf-8")) for path in sources)


@pytest.mark.parametrize(
    ("complaint", "told"),
    [
        ("argument --text: expected one argument", "--text: want one value, got none."),
        ("argument --rows: expected at least one argument", "--rows: want at least one value, got none."),
        ("something\n  new.", "something new."),
        (
            "Parser key \"epochs\": Does not validate. Expected a <class 'int'>. Got value: x",
            "--epochs: want an integer, got 'x'.",
        ),
        ("x" * 999, "x" * 400 + "…"),
    ],
)
def test_complaints_of_the_parser_are_one_plain_line(complaint: str, told: str) -> None:
    assert told_plainly(complaint) == told


def test_the_nearest_word_is_named_if_one_is_near() -> None:
    assert did_you_mean("titel", ["size", "title"]) == " Did you mean title?"
    assert did_you_mean("colour", ["size", "title"]) == did_you_mean("x", []) == ""
