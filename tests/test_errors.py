"""The family of errors: one message form, caught as ValueError, whole after pickling."""

import pickle

import pytest

from steradian import errors
from steradian.errors import ConfigError, InputError, MissingExtraError, SteradianError, SteradianWarning, warn_user

KINDS = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error") and name != "MissingExtraError"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_message_has_four_parts_in_order(kind: type[SteradianError]) -> None:
    error = kind(want="a number", got="'abc'", where="row 3", fix="Fix it.")
    assert str(error) == "row 3: want a number, got 'abc'. Fix it."
    assert (error.want, error.got, error.where, error.fix) == ("a number", "'abc'", "row 3", "Fix it.")


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_value_errors_and_survive_pickling(kind: type[SteradianError]) -> None:
    error = kind(want="a", got="b", where="c", fix="D.")
    assert isinstance(error, ValueError)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.fix) == (kind, str(error), "D.")


def test_a_missing_extra_names_the_command_and_is_an_import_error() -> None:
    error = MissingExtraError("demo", "emoji", "the demo")
    assert isinstance(error, SteradianError) and isinstance(error, ImportError)
    assert "pip install 'steradian[demo]'" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (MissingExtraError, str(error))


def test_the_kinds_are_told_apart() -> None:
    assert not issubclass(InputError, ConfigError)
    assert not issubclass(ConfigError, InputError)


def test_a_warning_names_the_line_outside_the_package() -> None:
    with pytest.warns(SteradianWarning, match="^Look here$") as told:
        warn_user("Look here")
    assert told[0].filename == __file__
