"""The EDM networks of the consistency models' release (Song et al., arXiv 2303.01469): plain state dicts in ADM's names.

The U-Net is ADM's with three channels out. Its attention splits queries, keys and values before the heads, which is ADM's *new*
order, whatever the arguments of its scripts say; and its projections are 1x1 convolutions over images, so their weights have a
fourth dimension. It is preconditioned as EDM is, at the time 250 ln sigma.
"""

from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.checkpoints.adm import ADM
from experiments.checkpoints.conventions import require_world
from experiments.checkpoints.preconditioning import denoiser
from experiments.checkpoints.state_dict import filled, read
from experiments.graph.value import value
from guidance import NetworkDenoiser

NOISE_SCALE = 250.0


@value
class ConsistencyEDM:
    """An adapter: ADM's arguments."""

    name: ClassVar[str] = "consistency-edm"
    unet: ADM

    def network(self) -> nn.Module:
        """The U-Net (x, time, y)."""
        return self.unet.network(learns_variance=False)

    def __call__(self, path: Path, device: str, world: Any) -> NetworkDenoiser:
        unet = self.unet
        require_world("the checkpoint of EDM", world, (unet.channels, unet.size, unet.size), unet.classes)
        state = {name: _flat(name, each) for name, each in read(path).items()}
        network = filled(self.network, state, path, f"EDM's U-Net of size {unet.size}", device)
        has_null = unet.classes is None
        return denoiser(Labelled(network, unet.classes), world.classes, has_null, noise_scale=NOISE_SCALE)


def _flat(name: str, tensor: Tensor) -> Tensor:
    """A projection of an attention layer as a convolution over a sequence."""
    projection = name.endswith((".qkv.weight", ".proj_out.weight")) and tensor.ndim == 4
    return tensor.squeeze(-1) if projection else tensor


class Labelled(nn.Module):
    """(x, time, label) of a network that takes no label if it is unconditional."""

    def __init__(self, network: nn.Module, classes: int | None):
        super().__init__()
        self.network, self.classes = network, classes

    def forward(
        self, x: Float[Tensor, "b c h w"], time: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c h w"]:
        return self.network(x, time, *([] if self.classes is None else [label]))


EDM_64 = ConsistencyEDM(unet=ADM(size=64, width=192, blocks=3, multipliers=(1, 2, 3, 4), new_order=True))
EDM_256_UNCOND = ConsistencyEDM(
    unet=ADM(size=256, multipliers=(1, 1, 2, 2, 4, 4), new_order=True, scale_shift=False, classes=None)
)
