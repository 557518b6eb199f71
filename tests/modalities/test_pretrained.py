"""Frozen encoders run once for each item and never again; fine-tuned ones learn; both are saved whole."""

import copy
import json
import pickle
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from steradian.data.columns import to_objects
from steradian.data.modality import FittedModality
from steradian.data.schema import Schema
from steradian.data.sets import SET_SIZES
from steradian.errors import ConfigError, InputError
from steradian.modalities import Audio, Image, Text, pretrained
from steradian.modalities.pretrained import FittedFineTuned, FittedPretrained, fit_pretrained
from steradian.modalities.pretrained_encoder import EncoderFiles, PooledEncoder
from steradian.modalities.pretrained_items import Kind
from steradian.modalities.tensors import to_tensors
from steradian.modalities.waveform import Sound

NAMES: dict[Kind, str] = {"text": "bert", "image": "vit", "audio": "ast"}


@pytest.fixture(autouse=True)
def _features_of_this_test_alone(feature_folder: Path) -> None:
    """No test finds what another has encoded."""


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each call of an encoder was given, from here on."""
    calls: list[int] = []
    forward = PooledEncoder.forward

    def counted(self: PooledEncoder, inputs: Tensor, *others: Any, **named: Any) -> Tensor:
        calls.append(len(inputs))
        return forward(self, inputs, *others, **named)

    monkeypatch.setattr(PooledEncoder, "forward", counted)
    return calls


def items_of(kind: Kind, count: int = 7) -> list[Any]:
    rng = np.random.default_rng(0)
    if kind == "text":
        return [f"{'shoe ' * (i % 3)}red {i}" for i in range(count)]
    if kind == "image":
        return [rng.integers(0, 256, (20, 20, 3), dtype=np.uint8) for _ in range(count)]
    return [Sound(rng.normal(size=(5_000 + 900 * i, 1)), 16_000) for i in range(count)]


def fit(folder: Path, cells: list[Any], kind: Kind = "text", **options: Any) -> Any:
    choice = SimpleNamespace(
        **{"columns": ("own",), "trainable": False, "pooling": "mean", **options, "encoder": folder}
    )
    return fit_pretrained(choice, kind, {kind: to_objects(cells)})


def prepare(fitted: FittedModality, cells: list[Any], rows: np.ndarray | None = None) -> dict[str, Tensor]:
    rows = np.arange(len(cells)) if rows is None else rows
    return to_tensors(fitted.prepare({"any": to_objects(cells)}, rows)(np.arange(len(cells))))


def saved(fitted: Any) -> Any:
    """A fitted modality as it comes out of a saved folder: of its fields alone."""
    return type(fitted)(**{field.name: copy.copy(getattr(fitted, field.name)) for field in fields(fitted)})


def tokens_of(fitted: FittedModality, cells: list[Any]) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    tokenizer = fitted.tokenizer(8, 0.0).eval()
    with torch.inference_mode():
        return tokenizer, tokenizer(**prepare(fitted, cells)).values


TEXTS = ["A man is eating food.", "A man eats.", "The weather is lovely today. " * 9, "naïve 東京 🐙", "x"]


def test_minilm_gives_the_masked_mean_of_its_last_hidden_state(minilm: Path) -> None:
    fitted = fit(minilm, TEXTS)
    found = prepare(fitted, TEXTS)["values"].numpy() * fitted.std + fitted.mean
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    model = transformers.AutoModel.from_pretrained(minilm)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None]
    expected = ((hidden * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-5)
    unit = found / np.linalg.norm(found, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > 0.8 > 0.3 > unit[0] @ unit[2]


@pytest.mark.parametrize("kind", NAMES)
def test_each_distinct_item_is_encoded_once_whatever_is_fitted(encoders: Path, encoded: list[int], kind: Kind) -> None:
    items = items_of(kind)
    fitted = fit(encoders / NAMES[kind], [*items, *items[:3]], kind)
    assert sum(encoded) == len(items)
    first = prepare(fitted, items)["values"]
    again = fit(encoders / NAMES[kind], items[2:], kind)
    assert torch.equal(first, prepare(saved(fitted), items)["values"])
    prepare(again, items)
    assert sum(encoded) == len(items)
    assert first.dtype == torch.float32
    np.testing.assert_allclose(prepare(again, items[2:])["values"].mean(0), 0, atol=1e-5)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_frozen_features_are_those_of_the_fine_tuned_before_training(encoders: Path, kind: Kind, pooling: str) -> None:
    items = items_of(kind)
    frozen = fit(encoders / NAMES[kind], items, kind, pooling=pooling)
    tuned = fit(encoders / NAMES[kind], items, kind, pooling=pooling, trainable=True)
    tokenizer = tuned.tokenizer(8, 0.0).eval()
    with torch.inference_mode():
        features = tokenizer.encoder(**prepare(tuned, items)).numpy()
    assert features.shape[1] == tuned.features == len(frozen.mean)
    standardised = prepare(frozen, items)["values"].numpy()
    np.testing.assert_allclose(standardised, (features - frozen.mean) / frozen.std, atol=1e-3)
    # The items differ, so that equal features mean something.
    assert np.linalg.norm(standardised[0] - standardised[1]) > 0.1


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("trainable", [False, True])
def test_what_is_saved_is_enough_alone(
    encoders: Path, kind: Kind, trainable: bool, feature_folder: Path, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(encoders / NAMES[kind], tmp_path / "encoder")
    items = items_of(kind)
    fitted = fit(folder, items, kind, trainable=trainable)
    tokenizer, expected = tokens_of(fitted, items)
    shutil.rmtree(folder)
    shutil.rmtree(feature_folder, ignore_errors=True)
    loaded = saved(fitted)
    with torch.inference_mode():
        found = prepare(loaded, items)
        rebuilt = loaded.tokenizer(8, 0.0).eval()
        rebuilt.load_state_dict(tokenizer.state_dict())
        torch.testing.assert_close(rebuilt(**found).values, expected, atol=1e-5, rtol=1e-5)
    # Weights are held once: frozen ones by the fitted modality, others by the module.
    size = (encoders / NAMES[kind] / "model.safetensors").stat().st_size
    held = loaded.content.nbytes, sum(tensor.nbytes for tensor in tokenizer.state_dict().values())
    assert (held[0] > 0.8 * size, held[1] > 0.8 * size) == (not trainable, trainable)


def test_a_saved_model_builds_no_encoder_for_known_items(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit(encoders / "bert", TEXTS)
    monkeypatch.setattr(EncoderFiles, "encoder", None)
    monkeypatch.setattr(EncoderFiles, "processor", None)
    prepare(saved(fitted), TEXTS)
    with pytest.raises(TypeError):
        prepare(saved(fitted), ["something new"])


@pytest.mark.parametrize("trainable", [False, True])
def test_batches_order_and_company_do_not_matter(encoders: Path, trainable: bool) -> None:
    texts = items_of("text", 9)
    fitted = fit(encoders / "bert", texts, trainable=trainable)
    tokenizer, expected = tokens_of(fitted, texts)
    prepared = fitted.prepare({"text": to_objects(texts)}, np.arange(9))
    order = np.random.default_rng(0).permutation(9)
    with torch.inference_mode():
        for rows in (order, order[:4], order[4:5]):
            values = tokenizer(**to_tensors(prepared(rows))).values
            torch.testing.assert_close(values, expected[torch.from_numpy(rows)], atol=1e-5, rtol=1e-5)
        assert tokenizer(**to_tensors(prepared(np.zeros(0, dtype=np.int64)))).values.shape == (0, *expected.shape[1:])
        assert len(tokenizer(**prepare(fitted, [])).values) == 0


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("trainable", [False, True])
def test_a_list_is_a_set_of_items(encoders: Path, kind: Kind, trainable: bool) -> None:
    one, two, three, four = items_of(kind, 4)
    fitted = fit(encoders / NAMES[kind], [[one, two], [three, None]], kind, trainable=trainable)
    found = prepare(fitted, [[four], [one, None, two], three])
    assert found.pop(SET_SIZES).tolist() == [1, 2, 1]
    tokenizer = fitted.tokenizer(8, 0.0).eval()
    with torch.inference_mode():
        alone = tokenizer(**prepare(fitted, [four, one, two, three])).values
        torch.testing.assert_close(tokenizer(**found).values, alone, atol=1e-5, rtol=1e-5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_any_text_has_finite_features(encoders: Path, texts: list[str]) -> None:
    values = prepare(fit(encoders / "bert", texts), texts)["values"]
    assert values.shape == (len(texts), 16) and values.isfinite().all()


def test_an_interrupted_encoding_goes_on_where_it_was(
    encoders: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "BATCH", 2)
    texts = items_of("text", 9)
    arrays = pretrained.ItemReader.arrays

    def interrupt(*given: Any, **options: Any) -> Any:
        if len(encoded) == 3:
            raise KeyboardInterrupt
        return arrays(*given, **options)

    monkeypatch.setattr(pretrained.ItemReader, "arrays", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(encoders / "bert", texts)
    assert encoded == [2, 2, 2]
    monkeypatch.setattr(pretrained.ItemReader, "arrays", arrays)
    fit(encoders / "bert", texts)
    assert encoded == [2, 2, 2, 2, 1]


def test_other_pooling_or_another_encoder_shares_no_features(encoders: Path, feature_folder: Path) -> None:
    values = [prepare(fit(encoders / "bert", TEXTS, pooling=pooling), TEXTS)["values"] for pooling in ("mean", "cls")]
    assert not torch.allclose(*values)
    assert len(list(feature_folder.iterdir())) == 2
    fit(encoders / "vit", items_of("image"), "image")
    assert len(list(feature_folder.iterdir())) == 3


@pytest.mark.parametrize("trainable", [False, True])
def test_an_unreadable_item_names_the_row_of_the_users_table(encoders: Path, trainable: bool) -> None:
    for kind in ("image", "audio"):
        items = [*items_of(kind, 2), b"nonsense"]
        for cells in (items, items[2:]):
            fitted = fit(encoders / NAMES[kind], cells, kind, trainable=trainable)
            rows = 10 * np.arange(1, len(cells) + 1)
            with pytest.raises(InputError, match=rf"row {rows[-1]} \(counted from 0\), column 'own'"):
                prepare(fitted, cells, rows)


def test_features_that_are_not_finite_are_refused(encoders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = fit(encoders / "bert", TEXTS)
    broken = lambda self, inputs, *_: torch.full((len(inputs), 16), torch.nan)  # noqa: E731
    monkeypatch.setattr(PooledEncoder, "forward", lambda self, inputs, **_: broken(self, inputs))
    with pytest.raises(InputError, match=r"row 5 \(counted from 0\), column 'own'.* want finite features, got .*NaN"):
        prepare(fitted, ["new"], np.array([5]))


def test_no_random_number_is_drawn(encoders: Path) -> None:
    state = torch.get_rng_state()
    fitted = fit(encoders / "bert", TEXTS)
    prepare(saved(fitted), [*TEXTS, "new"])
    prepare(fit(encoders / "bert", TEXTS, trainable=True), TEXTS)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("trainable", [False, True])
def test_copies_carry_the_fields_alone(encoders: Path, trainable: bool) -> None:
    fitted = fit(encoders / "bert", TEXTS, trainable=trainable)
    expected = prepare(fitted, TEXTS)
    copied = pickle.loads(pickle.dumps(fitted))
    assert vars(copied).keys() == {field.name for field in fields(fitted)} < vars(fitted).keys()
    for key, tensor in prepare(copied, TEXTS).items():
        assert torch.equal(tensor, expected[key])


def test_two_tokenizers_of_one_fit_share_no_weights(encoders: Path) -> None:
    fitted = fit(encoders / "bert", TEXTS, trainable=True)
    first, second = (fitted.tokenizer(8, 0.0) for _ in range(2))
    assert isinstance(fitted, FittedFineTuned)
    for (name, a), b in zip(first.encoder.named_parameters(), second.encoder.parameters(), strict=True):
        assert torch.equal(a, b) and a.data_ptr() != b.data_ptr(), name


@pytest.mark.parametrize("modality", [Audio, Image, Text])
@pytest.mark.parametrize(
    ("encoder", "trainable", "pooling", "wanted"),
    [
        ("", False, "mean", "encoder a folder or the name of a model on the hub, or None"),
        (7, False, "mean", "encoder a folder"),
        (None, True, "mean", "trainable False without encoder"),
        ("x", "no", "mean", "trainable True or False"),
        ("x", False, "max", "pooling one of mean, cls"),
        (3, 1, "MEAN", "encoder .*; trainable .*; pooling"),
    ],
)
def test_options_that_cannot_be(modality: Any, encoder: Any, trainable: Any, pooling: Any, wanted: str) -> None:
    with pytest.raises(ConfigError, match=rf"{modality.__name__}\('own'\): want {wanted}"):
        modality("own", encoder=encoder, trainable=trainable, pooling=pooling)


@pytest.mark.parametrize("modality", [Audio, Image, Text])
def test_a_schema_keeps_the_choice_of_an_encoder(modality: Any) -> None:
    schema = Schema({"one": modality("own", encoder=Path("a", "b"), trainable=True, pooling="cls")})
    again = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))
    assert again == schema
    assert again.modalities["one"] == modality("own", encoder="a/b", trainable=True, pooling="cls")
    assert modality("own").encoder is None


@pytest.mark.parametrize("modality", [Audio, Image, Text])
def test_what_is_no_encoder_is_named_when_fitted(modality: Any) -> None:
    declared = modality("own", encoder="no/such/folder")
    with pytest.raises(ConfigError, match=rf"{modality.__name__}\('own'\), encoder='no/such/folder': want the folder"):
        declared.fit({"any": to_objects(["x"])})


def test_the_fitted_kinds_are_found_by_their_names() -> None:
    assert {FittedPretrained, FittedFineTuned} <= set(FittedModality.__subclasses__())
