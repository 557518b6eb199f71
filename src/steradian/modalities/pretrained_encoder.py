"""An encoder of `transformers`: found by name, held as plain files, built again from these, run and pooled.

No code of a checkpoint is run, nothing is unpickled, and no advice of the library reaches the user.
"""

import json
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from steradian.errors import ConfigError, MissingExtraError, SavedModelError, SteradianError
from steradian.modalities.pretrained_items import Kind, Pooling
from steradian.modalities.tensors import to_tensors

__all__ = ["EncoderFiles", "PooledEncoder", "read_encoder"]

INPUTS = {"text": ("input_ids",), "image": ("pixel_values",), "audio": ("input_values", "input_features")}
"""What an encoder of each kind calls its main input."""

PARTS = {"text": "text_model", "image": "vision_model", "audio": "audio_model"}
"""What a model of two kinds (CLIP, SigLIP, CLAP) calls its part of each."""

PROCESSORS = {"text": "AutoTokenizer", "image": "AutoImageProcessor", "audio": "AutoFeatureExtractor"}

MAX_TOKENS = 512
"""Of a text; what follows is left out. As many as BERT and its kin take; the cost grows with their square."""

HARMLESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.(json|txt|model|safetensors|jinja)")
"""Names of the files of tokenizers, processors and weights."""
WEIGHTS = "weights.safetensors"
HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
ORIGIN = {"_name_or_path", "is_local", "local_files_only", "name_or_path", "transformers_version"}
"""Keys of a configuration that say where it came from, not what it is."""


