"""Networks as values, one file each. Each builds what it can play: a denoiser, a classifier of noisy data, or one of clean data.

A package brings its own by the entry point guidance_bench.networks: a frozen dataclass with the methods it has a use for,
  denoiser(world, labels, learns_variance) -> (z, logsnr, label) -> what the objective trains it to say; the null label is the
    id `labels`, after those of classes and groups
  noisy_classifier(world) -> (z, logsnr) -> logits          clean_classifier(world) -> (x) -> logits, with features(x), head(f)

timm takes seconds to import: it is imported when a network is built, and what it refuses is refused then (studies.dry_run).
"""

from experiments.networks.building import require, seeded
from experiments.networks.dit import DiT
from experiments.networks.half_unet import HalfUNet
from experiments.networks.timm import Timm
from experiments.networks.unet import UNet

__all__ = ["DiT", "HalfUNet", "Timm", "UNet", "require", "seeded"]
