"""How to diffuse and how to steer: lambda is the only noise coordinate, a method maps a denoiser to a denoiser."""

from typing import Any

from guidance import adapters
from guidance.chains import CHAINS, Chain
from guidance.control import StepControl
from guidance.cost import NFE, count
from guidance.denoiser import Branch, Clipped, Denoiser, NetworkDenoiser, branches, weighted_sum
from guidance.diffusion import Prediction, add_noise, alpha_sigma
from guidance.grids import GRIDS
from guidance.methods import METHODS, Method
from guidance.mixture import Mixture
from guidance.noise import SampleNoise
from guidance.samplers import SAMPLERS
from guidance.sampling import sample
from guidance.schedules import DENSITIES, CosineLogSNR

__all__ = [
    "CHAINS",
    "DENSITIES",
    "GRIDS",
    "METHODS",
    "NFE",
    "SAMPLERS",
    "Branch",
    "Chain",
    "Clipped",
    "CosineLogSNR",
    "Denoiser",
    "Method",
    "Mixture",
    "NetworkDenoiser",
    "Prediction",
    "SampleNoise",
    "StepControl",
    "adapters",
    "add_noise",
    "alpha_sigma",
    "branches",
    "count",
    "sample",
    "weighted_sum",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":  # read at its first use: importlib.metadata takes longer than the rest
        from importlib.metadata import version

        return version("guidance-bench")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
