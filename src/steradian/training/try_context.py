"""A network that sees modalities together, for classes that live in their interaction, judged by left-out objects."""

from dataclasses import replace

import numpy as np

from steradian.data.batch import PreparedObjects
from steradian.model import SphereEncoder, build_encoder, encode_objects
from steradian.training.left_out import LeftOutPart
from steradian.training.left_out_scores import log_losses
from steradian.training.train import TrainingResult, train
from steradian.training.train_networks import BATCH, NetworkOptions, Part, fixed_centers

__all__ = ["try_context"]


def try_context(
    part: Part, seen: LeftOutPart, options: NetworkOptions
) -> tuple[SphereEncoder, TrainingResult, LeftOutPart] | None:
    """A network of the whole table with the fusion "context", if one that left out a part beats what there is.

    Args:
        part: what the trial learns from, and the objects of known classes that it leaves out.
        seen: these objects by the model that it must surely beat.
        options: of all networks.

    Returns:
        The network, how its training went, and the part's objects by the trial; None where it is not surely better,
        or where Ctrl-C ended it.
    """
    prepared, found, progress = options.prepared, options.found, options.progress

    def trained(objects: PreparedObjects, name: str) -> tuple[SphereEncoder, TrainingResult]:
        model = replace(options.model, fusion="context")
        network = build_encoder(options.preprocessor.modalities, model).to(options.device)
        result = train(
            network,
            fixed_centers(found.centers, options.device),
            objects=objects,
            config=options.config,
            derived=replace(options.derived, reasons=()),
            progress=progress,
            stage=options.stage(name),
            ranks=options.ranks,
        )
        return network.eval(), result

    progress.say('a network with fusion="context", which sees modalities together, is tried')
    trial, result = trained(prepared.rows(part.fit), "context-trial")
    if result.interrupted:
        return None
    left_out = LeftOutPart(trial, encode_objects(trial, part.objects, BATCH, part.out), part.names, part.out)
    losses, others = (_losses(each, found.centers, part) for each in (left_out, seen))
    gain = others - losses
    measured = f"(log-loss of left-out objects {others.mean():.3f} -> {losses.mean():.3f})"
    if not options.ranks.agreed(bool(gain.mean() > gain.std() / len(gain) ** 0.5)):
        progress.say(f"it is not surely better\n{measured}")
        return None
    progress.say(f'fusion="context": one network, without the closed form\n{measured}')
    network, result = trained(prepared, "context")
    if result.interrupted:
        return None
    choice = {
        "score": "log-loss of left-out objects",
        "closed_form": float(others.mean()),
        "both": float(losses.mean()),
        "share": 0.0,
        "learned_gates": False,
        "networks": 1,
        "fusion": "context",
    }
    return network, replace(result, choice=choice), left_out


def _losses(seen: LeftOutPart, centers: np.ndarray, part: Part) -> np.ndarray:
    """-log softmax of each whole object's own class [objects], weighed as the part says."""
    present = seen.encoded.present.numpy()
    known = (part.labels < len(centers)) & present.any(axis=1)
    _, vectors = seen.fused(present & known[:, None])
    weights = None if part.weights is None else part.weights[known]
    return log_losses(vectors @ centers.T, part.labels[known], weights)
