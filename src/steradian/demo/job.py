"""`steradian demo`: train on emoji, measure on emoji never seen, and write what can be looked at and searched."""

import io
import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from pathlib import Path
from textwrap import fill
from typing import Any

from PIL import Image as Pillow

from steradian import Image, Index, ObjectTable, Schema, SphereEmbedder, Text, read_objects
from steradian.atomic_write import write_whole
from steradian.demo.baseline import PlainBaseline
from steradian.demo.comparison import comparison_table, score_questions
from steradian.demo.emoji import (
    ARTISTS,
    CREDITS,
    LANGUAGES,
    Emoji,
    EmojiObject,
    emoji_columns,
    load_emoji,
    query_and_gallery,
    split_emoji,
    training_objects,
)
from steradian.demo.showcase import showcase_page

__all__ = ["run_demo"]

SCHEMA = Schema({"picture": Image("picture"), "name": Text("name")}, label="emoji")
WIDTH = 80
Sides = tuple[list[EmojiObject], list[EmojiObject]]
"""Queries, and the gallery that they are looked for in."""


def run_demo(
    out: Path,
    *,
    random_state: int = 0,
    rows_per_emoji: int = 14,
    emoji: Sequence[Emoji] | None = None,
    say: Callable[[str], None] = print,
    **options: Any,
) -> dict[str, Any]:
    """Train on 63% of the emoji, stop early by another 7%, measure on 30% never seen, and write the results.

    Args:
        out: the folder to write: `model/` with its `index/`, `metrics.json`, `neighbors.html`, `training.jsonl` and
            `query.png`, a picture to search for.
        random_state: of the split, the objects and the training.
        rows_per_emoji: training objects an emoji, 1 to 14.
        emoji: what to learn; None loads the emoji of the extra [demo].
        say: is given each line to print.
        options: further arguments of `SphereEmbedder`.

    Returns:
        What `metrics.json` holds.

    Raises:
        MissingExtraError: the extra [demo] is not installed.
    """
    emoji = load_emoji() if emoji is None else emoji
    say(f"{len(emoji):,} emoji, each drawn by {' and '.join(ARTISTS)} and named in {len(LANGUAGES)} languages")
    split = split_emoji(emoji, random_state=random_state)
    train = _table(training_objects(split.train, rows_per_emoji=rows_per_emoji, random_state=random_state))
    say(f"training: {len(split.train):,} emoji, {len(train):,} objects of a drawing and a name, or one of the two")
    say(f"choices: by {len(split.valid):,} other emoji; test: {len(split.test):,} emoji never seen before")
    valid = _table([row for side in query_and_gallery(split.valid, random_state=random_state) for row in side])

    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    model = SphereEmbedder(random_state=random_state, **({"batch_size": 128, "epochs": 3} | options))
    model.fit(train, validation=valid, log_file=out / "training.jsonl", save_to=out / "model")
    model.save(out / "model")
    metrics: dict[str, Any] = {
        "random_state": random_state,
        "emoji": {part: len(members) for part, members in split._asdict().items()},
        "training_objects": len(train),
        "training_seconds": round(time.monotonic() - begun, 1),
        "interrupted": model.training_.interrupted,
    }
    everything = _table([EmojiObject(one, "OpenMoji", "en") for one in emoji])
    Index.build(model, everything).save(out / "model" / "index")
    sides = query_and_gallery(split.test, random_state=random_state)
    shown = sides[0][len(sides[0]) // 2]
    write_whole(out / "query.png", _png(shown))
    metrics["results"] = _compare(model, train, sides, out, random_state, say)
    write_whole(out / "metrics.json", json.dumps(metrics, indent=1))
    _say_what_next(out, shown.emoji.names["en"], say)
    return metrics


def _compare(
    model: SphereEmbedder, train: ObjectTable, sides: Sides, out: Path, random_state: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Scores of the baseline and the model, told and returned, and a page of what the model finds."""
    baseline, (queries, gallery) = PlainBaseline().fit(train.columns), sides
    say("")
    say(f"Twemoji's drawing and a name of each test emoji, looked for among the {len(gallery):,}")
    say("drawings of OpenMoji and their names in another language:")
    answers = [cache(partial(_vectors, model, _table(side))) for side in sides]
    plain = [cache(partial(baseline.transform, emoji_columns(side))) for side in sides]
    results = {"plain baseline": score_questions(*plain), "steradian": score_questions(*answers)}
    say(comparison_table(results))
    page = showcase_page(
        queries, gallery, query_vectors=answers[0], gallery_vectors=answers[1], random_state=random_state
    )
    write_whole(out / "neighbors.html", page)
    return results


def _table(objects: Iterable[EmojiObject]) -> ObjectTable:
    return read_objects(emoji_columns(objects), SCHEMA)


def _vectors(model: SphereEmbedder, objects: ObjectTable, modalities: tuple[str, ...]) -> Any:
    return model.transform(objects, modalities=modalities)


def _png(shown: EmojiObject) -> bytes:
    encoded = io.BytesIO()
    Pillow.fromarray(shown.emoji.drawings[shown.artist or ARTISTS[0]]).save(encoded, "PNG")
    return encoded.getvalue()


def _say_what_next(out: Path, queried: str, say: Callable[[str], None]) -> None:
    say("R@1: how often the nearest is right. MRR: mean of 1/rank of the right one.")
    say("")
    say(f"wrote {out / 'metrics.json'} and, to look at, {out / 'neighbors.html'}")
    say(f"now search; {out / 'query.png'} shows: {queried}")
    say(f"  steradian search {out / 'model'} --text octopus")
    say(f"  steradian search {out / 'model'} --image {out / 'query.png'}")
    say("")
    for line in CREDITS:
        say(fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
