"""Gradients of a network's output, per sample, and what they change in a prediction.

Rows of a batch do not meet, so the gradient of the SUM over rows is each row's own; that of the mean would shrink with the
batch. `sample` runs without gradients, perhaps in inference mode: they are turned on here, on copies, and nothing comes out
attached. Half precision is raised to float32, where the gradient of a log-probability near 1 does not vanish.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import copied, require_labels
from guidance.spaces import from_space

Classifier = Callable[[Tensor, Tensor], Tensor]  # (z, logsnr) -> logits (b, classes)
Clean = Callable[[Tensor], Tensor]  # x -> logits (b, classes)
Loss = Callable[[Tensor, Tensor | None], Tensor]  # (x, label) -> (b,)


@contextmanager
def with_gradients(z: Tensor, *others: Tensor | None) -> Iterator[list[Any]]:
    """Copies that a graph may be built on, the first of them a leaf; None stays None."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = z.detach().to(torch.promote_types(z.dtype, torch.float32)).clone().requires_grad_()
        yield [leaf, *(None if each is None else copied(each) for each in others)]


def require_label(label: Tensor | None, name: str) -> Tensor:
    """`label`. ValueError if there is none to steer to."""
    if label is None:
        raise ValueError(f"{name} guidance needs the label it steers to, not None")
    return label


def log_prob(logits: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
    """log p(label) of each row's logits. ValueError for a label that is none of their classes."""
    require_labels(label, logits.shape[-1])
    return logits.log_softmax(-1).gather(-1, label[:, None])[:, 0]


def log_prob_gradient(
    classifier: Classifier, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """grad_z log p(label | z) of a noise-aware classifier."""
    with with_gradients(z, logsnr, label) as (z, logsnr, label):
        return torch.autograd.grad(log_prob(classifier(z, logsnr), label).sum(), z)[0]


def cross_entropy(clean: Clean) -> Loss:
    """-log p(label | x) of a classifier of clean data."""
    return lambda x, label: -log_prob(clean(x), require_label(label, "clean classifier"))


def gradient(loss: Loss, x: Float[Tensor, "b *shape"], label: Tensor | None) -> Float[Tensor, "b *shape"]:
    """grad_x loss(x, label)."""
    with with_gradients(x, label) as (x, label):
        return torch.autograd.grad(loss(x, label).sum(), x)[0]


def gradient_through(
    model: Denoiser, loss: Loss, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Tensor | None
) -> tuple[Prediction, Float[Tensor, " b"], Float[Tensor, "b *shape"]]:
    """The model's prediction, the loss of its x, and grad_z of that loss: one graph, so one forward and one backward."""
    with with_gradients(z, logsnr, label) as (z, logsnr, label):
        pred = model(z, logsnr, label)
        value = loss(pred.x, label)
        grad = torch.autograd.grad(value.sum(), z)[0]
    return pred.map(Tensor.detach), value.detach(), grad


def smoothed(loss: Loss, offsets: Sequence[Tensor]) -> Loss:
    """-log of the mean of exp(-loss) over x + offset: the likelihood of a blurred x, all offsets in one batch."""

    def smoothed_loss(x: Tensor, label: Tensor | None) -> Tensor:
        n = len(offsets)
        values = loss(torch.cat([x + offset for offset in offsets]), None if label is None else label.repeat(n))
        return math.log(n) - (-values).view(n, len(x)).logsumexp(0)

    return smoothed_loss


def add_score(pred: Prediction, grad_log_p: Tensor, z: Tensor, logsnr: Float[Tensor, " b"]) -> Prediction:
    """`pred` with `grad_log_p` added to its score: eps - sigma grad_log_p, x following at the same z."""
    return from_space(pred, pred.eps - alpha_sigma(logsnr, z)[1] * grad_log_p, "eps", z, logsnr)


def shift_x(pred: Prediction, step: Tensor, z: Tensor, logsnr: Float[Tensor, " b"]) -> Prediction:
    """`pred` with x moved by `step` and eps as it was, so that z moves by alpha times it; requires "moved_z" of the sampler."""
    return pred._replace(x=pred.x + step).with_control(z=z + alpha_sigma(logsnr, z)[0] * step)
