"""From a fitted model to a folder that is served without torch."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from steradian.errors import ConfigError, InputError
from steradian.fitted_model import FittedModel
from steradian.modalities.pretrained import FittedFineTuned, FittedPretrained
from steradian.model import Fusion, ModalityEncoder, SphereEncoder
from steradian.model.two_part_encoder import LengthGates
from steradian.network_graphs import fusion_graph, modality_graph
from steradian.saved_description import GRAPHS
from steradian.saved_files import read_json
from steradian.saved_folder import CONFIG, SavedModel, write_folder
from steradian.saved_model import saved_model

__all__ = ["export_model", "exported"]


def export_model(model: FittedModel, folder: str | Path, *, inputs: Mapping[str, Any]) -> None:
    """Write what `RuntimeModel.load` reads.

    Args:
        model: fitted.
        folder: made if it does not exist; what was exported there is replaced only when the new one is whole.
        inputs: as of `save_model`.

    Raises:
        InputError: the folder of a model that was saved, whose networks an export would replace.
        MissingExtraError: networks are run, and onnx is not installed.
        ConfigError: a modality that needs torch, such as one with a pretrained encoder.
    """
    if exported(folder) is False:
        fix = "Name another folder, or remove this one first."
        raise InputError("a folder of its own", f"{folder}, which holds something else", "export", fix)
    for name, fitted in model.preprocessor.modalities.items():
        if isinstance(fitted, FittedPretrained | FittedFineTuned):
            raise _refused(name, "one with a pretrained encoder")
    saved, encoder = saved_model(model, inputs=inputs), model.encoder
    entries, weights = dict(saved.entries), {"classifier.weight": saved.weights["classifier.weight"]}
    if isinstance(encoder, SphereEncoder):
        entries[GRAPHS], graphs = _graphs(model, [encoder], encoder.fusion, first=0)
    elif encoder.sees_items:
        networks = cast(Iterable[SphereEncoder], encoder.networks)
        entries[GRAPHS], graphs = _graphs(model, list(networks), encoder.fusion, first=1)
    else:
        entries |= {GRAPHS: None, "two_parts": {**entries["two_parts"], "networks": 0}}
        graphs = {name: saved.weights[name] for name in ("encoder.share", "encoder.featured")}
    write_folder(folder, SavedModel(entries, saved.preprocessor, weights | graphs))


def exported(folder: str | Path) -> bool | None:
    """Whether a folder holds what was exported; None where it holds no model at all.

    Args:
        folder: that may not exist.
    """
    config = Path(folder, CONFIG)
    return GRAPHS in read_json(config) if config.exists() else None


def _graphs(
    model: FittedModel, networks: Sequence[SphereEncoder], fusion: Fusion | LengthGates, *, first: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the folder says of the graphs, and their bytes; `first` numbers stand before the networks' summaries."""
    graphs = {}
    for number, (name, fitted) in enumerate(model.preprocessor.modalities.items()):
        encoders = [cast(ModalityEncoder, network.modalities[number]) for network in networks]
        graphs[f"graphs/{number}"] = modality_graph(name, model.schema.modalities[name], fitted, encoders)
    width = len(networks) * model.model_config.width
    # Without the networks' gates the lengths of the closed form's vectors are the gates.
    weighs = isinstance(fusion, Fusion) or fusion.learned
    if weighs:
        graphs["graphs/fusion"] = fusion_graph(
            fusion, modalities=len(model.modalities), embedding_dim=model.embedding_dim, width=first + width
        )
    return {"fusion": weighs, "embedding_dim": model.embedding_dim, "width": width}, graphs


def _refused(modality: str, got: str) -> ConfigError:
    return ConfigError(
        want="modalities that are read without torch",
        got=got,
        where=f"export, modality {modality!r}",
        fix="Serve the saved model itself: steradian serve MODEL.",
    )
