"""Bodies of the right types, and what is said of all others; bytes of pictures and sounds, counted before decoding."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

import steradian as sr
from steradian.errors import InputError
from steradian.serve import Limits
from steradian.serve.requests import file_columns, parsed, read_rows, request_types, text_column

SCHEMA = sr.Schema(
    {
        "title": sr.Text("title"),
        "photo": sr.Image("photo"),
        "clip": sr.Audio("clip"),
        "specs": sr.Tabular(numeric=["price"], categorical=["model_config"]),
        "view": sr.Vector("my view"),
        "gait": sr.Series("gait", time="_when"),
    }
)
LIMITS = Limits(max_rows=3, max_items=2, max_pixels=700, max_samples=900)
TYPES = request_types(SCHEMA, LIMITS)


def rows(*cells: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.dumps({"rows": cells}).encode()
    return read_rows(parsed(TYPES.embed, body, SCHEMA, LIMITS).rows, SCHEMA, LIMITS)


def sound(samples: int = 400, channels: int = 1) -> str:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((samples, channels)), 8000, format="WAV")
    return base64.b64encode(file.getvalue()).decode()


def test_cells_of_every_kind_come_through(photo: str) -> None:
    given = {
        "title": ["red", "rot"],
        "photo": photo,
        "clip": [sound(), sound()],
        "price": "2024-05-31",
        "model_config": 7,
        "my view": [1, 2.5],
        "gait": [[1, 2], [3.0, None]],
        "_when": [0, 1],
    }
    (found,) = rows(given)
    assert found["photo"] == base64.b64decode(photo) and len(found["clip"]) == 2
    assert {name: found[name] for name in given.keys() - {"photo", "clip"}} == {
        name: given[name] for name in given.keys() - {"photo", "clip"}
    }
    assert rows({"price": None, "title": "x"}) == [{"title": "x"}]
    assert file_columns(SCHEMA) == ("photo", "clip") and text_column(SCHEMA) == "title"
    assert text_column(sr.Schema({name: sr.Text(name) for name in "ab"})) is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "the body: want valid JSON, got EOF"),
        (b"[" * 100_000, "the body: want valid JSON, got recursion limit exceeded"),
        (b'{"rows": []}', "rows: want a list of at least 1, got .*/docs has an example"),
        (b'{"rows": [{}, {}, {}, {}]}', "rows: want a list of at most 3, got "),
        (b'{"rows": [{"titel": "a"}]}', r"rows\[0\].titel: want names of title.* Did you mean title\?"),
        (
            b'{"rows": [{"title": {"a": 1}}]}',
            r"rows\[0\].title: want text, or a list of texts, got dict .* Put it in quotes",
        ),
        (
            b'{"rows": [{"photo": 5}]}',
            r"rows\[0\].photo: want the bytes of a file, in base64, .* got int 5. Send the bytes",
        ),
        (b'{"rows": [{"photo": ["a", "b", "c"]}]}', r"rows\[0\].photo: want the bytes of a file, in base64"),
        (
            b'{"rows": [{"photo": {"path": "/etc/passwd"}}]}',
            r"rows\[0\].photo: want the bytes of a file, in base64, .* got dict",
        ),
        (b'{"rows": [{"price": NaN}]}', "the body: want valid JSON"),
        (b'{"rows": [{"price": 1e999}]}', r"rows\[0\].price: want a finite number"),
        (b'{"rows": [{"title": "\\ud800"}]}', "the body: want valid JSON"),
        (
            b'{"rows": [{"my view": [1, {"bytes": "a"}]}]}',
            r"rows\[0\].my view: want a number, text, true or false, or a list of these",
        ),
        (b'{"rows": [{}], "weights": {"photo": -1}}', "weights.photo: want a number from 0"),
        (b'{"rows": [{}], "weights": {"photo": "much"}}', "weights.photo: want a number, got .*much"),
        (b'{"rows": [{}], "modalities": "title"}', "modalities: want a list, got .*title"),
        (b'{"rows": [4]}', r"rows\[0\]: want a JSON object, got int 4"),
        (b"[]", "the body: want a JSON object, got list"),
        (b"{}", "rows: want a value, got nothing"),
        (b'{"rows": [{}], "weights": {"phto": 1}}', r"weights.phto: want names of .* Did you mean photo\?"),
        (b'{"rows": [{}], "modalities": ["phot"]}', r"modalities\[0\]: want 'title', "),
        (b'{"rows": [{}], "modality": ["phot"]}', r"modality: want names of rows.* Did you mean modalities\?"),
    ],
)
def test_what_has_another_type_is_told_with_its_place(body: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parsed(TYPES.embed, body, SCHEMA, LIMITS)


@pytest.mark.parametrize("cell", ["/etc/passwd", "file:///etc/passwd", "https://example.org/a.png", "a b", "é"])
def test_paths_and_addresses_are_no_bytes(cell: str) -> None:
    for column in ("photo", "clip"):
        with pytest.raises(InputError, match=r"rows\[0\].*: want (the bytes of a file, in base64|a picture|a sound)"):
            rows({column: cell})


def test_pixels_and_samples_are_counted_before_they_are_decoded(picture: Callable[..., bytes], photo: str) -> None:
    large = base64.b64encode(picture("cup", side=30)).decode()
    with pytest.raises(InputError, match=r"rows\[0\].photo: want at most 700 pixels of pictures a request, got 900"):
        rows({"photo": large})
    with pytest.raises(InputError, match=r"rows\[1\].photo: want at most 700 pixels of pictures a request, got 1,152"):
        rows({"photo": photo}, {"photo": photo})
    with pytest.raises(InputError, match=r"rows\[0\].clip: want at most 900 samples of sounds a request, got 1,000"):
        rows({"clip": sound(500, channels=2)})
    with pytest.raises(InputError, match="want a sound that can be read"):
        rows({"clip": photo})


@pytest.mark.parametrize(
    ("many", "cell"),
    [
        ('{"rows": [%s]}', "5"),
        ('{"rows": [{"my view": [%s]}]}', "{}"),
        ('{"rows": [{"title": [%s]}]}', "5"),
        ('{"rows": [{"photo": [%s]}]}', "[]"),
        ('{"rows": [{}], "modalities": [%s]}', "5"),
    ],
)
def test_very_many_mistakes_are_held_as_a_few(many: str, cell: str) -> None:
    body = (many % ",".join([cell] * 10_000)).encode()
    with pytest.raises(InputError) as told:
        parsed(TYPES.embed, body, SCHEMA, LIMITS)
    assert len(str(told.value)) < 300
    with pytest.raises(ValidationError) as held:
        TYPES.embed.model_validate(json.loads(body))
    assert held.value.error_count() < 10
    with pytest.raises(InputError, match=r"the body: want at most 500 values a request, got (9,999|10,000)"):
        parsed(TYPES.embed, body, SCHEMA, Limits(max_values=500))


def test_very_many_unknown_names_are_told_as_one() -> None:
    names = ",".join(f'"a{number}": 1' for number in range(10_000))
    for body in ('{"rows": [{%s}]}', '{"rows": [{}], "weights": {%s}}', "{%s}"):
        with pytest.raises(InputError, match=r"a0: want names of .*, got 'a0'"):
            parsed(TYPES.embed, (body % names).encode(), SCHEMA, LIMITS)
