"""The kinds of modality, one a file: raw column -> tensors -> tokens. A new kind is one new file, named here."""

from steradian.modalities.audio import Audio
from steradian.modalities.image import Image
from steradian.modalities.series import Series
from steradian.modalities.tabular import Tabular
from steradian.modalities.text import Text
from steradian.modalities.vector import Vector

__all__ = ["Audio", "Image", "Series", "Tabular", "Text", "Vector"]
