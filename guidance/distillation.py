"""What a distilled student learns: the guided teacher in one evaluation, and two steps of DDIM in one.

Stage one of Meng et al. (arXiv 2210.03142), and stage two of theirs, which is the progressive distillation of Salimans & Ho
(arXiv 2202.00512, Algorithm 2). Read: google-research/diffusion_distillation, dpm.py (the target of two steps, the last step, the
weightings), and of Meng et al. the introduction. Not read: its body, from memory of which it is that w is uniform, that the
weight is the truncated SNR and that the student begins with the teacher's weights.

With r = alpha / sigma = e^(lambda / 2) a step of DDIM from z at l to l' is  z' / sigma' = z / sigma + (r' - r) x,  x that of the
prediction at z. Two steps l -> l' -> l'' of the teacher, x_1 at z and x_2 at z', therefore are the one step whose prediction is

    x = a x_1 + (1 - a) x_2,   a = (r' - r) / (r'' - r) = (e^((l' - l) / 2) - 1) / (e^((l'' - l) / 2) - 1)

a mean of both, which needs no division by what may be 0; to clean data l'' is infinite, a is 0 and x is x_2.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.denoiser import Denoiser, Label, branches
from guidance.diffusion import add_noise
from guidance.methods.classifier_free import extrapolate


def guided_x(
    teacher: Denoiser, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"], w: Float[Tensor, " b"]
) -> Float[Tensor, "b *shape"]:
    """x of D_c + w (D_c - D_u), w each row's own: what the student of stage one learns. Two evaluations of the teacher."""
    cond, null = branches(teacher, z, logsnr, [label, None])
    return extrapolate(cond, null, rows(w, z)).x


def two_step_x(
    teacher: Denoiser,
    z: Float[Tensor, "b *shape"],
    logsnr: Float[Tensor, " b"],
    middle: Float[Tensor, " b"],
    end: Float[Tensor, " b"],
    label: Label,
) -> Float[Tensor, "b *shape"]:
    """The x with which one step of DDIM from `logsnr` to `end` lands where two of the teacher by way of `middle` do.

    logsnr < middle < end, each row's own; an infinite `end` is clean data, where the sampler returns the last prediction.
    """
    first = teacher(z, logsnr, label)
    second = teacher(add_noise(first.x, first.eps, middle), middle, label)
    share = torch.expm1((middle - logsnr) / 2) / torch.expm1((end - logsnr) / 2)
    return torch.lerp(second.x, first.x, rows(share, z))


def rows(value: Float[Tensor, " b"], like: Float[Tensor, "b *shape"]) -> Tensor:
    """A number for each row, shaped (b, 1, ...) to broadcast against `like`."""
    return value.reshape(-1, *(1,) * (like.ndim - 1)).to(like)
