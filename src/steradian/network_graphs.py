"""Networks as graphs of ONNX: level 1 of each modality, and level 2 with a mask of what is present."""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.columns import to_objects
from steradian.data.modality import FittedModality, Modality, Tokens, Values
from steradian.data.sets import SET_SIZES
from steradian.errors import ConfigError, MissingExtraError
from steradian.modalities import Audio, Image, Tabular, Text
from steradian.modalities.log_mel_tokenizer import STRIDE, LogMelTokenizer
from steradian.modalities.series import FittedSeries
from steradian.modalities.tensors import laid_out
from steradian.modalities.text_tokenizer import TextTokenizer
from steradian.modalities.vector import FittedVector
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
    values = _sample(modality, fitted)
    if values is None:
        raise _refused(name, f"a {type(modality).__name__}")
    items = fitted.prepare(values, np.arange(2))(np.arange(2))
    items.pop(SET_SIZES, None)
    outputs, ragged = ["vectors", "summaries", "item_weights"], isinstance(fitted, FittedSeries)
    try:
        return _graph(_Level1(encoders, list(items)), items, outputs, ragged=("values", "times") if ragged else ())
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
            vectors, summaries = encoder._encode(_tokens(encoder.tokenizer, inputs))
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


def _tokens(tokenizer: nn.Module, inputs: Mapping[str, Tensor]) -> Tokens:
    if isinstance(tokenizer, TextTokenizer):
        return _text_tokens(tokenizer, **inputs)
    found: Tokens = (
        _sound_tokens(tokenizer, **inputs) if isinstance(tokenizer, LogMelTokenizer) else tokenizer(**inputs)
    )
    return found


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
    owners = _owners(ngrams, offsets)[:, None].expand_as(flat)
    sums = flat.new_zeros(offsets.shape[0], flat.shape[1]).scatter_add(0, owners, flat)
    tokens = tokenizer.place[: mask.shape[1]] + laid_out(sums[words], mask)
    whole = tokenizer.whole(features.float())[:, None]
    return Tokens(torch.cat([whole, tokens], dim=1), torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1))


def _sound_tokens(tokenizer: LogMelTokenizer, frames: Tensor, lengths: Tensor) -> Tokens:
    """What a `LogMelTokenizer` gives where it is not trained, its sizes told by tensors, which graphs need."""
    values = (frames.float() - tokenizer.mean) / tokenizer.std
    starts, tokens = lengths.cumsum(0) - lengths, (lengths + STRIDE - 1) // STRIDE
    owners = _owners(frames[:, 0], starts)
    begins = STRIDE * ((tokens + 1).cumsum(0) - tokens)
    places = (begins - starts)[owners] + torch.ones_like(owners).cumsum(0) - 1
    # A stride of silence before each sound, and one behind the last.
    everywhere = _numbers(STRIDE * ((tokens + 1).sum() + 1))
    real = torch.zeros_like(everywhere).scatter(0, places, torch.ones_like(places))
    values = laid_out(values, real)[None, :, :, None]
    for convolution, norm in zip(tokenizer.convolutions, tokenizer.norms, strict=True):
        values = convolution(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        real = real[::2]
        values = F.gelu(norm(values)) * real[:, None, None]
    steps = _numbers(tokens.max())
    angles = steps[:, None] * tokenizer.frequencies
    mask = steps < tokens[:, None]
    rows = tokenizer.project(values[0].flatten(1)[real.nonzero()[:, 0]])
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)[:, : rows.shape[1]]
    return Tokens(laid_out(rows, mask) + waves, mask)


def _numbers(end: Any) -> Tensor:
    """The numbers before a tensor's one; a number of Python would be a constant of the graph."""
    return torch.arange(end)


def _owners(flat: Tensor, starts: Tensor) -> Tensor:
    """Which item each entry of a flat list belongs to, int64 [entries]; starts int64 [items], each before the next."""
    zeros = torch.zeros_like(flat, dtype=torch.int64)
    return zeros.scatter_add(0, starts, torch.ones_like(starts)).cumsum(0) - 1


def _sample(modality: Modality, fitted: FittedModality) -> Values | None:
    """What is read of two objects, or None of a kind that is not known to become a graph."""
    columns: dict[str, Any] = {}
    if isinstance(fitted, FittedVector):
        return {"values": np.ones((2, len(fitted.mean)))}
    if isinstance(fitted, FittedSeries):
        steps = 2 * fitted.patch + 1, fitted.patch
        return {
            "series": to_objects([np.ones((number, len(fitted.mean))) for number in steps]),
            "times": to_objects([np.arange(number, dtype=np.float64) for number in steps]),
        }
    if isinstance(modality, Text) and not modality.encoder:
        columns = {column: to_objects(["one two three", "four"]) for column in modality.columns}
    elif isinstance(modality, Tabular):
        columns = {
            column: to_objects(["a", "b"]) if column in modality.categorical else np.array([1.0, 2.0])
            for column in modality.columns
        }
    elif isinstance(modality, Image) and not modality.encoder:
        columns = {modality.column: to_objects([np.full((8, 8, 3), shade, dtype=np.uint8) for shade in (9, 99)])}
    elif isinstance(modality, Audio) and not modality.encoder:
        sounds = [np.sin(np.arange(modality.rate // part)) for part in (5, 9)]
        columns = {modality.column: to_objects([(sound, modality.rate) for sound in sounds])}
    return modality.read(columns).values if columns else None


def _graph(
    module: nn.Module, inputs: Mapping[str, np.ndarray], outputs: Sequence[str], *, ragged: Sequence[str] = ()
) -> np.ndarray:
    """The bytes of a graph; the second axis of what is ragged may change from batch to batch too."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("export", "onnx", "export") from error
    # Of a picture only the number of items may change.
    free = {
        name: {axis: f"{name}_{axis}" for axis in range(2 if array.dtype == bool or name in ragged else 1)}
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
