"""A model that is always asked without a label: the unconditional base of classifier guidance (Dhariwal & Nichol, Table 4).

The guided methods of an unconditional base take their class from the classifier alone; with this source as their model the scale
s on it is their own w, and in the convention of Ho & Salimans it is w = s - 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn

from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.tasks.sources import Source, network_of
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction


@dataclass(frozen=True)
class WithoutLabel:
    """A denoiser asked for its null label, whatever label it is given. network: where its evaluations are counted."""

    denoiser: Denoiser
    network: nn.Module

    def __call__(self, z: Tensor, logsnr: Tensor, label: Tensor | None) -> Prediction:
        return self.denoiser(z, logsnr, None)


@value
class Unlabelled:
    """source: of a jointly trained model, whose null label is used, or of a network that was trained without labels."""

    name: ClassVar[str] = "unlabelled"
    source: Source

    @property
    def of_seed(self) -> Callable[[int, Any], "Unlabelled"]:
        """The same of another training. AttributeError where the source is no training: then neither is this one."""
        again = self.source.of_seed
        return lambda seed, density: replace(self, source=again(seed, density))

    def play(self, role: str, given: dict[str, Any], store: Store, device: str, rows: int | None = None) -> dict[str, Any]:
        denoiser = self.source.play(role, given, store, device, rows)[role]
        return {role: WithoutLabel(denoiser, network_of(denoiser))}
