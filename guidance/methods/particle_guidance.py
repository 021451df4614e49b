"""Particle guidance. Corso et al., 2023, arXiv 2310.13102, section 5.

eps~_i = eps(z_i, c) - w (sigma / alpha) sum_j (2 / h) exp(-||z_i - z_j||^2 / h) (z_i - z_j),   h = med_j ||z_i - z_j||^2 / log n

The rows of one label repel each other, by a sum over the others of a radial kernel of z itself (the paper's "pixel" form; its
other one compares features of a network). n counts the rows of the label: alone, a sample is the plain model's. The schedule is
that of the authors' code: weight sigma / alpha on eps, where that is above 1. The code has log(n - 1), with which two particles
would not repel, and the SVGD heuristic log n, used here, where it counts the particle itself; it repels on top of
classifier-free guidance, here on the conditional model alone.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.methods.method import Method
from guidance.particles import rows_by_label
from guidance.scale import logsnr_of_sigma
from guidance.spaces import from_space

NUMBERS = 2**22  # in the differences of rows that are held at a time


def repulsion(z: Tensor) -> Tensor:
    """Minus the gradient of the summed kernels at each of the rows z (n, d), h held; 0 if there is one row.

    In memory for NUMBERS differences of rows at a time, or for one row's.
    """
    if len(z) < 2:
        return torch.zeros_like(z)
    places = torch.arange(len(z), device=z.device)
    size = max(1, NUMBERS // z.numel())
    return torch.cat([_repulsion(rows, z, own) for rows, own in zip(z.split(size), places.split(size))])


def _repulsion(rows: Tensor, z: Tensor, places: Tensor) -> Tensor:
    """That of the rows of z that lie at these places."""
    offset = rows[:, None] - z
    squared = (offset**2).sum(-1)
    others = torch.arange(len(z), device=z.device) != places[:, None]
    median = squared[others].view(len(rows), -1).median(1, keepdim=True).values
    h = (median / math.log(len(z))).clamp(min=1e-12)
    return ((2 / h * torch.exp(-squared / h))[..., None] * offset).sum(1)


@dataclass(frozen=True)
class ParticleGuidance(
    Method,
    name="particle-guidance",
    family="with the sampler",
    requires_model=("particles",),
    direction="away from the other samples of the label, which need not be towards it",
    decides_by_value="rows are gathered by their label",
):
    """The conditional model with a repulsion between the samples of one label: for diversity, and against no other model.

    w: of the potential, the authors' coefficient. logsnr_max: theirs, sigma above 1 of the data's unit.
    """

    w: float = 8.0
    logsnr_max: float | None = logsnr_of_sigma(1.0)

    def guided(self, model: Denoiser) -> Denoiser:
        def repelled(z, logsnr, label):
            pred, flat = model(z, logsnr, label), z.flatten(1)
            away = torch.zeros_like(flat)
            for rows in rows_by_label(label, z):
                away[rows] = repulsion(flat[rows])
            alpha, sigma = alpha_sigma(logsnr, z)
            return from_space(pred, pred.eps - self.w * sigma / alpha * away.view_as(z), "eps", z, logsnr)

        return repelled
