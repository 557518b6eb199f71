"""From a user's table to checked objects, and from these to batches."""

from steradian.data.modality import FittedModality, IndexedArrays, Modality, ReadValues, Tokens, is_missing
from steradian.data.objects import ObjectTable
from steradian.data.reading import read_objects
from steradian.data.schema import Schema

__all__ = [
    "FittedModality",
    "IndexedArrays",
    "Modality",
    "ObjectTable",
    "ReadValues",
    "Schema",
    "Tokens",
    "is_missing",
    "read_objects",
]
