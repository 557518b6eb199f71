"""The logsumexp over all class centers and its exact gradients, without a rows x classes matrix or a copy of centers.

With unit rows x and class centers of directions w, the cosines are c_j = x . w_j / |w_j|. One sweep over tiles of
centers sums exp(scale * c_j); a second gives both gradients, for which the softmax of a tile is its exponentials times
a number a row. As many tiles as fit into the memory budget, and into the gradient of the class centers itself, keep
their exponentials for the second sweep; the others compute them twice. Every loss of the family is made of the result.

Few classes need no sweep: there the plain operations, differentiated by torch, are up to four times faster.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses.blockwise_softmax import SHORTEST, Bend, GradientTaker, Sweep
from steradian.losses.matmul import Precision
from steradian.losses.stream_plan import MEMORY_BUDGET, tile_cosines
from steradian.losses.transforms import in_distributed_forward, is_compiled, is_transformed

__all__ = ["Streamed", "exact_type", "stream_softmax"]

FEW_CLASSES, FEW_COSINES, BYTES_A_COSINE = 256, 2**18, 20
"""Up to so many, all cosines at once are faster than a sweep: the loss takes half the time with 5 classes, 0.7 of it
with 100 (docs/lab-log.md)."""


class Streamed(NamedTuple):
    """What a loss is made of.

    Args:
        others: logsumexp of the logits of all but the own classes [rows]; -inf where there are none.
        own: cosines to the own classes [rows, own], the nearest center of each; 0 where there is none.
        others_sum: sum of the logits of all but the own classes [rows]; zeros unless asked for.
    """

    others: Tensor
    own: Tensor
    others_sum: Tensor


def stream_softmax(
    embeddings: Tensor,
    own: Tensor,
    *,
    class_centers: Tensor,
    scale: float,
    classes: Tensor | None = None,
    bend: Bend | None = None,
    with_sum: bool = False,
    precision: Precision = "float32",
    memory_budget: int = MEMORY_BUDGET,
    take_gradient: GradientTaker | None = None,
) -> Streamed:
    """Own cosines, and the logsumexp of scale * cosine over all other classes, differentiable in both inputs.

    Args:
        embeddings: unit rows [rows, embedding_dim] of any float type; all is computed in the `exact_type`.
        own: int64 [rows, own], the classes that are not among the others; -1 where a row has fewer. No class twice in
            a row.
        class_centers: [num_classes, embedding_dim], or [num_classes, centers a class, embedding_dim] of which the
            nearest counts; of any length but zero: they are brought to unit length here. On the rows' device.
        scale: factor of the cosines.
        classes: int64 [sampled], rising, with all own classes among them: only these take part. The gradient of
            class centers that are a leaf is then sparse, but within DistributedDataParallel, which reduces dense ones.
        bend: makes logits of the cosines in place of `scale`; own cosines count as constants there.
        with_sum: give `others_sum`.
        precision: of the large products, see `product`; own cosines and all sums are in full precision.
        memory_budget: bytes beside the gradient of the class centers.
        take_gradient: receives the gradient of the class centers in parts during the backward pass, in place of their
            own `grad`, if they ask for one; it may change the centers, and must copy what it wants to keep.

    Raises:
        ConfigError: options for which only the first gradient is known, where more is asked for: a second one, or a
            transform of torch.func. Without them, all cosines are then held at once.

    Examples:
        >>> streamed = stream_softmax(torch.eye(2), torch.tensor([[0], [1]]), class_centers=torch.eye(2), scale=8.0)
        >>> streamed.others.tolist(), streamed.own.tolist()
        ([0.0, 0.0], [[1.0], [1.0]])
    """
    options = {
        "own": own,
        "scale": scale,
        "classes": classes,
        "bend": bend,
        "with_sum": with_sum,
        "precision": precision,
        "memory_budget": memory_budget,
    }
    exact = exact_type(embeddings, class_centers)
    embeddings, class_centers = embeddings.to(exact), class_centers.to(exact)
    if not torch.is_grad_enabled():
        # A function of autograd does not see that by itself, and would keep what no gradient will ever ask for.
        embeddings, class_centers = embeddings.detach(), class_centers.detach()
    usual = classes is None and bend is None and take_gradient is None and precision == "float32"
    few = own.shape[1] < len(class_centers) <= FEW_CLASSES and class_centers.ndim == 2
    cosines = len(embeddings) * len(class_centers)
    at_once = cosines <= min(FEW_COSINES, tile_cosines(embeddings.device.type), memory_budget // BYTES_A_COSINE)
    transformed = is_transformed()
    if transformed and not (usual and class_centers.ndim == 2):
        raise _only_first("a transform of torch.func, such as vmap or grad")
    # Half precision steps by several degrees near a center, so autocast must not reach the cosines.
    with torch.autocast(embeddings.device.type, enabled=False):
        if usual and few and at_once and not (transformed or is_compiled() or with_sum) and _is_single(own):
            others, cosines_to_own = _Few.apply(embeddings, class_centers, options)  # type: ignore[no-untyped-call]
            return Streamed(others, cosines_to_own, torch.zeros_like(others))
        if transformed or (usual and few and at_once):
            return _all_at_once(embeddings, own, class_centers, scale, with_sum=with_sum)
        if is_compiled():
            torch._dynamo.graph_break(msg="a loss over many classes is no graph: leave out fullgraph=True, or the loss")
        streamed = _Stream.apply(embeddings, class_centers, options, take_gradient)  # type: ignore[no-untyped-call]
    return Streamed(*streamed)


def _only_first(asked: str) -> ConfigError:
    """The error that more is asked for than the first gradient."""
    return ConfigError(
        want="one center a class, all classes, precision float32, and no bend or take_gradient",
        got=f"other options with {asked}",
        where="the loss",
        fix="Leave them out, or take first gradients by loss.backward() alone.",
    )


def exact_type(embeddings: Tensor, class_centers: Tensor) -> torch.dtype:
    """The type for cosines: float32, or float64 where one of the two is; half precision is too coarse near a center.

    Args:
        embeddings: of any float type.
        class_centers: of any float type.
    """
    return torch.promote_types(torch.float32, torch.promote_types(embeddings.dtype, class_centers.dtype))


def _all_at_once(embeddings: Tensor, own: Tensor, centers: Tensor, scale: float, *, with_sum: bool) -> Streamed:
    """The same from the whole matrix of cosines [rows, num_classes]."""
    cosines = embeddings @ F.normalize(centers, dim=-1).T
    there = own >= 0
    own_cosines = torch.where(there, cosines.gather(1, own.clamp(min=0)), 0.0)
    # A last column takes what a row has fewer, since no class may stand for it.
    is_own = torch.zeros(len(cosines), len(centers) + 1, dtype=torch.bool, device=own.device)
    is_own = is_own.scatter(1, torch.where(there, own, len(centers)), True)[:, :-1]
    logits = scale * cosines
    others_sum = logits.masked_fill(is_own, 0.0).sum(dim=1) if with_sum else torch.zeros_like(logits[:, 0])
    return Streamed(logits.masked_fill(is_own, -torch.inf).logsumexp(dim=1), own_cosines, others_sum)


def _is_single(own: Tensor) -> bool:
    """Whether each row has one class, on a CPU, where to look costs next to nothing."""
    return own.device.type == "cpu" and own.shape[1] == 1 and len(own) > 0 and int(own.min()) >= 0


def _plain_gradients(
    embeddings: Tensor, centers: Tensor, upstream: tuple[Tensor, ...], ctx: Any
) -> tuple[Tensor | None, ...]:
    """The same gradients, differentiable: from the whole matrix of cosines."""
    options = ctx.options
    usual = options["classes"] is None and options["bend"] is None and options["precision"] == "float32"
    if not usual or ctx.take_gradient is not None or centers.ndim != 2:
        raise _only_first("a second gradient (create_graph=True)")
    outputs = _all_at_once(embeddings, options["own"], centers, options["scale"], with_sum=options["with_sum"])
    wanted = [tensor for tensor, needed in zip((embeddings, centers), ctx.needs_input_grad, strict=False) if needed]
    given = [place for place, output in enumerate(outputs) if output.requires_grad]
    made, above = [outputs[place] for place in given], [upstream[place] for place in given]
    with torch.autocast(embeddings.device.type, enabled=False):
        found = iter(torch.autograd.grad(made, wanted, above, create_graph=True, allow_unused=True))
    return tuple(next(found) if needed else None for needed in ctx.needs_input_grad[:2])


class _Few(torch.autograd.Function):
    """`_all_at_once` for one own class a row, in a third of the calls, which are most of a small step."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, centers: Tensor, options: dict[str, Any]) -> tuple[Tensor, Tensor]:
        own, scale = options["own"], options["scale"]
        lengths = torch.linalg.vector_norm(centers, dim=1, keepdim=True).clamp_(min=SHORTEST)
        units = centers / lengths
        cosines = embeddings @ units.T
        own_cosines = cosines.gather(1, own)
        logits = cosines.mul_(scale).scatter_(1, own, -torch.inf)
        others = logits.logsumexp(dim=1)
        ctx.save_for_backward(embeddings, centers, own, lengths, units, logits, others)
        ctx.options, ctx.take_gradient = options, None
        return others, own_cosines

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        embeddings, centers, own, lengths, units, logits, others = ctx.saved_tensors
        if torch.is_grad_enabled():
            return (*_plain_gradients(embeddings, centers, upstream, ctx), None)
        of_others, of_own = upstream
        with torch.autocast(embeddings.device.type, enabled=False):
            weights = (logits - others[:, None]).exp_().mul_(ctx.options["scale"] * of_others[:, None])
            weights.scatter_(1, own, of_own)
            to_rows = weights @ units if ctx.needs_input_grad[0] else None
            if not ctx.needs_input_grad[1]:
                return to_rows, None, None
            turned = weights.T @ embeddings
            along = (turned * units).sum(dim=1, keepdim=True)
            return to_rows, turned.addcmul_(units, along, value=-1).div_(lengths), None


