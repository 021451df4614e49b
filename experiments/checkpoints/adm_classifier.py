"""guided-diffusion's classifiers of noisy images (Dhariwal & Nichol, arXiv 2105.05233, section 4): azula's half U-Net, t."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn

from experiments.checkpoints.adm import ATTENTION, azula_unet
from experiments.checkpoints.conventions import ChainTime, require_world
from experiments.checkpoints.state_dict import filled, read
from experiments.graph.value import value
from guidance import CHAINS


@value
class ADMClassifier:
    """An adapter of the role `classifier`: the arguments of a released network."""

    name: ClassVar[str] = "adm-classifier"
    size: int
    multipliers: tuple[float, ...]
    blocks: int = 2
    width: int = 128
    head_channels: int = 64
    classes: int = 1000
    channels: int = 3
    chain: Literal["linear", "cosine"] = "linear"

    def network(self) -> nn.Module:
        """The half U-Net (x, t) with attention pooling, its parameters named as in the released files."""
        return azula_unet().EncoderUNetModel(
            image_size=self.size,
            in_channels=self.channels,
            model_channels=self.width,
            out_channels=self.classes,
            num_res_blocks=self.blocks,
            attention_resolutions=tuple(self.size // resolution for resolution in ATTENTION),
            channel_mult=self.multipliers,
            num_head_channels=self.head_channels,
            use_scale_shift_norm=True,
            resblock_updown=True,
            pool="attention",
        )

    def __call__(self, path: Path, device: str, world: Any) -> nn.Module:
        require_world("the classifier of ADM", world, (self.channels, self.size, self.size), self.classes)
        network = filled(self.network, read(path), path, f"ADM's classifier of size {self.size}", device)
        return NoisyClassifier(network, ChainTime(CHAINS[self.chain](1000)))


class NoisyClassifier(nn.Module):
    """Logits of z at lambda, from a network (z, t) of a variance-preserving chain. ValueError for a lambda off the chain."""

    def __init__(self, network: nn.Module, time: ChainTime):
        super().__init__()
        self.network, self.time = network, time

    def forward(self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        return self.network(z, self.time(logsnr))


CLASSIFIER_64 = ADMClassifier(size=64, blocks=4, multipliers=(1, 2, 3, 4), chain="cosine")
CLASSIFIER_128 = ADMClassifier(size=128, multipliers=(1, 1, 2, 3, 4))
CLASSIFIER_256 = ADMClassifier(size=256, multipliers=(1, 1, 2, 2, 4, 4))
CLASSIFIER_512 = ADMClassifier(size=512, multipliers=(0.5, 1, 1, 2, 2, 4, 4))
