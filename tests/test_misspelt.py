"""Misspelt arguments are told with the nearest, and nothing else of what is called changes."""

import inspect
from typing import Any

import pytest

import steradian as sr
from steradian.data.reading import read_objects
from steradian.errors import ConfigError, UnknownOptionError
from steradian.misspelt import did_you_mean

TITLE = {"text": sr.Text("title")}


@pytest.mark.parametrize(
    ("call", "options", "told"),
    [
        (sr.Vector, {"gap": "mean"}, r"Vector\(\.\.\.\): want one of columns, gaps, got 'gap'\. Did you mean 'gaps'\?"),
        (sr.Vector, {"names": "x"}, "want one of columns, gaps, got 'names'"),
        (sr.Text, {"encodr": None}, "Did you mean 'encoder'"),
        (sr.Tabular, {"numerics": ["price"]}, "Did you mean 'numeric'"),
        (sr.Image, {"column": "photo", "sizes": 32}, "Did you mean 'size'"),
        (sr.Audio, {"colum": "sound"}, "Did you mean 'column'"),
        (sr.Series, {"column": "x", "tme": "t"}, "Did you mean 'time'"),
        (sr.Schema, {"modalities": TITLE, "labels": "kind"}, "Did you mean 'label'"),
        (
            sr.SphereEmbedder,
            {"embeding_dim": 3},
            r"^SphereEmbedder\(\.\.\.\): want .* and others, got .*embedding_dim",
        ),
        (sr.SphereEmbedder().fit, {"X": 1, "validaton": 2}, "Did you mean 'validation'"),
        (sr.read_objects, {"source": {}, "schema": 1, "label": True}, "Did you mean 'labelled'"),
        (sr.evaluate, {"galery": 1}, "Did you mean 'gallery'"),
        (sr.ObjectTable.split, {"testsize": 0.5}, "Did you mean 'test_size'"),
        (sr.Vector, {"zzz": 1}, r"help\(Vector\) explains each\."),
    ],
)
def test_a_misspelt_argument_is_told_with_the_nearest(call: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(UnknownOptionError, match=told) as refused:
        call(**options)
    assert isinstance(refused.value, TypeError) and isinstance(refused.value, ConfigError)


def test_what_is_called_looks_as_before() -> None:
    assert list(inspect.signature(sr.Vector).parameters) == ["names", "columns", "gaps"]
    assert list(inspect.signature(sr.ObjectTable.split).parameters)[:2] == ["self", "test_size"]
    assert read_objects.__name__ == "read_objects" and "Read and check a table" in (inspect.getdoc(read_objects) or "")
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'modalities'"):
        sr.Schema()  # type: ignore[call-arg]


def test_a_fix_is_a_sentence() -> None:
    assert did_you_mean(11, [111, 22], otherwise="Remove it.") == "Did you mean 111?"
    assert did_you_mean("KIND", ["kind", "size"], otherwise="Remove it.") == "Did you mean 'kind'?"
    assert did_you_mean("a", ["xyz"], otherwise="Remove it.") == "Remove it."
