"""The two-level transformer and the spherical classifier."""

from steradian.model.angular_margin_loss import AngularMarginLoss
from steradian.model.build import build_encoder, build_model
from steradian.model.classifier import SphericalClassifier
from steradian.model.encoder import ModalityEncoder, ModalityVectors, SphereEncoder
from steradian.model.fingerprint import fingerprint_of, has_fingerprint_of
from steradian.model.fusion import Fusion
from steradian.model.inference import (
    Encoder,
    FoundVectors,
    class_cosines,
    cosine_chunks,
    embed,
    embed_subsets,
    embed_table,
    encode_objects,
    encode_table,
    fuse_subset,
    nearest_centers,
)
from steradian.model.tensor_batch import TensorBatch
from steradian.model.transformer import Block
from steradian.model.two_part_encoder import TwoPartEncoder
from steradian.model.weighted_encoder import WeightedEncoder

__all__ = [
    "AngularMarginLoss",
    "Block",
    "Encoder",
    "FoundVectors",
    "Fusion",
    "ModalityEncoder",
    "ModalityVectors",
    "SphereEncoder",
    "SphericalClassifier",
    "TensorBatch",
    "TwoPartEncoder",
    "WeightedEncoder",
    "build_encoder",
    "build_model",
    "class_cosines",
    "cosine_chunks",
    "embed",
    "embed_subsets",
    "embed_table",
    "encode_objects",
    "encode_table",
    "fingerprint_of",
    "fuse_subset",
    "has_fingerprint_of",
    "nearest_centers",
]
