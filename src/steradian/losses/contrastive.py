"""Contrastive losses between the modalities of objects: the rivals, linear or quadratic in modalities and batch.

All take the modalities' unit vectors of a batch and its labels: objects of one owner are positives of each other. Class
numbers make every loss supervised, as Khosla et al. 2020 do it (arXiv 2004.11362, L_out: the mean over a row's
positives of their log softmax); numbers of the objects give each paper's own form, which needs no labels.
"""

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses.full_precision import in_full_precision

__all__ = ["clip_loss", "gmc_loss", "gram_loss", "symile_loss"]

RIDGE, LEAST_HEIGHT = 1e-5, 1e-3
"""What is added to the squares of a Gram matrix, and the height of an anchor over the others' span at least: at 0,
where vectors coincide, neither a factorisation nor the slope of a root exists."""


@in_full_precision
def clip_loss(
    vectors: Tensor, labels: Tensor, *, present: Tensor, scale: float | Tensor, anchor: int | None = None
) -> Tensor:
    """InfoNCE in both directions between each two modalities, or between one and each other: a scalar.

    Radford et al. 2021 (CLIP, arXiv 2103.00020); with an anchor Girdhar et al. 2023 (ImageBind, arXiv 2305.05665). The
    mean over pairs of modalities; a pair sees the objects that have both. M modalities make M (M - 1) / 2 pairs, or
    M - 1 with an anchor.

    Args:
        vectors: unit vectors [objects, modalities, embedding_dim].
        labels: int64 [objects]; see the module.
        present: bool [objects, modalities].
        scale: 1 / temperature; 14.3 is where CLIP starts to learn it.
        anchor: number of the modality that all others are paired with; None pairs all.

    Raises:
        InputError: shapes that do not belong together, or fewer than two modalities.

    Examples:
        >>> vectors = torch.eye(2)[:, None].expand(2, 3, 2)
        >>> clip_loss(vectors, torch.arange(2), present=torch.ones(2, 3, dtype=torch.bool), scale=5.0)
        tensor(0.0067)
    """
    _check(vectors, labels, present, where="clip_loss")
    modalities = range(vectors.shape[1])
    pairs = combinations(modalities, 2) if anchor is None else ((anchor, m) for m in modalities if m != anchor)
    losses = []
    for first, second in pairs:
        has = present[:, first] & present[:, second]
        logits = scale * vectors[has, first] @ vectors[has, second].T
        positives = labels[has][:, None] == labels[has]
        losses.append((_info_nce(logits, positives) + _info_nce(logits.T, positives)) / 2)
    return torch.stack(losses).mean()


@in_full_precision
def gmc_loss(vectors: Tensor, fused: Tensor, labels: Tensor, *, present: Tensor, scale: float | Tensor) -> Tensor:
    """Each modality against the fused vector, all rows of both in one softmax: a scalar.

    Poklukar et al. 2022 (GMC, arXiv 2202.03390): for a modality, 2 N rows, of which a row's positive is its other half
    and everything but itself is in the denominator. Linear in modalities, with four times the cosines of a CLIP pair.

    NOTE[DIFF]: the mean over the modalities, where the paper's code takes their sum.

    Args:
        vectors: unit vectors [objects, modalities, embedding_dim].
        fused: unit vectors of the whole objects [objects, embedding_dim].
        labels: int64 [objects]; see the module.
        present: bool [objects, modalities].
        scale: 1 / temperature; 10 in the paper for MHD.

    Raises:
        InputError: shapes that do not belong together.

    Examples:
        >>> vectors = torch.eye(2)[:, None].expand(2, 3, 2)
        >>> gmc_loss(vectors, torch.eye(2), torch.arange(2), present=torch.ones(2, 3, dtype=torch.bool), scale=5.0)
        tensor(0.0134)
    """
    _check(vectors, labels, present, where="gmc_loss", least=1)
    if fused.shape != vectors[:, 0].shape:
        got = f"{tuple(fused.shape)}"
        raise InputError("a fused vector an object", got, "gmc_loss", "Give them [objects, embedding_dim].")
    losses = []
    for m in range(vectors.shape[1]):
        has = present[:, m]
        rows = torch.cat([fused[has], vectors[has, m]])
        pair = labels[has].repeat(2)
        itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        logits = (scale * rows @ rows.T).masked_fill(itself, -torch.inf)
        losses.append(_info_nce(logits, (pair[:, None] == pair) & ~itself))
    return torch.stack(losses).mean()


