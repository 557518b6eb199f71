"""Encoders are read whole and quietly or refused in plain words, and their files make the same encoder again."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from steradian.errors import ConfigError, MissingExtraError, SavedModelError
from steradian.modalities import pretrained_encoder
from steradian.modalities.pretrained_encoder import EncoderFiles, PooledEncoder, read_encoder
from steradian.modalities.pretrained_items import Kind, Pooling

KINDS: dict[str, Kind] = {"bert": "text", "vit": "image", "ast": "audio"}


def read(folder: object, kind: Kind, pooling: Pooling = "mean") -> tuple[EncoderFiles, Any, PooledEncoder]:
    return read_encoder(str(folder), kind=kind, pooling=pooling, where="Text('title')")


def inputs_of(kind: Kind) -> dict[str, Tensor]:
    if kind == "text":
        ids = torch.tensor([[2, 7, 8, 3, 0, 0], [2, 9, 9, 9, 9, 3]])
        return {"inputs": ids, "lengths": torch.tensor([4, 6])}
    if kind == "image":
        return {"inputs": torch.randn(2, 3, 16, 16)}
    return {"inputs": torch.randn(2, 40, 16), "lengths": torch.tensor([40, 40])}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
@torch.inference_mode()
def test_features_are_those_of_transformers_pooled_by_hand(encoders: Path, name: str, pooling: Pooling) -> None:
    encoder = read(encoders / name, KINDS[name], pooling)[2]
    model = transformers.AutoModel.from_pretrained(encoders / name)
    tensors = inputs_of(KINDS[name])
    found = encoder(**tensors)
    for row, values in enumerate(tensors["inputs"]):
        length = int(tensors["lengths"][row]) if name == "bert" else len(values)
        hidden = model(values[None, :length]).last_hidden_state[0]
        expected = hidden[0] if pooling == "cls" else hidden.mean(dim=0)
        torch.testing.assert_close(found[row], expected)


@pytest.mark.parametrize("name", KINDS)
@torch.inference_mode()
def test_the_files_make_the_same_encoder_and_processor(encoders: Path, name: str) -> None:
    kind = KINDS[name]
    files, processor, encoder = read(encoders / name, kind)
    again = files.with_weights(encoder)
    built = again.encoder(kind, "mean")
    assert not built.training
    assert built.state_dict().keys() == encoder.state_dict().keys()
    tensors = inputs_of(kind)
    assert torch.equal(built(**tensors), encoder(**tensors))
    assert type(again.processor(kind)) is type(processor)
    if kind == "text":
        # A tokenizer may not know how many places its encoder has.
        assert again.processor(kind).model_max_length == processor.model_max_length == 24
    # What is not saved by steradian is not needed, and the weights are saved once.
    assert not any("safetensors" in name for name in files.sizes)
    assert len(again.content) > len(files.content) + sum(t.nbytes for t in encoder.state_dict().values())
    assert again.digest != files.digest


def test_the_digest_says_what_an_encoder_is_and_not_where(encoders: Path, tmp_path: Path) -> None:
    def digest(folder: Path) -> str:
        files, _, encoder = read(folder, "text")
        return files.with_weights(encoder).digest

    shutil.copytree(encoders / "bert", tmp_path / "copy")
    assert digest(tmp_path / "copy") == digest(encoders / "bert")
    weights = load_file(tmp_path / "copy" / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][0, 0] += 1e-6
    save_file(weights, tmp_path / "copy" / "model.safetensors", metadata={"format": "pt"})
    assert digest(tmp_path / "copy") != digest(encoders / "bert")


def test_reading_draws_no_random_numbers_and_says_nothing(
    encoders: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers.utils.logging.enable_progress_bar()
    transformers.utils.logging.set_verbosity_info()
    state = torch.get_rng_state()
    files, _, encoder = read(encoders / "bert", "text")
    files.with_weights(encoder).encoder("text", "mean")
    files.processor("text")
    assert torch.equal(torch.get_rng_state(), state)
    assert capfd.readouterr() == ("", "")
    # What the user set stands again.
    assert transformers.utils.logging.is_progress_bar_enabled()
    assert transformers.utils.logging.get_verbosity() == transformers.logging.INFO
    transformers.utils.logging.set_verbosity_warning()


def test_a_checkpoint_with_a_head_and_without_a_pooler_is_the_same_encoder_every_time(
    encoders: Path, tmp_path: Path
) -> None:
    """As most checkpoints of language models are; the pooler, which is not used, would be random."""
    config = transformers.AutoConfig.from_pretrained(encoders / "bert")
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    shutil.copy(encoders / "bert" / "tokenizer.json", tmp_path)
    shutil.copy(encoders / "bert" / "tokenizer_config.json", tmp_path)
    digests = set()
    for _ in range(2):
        torch.randn(1)
        files, _, encoder = read(tmp_path, "text")
        digests.add(files.with_weights(encoder).digest)
    assert len(digests) == 1


def tiny(**options: Any) -> dict[str, Any]:
    return {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, **options}


PARTS = {
    "clip": lambda: transformers.CLIPConfig(
        text_config=tiny(vocab_size=99), vision_config=tiny(image_size=16, patch_size=8)
    ),
    "resnet": lambda: transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1]),
    "t5": lambda: transformers.T5Config(d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, vocab_size=99),
    "wav2vec": lambda: transformers.Wav2Vec2Config(
        **tiny(vocab_size=32, conv_dim=(8, 8), conv_stride=(5, 2), conv_kernel=(10, 3)),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    ),
}


@pytest.mark.parametrize(
    ("name", "kind"), [("clip", "image"), ("resnet", "image"), ("t5", "text"), ("wav2vec", "audio")]
)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_part_that_encodes_is_taken_out_of_larger_models(
    encoders: Path, tmp_path: Path, name: str, kind: Kind, pooling: Pooling
) -> None:
    transformers.AutoModel.from_config(PARTS[name]()).save_pretrained(tmp_path)
    if kind == "text":
        shutil.copy(encoders / "bert" / "tokenizer.json", tmp_path)
        transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(tmp_path / "tokenizer.json"), pad_token="[PAD]"
        ).save_pretrained(tmp_path)
    elif kind == "image":
        shutil.copy(encoders / "vit" / "preprocessor_config.json", tmp_path)
    else:
        transformers.Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    files, _, encoder = read(tmp_path, kind, pooling)
    tensors = inputs_of(kind)
    if kind == "audio":
        tensors = {"inputs": torch.randn(3, 900), "lengths": torch.tensor([900, 500, 900])}
    with torch.inference_mode():
        found = encoder(**tensors)
        assert found.shape == (len(tensors["inputs"]), 16)
        assert torch.equal(files.with_weights(encoder).encoder(kind, pooling)(**tensors), found)
        for row in range(len(found)):
            alone = {key: tensor[row : row + 1] for key, tensor in tensors.items()}
            if "lengths" in alone:
                alone["inputs"] = alone["inputs"][:, : int(alone["lengths"])]
            torch.testing.assert_close(encoder(**alone)[0], found[row])
    # In training, nothing is drawn from numpy's generator.
    state = np.random.get_state()[1]
    encoder.train()(**tensors).sum().backward()
    assert (np.random.get_state()[1] == state).all()  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "kind", "got"),
    [
        ("bert", "image", "BertModel, whose input is input_ids"),
        ("vit", "audio", "ViTModel, whose input is pixel_values"),
        ("ast", "text", "ASTModel, whose input is input_values"),
    ],
)
def test_an_encoder_of_another_kind(encoders: Path, name: str, kind: Kind, got: str) -> None:
    with pytest.raises(ConfigError, match=f"want an encoder of {kind}, whose input is .*, got {got}"):
        read(encoders / name, kind)


@pytest.mark.parametrize("name", KINDS)
def test_an_encoder_without_its_processor(encoders: Path, tmp_path: Path, name: str) -> None:
    for file in ("config.json", "model.safetensors"):
        shutil.copy(encoders / name / file, tmp_path)
    with pytest.raises(ConfigError, match=r"want a whole encoder: .* the files of its tokenizer or processor"):
        read(tmp_path, KINDS[name])


def test_an_encoder_whose_weights_are_not_whole(encoders: Path, tmp_path: Path) -> None:
    shutil.copytree(encoders / "bert", tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in weights.items() if "layer.1.output" not in name},
        tmp_path / "model.safetensors",
        metadata={"format": "pt"},
    )
    with pytest.raises(ConfigError, match=r"got none for encoder\.layer\.1\.output\.LayerNorm\.bias.* and 4 in all"):
        read(tmp_path, "text")
    (tmp_path / "model.safetensors").write_bytes((encoders / "bert" / "model.safetensors").read_bytes()[:999])
    with pytest.raises(ConfigError, match="want a whole encoder"):
        read(tmp_path, "text")


def test_pickled_weights_and_code_of_a_checkpoint_are_refused(encoders: Path, tmp_path: Path) -> None:
    shutil.copytree(encoders / "bert", tmp_path, dirs_exist_ok=True)
    weights = load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    torch.save(weights, tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"no file named model\.safetensors.*save both by save_pretrained"):
        read(tmp_path, "text")
    code = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": code}))
    (tmp_path / "own.py").write_text("raise SystemExit('the code ran')")
    with pytest.raises(ConfigError, match="custom code"):
        read(tmp_path, "text")


@pytest.mark.parametrize("name", ["no/such/folder", "./nothing", "~/nothing here"])
def test_a_path_that_is_no_folder_is_not_looked_for_on_the_hub(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere")
    tried: list[bool] = []
    open_ = pretrained_encoder._open
    monkeypatch.setattr(
        pretrained_encoder,
        "_open",
        lambda *args, **options: (tried.append(options["local_files_only"]), open_(*args, **options)),
    )
    with pytest.raises(ConfigError, match=f"got no such folder: '{name}'"):
        read(name, "text")
    assert tried == [True]


@pytest.mark.parametrize("name", ["some-encoder", "someone/some-encoder"])
def test_the_hub_is_asked_last_and_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    tried: list[bool] = []
    open_ = pretrained_encoder._open
    monkeypatch.setattr(
        pretrained_encoder,
        "_open",
        lambda *args, **options: (tried.append(options["local_files_only"]), open_(*args, **options)),
    )
    with pytest.raises(
        ConfigError, match=f"'{name}' is no folder here.*hf download {name} --local-dir FOLDER.*HF_HUB_OFFLINE=1"
    ):
        read(name, "text")
    assert tried == [True, False]


def test_without_the_extra(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steradian\[pretrained\]'"):
        read(encoders / "bert", "text")


@pytest.mark.parametrize(
    "name", ["/own.txt", "../own.txt", "..", "own.py", "modeling_own.py", ".json", "a/b.json", "own.so", ""]
)
def test_a_file_of_a_saved_model_that_is_code_or_leads_elsewhere_is_refused(name: str) -> None:
    files = EncoderFiles.of({"config.json": b"{}", name: b"a"})
    with pytest.raises(SavedModelError, match="files of an encoder that run no code"), files._folder():
        pass


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "preprocessor_config.json"])
def test_a_saved_encoder_that_asks_to_run_code_is_refused_without_a_question(
    encoders: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files, _, _ = read(encoders / "bert", "text")
    contents = {each: bytes(files[each]) for each in files.sizes}
    entries = json.loads(contents.get(name, b"{}")) | {"auto_map": {"AutoModel": "own--modeling.Own"}}
    asking = EncoderFiles.of(contents | {name: json.dumps(entries).encode()})
    monkeypatch.setattr("builtins.input", lambda *words: pytest.fail("asked"))
    for build in (lambda: asking.encoder("text", "mean"), lambda: asking.processor("text")):
        with pytest.raises(SavedModelError, match="names code to run"):
            build()


def test_a_folder_with_the_files_is_there_as_long_as_it_is_needed() -> None:
    with EncoderFiles.of({"own.txt": b"a"})._folder() as folder:
        assert [path.name for path in Path(folder).iterdir()] == ["own.txt"]
    assert not Path(folder).exists()
