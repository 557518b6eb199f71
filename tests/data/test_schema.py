"""The schema: its columns, its way to JSON and YAML and back, and every mistake in a schema file."""

import json
import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steradian import ConfigError, Image, InputError, Schema, Series, Tabular, Text, Vector

SCHEMA = Schema(
    {
        "photo": Image("photo", size=64),
        "title": Text("title", "maker"),
        "specs": Tabular(numeric=["price"], categorical=["colour", "maker"]),
        "motion": Series("motion"),
        "omics": Vector("rna"),
    },
    label="kind",
    id="sku",
)


def test_columns_are_named_once_in_order() -> None:
    assert SCHEMA.columns == ("photo", "title", "maker", "price", "colour", "motion", "rna")


def test_a_schema_is_the_same_after_json() -> None:
    assert Schema.from_dict(json.loads(json.dumps(SCHEMA.to_dict()))) == SCHEMA


def test_schemas_of_other_options_differ() -> None:
    assert Schema({"photo": Image("photo", size=64)}) != Schema({"photo": Image("photo")})


@pytest.mark.parametrize("modalities", [None, {}, [], ["title"]], ids=repr)
def test_a_schema_needs_a_modality(modalities: Any) -> None:
    with pytest.raises(ConfigError, match="want at least one modality"):
        Schema(modalities)


def test_what_is_no_modality_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"modality 'title': want one of .*Text.*, got 'title'"):
        Schema({"title": "title"})  # type: ignore[dict-item]


