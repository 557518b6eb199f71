"""Margins as functions of the target cosine, and the kinds of margin that losses and models take by name.

A function gives psi, which takes the cosine's place in the softmax and falls strictly with the angle on [0, pi]. A kind
has a file of its own, with its function, its defaults and what it keeps while training, and a line in `MARGINS`.
"""

from steradian.losses.margins.adaface import AdaFace, adaface, adaface_quality
from steradian.losses.margins.arcface import ArcFace, arcface
from steradian.losses.margins.class_margins import class_margins
from steradian.losses.margins.combined import Combined, combined
from steradian.losses.margins.cosface import CosFace, cosface
from steradian.losses.margins.curricularface import CurricularFace, curricular
from steradian.losses.margins.elasticface import ElasticFace, elastic_margins
from steradian.losses.margins.magface import MagFace, magface_margins, magface_penalty
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.normface import NormFace, normface
from steradian.losses.margins.sphereface import SphereFace, sphereface

__all__ = [
    "MARGINS",
    "BatchRows",
    "Margin",
    "adaface",
    "adaface_quality",
    "arcface",
    "class_margins",
    "combined",
    "cosface",
    "curricular",
    "elastic_margins",
    "magface_margins",
    "magface_penalty",
    "normface",
    "sphereface",
]

MARGINS: dict[str, type[Margin]] = {
    "arcface": ArcFace,
    "cosface": CosFace,
    "sphereface": SphereFace,
    "combined": Combined,
    "normface": NormFace,
    "curricularface": CurricularFace,
    "elasticface": ElasticFace,
    "adaface": AdaFace,
    "magface": MagFace,
}
"""The kinds by name; a kind of your own is one more entry: `MARGINS["mine"] = MyMargin`."""