class PooledEncoder(nn.Module):
    """A pretrained model and the pooling of its last hidden state.

    Args:
        model: of `transformers`.
        kind: "text", "image" or "audio".
        pooling: "mean" over what is no padding, or "cls", the first place.
    """

    def __init__(self, model: nn.Module, *, kind: Kind, pooling: Pooling) -> None:
        super().__init__()
        self.model = model
        self.kind, self.pooling = kind, pooling

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, windows: Tensor | None = None) -> Tensor:
        """Features [items, features].

        Args:
            inputs: token ids int64 [items, places], pixels [items, channels, height, width], or samples or frames
                [windows, steps, ...]; rows shorter than the longest are filled up.
            lengths: int64 [items or windows], how much of each row is real; None: all of it.
            windows: int64 [items], how many windows each item has, whose mean it is; None: one.
        """
        if lengths is None:
            features = self._pool(self._hidden(inputs))
        elif self.kind == "text":
            mask = torch.arange(inputs.shape[1], device=inputs.device) < lengths[:, None]
            features = self._pool(self._hidden(inputs, attention_mask=mask.long()), mask)
        else:
            features = self._length_by_length(inputs, lengths)
        if windows is None or len(windows) == len(features):
            return features
        items = torch.arange(len(windows), device=windows.device).repeat_interleave(windows)
        sums = features.new_zeros(len(windows), features.shape[1]).index_add(0, items, features)
        return sums / windows[:, None]

    @torch.inference_mode()
    def encoded(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Features float32 [items, features] of what `ItemReader.inputs` gave, by an accelerator where there is one."""
        device = (torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None) or "cpu"
        # What is kept on disk must not hang on a caller's autocast.
        with torch.autocast(torch.device(device).type, enabled=False):
            features = self.to(device)(**to_tensors(inputs, device))
        return np.asarray(features.float().cpu())

    def _length_by_length(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Without padding: many encoders of sound know no mask, or were trained without."""
        rows = [(lengths == length).nonzero()[:, 0] for length in lengths.unique()]
        pooled = [self._pool(self._hidden(inputs[some, : int(lengths[some[0]])])) for some in rows]
        return torch.cat(pooled)[torch.cat(rows).argsort()]

    def _hidden(self, inputs: Tensor, **masks: Tensor) -> Tensor:
        name = str(self.model.main_input_name)
        hidden: Tensor = self.model(**{name: inputs}, **masks).last_hidden_state
        return hidden

    def _pool(self, hidden: Tensor, mask: Tensor | None = None) -> Tensor:
        if hidden.ndim == 4:
            # A convolutional network's [items, channels, height, width] has no first place with a meaning.
            hidden = hidden.flatten(2).mT
        elif self.pooling == "cls":
            return hidden[:, 0]
        if mask is None:
            return hidden.mean(dim=1)
        return (hidden * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder as files laid end to end, enough alone to build it again; a saved model holds them so.

    Args:
        sizes: bytes of each file, by its name.
        content: uint8 [bytes].

    Examples:
        >>> files = EncoderFiles.of({"config.json": b"{}", "vocabulary.txt": b"a b c"})
        >>> files.sizes, bytes(files["vocabulary.txt"])
        ({'config.json': 2, 'vocabulary.txt': 5}, b'a b c')
    """

    sizes: dict[str, int]
    content: np.ndarray

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "EncoderFiles":
        """These files, by name."""
        sizes = {name: len(content) for name, content in files.items()}
        return cls(sizes, np.frombuffer(bytearray().join(files.values()), dtype=np.uint8))

    def __getitem__(self, name: str) -> memoryview:
        names = list(self.sizes)
        start = sum(self.sizes[before] for before in names[: names.index(name)])
        return self.content[start : start + self.sizes[name]].data

    def with_weights(self, encoder: PooledEncoder) -> "EncoderFiles":
        """The same files and the weights of an encoder."""
        tensors = {name: tensor.cpu().contiguous() for name, tensor in encoder.model.state_dict().items()}
        return EncoderFiles.of({name: bytes(self[name]) for name in self.sizes} | {WEIGHTS: save(tensors)})

    @property
    def digest(self) -> str:
        """64 hexadecimal digits of all files and their names."""
        return sha256(json.dumps(self.sizes).encode() + sha256(self.content.data).digest()).hexdigest()

    def processor(self, kind: Kind) -> Any:
        """The tokenizer, image processor or feature extractor."""
        where = f"a saved encoder of {kind}"
        with _quiet(where), self._folder() as folder:
            return _open_processor(folder, kind, where=where, local_files_only=True)

    def encoder(self, kind: Kind, pooling: Pooling) -> PooledEncoder:
        """The encoder, with the weights among the files or, without any, random ones."""
        where = f"a saved encoder of {kind}"
        with _quiet(where), self._folder() as folder, torch.random.fork_rng(devices=[]):
            auto = _transformers(where)
            config = auto.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            whole = auto.AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
            part = _part(whole, kind)
        if WEIGHTS in self.sizes:
            part.load_state_dict(load(bytes(self[WEIGHTS])))
        return PooledEncoder(part, kind=kind, pooling=pooling).eval()

    @contextmanager
    def _folder(self) -> Iterator[str]:
        """All but the weights in a folder, which is how `transformers` reads them."""
        self._refuse_code()
        with tempfile.TemporaryDirectory(prefix="steradian-") as folder:
            for name in self.sizes.keys() - {WEIGHTS}:
                Path(folder, name).write_bytes(self[name])
            yield folder

    def _refuse_code(self) -> None:
        """A saved model may come from anywhere: no file of it runs, asks to run another, or is written elsewhere."""
        for name in self.sizes:
            known = HARMLESS.fullmatch(name) is not None
            code = known and name.endswith(".json") and b'"auto_map"' in bytes(self[name])
            if not known or code:
                raise SavedModelError(
                    want="files of an encoder that run no code: JSON, text and weights",
                    got=f"{name!r}, which names code to run" if code else f"a file named {name[:100]!r}",
                    where="a saved encoder",
                    fix="Do not load this model, or have it saved with an encoder that transformers brings itself.",
                )


def read_encoder(name: str, *, kind: Kind, pooling: Pooling, where: str) -> tuple[EncoderFiles, Any, PooledEncoder]:
    """A pretrained encoder from a folder, from what was downloaded before, or from the hub.

    Args:
        name: a folder that holds config.json and model.safetensors, or the name of a model on the hub.
        kind: "text", "image" or "audio".
        pooling: "mean" or "cls".
        where: what asked for it, for messages.

    Returns:
        Its files without the weights, its processor, the encoder in evaluation mode.

    Raises:
        MissingExtraError: `transformers` is not installed.
        ConfigError: no such encoder, one of another kind, or one that is not whole.
    """
    folder = Path(name).expanduser()
    local = folder.is_dir()
    source = str(folder) if local else name
    with _quiet(where), torch.random.fork_rng(devices=[]):
        try:
            try:
                config, model, processor = _open(source, kind, where=where, local_files_only=True)
            except OSError:
                if local or not HUB_NAME.fullmatch(name):
                    raise
                config, model, processor = _open(source, kind, where=where, local_files_only=False)
        except SteradianError:
            raise
        except Exception as error:  # whatever the readers of a dozen formats raise
            raise _unreadable(name, error, where, local=local) from error
        return _plain_files(config, processor), processor, PooledEncoder(model, kind=kind, pooling=pooling).eval()


def _open(source: str, kind: Kind, *, where: str, local_files_only: bool) -> tuple[Any, nn.Module, Any]:
    """A checkpoint's configuration, its part that encodes one kind, and the processor."""
    whole, found = _transformers(where).AutoModel.from_pretrained(
        source,
        local_files_only=local_files_only,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
        output_loading_info=True,
    )
    part = _part(whole, kind)
    if part.main_input_name not in INPUTS[kind]:
        raise ConfigError(
            want=f"an encoder of {kind}, whose input is {' or '.join(INPUTS[kind])}",
            got=f"{type(part).__name__}, whose input is {part.main_input_name}",
            where=where,
            fix=f"Name an encoder of {kind}.",
        )
    names = {id(tensor): name for name, tensor in whole.state_dict(keep_vars=True).items()}
    absent = {names[id(tensor)] for tensor in part.state_dict(keep_vars=True).values()} & set(found["missing_keys"])
    if absent:
        raise ConfigError(
            want="an encoder with all its weights",
            got=f"none for {', '.join(sorted(absent)[:3])} and {len(absent)} in all",
            where=where,
            fix="Download or save the checkpoint again.",
        )
    processor = _open_processor(source, kind, where=where, local_files_only=local_files_only)
    if kind == "text":
        places = getattr(part.config, "max_position_embeddings", None) or MAX_TOKENS
        processor.model_max_length = min(processor.model_max_length, places, MAX_TOKENS)
    return whole.config, part, processor


def _part(whole: Any, kind: Kind) -> Any:
    part = getattr(whole, PARTS[kind], whole)
    if getattr(whole.config, "is_encoder_decoder", False):
        part = part.get_encoder()
    if isinstance(getattr(part, "pooler", None), nn.Module):
        # Its output is not used; some checkpoints lack its weights, which would then be random ones.
        part.pooler = nn.Identity()
    if getattr(part.config, "apply_spec_augment", False):
        # It would draw from numpy's generator in training.
        part.config.apply_spec_augment = False
    return part


def _open_processor(source: str, kind: Kind, *, where: str, local_files_only: bool) -> Any:
    # Pillow's pictures are the same on every machine; torchvision's depend on what is installed.
    options = {"backend": "pil"} if kind == "image" else {}
    auto = getattr(_transformers(where), PROCESSORS[kind])
    processor = auto.from_pretrained(source, local_files_only=local_files_only, trust_remote_code=False, **options)
    if kind == "text" and len(processor) <= len(processor.all_special_tokens):
        # What `transformers` makes of a folder without the tokenizer's files.
        raise OSError(f"no vocabulary of a tokenizer in {source}")
    return processor


def _plain_files(config: Any, processor: Any) -> EncoderFiles:
    """Configuration and processor, by no word different for where they were found."""
    with tempfile.TemporaryDirectory(prefix="steradian-") as folder:
        processor.save_pretrained(folder)
        config.save_pretrained(folder)
        files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir()) if path.is_file()}
    for name in files.keys() & {"config.json", "preprocessor_config.json", "tokenizer_config.json"}:
        entries = {key: value for key, value in json.loads(files[name]).items() if key not in ORIGIN}
        files[name] = json.dumps(entries, sort_keys=True).encode()
    return EncoderFiles.of(files)


def _unreadable(name: str, error: Exception, where: str, *, local: bool) -> ConfigError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    if local:
        want = "a whole encoder: config.json, model.safetensors, and the files of its tokenizer or processor"
        fix = "Complete the folder: load the encoder and its processor with transformers, save both by save_pretrained."
    elif HUB_NAME.fullmatch(name):
        want = f"a folder, or a model of the hub that can be reached: {name!r} is no folder here"
        fix = (
            f"Check the name and the network, or download it elsewhere (hf download {name} --local-dir FOLDER) and "
            "give the folder. Under HF_HUB_OFFLINE=1 only what was downloaded before is found."
        )
    else:
        want, reason = "the folder of a pretrained encoder", f"no such folder: {name!r}"
        fix = f"Check the path; relative ones start at the working directory, {Path.cwd()}."
    return ConfigError(want=want, got=reason, where=where, fix=fix)


def _transformers(where: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("pretrained", "transformers", where) from error
    return transformers


@contextmanager
def _quiet(where: str) -> Iterator[None]:
    """Without the bars and the advice of `transformers`; what is wrong is raised."""
    logging = _transformers(where).utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
