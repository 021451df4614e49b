"""p(c | z_lambda): a timm network conditioned on lambda, trained where the diffusion model is.

Dhariwal & Nichol, arXiv 2105.05233, section 4: the classifier sees the noise levels that it will guide at.
"""

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from classifiers.backbone import create
from classifiers.enlarge import enlarge
from classifiers.noise_conditioning import NOISE_CONDITIONING, Film
from guidance.diffusion import add_noise


class NoiseAware(nn.Module):
    """Logits (b, classes) of z (b, channels, h, w) at logsnr (b,).

    arch: any timm model; size: the side to which images are enlarged; noise_conditioning: how lambda enters:
    "channel" (one more input channel, lambda / logsnr_scale), "film" (classifiers.noise_conditioning), "none" (not at all).
    """

    def __init__(
        self,
        arch: str,
        channels: int,
        num_classes: int,
        size: int,
        logsnr_scale: float = 20.0,
        noise_conditioning: str = "channel",
    ):
        super().__init__()
        if noise_conditioning not in NOISE_CONDITIONING:
            raise ValueError(f"noise_conditioning must be one of {', '.join(NOISE_CONDITIONING)}, not {noise_conditioning!r}")
        self.arch, self.size, self.logsnr_scale, self.noise_conditioning = arch, size, logsnr_scale, noise_conditioning
        self.channels, self.num_classes = channels + (noise_conditioning == "channel"), num_classes
        self.network = create(arch, self.channels, num_classes, size)
        self.film = Film(self.network) if noise_conditioning == "film" else None

    def begin_with(self, weights: str) -> None:
        """Takes pre-trained `weights`, a file of timm's or "timm" for those that it fetches. ValueError as `create`."""
        pretrained = create(self.arch, self.channels, self.num_classes, self.size, weights)
        self.network.load_state_dict(pretrained.state_dict())

    def forward(self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        z = enlarge(z, self.size)
        if self.noise_conditioning == "channel":
            level = (logsnr / self.logsnr_scale)[:, None, None, None].expand(-1, 1, *z.shape[2:])
            z = torch.cat([z, level], dim=1)
        with self.film.conditioned_on(logsnr) if self.film is not None else nullcontext():
            return self.network(z)


def noisy_cross_entropy(
    classifier: nn.Module,
    x: Float[Tensor, "b c h w"],
    eps: Float[Tensor, "b c h w"],
    logsnr: Float[Tensor, " b"],
    label: Int[Tensor, " b"],
) -> Float[Tensor, " b"]:
    """-log p(label | z_lambda) per sample, in nats."""
    return F.cross_entropy(classifier(add_noise(x, eps, logsnr), logsnr), label, reduction="none")
