"""Classifier-free guidance with two networks. Karras et al. (EDM2), 2023, arXiv 2312.02696, section 2.3.

eps~ = (1 + w) eps(z, c) - w eps'(z),   eps' a second, usually smaller, unconditional network
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method


@dataclass(frozen=True)
class TwoNetworks(
    Method,
    name="two-networks",
    family="classifier-free",
    roles=("model", "unconditional"),
    nfe_per_call=NFE(denoiser_forward=1, weak_forward=1),
    tilted=True,
):
    """Extrapolates from an unconditional network to a conditional one: neither needs to be both."""

    w: float = 0.4

    def guided(self, model: Denoiser, unconditional: Denoiser) -> Denoiser:
        return lambda z, logsnr, label: extrapolate(model(z, logsnr, label), unconditional(z, logsnr, None), self.w)
