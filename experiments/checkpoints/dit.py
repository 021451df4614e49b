"""DiT's released state dicts (Peebles & Xie, arXiv 2212.09748) in guidance.backbones.dit, which perturbations can reach.

The data are latents (4, size, size) of Stable Diffusion's autoencoder times 0.18215. eps and a learned variance; linear chain.
"""

import math
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.checkpoints.conventions import ChainTime, require_world
from experiments.checkpoints.state_dict import filled, read
from experiments.graph.value import value
from guidance import CHAINS, NetworkDenoiser
from guidance.backbones.dit import DiT as Network

FREQUENCIES = 256


@value
class DiT:
    """An adapter: the arguments of a released network. classes: without the null label, whose id is `classes`."""

    name: ClassVar[str] = "dit"
    size: int
    patch: int = 2
    width: int = 1152
    depth: int = 28
    heads: int = 16
    channels: int = 4
    classes: int = 1000

    def network(self) -> nn.Module:
        """The transformer (z, lambda, label)."""
        options = {"patch": self.patch, "width": self.width, "depth": self.depth, "heads": self.heads}
        network = Network(self.channels, self.classes, self.size, **options, learns_variance=True)
        network.condition = TimeCondition(self.width, self.classes)
        network.register_buffer("positions", torch.empty(1, (self.size // self.patch) ** 2, self.width))  # the file's own
        return network

    @staticmethod
    def their_name(name: str) -> str:
        """What a tensor of our network is called in the files."""
        if name.startswith("trunk."):
            _, index, inner = name.split(".", 2)
            return f"blocks.{index}.{_renamed(inner, NAMES_IN_BLOCKS)}"
        return _renamed(name, NAMES)

    def __call__(self, path: Path, device: str, world: Any) -> NetworkDenoiser:
        require_world("the checkpoint of DiT", world, (self.channels, self.size, self.size), self.classes)
        network = filled(self.network, read(path), path, f"DiT of {self.size} x {self.size} latents", device, self.their_name)
        for adapt in (network.adapt, *(block.adapt for block in network.trunk)):
            scale_first(adapt)
        network.condition.time = time = ChainTime(CHAINS["linear"](1000))
        return NetworkDenoiser(network, world.classes, target="eps", logsnr_range=time.range)


class TimeCondition(nn.Module):
    """The embedding (b, width) of t, by cosines and sines, and of the label; the last label is the null one."""

    def __init__(self, width: int, classes: int):
        super().__init__()
        self.time: Any = None
        self.label = nn.Embedding(classes + 1, width)
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"], perturbed: Any = None) -> Float[Tensor, "b width"]:
        half = FREQUENCIES // 2
        frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=logsnr.device) / half)
        angle = self.time(logsnr)[:, None] * frequencies
        level, label_embedding = self.mlp(torch.cat([angle.cos(), angle.sin()], -1)), self.label(label)
        if perturbed is not None:
            level, label_embedding = perturbed.level(level), perturbed.label(label_embedding, self.label.weight)
        return F.silu(level + label_embedding)


NAMES = {  # ours and the files'
    "positions": "pos_embed",
    "enter.proj": "x_embedder.proj",
    "condition.mlp": "t_embedder.mlp",
    "condition.label": "y_embedder.embedding_table",
    "leave": "final_layer.linear",
    "adapt": "final_layer.adaLN_modulation.1",
}
NAMES_IN_BLOCKS = {"attention": "attn", "mlp": "mlp", "adapt": "adaLN_modulation.1"}


def _renamed(name: str, names: dict[str, str]) -> str:
    own = next(own for own in names if name == own or name.startswith(f"{own}."))
    return names[own] + name.removeprefix(own)


def scale_first(adapt: nn.Linear) -> None:
    """Their rows are (shift, scale) or two times (shift, scale, gate), ours begin with the scale."""
    count = adapt.out_features // adapt.in_features
    order = [1, 0] if count == 2 else [1, 0, 2, 4, 3, 5]
    for parameter in (adapt.weight, adapt.bias):
        parameter.data = parameter.data.unflatten(0, (count, -1))[order].flatten(0, 1)


DIT_XL_2_256, DIT_XL_2_512 = DiT(size=32), DiT(size=64)
