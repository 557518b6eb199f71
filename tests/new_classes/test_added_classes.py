import json
from io import StringIO

from rich.console import Console

from steradian.new_classes import AddedClass, AddedClasses


def make(count: int, confusion: float | None, examples: int = 5, name: object = "vase") -> tuple[AddedClass, ...]:
    measured = {} if confusion is None else {"spread": 0.4, "confusion": confusion, "confused_with": "a class of glass"}
    return tuple(
        AddedClass(f"{name} {n}", examples, "the nearest of all the classes", 0.5, **measured) for n in range(count)
    )  # type: ignore[arg-type]


def test_it_prints_at_most_80_columns_whatever_the_names() -> None:
    wide = "器" * 40 + "\n[bold]<script>"
    found = AddedClasses(make(12, 0.71, 12345, wide) + make(3, None, 1, wide), 1_000_000, 14.26, calibrated=True)
    for line in repr(found).splitlines():
        assert sum(2 if "器" in character else 1 for character in line) <= 80
    assert "15 new classes from 148,143 examples, 1,000,000 classes in all" in repr(found)
    assert "... 10 of 15 new classes shown" in repr(found)


def test_notes_say_who_is_crowded_and_what_is_not_known() -> None:
    crowded = repr(AddedClasses(make(7, 0.51), 20, 14.26, calibrated=True))
    said = " ".join(crowded.split())
    assert "7 are crowded: confused above 50%, taken for other classes more than for itself." in said
    assert "at scale 14.3. The thresholds were fitted without these classes: call model.calibrate again." in said
    roomy = " ".join(repr(AddedClasses(make(2, 0.5), 20, 14.26)).split())
    assert "None is crowded" in roomy and "thresholds" not in roomy and "one example" not in roomy
    unknown = " ".join(repr(AddedClasses(make(2, None, 1), 20, 14.26)).split())
    assert "2 from one example, which says nothing of spread and confusion." in unknown
    assert "crowded" not in unknown


def test_crowded_are_those_taken_for_others_more_than_for_themselves() -> None:
    found = AddedClasses(make(1, 0.51) + make(1, 0.5, name="tin") + make(1, None, 1, name="lid"), 20, 14.26)
    assert found.crowded == ("vase 0",)
    assert [entry.crowded for entry in found.classes] == [True, False, False]
    assert len(found) == 3


def test_to_dict_is_json_with_every_number() -> None:
    found = AddedClasses(make(1, 0.51) + make(1, None, 1, name="lid"), 20, 14.26)
    back = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert back["num_classes"] == 20 and back["scale"] == 14.26 and back["crowded"] == ["vase 0"]
    first, last = back["classes"]
    assert first["confusion"] == 0.51 and first["crowded"] and first["nearest"] == "the nearest of all the classes"
    assert last["confusion"] is None and last["spread"] is None and not last["crowded"]


def test_a_terminal_shows_names_as_they_are() -> None:
    shown = StringIO()
    Console(width=80, file=shown).print(AddedClasses(make(1, 0.51, name="[red]x"), 20, 14.26))
    assert "[red]x 0" in shown.getvalue()
