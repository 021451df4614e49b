"""p(c | z_lambda): a timm network told lambda by one more input channel, trained where the diffusion model is.

Dhariwal & Nichol, arXiv 2105.05233, section 4: the classifier sees the noise levels that it will guide at.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from classifiers.backbone import create, enlarge
from guidance.diffusion import add_noise


class NoiseAware(nn.Module):
    """Logits (b, classes) of z (b, channels, h, w) at logsnr (b,).

    arch: any timm model; size: the side to which images are enlarged; logsnr_scale: lambda is divided by it.
    """

    def __init__(self, arch: str, channels: int, num_classes: int, size: int, logsnr_scale: float = 20.0):
        super().__init__()
        self.size, self.logsnr_scale = size, logsnr_scale
        self.network = create(arch, channels + 1, num_classes, size)

    def forward(self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        z = enlarge(z, self.size)
        told = (logsnr / self.logsnr_scale)[:, None, None, None].expand(-1, 1, *z.shape[2:])
        return self.network(torch.cat([z, told], dim=1))


def noisy_cross_entropy(
    classifier: nn.Module,
    x: Float[Tensor, "b c h w"],
    eps: Float[Tensor, "b c h w"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
) -> Float[Tensor, " b"]:
    """-log p(label | z_lambda) per sample, in nats."""
    return F.cross_entropy(classifier(add_noise(x, eps, logsnr), logsnr), label, reduction="none")
