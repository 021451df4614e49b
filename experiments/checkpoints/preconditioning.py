"""EDM's preconditioning: D(z, sigma) = c_skip z + c_out F(c_in z, c_noise), z = x + sigma eps.

c_skip = d^2 / (sigma^2 + d^2), c_out = sigma d / sqrt(sigma^2 + d^2), c_in = 1 / sqrt(sigma^2 + d^2), d = sigma_data
(Karras et al., arXiv 2206.00364, table 1). c_noise is ln sigma times 1/4 in EDM and EDM2, times 250 in the release of the
consistency models.
"""

import math
from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance import NetworkDenoiser, adapters

SIGMA_MIN, SIGMA_MAX = 0.002, 80.0  # what the released networks are sampled between


class Preconditioned(nn.Module):
    """(z, sigma, label) -> x of a network F (z, c_noise, label)."""

    def __init__(self, network: Callable[..., Tensor], sigma_data: float, noise_scale: float):
        super().__init__()
        self.network, self.sigma_data, self.noise_scale = network, sigma_data, noise_scale

    def forward(
        self, z: Float[Tensor, "b c h w"], sigma: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        s, d2 = sigma[:, None, None, None], self.sigma_data**2
        total = s**2 + d2
        output = self.network(z / total.sqrt(), self.noise_scale * sigma.log(), label)
        return d2 / total * z + s * self.sigma_data / total.sqrt() * output


def denoiser(
    network: nn.Module, classes: int, has_null: bool, sigma_data: float = 0.5, noise_scale: float = 0.25
) -> NetworkDenoiser:
    """A Denoiser of F, between sigma 0.002 and 80."""
    ends = -2 * math.log(SIGMA_MAX), -2 * math.log(SIGMA_MIN)
    adapted = adapters.sigma(Preconditioned(network, sigma_data, noise_scale))
    return NetworkDenoiser(adapted, classes, logsnr_range=ends, has_null=has_null)