@in_full_precision
def symile_loss(vectors: Tensor, labels: Tensor, *, present: Tensor, scale: float | Tensor) -> Tensor:
    """Each modality in turn against products of all others: a scalar.

    Saporta et al. 2024 (Symile, arXiv 2411.01053), in the form whose cost is that of one product: the logit is the
    multilinear inner product, the sum over entries of the product of all M vectors; an object's negatives are products
    of the others' vectors from N shuffles of the batch, one for each modality.

    NOTE[DIFF]: objects that lack a modality are left out; the paper gives them a learned vector. The product is taken
    times embedding_dim^((M - 2) / 2), without which products of unit vectors vanish and no scale of CLIP's size teaches
    anything. With class numbers a shuffled product is a positive where all its parts are of the row's class.

    Args:
        vectors: unit vectors [objects, modalities, embedding_dim].
        labels: int64 [objects]; see the module.
        present: bool [objects, modalities].
        scale: 1 / temperature, for two modalities the same as CLIP's.

    Raises:
        InputError: shapes that do not belong together, or fewer than two modalities.

    Examples:
        >>> vectors = torch.eye(2)[:, None].expand(2, 2, 2)
        >>> symile_loss(vectors, torch.zeros(2).long(), present=torch.ones(2, 2, dtype=torch.bool), scale=0.0)
        tensor(0.6931)
    """
    _check(vectors, labels, present, where="symile_loss")
    whole = present.all(dim=1)
    vectors, labels = vectors[whole], labels[whole]
    objects, modalities, dim = vectors.shape
    scale = scale * dim ** ((modalities - 2) / 2)
    itself = torch.eye(objects, dtype=torch.bool, device=vectors.device)
    losses = []
    for m in range(modalities):
        others = [n for n in range(modalities) if n != m]
        orders = [torch.randperm(objects, device=vectors.device) for _ in others]
        shuffled = torch.stack([vectors[order, n] for order, n in zip(orders, others, strict=True)]).prod(dim=0)
        own = (vectors[:, m] * vectors[:, others].prod(dim=1)).sum(dim=-1)
        logits = torch.where(itself, own, vectors[:, m] @ shuffled.T)
        alike = torch.stack([labels[order] == labels[:, None] for order in orders]).all(dim=0)
        losses.append(_info_nce(scale * logits, alike | itself))
    return torch.stack(losses).mean()


@in_full_precision
def gram_loss(vectors: Tensor, labels: Tensor, *, present: Tensor, scale: float | Tensor, anchor: int = 0) -> Tensor:
    """InfoNCE in both directions over the volume that an anchor and the others' modalities span: a scalar.

    Cicchetti et al. 2025 (GRAM, arXiv 2412.11959): the logit of objects i and j is less the volume of the
    parallelotope of i's anchor and j's other modalities, the root of the determinant of their Gram matrix, which is 0
    where all lie on one line. N^2 determinants of size M.

    NOTE[DIFF]: objects that lack a modality are left out. The others' squares are raised by 1e-5, and the anchor's
    height over their span is held at 1e-3 or more, where the paper's code takes the determinant's absolute value: the
    root of 0 has no slope.

    Args:
        vectors: unit vectors [objects, modalities, embedding_dim].
        labels: int64 [objects]; see the module.
        present: bool [objects, modalities].
        scale: 1 / temperature; 14.3 is where the paper starts to learn it.
        anchor: number of the modality that is compared with the others of every object.

    Raises:
        InputError: shapes that do not belong together, or fewer than two modalities.

    Examples:
        >>> vectors = torch.eye(2)[:, None].expand(2, 2, 2)
        >>> gram_loss(vectors, torch.arange(2), present=torch.ones(2, 2, dtype=torch.bool), scale=5.0)
        tensor(0.0068)
    """
    _check(vectors, labels, present, where="gram_loss")
    whole = present.all(dim=1)
    vectors, labels = vectors[whole], labels[whole]
    others = vectors[:, [m for m in range(vectors.shape[1]) if m != anchor]]
    # By Schur's complement the determinant is that of the others times what the anchor adds to their span, so that one
    # factorisation an object serves all anchors.
    gram = others @ others.transpose(1, 2)
    ridge = RIDGE * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky(gram + ridge)
    across = torch.einsum("id,jmd->jmi", vectors[:, anchor], others)
    within = torch.linalg.solve_triangular(factor, across, upper=False).square().sum(dim=1).T
    # Base times height; held apart, since the base of many alike vectors is tiny and its slope counts all the same.
    volumes = factor.diagonal(dim1=1, dim2=2).prod(dim=1) * (1 - within).clamp(min=LEAST_HEIGHT**2).sqrt()
    positives = labels[:, None] == labels
    logits = -scale * volumes
    return (_info_nce(logits, positives) + _info_nce(logits.T, positives)) / 2


def _info_nce(logits: Tensor, positives: Tensor) -> Tensor:
    """The mean over rows with a positive of the mean of their positives' log softmax, negated; 0 without any."""
    count = positives.sum(dim=1)
    losses = torch.where(positives, -F.log_softmax(logits, dim=1), 0.0).sum(dim=1) / count.clamp(min=1)
    return losses.sum() / (count > 0).sum().clamp(min=1)


def _check(vectors: Tensor, labels: Tensor, present: Tensor, *, where: str, least: int = 2) -> None:
    if vectors.ndim != 3 or present.shape != vectors.shape[:2] or labels.shape != vectors.shape[:1]:
        got = f"{tuple(vectors.shape)}, {tuple(present.shape)} and {tuple(labels.shape)}"
        want = "vectors [objects, modalities, embedding_dim], present [objects, modalities] and labels [objects]"
        raise InputError(want, got, where, "Give one row an object in all three.")
    if vectors.shape[1] < least:
        want, fix = f"{least} modalities or more", "Choose an objective that needs no pair of modalities."
        raise InputError(want, str(vectors.shape[1]), where, fix)
