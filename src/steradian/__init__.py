"""One unit vector for each labelled object of several modalities, some of them missing; the angle is the product."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from steradian.audit import Audit
    from steradian.batch_embedder import BatchEmbedder
    from steradian.calibration import Calibration, precision_angle
    from steradian.data import GuessedSchema, ObjectTable, Schema, guess_schema, read_objects
    from steradian.embedder import SphereEmbedder
    from steradian.errors import (
        ConfigError,
        InputError,
        MissingExtraError,
        SavedModelError,
        SteradianError,
        SteradianWarning,
        TrainingError,
    )
    from steradian.evaluation import (
        Decisions,
        Evaluation,
        Geometry,
        LabelEvaluation,
        ModelComparison,
        PlainBaseline,
        Robustness,
        compare_models,
        evaluate,
        measure_decisions,
        measure_geometry,
        measure_plain_baseline,
        robustness,
    )
    from steradian.explanation import Attribution, Certificates
    from steradian.modalities import Audio, Image, Series, Tabular, Text, Vector
    from steradian.model import AngularMarginLoss
    from steradian.new_classes import AddedClasses
    from steradian.ranks import gather_rows
    from steradian.report.write_report import write_report
    from steradian.runtime import RuntimeModel
    from steradian.search import Index, Matches, Neighbors, match_tables
    from steradian.stores import write_vectors
    from steradian.thresholds import Verification

__all__ = [
    "AddedClasses",
    "AngularMarginLoss",
    "Attribution",
    "Audio",
    "Audit",
    "BatchEmbedder",
    "Calibration",
    "Certificates",
    "ConfigError",
    "Decisions",
    "Evaluation",
    "Geometry",
    "GuessedSchema",
    "Image",
    "Index",
    "InputError",
    "LabelEvaluation",
    "Matches",
    "MissingExtraError",
    "ModelComparison",
    "Neighbors",
    "ObjectTable",
    "PlainBaseline",
    "Robustness",
    "RuntimeModel",
    "SavedModelError",
    "Schema",
    "Series",
    "SphereEmbedder",
    "SteradianError",
    "SteradianWarning",
    "Tabular",
    "Text",
    "TrainingError",
    "Vector",
    "Verification",
    "compare_models",
    "evaluate",
    "gather_rows",
    "guess_schema",
    "match_tables",
    "measure_decisions",
    "measure_geometry",
    "measure_plain_baseline",
    "precision_angle",
    "read_objects",
    "robustness",
    "write_report",
    "write_vectors",
]

_FOLDERS = (
    *(
        "errors",
        "data",
        "ranks",
        "modalities",
        "model",
        "calibration",
        "explanation",
        "thresholds",
        "new_classes",
        "audit",
    ),
    *("embedder", "stores", "search", "runtime", "batch_embedder", "evaluation", "report.write_report"),
)


def __getattr__(name: str) -> Any:
    """Import the modules when a public name is first asked for: `steradian --help` needs none of them, nor torch."""
    if name == "__version__":
        try:
            return version("steradian")
        except PackageNotFoundError:  # where models are served alone, see runtime/pyproject.toml
            return version("steradian-runtime")
    if name not in __all__:
        raise AttributeError(f"module 'steradian' has no attribute {name!r}")
    for module in [import_module(f"steradian.{folder}") for folder in _FOLDERS]:
        globals().update({key: getattr(module, key) for key in __all__ if hasattr(module, key)})
    return globals()[name]


def __dir__() -> list[str]:
    return __all__