def test_a_schema_file(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(
        textwrap.dedent("""
            label: kind
            id: sku
            modalities:
              photo: {type: Image, column: photo, size: 64}
              title: {type: Text, columns: [title, maker]}
              specs: {type: Tabular, numeric: [price], categorical: [colour, maker]}
              motion: {type: Series, column: motion}
              omics: {type: Vector, columns: rna}
        """)
    )
    assert Schema.from_yaml(path) == SCHEMA


def test_label_and_id_have_defaults(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text("modalities: {title: {type: Text, columns: [title]}}")
    schema = Schema.from_yaml(str(path))
    assert (schema.label, schema.id) == ("label", None)


MISTAKES = {
    "unknown key": ("{modalities: {t: {type: Text, columns: [t]}}, lable: x}", "'lable'. Did you mean 'label'"),
    "no modalities": ("{label: kind}", "want the key 'modalities'"),
    "modalities as a list": ("{modalities: [title]}", "want the key 'modalities'"),
    "empty modalities": ("{modalities: {}}", "want at least one modality"),
    "unknown type": ("{modalities: {t: {type: Txt, columns: [t]}}}", "modality 't'.* got 'Txt'. Did you mean 'Text'"),
    "no type": ("{modalities: {t: {columns: [t]}}}", "modality 't': want a type of .*Text.* got None"),
    "modality as text": (
        "{modalities: {t: Text}}",
        r"modality 't': want a type of .* got 'Text'. Write \{type: Text, columns: t\}",
    ),
    "picture as text": ("{modalities: {p: image}}", r"got 'image'. Write \{type: Image, column: p\}"),
    "size": ("{modalities: {p: {type: Image, column: p, size: 7}}}", "modality 'p': want a size"),
    "columns in columns": (
        "{modalities: {t: {type: Text, columns: [[a, b]]}}}",
        r"""modality 't': want at least one column.* Write for example Text\("a", "b"\)""",
    ),
    "unknown option": ("{modalities: {p: {type: Image, column: p, sise: 8}}}", "'sise'. Did you mean 'size'"),
    "no column": ("{modalities: {p: {type: Image}}}", "modality 'p': want the key 'column', got no such key"),
    "type as a list": ("{modalities: {t: {type: [Text], columns: [t]}}}", "modality 't': want a type of"),
    "columns as a number": ("{modalities: {t: {type: Text, columns: 5}}}", "modality 't': want"),
    "column as a list": (
        "{modalities: {p: {type: Image, column: [a]}}}",
        "at least one column, each named by a string",
    ),
    "columns as numbers": ("{modalities: {t: {type: Text, columns: [1]}}}", "at least one column, each named by"),
    "no columns": ("{modalities: {t: {type: Text, columns: []}}}", "at least one column, each named by"),
    "label of nothing": (
        "{modalities: {t: {type: Text, columns: [t]}}, label: null}",
        "the name of a column, got None",
    ),
    "id as a number": ("{modalities: {t: {type: Text, columns: [t]}}, id: 5}", "the name of a column, got 5"),
    "label as input": ("{modalities: {t: {type: Text, columns: [t]}}, label: t}", "a label that no modality reads"),
    "not YAML": ("{modalities: ", "want YAML"),
    "not a mapping": ("- title", "want keys 'modalities' and 'label'"),
    "empty file": ("", "want keys 'modalities' and 'label'"),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_a_schema_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        Schema.from_yaml(path)
    assert error.value.where.startswith(str(path))
    assert "Schema" not in error.value.where
    assert "\n" not in str(error.value)


def test_the_line_of_broken_yaml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text("label: kind\nmodalities:\n  title: {type: Text\nid: x\n")
    with pytest.raises(ConfigError, match=r"schema.yaml, line 4: want YAML, got expected ',' or '}'"):
        Schema.from_yaml(path)


@pytest.mark.parametrize(
    ("modality", "fix"),
    [
        (Text(["title", "brand"]), 'Text("title", "brand")'),  # type: ignore[arg-type]
        (Vector(("a", "b")), 'Vector("a", "b")'),  # type: ignore[arg-type]
        (Image(["a", "b"]), 'Image("a")'),  # type: ignore[arg-type]
        (Text(), 'Text("title")'),
    ],
)
def test_a_list_of_columns_is_mended(modality: Any, fix: str) -> None:
    with pytest.raises(ConfigError, match="each named by a string") as error:
        Schema({"x": modality})
    assert error.value.fix == f"Write for example {fix}."


def test_a_subset_of_modalities_is_a_mask() -> None:
    assert SCHEMA.mask(["omics", "photo"]).tolist() == [True, False, False, False, True]
    assert SCHEMA.mask("title").tolist() == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ("titel", "got 'titel'. Did you mean 'title'"),
        (["title", "x"], "got 'x'. Use names of the schema, such as 'photo'"),
        ([], "want modalities of photo, title, specs, motion, omics, got none"),
    ],
)
def test_an_unknown_modality_is_named_with_the_nearest(subset: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        SCHEMA.mask(subset)


def test_a_schema_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Schema.from_yaml(tmp_path / "schema.yaml")


def test_a_schema_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="want YAML"):
        Schema.from_yaml(path)


DEEP = {
    "lists": lambda deep: "[" * deep + "]" * deep,
    "open lists": lambda deep: "[" * deep,
    "mappings": lambda deep: "{a: " * deep + "}" * deep,
    "bullets": lambda deep: "- " * deep,
    "lines": lambda deep: "modalities:\n" + "".join(f"{' ' * level}a:\n" for level in range(1, min(deep, 1200))),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("deep", [17, 500, 5_000, 100_000])
@pytest.mark.parametrize("write", DEEP.values(), ids=DEEP.keys())
def test_a_deep_schema_file_is_refused_in_a_moment(write: Callable[[int], str], deep: int, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(write(deep))
    with pytest.raises(ConfigError, match="want YAML, got nested more than 16 deep"):
        Schema.from_yaml(tmp_path / "schema.yaml")


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nmodalities: [*b, *b]", "an alias"),
        ("modalities: 2020-13-45", "month must be in 1..12"),
        ("modalities: !!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str, got: str, tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"want YAML, got {got}"):
        Schema.from_yaml(tmp_path / "schema.yaml")


@pytest.mark.timeout(10)
def test_only_a_small_regular_schema_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(bytes((1 << 20) + 1))
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "large", Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(InputError, match="want a schema file of at most 1 MiB"):
            Schema.from_yaml(path)
