"""From a fitted model to a folder that is served without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steradian.errors import ConfigError
from steradian.fitted_model import FittedModel
from steradian.modalities.pretrained import FittedFineTuned, FittedPretrained
from steradian.model import TwoPartEncoder
from steradian.saved_description import GRAPHS
from steradian.saved_folder import SavedModel, write_folder
from steradian.saved_model import saved_model

__all__ = ["export_model"]


def export_model(model: FittedModel, folder: str | Path, *, inputs: Mapping[str, Any]) -> None:
    """Write what `RuntimeModel.load` reads.

    Args:
        model: fitted.
        folder: made if it does not exist; what was exported there is replaced only when the new one is whole.
        inputs: as of `save_model`.

    Raises:
        ConfigError: a modality that needs torch, such as one with a pretrained encoder.
    """
    for name, fitted in model.preprocessor.modalities.items():
        if isinstance(fitted, FittedPretrained | FittedFineTuned):
            raise _refused(name, "one with a pretrained encoder")
    saved, encoder = saved_model(model, inputs=inputs), model.encoder
    if not isinstance(encoder, TwoPartEncoder) or encoder.sees_items:
        raise _refused(model.modalities[0], "one whose network is run")
    entries = {**saved.entries, GRAPHS: None, "two_parts": {**saved.entries["two_parts"], "networks": 0}}
    kept = "classifier.weight", "encoder.share", "encoder.featured"
    write_folder(folder, SavedModel(entries, saved.preprocessor, {name: saved.weights[name] for name in kept}))


def _refused(modality: str, got: str) -> ConfigError:
    return ConfigError(
        want="modalities that are read without torch",
        got=got,
        where=f"export, modality {modality!r}",
        fix="Serve the saved model itself: steradian serve MODEL.",
    )
