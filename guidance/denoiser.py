"""A network made into a Denoiser: `denoise(z, logsnr, label) -> Prediction`; label None is the unconditional model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.diffusion import Prediction, from_eps, from_x

Label = Int[Tensor, " b"] | None


@runtime_checkable
class Denoiser(Protocol):
    """Anything that says what it believes of z (b, *shape) at logsnr (b,) given label (b,) or None."""

    def __call__(self, z: Tensor, logsnr: Tensor, label: Tensor | None) -> Prediction: ...


@dataclass(frozen=True)
class EpsDenoiser:
    """A network that predicts eps, `network(z, logsnr, label)`; its null label is the id `num_classes`.

    rows: the most rows that one call of the network is given (None: no bound). A policy of the device, recorded with
        a run; it changes results by rounding only.
    """

    network: nn.Module
    num_classes: int
    rows: int | None = None

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], labels: Sequence[Label]) -> list[Prediction]:
        """One prediction per entry of `labels`, all through the network together, `rows` at a time.

        ValueError unless logsnr and every label that is not None have one entry for each row of z.
        """
        if any(len(each) != len(z) for each in (logsnr, *(entry for entry in labels if entry is not None))):
            raise ValueError(f"logsnr and label need one entry for each of the {len(z)} rows of z")
        null = torch.full_like(logsnr, self.num_classes, dtype=torch.long)
        label = torch.cat([null if entry is None else entry for entry in labels])
        inputs = z.repeat(len(labels), *(1,) * (z.ndim - 1)), logsnr.repeat(len(labels)), label
        chunks = zip(*(part.split(self.rows or len(label)) for part in inputs), strict=True)
        eps = torch.cat([self.network(*chunk) for chunk in chunks])
        return [from_eps(z, part, logsnr) for part in eps.split(len(z))]


def branches(denoiser: Denoiser, z: Tensor, logsnr: Tensor, labels: Sequence[Tensor | None]) -> list[Prediction]:
    """The predictions of one denoiser for several labels: together where it can, else one by one.

    TypeError for a bare network, which is no Denoiser.
    """
    if isinstance(denoiser, nn.Module):
        raise TypeError("a network is no Denoiser: wrap it, as in EpsDenoiser(network, num_classes)")
    together = getattr(denoiser, "branches", None)
    return together(z, logsnr, labels) if together else [denoiser(z, logsnr, label) for label in labels]


@dataclass(frozen=True)
class Clipped:
    """A denoiser whose x is clipped to [low, high], eps following: static thresholding (Imagen, arXiv 2205.11487).

    It goes outside the guidance: what guidance pushes out of the data's range comes back, whatever the method.
    At lambda = -20 it is needed: x = (z - sigma eps) / alpha multiplies the network's error by 20,000 there.
    """

    denoiser: Denoiser
    low: float = -1.0
    high: float = 1.0

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        return from_x(z, self.denoiser(z, logsnr, label).x.clamp(self.low, self.high), logsnr)
