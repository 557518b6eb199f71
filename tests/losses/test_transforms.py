"""Losses under torch.func, torch.compile, a second gradient and DistributedDataParallel: right, or refused."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

import steradian as sr
from steradian.errors import ConfigError
from steradian.losses import angular_softmax_loss
from steradian.losses.margins import arcface

FEW, MANY = 20, 300


def given(classes: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(classes)
    rows = F.normalize(torch.randn(12, 6, generator=generator).double(), dim=1)
    return (
        rows,
        torch.randint(classes, (12,), generator=generator),
        torch.randn(classes, 6, generator=generator).double(),
    )


def loss(rows: Tensor, labels: Tensor, centers: Tensor, **options: Any) -> Tensor:
    return angular_softmax_loss(rows, labels, class_centers=centers, scale=8.0, margin=0.2, smoothing=0.1, **options)


def plain(rows: Tensor, labels: Tensor, centers: Tensor) -> Tensor:
    """The reference: the whole matrix of logits, the margin on the target."""
    cosines = rows @ F.normalize(centers, dim=1).T
    own = cosines.gather(1, labels[:, None])
    logits = 8.0 * cosines.scatter(1, labels[:, None], arcface(own[:, 0], 0.2)[:, None])
    return F.cross_entropy(logits, labels, reduction="none", label_smoothing=0.1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.parametrize("classes", [FEW, MANY])
def test_torch_func_sees_the_same_loss(classes: int) -> None:
    rows, labels, centers = given(classes)
    expected = plain(rows, labels, centers)
    one = torch.vmap(lambda row, label: loss(row[None], label[None], centers)[0])
    torch.testing.assert_close(one(rows, labels), expected)
    batches = torch.vmap(partial(loss, centers=centers))(rows.view(3, 4, 6), labels.view(3, 4))
    torch.testing.assert_close(batches.flatten(), expected)
    for transform in (torch.func.grad, torch.func.hessian):
        found, wanted = (transform(lambda x, f=f: f(x, labels, centers).sum())(rows) for f in (loss, plain))
        torch.testing.assert_close(found, wanted)
    _, slopes = torch.func.jvp(lambda x: loss(x, labels, centers), (rows,), (rows.flip(0),))
    torch.testing.assert_close(slopes, torch.func.jvp(lambda x: plain(x, labels, centers), (rows,), (rows.flip(0),))[1])


@pytest.mark.parametrize("classes", [FEW, MANY])
@pytest.mark.parametrize("which", [0, 2])
def test_a_second_gradient_is_that_of_plain_operations(classes: int, which: int) -> None:
    def second(function: Callable[..., Tensor]) -> list[Tensor]:
        tensors = [*given(classes)]
        tensors[which].requires_grad_()
        (first,) = torch.autograd.grad(function(*tensors).sum(), tensors[which], create_graph=True)
        return [first.detach(), *torch.autograd.grad(first.pow(3).sum(), tensors[which])]

    torch.testing.assert_close(second(loss), second(plain))


@pytest.mark.parametrize("options", [{"precision": "bfloat16"}, {"classes": torch.arange(MANY)}])
def test_what_has_a_first_gradient_alone_says_so(options: dict[str, Any]) -> None:
    rows, labels, centers = given(MANY)
    with pytest.raises(ConfigError, match=r"got other options with a transform of torch\.func"):
        torch.func.grad(lambda x: loss(x, labels, centers, **options).sum())(rows)
    rows.requires_grad_()
    with pytest.raises(ConfigError, match="got other options with a second gradient"):
        torch.autograd.grad(loss(rows, labels, centers, **options).sum(), rows, create_graph=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.slow
def test_few_classes_are_one_graph_and_many_say_that_they_are_none() -> None:
    rows, labels, _ = given(FEW)
    module = sr.AngularMarginLoss(FEW, 6, scale=8.0)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(rows, labels), module(rows, labels))
    rows, labels, centers = given(MANY)
    with pytest.raises(RuntimeError, match="leave out fullgraph=True"):
        torch.compile(lambda x: loss(x, labels, centers), fullgraph=True, backend="eager")(rows)
    torch.testing.assert_close(torch.compile(loss, backend="eager")(rows, labels, centers), loss(rows, labels, centers))
    torch._dynamo.reset()


@pytest.fixture
def process_group() -> Iterator[None]:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_distributed_training_has_the_gradients_of_one_process(process_group: None, share: float) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.loss = (
                nn.Linear(6, 6),
                sr.AngularMarginLoss(MANY, 6, scale=8.0, class_share=share),
            )

        def forward(self, rows: Tensor, labels: Tensor) -> Tensor:
            return self.loss(self.encoder(rows), labels)

    rows, labels, _ = given(MANY)
    rows, both, gradients = rows.float(), Both(), []
    for module in (both, DistributedDataParallel(both)):
        both.zero_grad()
        torch.manual_seed(0)
        module(rows, labels).backward()
        gradients.append(both.loss.classifier.weight.grad)
    assert gradients[0].is_sparse == (share < 1) and not gradients[1].is_sparse
    torch.testing.assert_close(gradients[1], gradients[0].to_dense())
