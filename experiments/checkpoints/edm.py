"""EDM's pickles (Karras et al., arXiv 2206.00364): their arguments and tensors, put into our own networks (edm_unet)."""

from functools import partial
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.checkpoints.conventions import one_hot, require_world
from experiments.checkpoints.edm_unet import DHARIWAL, SONG, EDMUNet
from experiments.checkpoints.preconditioning import denoiser
from experiments.checkpoints.safe_pickle import network_of
from experiments.checkpoints.state_dict import filled
from experiments.problems import Problem
from guidance import NetworkDenoiser

DEFAULTS: dict[str, dict[str, Any]] = {
    "SongUNet": {"model_channels": 128, "channel_mult": (1, 2, 2, 2), "num_blocks": 4, "attn_resolutions": (16,)},
    "DhariwalUNet": {"model_channels": 192, "channel_mult": (1, 2, 3, 4), "num_blocks": 3, "attn_resolutions": (32, 16, 8)},
}
OF_TRAINING = ("dropout", "label_dropout", "use_fp16", "sigma_min", "sigma_max")
CHOICES = {"embedding_type": ("positional", "fourier"), "encoder_type": ("standard", "residual"), "decoder_type": ("standard",)}


def load(path: Path, device: str, world: Any) -> NetworkDenoiser:
    """The adapter `edm`."""
    stored = network_of(path, ("EDMPrecond",))
    given = stored.arguments
    size, channels, classes = (int(given.get(key) or 0) for key in ("img_resolution", "img_channels", "label_dim"))
    require_world(f"{path.name} of EDM", world, (channels, size, size), classes or None)
    build = partial(unet, given, path)
    state = {name.removeprefix("model."): each for name, each in stored.tensors().items()}
    network = filled(build, state, path, "the network of its own arguments", device)
    has_null = not classes or bool(given.get("label_dropout"))
    return denoiser(OneHot(network, classes), world.classes, has_null, sigma_data=float(given.get("sigma_data", 0.5)))


def unet(given: dict[str, Any], path: Path) -> EDMUNet:
    """The network of the arguments of EDMPrecond. Problem for a kind or an argument that is not known."""
    options = dict(given)
    kind = options.pop("model_type", "DhariwalUNet")
    size, channels, label_dim = (options.pop(key, 0) for key in ("img_resolution", "img_channels", "label_dim"))
    options = {key: held for key, held in options.items() if key not in (*OF_TRAINING, "sigma_data")}
    for key, known in CHOICES.items():
        if options.get(key, known[0]) not in known:
            raise Problem(f"{path}: {key}={options[key]} is none of {', '.join(known)}, as EDM's released networks have it")
    options.pop("decoder_type", None)
    if kind not in DEFAULTS:
        raise Problem(f"{path}: its network is a {kind}, none of {', '.join(DEFAULTS)}")
    try:
        return EDMUNet(SONG if kind == "SongUNet" else DHARIWAL, size, channels, label_dim, **{**DEFAULTS[kind], **options})
    except TypeError as error:
        raise Problem(f"{path}: an argument of its network is not known here ({error})") from error


class OneHot(nn.Module):
    """(x, c_noise, label) of a network that takes one-hot labels, zeros where there is none."""

    def __init__(self, network: nn.Module, classes: int):
        super().__init__()
        self.network, self.classes = network, classes

    def forward(
        self, x: Float[Tensor, "b c h w"], noise: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        known = one_hot(label, self.classes) if self.classes else x.new_zeros(len(x), 0)
        return self.network(x, noise, known)
