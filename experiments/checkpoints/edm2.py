"""EDM2's pickles (Karras et al., arXiv 2312.02696): their arguments and tensors, put into our own network (edm2_unet).

The files of 64x64 are of images, those of 512x512 of latents (4, 64, 64): (sd-vae latents - mean) / std * 0.5.
"""

from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from experiments.checkpoints.conventions import require_world
from experiments.checkpoints.edm import OF_TRAINING, OneHot
from experiments.checkpoints.edm2_unet import Conv, EDM2UNet, Waves
from experiments.checkpoints.preconditioning import denoiser
from experiments.checkpoints.safe_pickle import network_of
from experiments.checkpoints.state_dict import filled
from experiments.problems import Problem
from guidance import NetworkDenoiser


class Stored(nn.Module):
    """All that a file holds: the U-Net, and the network of the uncertainty u(sigma) (section A.2), which no sampler uses."""

    def __init__(self, unet: EDM2UNet, logvar_channels: int = 128):
        super().__init__()
        self.unet, self.logvar_fourier, self.logvar_linear = unet, Waves(logvar_channels), Conv(logvar_channels, 1)


def load(path: Path, device: str, world: Any) -> NetworkDenoiser:
    """The adapter `edm2`."""
    stored = network_of(path, ("Precond",))
    given = stored.arguments
    size, channels, classes = (int(given.get(key) or 0) for key in ("img_resolution", "img_channels", "label_dim"))
    require_world(f"{path.name} of EDM2", world, (channels, size, size), classes or None)
    state = stored.tensors()
    network = filled(partial(build, given, path), state, path, "the network of its own arguments", device)
    for name, gain in network.named_parameters():
        if gain.ndim == 0:  # the original divides a gain in the file's precision, float16: a difference of 7e-4
            gain.data = gain.data.to(state[name].dtype)
    has_null = not classes or bool(given.get("label_dropout"))
    return denoiser(OneHot(network.unet, classes), world.classes, has_null, sigma_data=float(given.get("sigma_data", 0.5)))


def build(given: dict[str, Any], path: Path) -> Stored:
    """The networks of the arguments of Precond. Problem for an argument that is not known."""
    options = {key: held for key, held in given.items() if key not in (*OF_TRAINING, "sigma_data")}
    size, channels, label_dim = (options.pop(key, 0) for key in ("img_resolution", "img_channels", "label_dim"))
    logvar = options.pop("logvar_channels", 128)
    if any(options.pop(key, [1, 1]) != [1, 1] for key in ("resample_filter",)):
        raise Problem(f"{path}: its resample_filter is not [1, 1], as EDM2's released networks have it")
    try:
        return Stored(EDM2UNet(size, channels, label_dim, **options), logvar)
    except TypeError as error:
        raise Problem(f"{path}: an argument of its network is not known here ({error})") from error
