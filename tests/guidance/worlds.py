"""Small exact worlds and small networks for the tests of the room."""

import torch
from torch import nn

from guidance import CosineLogSNR, Mixture, NetworkDenoiser, SampleNoise
from guidance.backbones.unet import UNet

SCHEDULE = CosineLogSNR()


def mixture(dtype: torch.dtype = torch.float64) -> Mixture:
    """Three classes in the plane, four components, one class with two, full covariances."""
    means = torch.tensor([[0.0, 1.2], [-1.0, -0.6], [1.0, -0.6], [1.4, 0.8]], dtype=dtype)
    roots = torch.tensor([[[0.5, 0.0], [0.2, 0.3]], [[0.4, 0.0], [0.0, 0.4]], [[0.3, 0.1], [0.0, 0.6]], [[0.2, 0], [0.1, 0.2]]])
    roots = roots.to(dtype)
    weights = torch.tensor([0.3, 0.3, 0.25, 0.15], dtype=dtype)
    return Mixture(means, roots @ roots.mT, weights, torch.tensor([0, 1, 2, 2]))


def networks() -> tuple[NetworkDenoiser, nn.Module]:
    """An untrained U-Net for 8x8 images whose output depends on all its conditions, and a classifier of three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unet = UNet(1, 3, width=8, multipliers=(1, 2))
        for parameter in unet.parameters():  # the zero-initialised layers too
            parameter.data += 0.1 * torch.randn_like(parameter)
        classifier = TinyClassifier()
    return NetworkDenoiser(unet.eval(), 3), classifier


class TinyClassifier(nn.Module):
    """Smooth logits of three classes, conditioned on lambda."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(65, 16), nn.Tanh(), nn.Linear(16, 3))

    def forward(self, z, logsnr):
        return self.layers(torch.cat([z.flatten(1), logsnr[:, None] / 20], 1))


def noise(n: int, shape=(1, 8, 8), seed: int = 3, first: int = 0) -> SampleNoise:
    return SampleNoise(seed, range(first, first + n), shape)
