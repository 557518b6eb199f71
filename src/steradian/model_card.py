"""The `README.md` of a model folder: metadata that hubs read, and what a person wants to know."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from steradian.atomic_write import write_whole
from steradian.errors import SavedModelError
from steradian.fitted_model import FittedModel
from steradian.saved_files import refuse_special_file

__all__ = ["write_card"]

NAME = "README.md"
NOTES = "<!-- What stands below this line is yours: saving again keeps it. -->"
FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
MOST_BYTES = 1 << 20
SHOWN = 20
METRICS = {"recall_at_1": "R@1", "map_at_r": "MAP@R", "accuracy": "accuracy", "macro_f1": "macro-F1"}
"""Of an evaluation, by their names there."""


def write_card(folder: Path, model: FittedModel, *, license: str | None, evaluation: Any) -> None:
    """Write the card; of one of the same model in this folder, metadata that is not known now and notes stay.

    Args:
        folder: of the model.
        model: as it is saved.
        license: as hubs name it, such as "apache-2.0"; None names none.
        evaluation: an `Evaluation` of this model, or None.
    """
    front, notes = _found(folder / NAME, model.fingerprint)
    own = {"version": version("steradian"), "fingerprint": model.fingerprint}
    objects = len(model.trained) if model.trained is not None else front.get("steradian", {}).get("objects")
    front |= {
        "library_name": "steradian",
        "pipeline_tag": "feature-extraction",
        "tags": sorted({*_texts(front.get("tags")), "steradian", "embeddings", "multimodal"}),
        "steradian": own | ({} if objects is None else {"objects": objects}),
    }
    if license is not None:
        front["license"] = license
    if evaluation is not None:
        front["model-index"] = [{"name": "steradian", "results": list(_results(evaluation))}]
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=120)
    text = "\n".join([*_body(model, front, objects), NOTES])
    write_whole(folder / NAME, f"---\n{head}---\n\n{text}\n{notes}")


def _found(path: Path, fingerprint: str) -> tuple[dict[str, Any], str]:
    """The metadata of a card of this very model, and the notes of any; nothing where there is none to be read."""
    try:
        refuse_special_file(path, most=MOST_BYTES)
        text = path.read_text(encoding="utf-8", errors="replace")
        found = FRONT.match(text)
        front = yaml.safe_load(found[1]) if found else None
    except (OSError, SavedModelError, yaml.YAMLError, ValueError, RecursionError):
        return {}, ""
    own = front.get("steradian") if isinstance(front, dict) else None
    same = isinstance(own, dict) and own.get("fingerprint") == fingerprint
    _, marker, notes = text.partition(f"{NOTES}\n")
    return (dict(front) if front and same else {}), notes if marker else ""


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _results(evaluation: Any) -> Iterator[dict[str, Any]]:
    """An entry of `model-index` for each subset of modalities."""
    for row in evaluation.scores:
        scores = row.to_dict()
        named = [(key, name, scores[key]) for key, name in METRICS.items() if scores.get(key) is not None]
        subset = " + ".join(row.subset)
        if named:
            yield {
                "task": {"type": "feature-extraction", "name": subset},
                "dataset": {"name": f"{row.objects} objects seen through {subset}", "type": "evaluated"},
                "metrics": [{"type": key, "name": name, "value": round(float(value), 6)} for key, name, value in named],
            }


def _body(model: FittedModel, front: dict[str, Any], objects: Any) -> Iterator[str]:
    """The lines for people."""
    yield from ("# A steradian model", "")
    yield f"One unit vector of {model.encoder.embedding_dim} numbers an object, of any of its modalities."
    yield from ("", "```python", "import steradian as sr", "")
    yield 'model = sr.SphereEmbedder.from_pretrained(".")  # this folder, or the name of its repository'
    yield from ("vectors = model.transform(table)", "```", "", "## Data", "")
    for name, modality in model.schema.modalities.items():
        yield f"- `{name}`: {type(modality).__name__} of {', '.join(f'`{column}`' for column in modality.columns)}"
    names = model.classes.tolist()
    listed = ", ".join(map(str, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")
    among = "" if objects is None else f" among {objects:,} training objects" if isinstance(objects, int) else ""
    yield from ("", f"{len(names):,} classes of `{model.schema.label}`{among}: {listed}.", "", "## Training", "")
    yield from _training(model)
    yield from ("", "## Scores", "")
    yield from _scores(front)
    yield from ("", "## Thresholds", "")
    if model.several:
        yield "An object has the labels whose centers are less than a right angle away."
    elif model.calibration is None:
        yield 'Not calibrated: `model.calibrate(held_out_objects)` gives thresholds for the answer "unknown".'
    else:
        yield from ("```text", repr(model.calibration), "```")
    yield from ("", "## Limits", "")
    yield "It knows what its training objects say. Other sources, languages and times need an evaluation of their own."
    yield "Vectors are comparable with those of the same fingerprint only" + (
        ", and with those of the models named above." if "with" in _compatible(model) else "."
    )
    yield ""


def _training(model: FittedModel) -> Iterator[str]:
    result, choice = model.training, model.training.choice
    if choice is None:
        yield f"A network, {result.steps:,} steps, objective `{model.training_config.objective}`."
    else:
        count = choice.get("networks", 0)
        beside = f" and {count} network{'s' * (count != 1)} beside it, {result.steps:,} steps" if count else ""
        yield f"A closed form{beside}."
    entry = _compatible(model)
    if "with" in entry:
        yield f"Its vectors can be searched among those of {', '.join(map(str, entry['with']))}."
    if "new_to_old" in entry:
        yield f"R@1 {entry['new_to_old']:.3f} there, {entry['new_to_new']:.3f} among its own."


def _compatible(model: FittedModel) -> dict[str, Any]:
    return (model.training.choice or {}).get("compatible") or {}


def _scores(front: dict[str, Any]) -> Iterator[str]:
    """The metadata's scores as a table."""
    try:
        rows = [
            (entry["task"]["name"], {metric["name"]: float(metric["value"]) for metric in entry["metrics"]})
            for entry in front["model-index"][0]["results"]
        ]
    except (KeyError, IndexError, TypeError, ValueError):
        rows = []
    if not rows:
        yield "None yet: `model.save(folder, evaluation=sr.evaluate(model, held_out_objects))` writes them here."
        return
    yield f"| seen through | {' | '.join(METRICS.values())} |"
    yield "|---|" + "---|" * len(METRICS)
    for subset, found in rows:
        yield f"| {subset} | {' | '.join(f'{found.get(name, np.nan):.3f}' for name in METRICS.values())} |"
