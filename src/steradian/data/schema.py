"""The schema: which columns form which modality, and which column is the label."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from steradian.data.modality import Modality
from steradian.data.regular_files import EmptyFileError, read_regular
from steradian.errors import ConfigError, InputError
from steradian.misspelt import did_you_mean, telling_of_misspelt

__all__ = ["Schema"]

LARGEST_FILE = 1 << 20
"""Bytes of a schema file at most: 1 MiB."""
MOST_NESTED = 16
"""Lists and mappings within others at most; a schema has four."""


@telling_of_misspelt
@dataclass(frozen=True)
class Schema:
    """Which columns form which modality, which column is the label, and which names the row.

    Args:
        modalities: a modality by its name; the order is kept and has no influence on the vectors.
        label: the column that holds the class of an object.
        id: the column that names an object; its values must be unique. None: objects are known by their row.

    Raises:
        ConfigError: no modality, or an entry that is none.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema(
        ...     modalities={"title": sr.Text("title"), "specs": sr.Tabular(numeric=["price"])}, label="brand"
        ... )
        >>> schema.columns
        ('title', 'price')
    """

    modalities: Mapping[str, Modality]
    label: str = "label"
    id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.modalities, Mapping) or not self.modalities:
            raise ConfigError(
                want="at least one modality, as a dict of name to modality",
                got=repr(self.modalities),
                where="Schema, modalities",
                fix='Name one, e.g. {"title": steradian.Text("title")}.',
            )
        for name, modality in self.modalities.items():
            if not isinstance(modality, Modality):
                raise ConfigError(
                    want=f"one of {', '.join(sorted(_kinds()))}",
                    got=repr(modality),
                    where=f"Schema, modality {name!r}",
                    fix=f'Write for example {{"{name}": steradian.Text("{name}")}}.',
                )
            _refuse_bad_columns(modality, where=f"Schema, modality {name!r}")
        for key, value in (("label", self.label), ("id", self.id)):
            if not isinstance(value, str) and not (key == "id" and value is None):
                raise ConfigError("the name of a column", repr(value), f"Schema, {key}", "Give it as a string.")
        if self.label in self.columns:
            raise ConfigError(
                want="a label that no modality reads",
                got=f"{self.label!r} in both",
                where="Schema, label",
                fix="Take the column out of the modality: the model would read off its own answer.",
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the modalities read, each once."""
        return tuple(dict.fromkeys(column for m in self.modalities.values() for column in m.columns))

    def mask(self, subset: str | Iterable[str]) -> np.ndarray:
        """Which modalities a subset names: bool [modalities].

        Args:
            subset: one or several names.

        Raises:
            InputError: no name, or one that is no modality.
        """
        names, chosen = list(self.modalities), [subset] if isinstance(subset, str) else list(subset)
        unknown = [name for name in chosen if name not in names]
        if unknown or not chosen:
            usual = f"Use names of the schema, such as {names[0]!r}."
            raise InputError(
                want=f"modalities of {', '.join(names)}",
                got=", ".join(map(repr, unknown)) or "none",
                where="a choice of modalities",
                fix=did_you_mean(unknown[0], names, otherwise=usual) if unknown else usual,
            )
        return np.array([name in chosen for name in names])

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON values; `Schema.from_dict` is its inverse."""
        modalities = {name: _modality_to_dict(modality) for name, modality in self.modalities.items()}
        return {"modalities": modalities, "label": self.label, "id": self.id}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], *, where: str = "schema") -> "Schema":
        """A schema from plain values, as a YAML file holds them.

        Args:
            entries: `modalities` (name to `{type: Text, columns: [...], ...}`), `label`, `id`.
            where: what to call the source in messages.

        Raises:
            ConfigError: an unknown key or type, with the nearest known one.
        """
        _refuse_unknown(entries, {"modalities", "label", "id"}, where=where)
        modalities = entries.get("modalities")
        if not isinstance(modalities, Mapping):
            raise ConfigError(
                want="the key 'modalities' with a name and a type for each",
                got=_cut(repr(modalities)),
                where=where,
                fix="Write for example  modalities: {title: {type: Text, columns: [title]}}.",
            )
        try:
            parsed = {str(name): _modality_from_dict(str(name), m, where=where) for name, m in modalities.items()}
            return cls(parsed, label=entries.get("label", "label"), id=entries.get("id"))
        except ConfigError as error:
            if error.where.startswith(where):
                raise
            # A schema does not know which file it comes from.
            place = f"{where}, {error.where.removeprefix('Schema, ')}"
            raise ConfigError(error.want, error.got, place, error.fix) from error

    @classmethod
    def from_yaml(cls, path: str | Path) -> "Schema":
        """Read a schema file.

        Raises:
            InputError: no such file, or none of at most 1 MiB.
            ConfigError: not YAML, an unknown key or an unknown modality type.
        """
        import yaml

        path = Path(path)
        try:
            text = read_regular(path, most=LARGEST_FILE)
        except EmptyFileError:
            text = b""
        except (OSError, ValueError) as error:
            raise InputError(
                want=f"a schema file of at most {LARGEST_FILE >> 20} MiB",
                got="no such file"
                if isinstance(error, FileNotFoundError)
                else _cut(getattr(error, "strerror", None) or str(error)),
                where=str(path),
                fix="Check the path given to --schema.",
            ) from error
        try:
            entries = _parsed(text.decode("utf-8-sig"))
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            raise ConfigError(
                want="YAML",
                got=getattr(error, "problem", None) or " ".join(str(error).split()),
                where=f"{path}, line {mark.line + 1}" if mark else str(path),
                fix="Fix the line, or one before it." if mark else "Write the file again: plain YAML, as UTF-8.",
            ) from error
        if not isinstance(entries, Mapping):
            raise ConfigError(
                want="keys 'modalities' and 'label'",
                got=_cut(repr(entries)),
                where=str(path),
                fix="See docs/data.md.",
            )
        return cls.from_dict(entries, where=str(path))


def _parsed(text: str) -> Any:
    """The value of YAML that is plain and not deep."""
    import yaml

    # The loader calls itself for every level, and an alias may stand for a value that holds many aliases.
    level = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if level > MOST_NESTED or isinstance(event, yaml.AliasEvent):
            raise ValueError("an alias" if level <= MOST_NESTED else f"nested more than {MOST_NESTED} deep")
    return yaml.safe_load(text)


def _kinds() -> dict[str, type[Modality]]:
    """Every modality class by its name, a user's own included: defining the class is all it takes."""
    return {kind.__name__: kind for kind in Modality.__subclasses__()}


