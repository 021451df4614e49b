"""What every sampler's loop needs of its grid of lambda."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Denoiser, Label
from guidance.diffusion import Prediction

TAKES = {  # what a method may ask of a sampler, and what a sampler that takes it does
    "shift": "draws each step from a Gaussian whose mean may be shifted",
    "z": "may be moved to another z between its steps",
    "apart": "renoises with an eps of another score than its x",
    "single": "asks once a step and goes from one state to the next",
    "noise": "draws noise in every step",
    "kernel": "says which Gaussian it draws each step from",
}


def levels(logsnrs: Float[Tensor, " steps"]) -> list[float]:
    """The grid as floats. ValueError unless it is finite and increases strictly, from noise to data."""
    if len(logsnrs) < 2 or not (logsnrs.isfinite().all() and (logsnrs.diff() > 0).all()):
        raise ValueError("logsnrs must be two or more finite values that increase strictly, from noise to data")
    return logsnrs.tolist()


def at(logsnr: float, z: Float[Tensor, "b *shape"]) -> Float[Tensor, " b"]:
    """`logsnr` for every row of z, as a denoiser takes it."""
    return torch.full((len(z),), logsnr, dtype=z.dtype, device=z.device)


def alpha_sigma_at(logsnr: float) -> tuple[float, float]:
    """alpha and sigma of one level, as floats."""
    return math.sqrt(1 / (1 + math.exp(-logsnr))), math.sqrt(1 / (1 + math.exp(logsnr)))


def ask(sampler, denoiser: Denoiser, z: Float[Tensor, "b *shape"], logsnr: float, label: Label) -> tuple[Tensor, Prediction]:
    """z and what is believed of it at one lambda: the z asked about, or the one that the belief moves it to.

    ValueError if the belief asks what the sampler does not take: it would be ignored silently.
    """
    belief = denoiser(z, at(logsnr, z), label)
    for name in belief.asks:
        if name not in sampler.takes:
            raise ValueError(refusal(sampler, name))
    return (z if belief.z is None else belief.z), belief


def refusal(sampler, name: str) -> str:
    """Why `sampler` cannot be used by what asks for `name` of TAKES."""
    return f"this guidance needs a sampler that {TAKES[name]}; {sampler.name} is none (guidance-bench samplers lists them)"
