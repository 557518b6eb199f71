"""Networks as graphs of ONNX: level 1 of each modality, and level 2 with a mask of what is present."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steradian.data.modality import FittedModality, Modality, Tokens
from steradian.data.sets import SET_SIZES
from steradian.errors import ConfigError, MissingExtraError
from steradian.modalities import Image, Tabular, Text, Vector
from steradian.modalities.text_tokenizer import TextTokenizer
from steradian.model import Fusion, ModalityEncoder
from steradian.model.two_part_encoder import LengthGates

__all__ = ["fusion_graph", "modality_graph"]

OPSET = 18


def modality_graph(
    name: str, modality: Modality, fitted: FittedModality, encoders: Sequence[ModalityEncoder]
) -> np.ndarray:
    """Level 1 of one modality in all networks, as the bytes of a graph, uint8.

    From items, named as the tokenizer takes them, to vectors [items, networks, embedding_dim], summaries
    [items, networks, width] and what each item weighs in a set, [items, networks].

    Args:
        name: of the modality.
        modality: its declaration.
        fitted: what it learnt.
        encoders: of each network.

    Raises:
        ConfigError: it cannot be exported.
        MissingExtraError: onnx is not installed.
    """
    columns = _sample(modality, fitted)
    if columns is None:
        raise _refused(name, f"a {type(modality).__name__}")
    read = modality.read({column: np.asarray(cells) for column, cells in columns.items()})
    items = fitted.prepare(read.values, np.arange(2))(np.arange(2))
    items.pop(SET_SIZES, None)
    try:
        return _graph(_Level1(encoders, list(items)), items, ["vectors", "summaries", "item_weights"])
    except (RuntimeError, TypeError, ValueError) as error:
        raise _refused(name, " ".join(str(error).split())[:120]) from error


def fusion_graph(fusion: Fusion | LengthGates, *, modalities: int, embedding_dim: int, width: int) -> np.ndarray:
    """Level 2 as the bytes of a graph, uint8: from vectors, summaries and what is present to what it gives.

    Args:
        fusion: of any kind.
        modalities: how many there are.
        embedding_dim: length of a vector.
        width: of a modality's summaries.
    """
    rng = np.random.default_rng(0)
    given = {
        "vectors": rng.normal(size=(2, modalities, embedding_dim)).astype(np.float32),
        "summaries": rng.normal(size=(2, modalities, width)).astype(np.float32),
        "present": np.ones((2, modalities), dtype=bool),
    }
    kind = fusion.kind
    outputs = {"certified": ["gates"], "context": ["gates", "context"], "free": ["fused"]}[kind]
    return _graph(_Level2(fusion), given, outputs)


class _Level1(nn.Module):
    """The encoders of one modality side by side, of single items."""

    def __init__(self, encoders: Sequence[ModalityEncoder], names: Sequence[str]) -> None:
        super().__init__()
        self.each, self.names = list(encoders), list(names)
        # A module of modules keeps what is in it among the graph's weights.
        self.encoders = nn.ModuleList(encoders)

    def forward(self, *arrays: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs = dict(zip(self.names, arrays, strict=True))
        found = []
        for encoder in self.each:
            tokenizer = encoder.tokenizer
            tokens = _text_tokens(tokenizer, **inputs) if isinstance(tokenizer, TextTokenizer) else tokenizer(**inputs)
            vectors, summaries = encoder._encode(tokens)
            found.append((vectors, summaries, encoder.item_gates(summaries).squeeze(-1)))
        vectors, summaries, weights = (torch.stack(column, dim=1) for column in zip(*found, strict=True))
        return vectors, summaries, weights


class _Level2(nn.Module):
    """What a fusion gives for a mask."""

    def __init__(self, fusion: Fusion | LengthGates) -> None:
        super().__init__()
        self.fusion = fusion
        # Of `LengthGates` the fusions are not registered.
        self.own = nn.ModuleList(getattr(fusion, "_fusions", ()))

    def forward(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> Any:
        if self.fusion.kind == "free":
            return self.fusion(vectors, summaries, present)
        gates, context = self.fusion.weigh(vectors, summaries, present)
        return gates if context is None else (gates, context)


def _text_tokens(
    tokenizer: TextTokenizer,
    ngrams: Tensor,
    offsets: Tensor,
    weights: Tensor,
    words: Tensor,
    mask: Tensor,
    features: Tensor,
) -> Tokens:
    """What a `TextTokenizer` gives, without bags and writing by masks, which graphs of ONNX do not have."""
    flat = tokenizer.ngrams.weight[ngrams] * weights[:, None].to(tokenizer.ngrams.weight.dtype)
    # The word of each n-gram: one more than that of the last where a word begins.
    begins = torch.zeros_like(ngrams).scatter_add(0, offsets, torch.ones_like(offsets))
    owners = (begins.cumsum(0) - 1)[:, None].expand_as(flat)
    sums = flat.new_zeros(offsets.shape[0], flat.shape[1]).scatter_add(0, owners, flat)
    # Row 0 stands where no word is real.
    rows = torch.cat([sums.new_zeros(1, sums.shape[1]), sums[words]])
    real = mask.to(torch.int64)
    places = (real.flatten().cumsum(0).reshape(real.shape)) * real
    tokens = tokenizer.place[: mask.shape[1]] + rows[places]
    whole = tokenizer.whole(features.float())[:, None]
    return Tokens(torch.cat([whole, tokens], dim=1), torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1))


def _sample(modality: Modality, fitted: FittedModality) -> dict[str, Any] | None:
    """Columns of two objects, or None of a kind that is not known to become a graph."""
    if isinstance(modality, Text) and not modality.encoder:
        return {column: np.array(["one two three", "four"], dtype=object) for column in modality.columns}
    if isinstance(modality, Vector) and len(modality.columns) == 1:
        return {modality.columns[0]: np.ones((2, len(vars(fitted)["mean"])))}
    if isinstance(modality, Tabular):
        return {
            column: np.array(["a", "b"], dtype=object) if column in modality.categorical else np.array([1.0, 2.0])
            for column in modality.columns
        }
    if isinstance(modality, Image) and not modality.encoder:
        pictures = np.empty(2, dtype=object)
        pictures[:] = [np.full((8, 8, 3), shade, dtype=np.uint8) for shade in (9, 99)]
        return {modality.columns[0]: pictures}
    return None


def _graph(module: nn.Module, inputs: Mapping[str, np.ndarray], outputs: Sequence[str]) -> np.ndarray:
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("export", "onnx", "export") from error
    # Of a picture only the number of items may change.
    free = {
        name: {axis: f"{name}_{axis}" for axis in range(array.ndim if array.dtype == bool else 1)}
        for name, array in inputs.items()
    }
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval().cpu(),
            tuple(torch.from_numpy(array) for array in inputs.values()),
            file,  # type: ignore[arg-type]  # it takes what can be written to as well
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=free | {name: {0: f"{name}_0"} for name in outputs},
            opset_version=OPSET,
            do_constant_folding=False,
            dynamo=False,
        )
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def _refused(modality: str, got: str) -> ConfigError:
    return ConfigError(
        want="a network that becomes a graph of ONNX",
        got=got,
        where=f"export, modality {modality!r}",
        fix="Serve the saved model itself, with torch: steradian serve MODEL.",
    )
