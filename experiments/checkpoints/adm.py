"""guided-diffusion's denoisers (Dhariwal & Nichol, arXiv 2105.05233): azula's U-Net, t of a chain, eps and a learned variance."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.checkpoints.conventions import ChainTime, require_world
from experiments.checkpoints.state_dict import filled, read
from experiments.graph.value import value
from experiments.problems import Problem
from guidance import CHAINS, NetworkDenoiser

ATTENTION = (32, 16, 8)  # resolutions that attend


def azula_unet() -> Any:
    """azula's module of guided-diffusion's networks. Problem where the extra is not installed."""
    try:
        from azula.plugins.adm import unet
    except ImportError as error:
        raise Problem(f"the networks of ADM are azula's ({error}): pip install 'guidance-bench[checkpoints]'") from error
    return unet


@value
class ADM:
    """An adapter: the arguments of a released network, as guided-diffusion's README and model cards have them.

    head_channels: of an attention head; None: `heads` heads. new_order: queries, keys and values are split before the heads.
    classes: None for an unconditional network. chain: one of guidance.CHAINS, of 1000 steps.
    """

    name: ClassVar[str] = "adm"
    size: int
    multipliers: tuple[float, ...]
    width: int = 256
    blocks: int = 2
    head_channels: int | None = 64
    heads: int = 4
    new_order: bool = False
    scale_shift: bool = True
    classes: int | None = 1000
    channels: int = 3
    chain: Literal["linear", "cosine"] = "linear"

    def network(self, learns_variance: bool = True) -> nn.Module:
        """The U-Net (x, t, y), its parameters named as in the released files."""
        return azula_unet().UNetModel(
            image_size=self.size,
            in_channels=self.channels,
            model_channels=self.width,
            out_channels=2 * self.channels if learns_variance else self.channels,
            num_res_blocks=self.blocks,
            attention_resolutions=tuple(self.size // resolution for resolution in ATTENTION),
            channel_mult=self.multipliers,
            num_classes=self.classes,
            num_heads=self.heads,
            num_head_channels=self.head_channels or -1,
            use_scale_shift_norm=self.scale_shift,
            resblock_updown=True,
            use_new_attention_order=self.new_order,
        )

    def __call__(self, path: Path, device: str, world: Any) -> NetworkDenoiser:
        require_world("the checkpoint of ADM", world, (self.channels, self.size, self.size), self.classes)
        network = filled(self.network, read(path), path, f"ADM of size {self.size}", device)
        on_chain = OnChain(network, ChainTime(CHAINS[self.chain](1000)), self.classes)
        known = {"logsnr_range": on_chain.time.range, "has_null": self.classes is None}
        return NetworkDenoiser(on_chain, world.classes, target="eps", **known)


class OnChain(nn.Module):
    """A network (z, t, y) of a variance-preserving chain as (z, lambda, label); z is the same. classes None: no y is given."""

    conditioned_on = "logsnr"

    def __init__(self, network: nn.Module, time: ChainTime, classes: int | None):
        super().__init__()
        self.network, self.time, self.classes = network, time, classes

    def forward(
        self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b out h w"]:
        return self.network(z, self.time(logsnr), *([] if self.classes is None else [label]))


ADM_64 = ADM(size=64, width=192, blocks=3, multipliers=(1, 2, 3, 4), new_order=True, chain="cosine")
ADM_128 = ADM(size=128, multipliers=(1, 1, 2, 3, 4), head_channels=None)
ADM_256 = ADM(size=256, multipliers=(1, 1, 2, 2, 4, 4))
ADM_256_UNCOND = ADM(size=256, multipliers=(1, 1, 2, 2, 4, 4), classes=None)
ADM_512 = ADM(size=512, multipliers=(0.5, 1, 1, 2, 2, 4, 4))
