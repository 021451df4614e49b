"""How to diffuse and how to steer: lambda is the only noise coordinate, a method maps a denoiser to a denoiser."""

from guidance.chains import CHAINS, Chain
from guidance.cost import NFE, count
from guidance.denoiser import Clipped, Denoiser, NetworkDenoiser, branches
from guidance.diffusion import Prediction, add_noise, alpha_sigma
from guidance.grids import GRIDS
from guidance.methods import METHODS, Method
from guidance.mixture import Mixture
from guidance.samplers import SAMPLERS
from guidance.sampling import sample
from guidance.schedules import DENSITIES, CosineLogSNR
from guidance.seeding import SampleNoise

__all__ = [
    "CHAINS",
    "DENSITIES",
    "GRIDS",
    "METHODS",
    "NFE",
    "SAMPLERS",
    "Chain",
    "Clipped",
    "CosineLogSNR",
    "Denoiser",
    "Method",
    "Mixture",
    "NetworkDenoiser",
    "Prediction",
    "SampleNoise",
    "add_noise",
    "alpha_sigma",
    "branches",
    "count",
    "sample",
]
