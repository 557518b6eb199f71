"""What every array and list of a saved preprocessor must be: its type, its shape and the range of its values.

Whoever makes a folder can make its checksums too. What is refused here would fail at first use, or make vectors that
are no numbers. A model that is wrong on purpose is not found so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.data import Schema
from steradian.data.batch import Preprocessor
from steradian.data.closed_form import LinearMap
from steradian.data.modality import FittedModality, Modality
from steradian.modalities import image_features as pictures
from steradian.modalities import sound_features as sounds
from steradian.modalities.dates import CALENDAR_PARTS
from steradian.modalities.kernel_features import QUANTILES
from steradian.modalities.log_mel import BANDS
from steradian.modalities.series import POINTS
from steradian.modalities.series_features import DILATIONS, TAPS
from steradian.modalities.tabular import ONE_HOT
from steradian.modalities.text_features import COLUMNS, SUMS
from steradian.modalities.text_ngrams import BUCKETS

__all__ = ["check_preprocessor"]

LARGEST = 1e9
"""Of a number that is learnt: products of a few of them, summed over all features, stay within float32."""
WIDEST = 3.5e38
"""Of a number in a unit of the user's, which float32 holds."""
FARTHEST = 1e6
"""Of a standardised number, as `Vector` clips them."""
MOST_RELEVANT = 1e3
"""Of the weight of a column: their mean square is 1, and 2,048 columns at most have one."""
TINY = 5e-324
"""The smallest number that may be divided by."""
LONGEST = 1 << 20
"""Of a count in a plain field."""


@dataclass(frozen=True)
class Numbers:
    """What an array must be, or a list or a number of a plain field.

    Args:
        kind: of an array: numpy's name of its type; "list" or "number" of a plain field.
        axes: its shape: integers, and names of sizes, which are the same wherever they stand in one value.
        least: of its values.
        most: of its values.
        ascending: whether values rise or stay along the first axis.
        or_empty: whether it may be empty whatever its axes.
    """

    kind: str
    axes: tuple[int | str, ...]
    least: float = -LARGEST
    most: float = LARGEST
    ascending: bool = False
    or_empty: bool = False

    def check(self, value: Any, sizes: dict[str, int]) -> str | None:
        """What is wrong with a value, or None; sizes that are met for the first time are added."""
        plain: Any = {"list": list, "number": (int, float)}.get(self.kind, np.ndarray)
        if not isinstance(value, plain):
            return f"a {type(value).__name__}"
        array = np.asarray(value)
        if isinstance(value, np.ndarray) and array.dtype != self.kind:
            return f"{array.dtype}"
        if self.or_empty and not array.size:
            return None
        if len(array.shape) != len(self.axes):
            return f"shape {array.shape}"
        for size, axis in zip(array.shape, self.axes, strict=True):
            if size != (sizes.setdefault(axis, size) if isinstance(axis, str) else axis):
                return f"shape {array.shape}"
        # False too where a value is not a number.
        if (
            array.size
            and array.dtype.kind in "if"
            and not self.least <= float(array.min()) <= float(array.max()) <= self.most
        ):
            return f"values from {array.min()} to {array.max()}"
        if self.ascending and (array[1:] < array[:-1]).any():
            return "values that fall"
        return None


def _float32(*axes: int | str, least: float = -LARGEST, most: float = LARGEST) -> Numbers:
    return Numbers("float32", axes, least, most)


COUNT, POSITIVE = Numbers("number", (), 1, LONGEST), Numbers("number", (), TINY, LARGEST)
STANDARDS = {
    "mean": Numbers("float64", ("columns",), -WIDEST, WIDEST),
    "std": Numbers("float64", ("columns",), TINY, WIDEST),
}
KERNELS = {
    "offset": Numbers("float64", ("columns",), -WIDEST, WIDEST),
    "factor": Numbers("float64", ("columns",), TINY, WIDEST),
    "quantiles": Numbers("float32", (QUANTILES, "columns"), -FARTHEST, FARTHEST, ascending=True),
    "landmarks": _float32("landmarks", "columns", least=-FARTHEST, most=FARTHEST),
    "widths": Numbers("list", (2,), TINY, WIDEST),
    "projection": Numbers("float32", ("landmarks", "projected"), or_empty=True),
}
COMPARED = {**KERNELS, "projection": _float32("landmarks", "projected"), "weight": POSITIVE}
SCALES = {"feature_mean": _float32("own"), "feature_std": _float32("own", least=TINY)}
GROUPS, NUMBERS_OF_A_PATCH = 2 * len(DILATIONS), 3 * pictures.PATCH**2

