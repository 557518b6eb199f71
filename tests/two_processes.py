"""Started twice by torchrun: fits on two ranks beside the same fits by one process, and what happens when a rank fails.

The first rank writes what it has found into the folder that it is given.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

import steradian as sr
from steradian.cli import main
from steradian.ranks import FAILED, Ranks, launched_ranks
from steradian.training import checkpoint
from steradian.training.learner import Learner

FOLDER = Path(sys.argv[1])
OBJECTS = 300
RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(OBJECTS, 5))
USUAL: dict[str, Any] = {"width": 8, "batch_size": 50, "dropout": 0.0, "input_dropout": 0.0, "verbose": False}


def table(classes: int, objects: int = OBJECTS) -> dict[str, list[Any]]:
    """Modality b is absent from many objects, and c from so many that a rank has none of it in some steps."""
    columns: dict[str, list[Any]] = {"a": [], "b": [], "c": [], "label": []}
    for row in range(objects):
        vector = MEANS[row % classes] + RNG.normal(size=5) / 3
        for name, there in {"a": row % 3 != 1, "b": row % 3 == 1 or row % 2 == 0, "c": row % 20 == 0}.items():
            columns[name].append(vector.round(3).tolist() if there else None)
        columns["label"].append(f"class {row % classes:03}")
    return columns


def objects(columns: dict[str, list[Any]]) -> sr.ObjectTable:
    return sr.read_objects(columns, sr.Schema({name: sr.Vector(name) for name in "abc"}, label="label"))


FEW, MANY = table(6, 100), table(280)
FITS: dict[str, tuple[Any, dict[str, Any]]] = {
    "beside a closed form": (FEW, {"epochs": 1}),
    "spread centers": (MANY, {"epochs": 3, "closed_form": False, "validation_fraction": 0.1}),
    "row by row": (
        MANY,
        {"epochs": 1, "closed_form": False, "center_optimizer": "rowwise", "subcenters": 2, "class_share": 0.5},
    ),
    "half": (FEW, {"epochs": 1, "closed_form": False, "subset_policy": "half", "balanced": True}),
    "supcon": (FEW, {"epochs": 1, "objective": "supcon"}),
    "clip": (FEW, {"epochs": 1, "objective": "clip"}),
}


def fitted(name: str, **options: Any) -> dict[str, np.ndarray]:
    columns, own = FITS[name]
    losses: list[float] = []
    learn = Learner.learn

    def remembered(self: Learner, *arguments: Any) -> float:
        losses.append(learn(self, *arguments))
        return losses[-1]

    Learner.learn = remembered  # type: ignore[method-assign]
    try:
        model = sr.SphereEmbedder(**USUAL | own).fit(objects(columns), **options)
    finally:
        Learner.learn = learn  # type: ignore[method-assign]
    return {
        "losses": np.array(losses),
        "vectors": model.transform(objects(columns)),
        "centers": model.fitted_.classifier.class_centers.detach().numpy(),
    }


def stopped(self: Learner, batch: Any, step: int) -> float:
    """A step, and the end of the process in the middle of training."""
    if step == 13:
        raise RuntimeError("killed")
    return LEARN(self, batch, step)


LEARN = Learner.learn


def kept(folder: Path) -> None:
    """What a killed fit leaves: its state after step 10."""
    Learner.learn = stopped  # type: ignore[method-assign]
    try:
        fitted("spread centers", checkpoint=folder)
    except RuntimeError:
        pass
    finally:
        Learner.learn = LEARN  # type: ignore[method-assign]
        told_anew()


def told_anew() -> None:
    """Forget that a rank has failed, as only a test may."""
    if dist.is_initialized():
        dist.barrier()
        dist.distributed_c10d._get_default_store().delete_key(FAILED)
        dist.barrier()


def error_of(action: Callable[[], Any]) -> tuple[str, float]:
    began = time.monotonic()
    try:
        action()
    except Exception as error:
        return f"{type(error).__name__}: {error}", time.monotonic() - began
    return "no error", 0.0


def fails_alone(rank: int) -> Callable[[Learner, Any, int], float]:
    def learn(self: Learner, batch: Any, step: int) -> float:
        if rank == 1 and step == 1:
            raise ValueError("disk on fire")
        return LEARN(self, batch, step)

    return learn


def differences(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> dict[str, float]:
    return {
        "losses": float(np.abs(found["losses"] / expected["losses"][-len(found["losses"]) :] - 1).max()),
        "steps": len(found["losses"]),
        **{name: float(np.square(found[name] - expected[name]).mean() ** 0.5) for name in ("vectors", "centers")},
    }


def report(ranks: Ranks, alone: dict[str, dict[str, np.ndarray]]) -> dict[str, Any]:
    """What two ranks find; `alone` is there in the first."""
    shared = {name: fitted(name) for name in FITS}
    found: dict[str, Any] = {name: differences(shared[name], each) for name, each in alone.items()}
    centers = ranks.texts(shared["spread centers"]["centers"].tobytes().hex())
    found["equal in both"] = centers[0] == centers[1]
    resumed = fitted("spread centers", checkpoint=FOLDER / "one")
    found["resumed from one process"] = differences(resumed, alone.get("spread centers", resumed))
    kept(FOLDER / "two")
    resumed = fitted("spread centers", checkpoint=FOLDER / "two")
    found["resumed"] = differences(resumed, shared["spread centers"])
    found["errors"] = errors(ranks)
    return found


def errors(ranks: Ranks) -> list[list[tuple[str, float]]]:
    """What each rank says of bad input, and after how many seconds."""
    columns = {name: list(values) for name, values in FEW.items()}
    columns["label"][3] = f"class of rank {ranks.rank}"
    texts = [error_of(lambda: sr.SphereEmbedder(**USUAL).fit(objects(columns)))]
    told_anew()
    texts.append(error_of(lambda: sr.SphereEmbedder(**USUAL, margin=0.1 + ranks.rank).fit(objects(FEW))))
    told_anew()
    small = USUAL | {"batch_size": 1}
    texts.append(error_of(lambda: sr.SphereEmbedder(**small, epochs=1, closed_form=False).fit(objects(FEW))))
    told_anew()
    return [json.loads(text) for text in ranks.texts(json.dumps(texts))]


if __name__ == "__main__":
    checkpoint.EVERY = 0.0
    torch.manual_seed(0)
    alone = {}
    if os.environ["RANK"] == "0":
        alone = {name: fitted(name) for name in FITS}
        kept(FOLDER / "one")
    with launched_ranks() as ranks:
        found = report(ranks, alone)
        if ranks.rank == 0:
            (FOLDER / "report.json").write_text(json.dumps(found))
        words = ["--schema", str(FOLDER / "schema.yaml"), "--out", str(FOLDER / "model"), "--epochs", "0"]
        with suppress(SystemExit):
            main(["fit", str(FOLDER / "table.jsonl"), *words])
        Learner.learn = fails_alone(ranks.rank)  # type: ignore[method-assign]
        (FOLDER / f"rank{ranks.rank}.json").write_text(json.dumps(error_of(lambda: fitted("half"))))
        # What ranks send each other after a failure of one no longer fits together.
        os._exit(0)
