"""Training steps of one rank, or of as many as torchrun starts, timed for `benchmarks.scale`.

`python benchmarks/scale_steps.py CLASSES BATCH ...` prints a line of JSON for each pair: the median of a step's seconds
of a core, which other work on the machine changes little, of its seconds, and bytes of the class centers in training.
"""

import json
import resource
import statistics
import sys
import time
from typing import Any

import numpy as np
import torch

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import Preprocessor
from steradian.model import build_model
from steradian.ranks import Ranks, launched_ranks
from steradian.training import derive
from steradian.training.joined_encoder import shared_batch
from steradian.training.learner import Learner
from steradian.training.shared_work import spreads_centers

DIM, MODALITIES, WARM = 128, 2, 2


def measured(classes: int, batch: int, ranks: Ranks) -> dict[str, Any]:
    """What a step takes with so many classes and objects in all ranks."""
    rng = np.random.default_rng(0)
    table: dict[str, Any] = {name: [*rng.normal(size=(batch, 32))] for name in ("a", "b")}
    table["label"] = [f"{number}" for number in range(batch)]
    objects = sr.read_objects(table, sr.Schema({name: sr.Vector(name) for name in ("a", "b")}, label="label"))
    config, model = TrainingConfig(batch_size=batch, alignment_weight=0.3), ModelConfig(embedding_dim=DIM)
    preprocessor = Preprocessor.fit(objects)
    labels = np.arange(batch) * (classes // batch) if classes > batch else np.arange(batch) % classes
    prepared = preprocessor.prepare(objects, labels)
    torch.manual_seed(0)
    encoder, classifier = build_model(preprocessor.modalities, model, num_classes=classes, device=torch.device("cpu"))
    if spreads_centers(config, classes, ranks):
        classifier.spread(ranks)
    derived = derive(config, labels, num_classes=classes, model=model)
    learner = Learner(encoder, classifier, config=config, derived=derived, steps=100, ranks=ranks)
    work, wall = [], []
    steps = WARM + (3 if classes > 100_000 else 5 if classes > 10_000 else 15)
    for step in range(steps):
        rows = shared_batch(prepared, rng.permutation(batch) if ranks.size == 1 else np.arange(batch), ranks)
        before = time.process_time(), time.perf_counter()
        learner.learn(rows, 50)
        if step >= WARM:
            work.append(time.process_time() - before[0])
            wall.append(time.perf_counter() - before[1])
    held = sum(tensor.nbytes for name, tensor in own_tensors(learner))
    return {
        "classes": classes,
        "batch": batch,
        "ranks": ranks.size,
        "weights": sum(weight.numel() for weight in encoder.parameters()),
        "work": statistics.median(work),
        "wall": statistics.median(wall),
        "center_bytes": held,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def own_tensors(learner: Learner) -> list[tuple[str, torch.Tensor]]:
    """The class centers of this rank, their gradient and their moments."""
    weight = learner.weights[1].weight
    state = learner._optimizer.state[weight]
    gradient = [] if weight.grad is None else [("gradient", weight.grad)]
    return [("weight", weight), *gradient, *((name, state[name]) for name in ("exp_avg", "exp_avg_sq"))]


if __name__ == "__main__":
    torch.set_num_threads(1)
    sizes = list(map(int, sys.argv[1:]))
    with launched_ranks() as ranks:
        for classes, batch in zip(sizes[::2], sizes[1::2], strict=True):
            found = measured(classes, batch, ranks)
            if ranks.rank == 0:
                print(json.dumps(found), flush=True)
