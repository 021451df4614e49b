"""Gradients of what a network says, per sample: rows of a batch do not meet, so the gradient of the SUM over rows is each
row's own, where that of the mean would shrink with the batch.

`sample` runs without gradients, perhaps in inference mode: they are turned on here, on copies, and nothing comes out attached.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction

Classifier = Callable[[Tensor, Tensor], Tensor]  # (z, logsnr) -> logits (b, classes)
Energy = Callable[[Tensor], Tensor]  # x -> (b,)


@contextmanager
def with_gradients(*tensors: Tensor | None) -> Iterator[list]:
    """Copies of `tensors` that a graph may be built on, the first of them a leaf; None stays None. Inference tensors too."""
    with torch.inference_mode(False), torch.enable_grad():
        first, *others = (None if each is None else each.detach().clone() for each in tensors)
        yield [first.requires_grad_(), *others]


def require_label(label: Tensor | None, name: str) -> None:
    """ValueError unless there is a label to steer to."""
    if label is None:
        raise ValueError(f"{name} needs the label it steers to, not None")


def log_prob(logits: Float[Tensor, "b classes"], label: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
    """log p(label) of each row's logits."""
    return logits.log_softmax(-1).gather(-1, label[:, None])[:, 0]


def log_prob_gradient(
    classifier: Classifier, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """grad_z log p(label | z) of a noise-aware classifier."""
    with with_gradients(z, logsnr, label) as (z, logsnr, label):
        return torch.autograd.grad(log_prob(classifier(z, logsnr), label).sum(), z)[0]


def gradient(energy: Energy, x: Float[Tensor, "b *shape"]) -> Float[Tensor, "b *shape"]:
    """grad_x energy(x), per sample; energy is given a copy of x."""
    with with_gradients(x) as (x,):
        return torch.autograd.grad(energy(x).sum(), x)[0]


def gradient_through(
    model: Denoiser, energy: Energy, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Tensor | None
) -> tuple[Prediction, Float[Tensor, " b"], Float[Tensor, "b *shape"]]:
    """The model's belief, energy of its x, and grad_z of that through the model: one graph, so one forward and one backward."""
    with with_gradients(z, logsnr, label) as (z, logsnr, label):
        belief = model(z, logsnr, label)
        value = energy(belief.x)
        slope = torch.autograd.grad(value.sum(), z)[0]
    return Prediction(*(each.detach() if isinstance(each, Tensor) else each for each in belief)), value.detach(), slope