def _refuse_unknown(entries: Mapping[str, Any], known: set[str], *, where: str) -> None:
    for key in entries:
        if key not in known:
            raise ConfigError(
                want=f"one of the keys {', '.join(sorted(known))}",
                got=f"{key!r}",
                where=where,
                fix=did_you_mean(key, sorted(known), otherwise="Remove the key."),
            )


def _refuse_bad_columns(modality: Modality, *, where: str) -> None:
    columns, kind = modality.columns, type(modality)
    if not columns or not all(isinstance(column, str) and column for column in columns):
        given = [name for column in columns for name in (column if isinstance(column, (list, tuple)) else [column])]
        names = [f'"{name}"' for name in given if isinstance(name, str) and name] or ['"title"']
        several = any(field.name == "columns" for field in _options(kind))
        raise ConfigError(
            want="at least one column, each named by a string",
            got=repr(columns),
            where=where,
            fix=f"Write for example {kind.__name__}({', '.join(names if several else names[:1])}).",
        )


def _options(kind: type[Modality]) -> list[Field[Any]]:
    """The arguments a modality is written with; every modality is a dataclass."""
    return [field for field in fields(kind) if field.init]  # type: ignore[arg-type]


def _modality_to_dict(modality: Modality) -> dict[str, Any]:
    entries: dict[str, Any] = {"type": type(modality).__name__}
    for field in _options(type(modality)):
        value = getattr(modality, field.name)
        entries[field.name] = list(value) if isinstance(value, tuple) else value
    return entries


def _modality_from_dict(name: str, entries: Any, *, where: str) -> Modality:
    kinds, where = _kinds(), f"{where}, modality {name!r}"
    got = entries.get("type") if isinstance(entries, Mapping) else entries
    if not isinstance(entries, Mapping) or not isinstance(got, str) or got not in kinds:
        near = get_close_matches(str(got), sorted(kinds), n=1, cutoff=0.5)
        fix = f"Did you mean {near[0]!r}?" if near else "Write for example {type: Text, columns: [title]}."
        if near and not isinstance(entries, Mapping):
            fix = f"Write {{type: {near[0]}, {_options(kinds[near[0]])[0].name}: {name}}}."
        raise ConfigError(want=f"a type of {', '.join(sorted(kinds))}", got=repr(got), where=where, fix=fix)
    kind = kinds[got]
    options = {key: value for key, value in entries.items() if key != "type"}
    _refuse_unknown(options, {field.name for field in _options(kind)}, where=where)
    for field in _options(kind):
        if field.name not in options and field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(
                want=f"the key {field.name!r}", got="no such key", where=where, fix=f"Add {field.name}: ... ."
            )
    try:
        return kind.from_options(options)
    except ConfigError as error:
        raise ConfigError(error.want, error.got, where, error.fix) from error
    except TypeError as error:
        raise ConfigError(
            want=f"options of {got}, columns given as strings",
            got=str(options),
            where=where,
            fix="Write the name of a column as text, in quotes if it is a number.",
        ) from error


def _cut(text: str) -> str:
    """What was found instead of a schema, on a line: it may be the whole table."""
    return text if len(text) <= 80 else f"{text[:79]}…"