RULES: Mapping[str, Mapping[str, Numbers]] = {
    "FittedVector": STANDARDS,
    "FittedPretrained": {**STANDARDS, "content": Numbers("uint8", ("bytes",))},
    "FittedFineTuned": {"features": COUNT, "content": Numbers("uint8", ("bytes",))},
    "FittedAudio": {"mean": _float32(BANDS), "std": _float32(BANDS, least=TINY)},
    "FittedSeries": {
        **STANDARDS,
        "patch": COUNT,
        "interval": Numbers("number", (), TINY, WIDEST),
        "changes": _float32("columns", least=TINY),
        "overview_mean": _float32("overview"),
        "overview_std": _float32("overview", least=TINY),
    },
    "FittedText": {
        "buckets": Numbers("int64", ("ngrams",), 0, 2 * BUCKETS - 1, ascending=True),
        "rarity": _float32("ngrams", least=1, most=100),
        "shared": Numbers("bool", ("ngrams",)),
        "landmark_ngrams": Numbers("int32", ("entries",), 0),
        "landmark_weights": _float32("entries", least=0, most=1.001),
        "landmark_offsets": Numbers("int64", ("ends",), 0, ascending=True),
        "projection": _float32("landmarks", "projected", least=-65504, most=65504),
    },
    "KernelFeatures": {**KERNELS, "relevance": _float32("columns", least=TINY, most=MOST_RELEVANT)},
    "TextFeatures": {"rarity": _float32(COLUMNS, least=1, most=100)},
    "PatchDictionary": {
        "patch_means": _float32(3, NUMBERS_OF_A_PATCH),
        "filters": _float32(3, NUMBERS_OF_A_PATCH, "patches"),
        **SCALES,
    },
    "SeriesFeatures": {
        **COMPARED,
        "mean": _float32("inputs"),
        "std": _float32("inputs", least=TINY),
        "channels": Numbers("int64", (GROUPS, "seen", "kernels"), 0),
        "weights": _float32(GROUPS, "seen", TAPS, "kernels"),
        "thresholds": _float32(GROUPS, "kernels"),
        **SCALES,
    },
    "SoundFeatures": {
        **COMPARED,
        "mean": Numbers("number", ()),
        "std": POSITIVE,
        "channels": Numbers("int64", (len(sounds.DILATIONS), "seen", "kernels"), 0, BANDS // sounds.POOL - 1),
        "weights": _float32(len(sounds.DILATIONS), "seen", TAPS, "kernels"),
        "thresholds": _float32(len(sounds.DILATIONS), "kernels"),
        "patch_mean": _float32(TAPS * sounds.WIDTH),
        "filters": _float32(TAPS * sounds.WIDTH, "patches"),
        **SCALES,
    },
}
"""By the name of a class; one that is defined outside the package has no rules."""


def _text_fits(fitted: Any, sizes: Mapping[str, int]) -> bool:
    """N-grams each once, and entries that are theirs, cut into as many landmarks as are projected."""
    ends, ngrams = fitted.landmark_offsets, fitted.landmark_ngrams
    whole = sizes["ends"] == sizes["landmarks"] + 1 and ends[0] == 0 and ends[-1] == sizes["entries"]
    return bool(whole and (np.diff(fitted.buckets) > 0).all() and ngrams.max(initial=-1) < sizes["ngrams"])


def _table_fits(fitted: Any, _: Mapping[str, int]) -> bool:
    """Edges that rise, as many as there are numbers and parts of dates; categories each once."""
    numbers = len(fitted.numeric) + CALENDAR_PARTS * sum(fitted.dates)
    counts = len(fitted.edges) == numbers and len(fitted.dates) == len(fitted.numeric)
    rising = (len(edges) > 1 and (np.diff(edges) > 0).all() for edges in fitted.edges)
    once = (len(set(names)) == len(names) for names in fitted.vocabularies)
    return bool(counts and len(fitted.hashed) == len(fitted.vocabularies) and all(rising) and all(once))


def _encoder_fits(fitted: Any, sizes: Mapping[str, int]) -> bool:
    return min(fitted.sizes.values(), default=0) >= 0 and sum(fitted.sizes.values()) == sizes["bytes"]


def _pictures_fit(_: Any, sizes: Mapping[str, int]) -> bool:
    return sizes["own"] == 5 * pictures.PARTS**2 * sizes["patches"] + 3 * pictures.SMALL**2


def _series_fit(features: Any, sizes: Mapping[str, int]) -> bool:
    within = features.channels.max(initial=0) < sizes["inputs"]
    return bool(
        within and sizes["own"] == 2 * GROUPS * sizes["kernels"] and sizes["columns"] == 14 * sizes["inputs"] + 1
    )


def _sounds_fit(_: Any, sizes: Mapping[str, int]) -> bool:
    own = 2 * len(sounds.DILATIONS) * sizes["kernels"] + 2 * sounds.PARTS[0] * sounds.PARTS[1] * sizes["patches"] + 1
    return sizes["own"] == own and sizes["columns"] == 14 * BANDS // sounds.POOL + 1


WHOLE: Mapping[str, Callable[[Any, Mapping[str, int]], bool]] = {
    "FittedText": _text_fits,
    "FittedTabular": _table_fits,
    "FittedPretrained": _encoder_fits,
    "FittedFineTuned": _encoder_fits,
    "FittedSeries": lambda _, sizes: sizes["overview"] == 2 + (6 + POINTS) * sizes["columns"],
    "TextFeatures": lambda features, _: features.sums in {0, SUMS},
    "PatchDictionary": _pictures_fit,
    "SeriesFeatures": _series_fit,
    "SoundFeatures": _sounds_fit,
}
"""Whether the parts of a value fit each other, once each is what it must be."""


def _columns(fitted: Any) -> int:
    """How many numbers the kernels of a modality are of."""
    if type(fitted).__name__ != "FittedTabular":
        return len(fitted.mean)
    return 2 * len(fitted.edges) + sum(min(len(names) + 2, ONE_HOT) for names in fitted.vocabularies)


MAPS: Mapping[str, tuple[str, Callable[[Any, Mapping[str, int]], bool]]] = {
    "FittedVector": ("KernelFeatures", lambda fitted, sizes: sizes["columns"] == _columns(fitted)),
    "FittedPretrained": ("KernelFeatures", lambda fitted, sizes: sizes["columns"] == _columns(fitted)),
    "FittedTabular": ("KernelFeatures", lambda fitted, sizes: sizes["columns"] == _columns(fitted)),
    "FittedText": ("TextFeatures", lambda *_: True),
    "FittedImage": ("PatchDictionary", lambda *_: True),
    "FittedSeries": ("SeriesFeatures", lambda fitted, sizes: sizes["inputs"] == _columns(fitted)),
    "FittedAudio": ("SoundFeatures", lambda *_: True),
}
"""The features that the closed form takes of a modality, and whether they are of as many numbers."""

PRETRAINED = "FittedPretrained", "FittedFineTuned"
FITTED: Mapping[str, tuple[str, ...]] = {
    "Vector": ("FittedVector",),
    "Tabular": ("FittedTabular",),
    "Series": ("FittedSeries",),
    "Text": ("FittedText", *PRETRAINED),
    "Image": ("FittedImage", *PRETRAINED),
    "Audio": ("FittedAudio", *PRETRAINED),
}
"""What a modality of a schema becomes."""
DECLARED = "column", "size", "rate", "pooling"
"""Fields that a fitted modality has from the schema."""


def check_preprocessor(preprocessor: Preprocessor, schema: Schema) -> None:
    """See to it that everything in a preprocessor is what it must be.

    Args:
        preprocessor: as read from a file.
        schema: of the same file, with the same modalities.

    Raises:
        ValueError: it is not; the message says what of it.
    """
    form = preprocessor.closed_form
    for name, fitted in preprocessor.modalities.items():
        _check_declared(name, fitted, schema.modalities[name])
        _sizes_of(name, fitted)
        linear = None if form is None else form.maps.get(name)
        if form is not None and linear is not None:
            _check_map(f"{name}, its closed form", fitted, linear, form.embedding_dim)


def _check_declared(name: str, fitted: FittedModality, declared: Modality) -> None:
    """Raise unless a fitted modality is of the kind, the columns and the sizes of the schema."""
    kinds = FITTED.get(type(declared).__name__)
    if kinds is not None and type(fitted).__name__ not in kinds:
        raise ValueError(f"{name} as {type(fitted).__name__}, where the schema has {type(declared).__name__}")
    for field in DECLARED:
        found, wanted = getattr(fitted, field, None), getattr(declared, field, None)
        if found is not None and wanted is not None and found != wanted:
            raise ValueError(f"{name} of {field} {found!r}, where the schema has {wanted!r}")
    if type(fitted).__name__ == "FittedTabular":
        numbers = fitted.numeric, len(fitted.vocabularies)  # type: ignore[attr-defined]
        if numbers != (list(declared.numeric), len(declared.categorical)):  # type: ignore[attr-defined]
            raise ValueError(f"{name} of other columns than the schema has")
    if type(fitted).__name__ in PRETRAINED and fitted.kind != type(declared).__name__.lower():  # type: ignore[attr-defined]
        raise ValueError(f"{name} with an encoder of another kind")


def _sizes_of(name: str, value: Any) -> dict[str, int]:
    """The sizes that the arrays of a value share, once all are as they must be."""
    sizes: dict[str, int] = {}
    kind = type(value).__name__
    for field, rule in RULES.get(kind, {}).items():
        wrong = rule.check(getattr(value, field), sizes)
        if wrong is not None:
            axes = " x ".join(str(sizes.get(str(axis), axis)) for axis in rule.axes)
            raise ValueError(
                f"{name}, {field}: {wrong}, where {rule.kind} {axes} from {rule.least} to {rule.most} is due"
            )
    if kind in WHOLE and not WHOLE[kind](value, sizes):
        raise ValueError(f"{name}: the parts of {kind} do not fit each other")
    return sizes


def _check_map(name: str, fitted: FittedModality, linear: LinearMap, dim: int) -> None:
    """Raise unless a map of the closed form takes a modality's features to vectors."""
    sizes, kind = _sizes_of(name, linear.features), type(linear.features).__name__
    if type(fitted).__name__ in MAPS:
        wanted, fits = MAPS[type(fitted).__name__]
        if kind != wanted or not fits(fitted, sizes):
            raise ValueError(f"{name}: {kind} of other numbers than {type(fitted).__name__} has")
    sparse = kind == "TextFeatures" and linear.features.sums == 0  # type: ignore[attr-defined]
    features = COLUMNS if sparse else SUMS if kind == "TextFeatures" else _features(sizes)
    outputs: int | str = "outputs" if sparse else dim
    shape: tuple[int | str, ...] = ("features" if features is None else features, outputs)
    half = sparse and linear.matrix.dtype == np.float16
    rules = {"matrix": Numbers("float16" if half else "float32", shape), "offset": _float32(dim)}
    for field, rule in rules.items():
        wrong = rule.check(getattr(linear, field), sizes)
        if wrong is not None:
            raise ValueError(f"{name}, {field}: {wrong}")
    if sizes.get("outputs", 0) > dim:
        raise ValueError(f"{name}, matrix: {sizes['outputs']} outputs of a vector of {dim}")
    own = linear.likeness
    if own is not None and not (0 <= own.first < own.first + own.coordinates <= dim and 0 <= own.length <= LARGEST):
        raise ValueError(f"{name}: a likeness outside of the vector, or longer than {LARGEST:g}")


def _features(sizes: Mapping[str, int]) -> int | None:
    """How many features a map has: its own, and behind them those of comparisons; None of a stranger's map."""
    if "own" not in sizes and "landmarks" not in sizes:
        return None
    return sizes.get("own", 0) + sizes.get("projected", sizes.get("landmarks", 0))