class _Stream(torch.autograd.Function):
    """The two sweeps."""

    @staticmethod
    def forward(
        ctx: Any,
        embeddings: Tensor,
        centers: Tensor,
        options: dict[str, Any],
        take_gradient: GradientTaker | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        needed = ctx.needs_input_grad[:2]
        dense = needed[1] and take_gradient is None and options["classes"] is None
        sparse = centers.is_leaf and not in_distributed_forward()
        sweep = Sweep(embeddings, centers, **options, needed=needed, dense=dense, sparse=sparse)
        others, others_sum = sweep.logsumexp()
        if any(needed):
            ctx.save_for_backward(embeddings, centers, others)
            ctx.sweep, ctx.take_gradient, ctx.options = sweep, take_gradient, options
        else:
            sweep.close()
        if not options["with_sum"]:
            ctx.mark_non_differentiable(others_sum)
        # A copy: an output that hangs on its own node would never be freed.
        return others, sweep.own_cosines.clone(), others_sum

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        # Unpacking refuses inputs that were changed since.
        embeddings, centers, others = ctx.saved_tensors
        if torch.is_grad_enabled():
            # A second gradient may follow, for which torch must see the first one as plain operations.
            return (*_plain_gradients(embeddings, centers, upstream, ctx), None, None)
        with torch.autocast(embeddings.device.type, enabled=False):
            gradients = ctx.sweep.gradients(
                others,
                of_others=upstream[0],
                of_own=upstream[1],
                of_sum=upstream[2],
                take=ctx.take_gradient,
            )
        return (*gradients, None, None)
