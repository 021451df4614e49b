"""The classifiers of a study: those that guide, those that judge, and one whose logits are an energy."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from torch import nn

from classifiers.backbone import require_arch
from classifiers.evaluator import Evaluator
from classifiers.half_unet import HALF_UNET, HalfUNet
from classifiers.joint_energy import JointEnergy
from classifiers.noise_aware import NoiseAware
from experiments.config import Config
from experiments.fit import FitConfig, Seed, WholeFit
from experiments.networks import COSINE, DensityConfig, seeded
from experiments.worlds import World

Positive = Annotated[float, Field(gt=0)]
Timm = Annotated[str, AfterValidator(require_arch)]


def timm_or_half_unet(arch: str) -> str:
    """`arch`. ValueError, with the nearest names, if neither timm nor this package knows it."""
    return arch if arch == HALF_UNET else require_arch(arch, HALF_UNET)


class HalfUNetConfig(Config):
    """The arguments of classifiers.half_unet.HalfUNet."""

    width: Annotated[int, Field(ge=1)] = 24
    multipliers: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 2)
    blocks: Annotated[int, Field(ge=1)] = 1
    attention: tuple[int, ...] = (1,)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def build(self, world: World, size: int) -> nn.Module:
        return HalfUNet(world.shape[0], world.classes, size, **self.model_dump())


class ClassifierConfig(Config):
    """The noise-aware classifier: any timm classification model, or "half-unet".

    size: the side that images are enlarged to, theirs at least. told: how a timm model is told lambda (classifiers.told).
    weights: what it begins with: a file of timm's weights and its sha256, "timm" for those that timm fetches, the folder of a run
    of the same kind, or nothing. augment: trained on images turned, enlarged and shifted a little. attack_radius, attack_steps:
    trained on z that was moved against it by so much (classifiers.adversarial; 0: not at all). half: the shape of a half-unet.
    """

    later: ClassVar = ("told", "weights", "sha256", "augment", "attack_radius", "attack_steps", "half")

    world: str = "digits"
    seed: Seed = 0
    arch: Annotated[str, AfterValidator(timm_or_half_unet)] = "test_resnet"
    size: Annotated[int, Field(ge=1)] = 16
    logsnr: DensityConfig = COSINE
    fit: FitConfig = FitConfig(steps=1200, weight_decay=0.05)
    told: Literal["channel", "film", "none"] = "channel"
    weights: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    augment: bool = False
    attack_radius: Annotated[float, Field(ge=0)] = 0.0
    attack_steps: Annotated[int, Field(ge=1)] = 3
    half: HalfUNetConfig = HalfUNetConfig()

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if self.arch == HALF_UNET and (self.told != "channel" or self.weights == "timm" or self.sha256):
            raise ValueError("half-unet is told lambda by its normalisations, and timm has no weights of it: leave both out")
        if self.arch != HALF_UNET and self.half != HalfUNetConfig():
            raise ValueError(f"half: {self.arch} is no half-unet; set arch=half-unet, or leave half out")
        if self.sha256 and self.weights in (None, "timm"):
            raise ValueError("sha256 is that of a file: set weights to its path")
        return self

    @seeded
    def build(self, world: World) -> nn.Module:
        if self.arch == HALF_UNET:
            return self.half.build(world, self.size)
        return NoiseAware(self.arch, world.shape[0], world.classes, self.size, told=self.told)


class EvaluatorConfig(Config):
    """The judge: another architecture, trained on clean images with another seed, never used to guide.

    augment: whether it is trained on images turned, enlarged and shifted a little. A judge that knows the training
    images by heart finds held-out real images stranger than generated ones.
    """

    world: str = "digits"
    seed: Seed = 900
    arch: Timm = "test_byobnet"
    size: Annotated[int, Field(ge=1)] = 16
    augment: bool = True
    fit: WholeFit = FitConfig(steps=1200, weight_decay=0.05)

    @seeded
    def build(self, world: World) -> nn.Module:
        return Evaluator(self.arch, world.shape[0], world.classes, self.size)


class JointEnergyConfig(Config):
    """A joint energy model (classifiers.joint_energy) over a half U-Net that is told no lambda.

    langevin_steps, step, noise: of its chains at every training step; chains, restart: of the replay buffer; blur: the noise on
    the data; bound: how much the squares of the energies count. The paper's step of 1 threw the chains of 8x8 digits out of every
    bound, one below 0.1 never brought them to the data in a thousand steps.
    """

    world: str = "digits"
    seed: Seed = 0
    size: Annotated[int, Field(ge=1)] = 8
    half: HalfUNetConfig = HalfUNetConfig(attention=())
    langevin_steps: Annotated[int, Field(ge=1)] = 20
    step: Positive = 0.3
    noise: Positive = 0.03
    chains: Annotated[int, Field(ge=1)] = 1000
    restart: Annotated[float, Field(ge=0, le=1)] = 0.05
    blur: Annotated[float, Field(ge=0)] = 0.03
    bound: Annotated[float, Field(ge=0)] = 0.05
    fit: WholeFit = FitConfig(steps=1000, batch=64, lr=5e-4)

    @seeded
    def build(self, world: World) -> nn.Module:
        return JointEnergy(Untold(self.half.build(world, self.size)), world.shape, self.chains, self.restart)


class Untold(nn.Module):
    """A classifier of noisy images as one of clean images: at lambda 0, whatever that meant, for ever."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x, x.new_zeros(len(x)))
