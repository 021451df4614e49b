"""A classifier of z_lambda, trained over the density of lambda of the diffusion model. Dhariwal & Nichol, arXiv 2105.05233."""

from typing import Annotated, Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from classifiers.adversarial import attack
from classifiers.assess import assess
from classifiers.augment import random_affine
from experiments.fields import Count, DensityOf
from experiments.graph.value import value
from experiments.networks import require
from experiments.objectives.batches import TEST_LOGSNRS, ByRows, by_level, noisy_batch, noisy_parts, to
from experiments.worlds.world import Data, Labelled
from guidance.diffusion import add_noise
from guidance.schedules import CosineLogSNR


@value
class NoisyCrossEntropy(ByRows):
    """augment: trained on images turned, enlarged and shifted a little. attack_radius, attack_steps: trained on z that was moved
    against it by so much (classifiers.adversarial; 0: not at all).
    """

    name: ClassVar[str] = "noisy-cross-entropy"
    density: DensityOf = CosineLogSNR()
    augment: bool = False
    attack_radius: Annotated[float, Field(ge=0)] = 0.0
    attack_steps: Count = 3

    def build(self, network: Any, world: Any) -> nn.Module:
        return require(network, "noisy_classifier")(world)

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        x, eps, logsnr, label = noisy_batch(images, size, self.density, g)
        x = random_affine(x, g) if self.augment else x
        return (x, eps, logsnr, label, *([torch.randn(x.shape, generator=g)] if self.attack_radius else []))

    def losses_of(
        self, module: nn.Module, world: Any, x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor, start: Tensor | None = None
    ) -> Tensor:
        from classifiers.noise_aware import noisy_cross_entropy  # timm takes seconds to import

        if start is None:
            return noisy_cross_entropy(module, x, eps, logsnr, label)
        z = add_noise(x, eps, logsnr)
        module.eval()  # the attack is to leave the statistics of a batch normalisation alone
        z = attack(module, z, logsnr, label, self.attack_radius, self.attack_steps, start)
        return F.cross_entropy(module.train()(z, logsnr), label, reduction="none")

    def validation_loss(self, module: nn.Module, images: Labelled, state: dict[str, Tensor], device: str) -> float:
        """The mean negative log likelihood of validation images, over lambda, of a state of the network."""

        def nll(x: Tensor, eps: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
            logits = torch.func.functional_call(module, state, (add_noise(x, eps, logsnr), logsnr))
            return F.cross_entropy(logits, label, reduction="none")

        module.eval()
        with torch.no_grad():
            nll_by_level = by_level(images, device, nll)
        module.train()
        return sum(nll_by_level.values()) / len(nll_by_level)

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        by_level_metrics = by_lambda(module, data.test, device)
        return {
            name: {level: metrics[name] for level, metrics in by_level_metrics.items()}
            for name in next(iter(by_level_metrics.values()))
        }

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        return {role: module}

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return torch.zeros(2, *world.shape), torch.zeros(2)


def by_lambda(network: nn.Module, images: Labelled, device: str) -> dict[str, dict[str, float]]:
    """accuracy, nll and calibration_error at each of TEST_LOGSNRS, from the same noise every time."""
    logits: dict[str, list[Tensor]] = {f"{level:g}": [] for level in TEST_LOGSNRS}
    for x, eps, _ in noisy_parts(images):
        x, eps = to(device, x, eps)
        for level, found in zip(TEST_LOGSNRS, logits.values()):
            logsnr = torch.full((len(x),), level, device=device)
            found.append(network(add_noise(x, eps, logsnr), logsnr))
    label = images.label.to(device)
    return {level: assess(torch.cat(found), label) for level, found in logits.items()}
