"""Every option of the configuration reaches the encoder."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from steradian.config import ModelConfig
from steradian.data.batch import Preprocessor
from steradian.modalities.tabular_tokenizer import TabularTokenizer
from steradian.modalities.vector_tokenizer import VectorTokenizer
from steradian.model import Block, SphereEncoder, build_encoder, build_model

SIZES = ModelConfig(
    embedding_dim=10,
    width=24,
    depth=2,
    fusion_depth=3,
    heads=6,
    dropout=0.15,
    input_dropout=0.35,
    fusion="context",
    context_limit=0.4,
)


@pytest.fixture
def built(preprocessor: Preprocessor) -> SphereEncoder:
    return build_encoder(preprocessor.modalities, SIZES)


def test_modalities_keep_their_names_and_order(built: SphereEncoder, preprocessor: Preprocessor) -> None:
    assert built.names == tuple(preprocessor.modalities) == ("picture", "title", "specs", "omics", "motion")
    assert isinstance(built.modalities[2].tokenizer, TabularTokenizer)


def test_sizes(built: SphereEncoder) -> None:
    assert [len(modality.blocks) for modality in built.modalities] == [2] * 5
    assert len(built.fusion.blocks) == 3
    blocks = [module for module in built.modules() if isinstance(module, Block)]
    assert {block.heads for block in blocks} == {6}
    assert {block.attended.in_features for block in blocks} == {24}
    assert {modality.vector.out_features for modality in built.modalities} == {10}
    assert built.fusion.kinds_of_modality.shape == (5, 24)
    assert (built.fusion.kind, built.fusion.context_limit) == ("context", 0.4)


def test_dropout_of_blocks_and_of_inputs(built: SphereEncoder) -> None:
    of_blocks = {m.dropout.p for m in built.modules() if isinstance(m, Block)}
    of_inputs = {
        m.dropout.p if isinstance(m.dropout, nn.Dropout) else m.dropout
        for name, modality in zip(built.names, built.modalities, strict=True)
        if name != "picture"
        for m in [modality.tokenizer]
        if not isinstance(m, VectorTokenizer)  # of few features it drops fewer
    }
    assert (of_blocks, of_inputs) == ({0.15}, {0.35})


def test_the_seed_decides_the_weights(preprocessor: Preprocessor) -> None:
    def weights(random_state: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(random_state)
        return build_encoder(preprocessor.modalities, SIZES).state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_model_is_an_encoder_at_rest_and_class_centers(preprocessor: Preprocessor) -> None:
    config = replace(SIZES, subcenters=3)
    encoder, classifier = build_model(preprocessor.modalities, config, num_classes=7, device=torch.device("cpu"))
    assert not encoder.training
    assert classifier.class_centers.shape == (7, 3, 10)
