"""The diffusion classifier: the label whose denoiser errs least. Li et al., arXiv 2303.16203; Clark & Jaini, arXiv 2303.15233.

log p(z_lambda | c) = const - 1/2 integral over gamma of E || e - e^(z', c) ||^2,   z' = r z_lambda + s e,   gamma = log r^2 / s^2

z' is z_lambda with more noise, at lambda' < lambda, and e^ is the denoiser's estimate of the noise that was added. For the ideal
denoiser this is no bound but an identity (Kong et al., arXiv 2302.03792), so that the logits are those of p(c | z_lambda) for
classes of equal weight: the implicit classifier p(z | c) / p(z) of Ho & Salimans, arXiv 2207.12598, section 3.2. At lambda = +inf
z is x, and it is the diffusion classifier of images. All classes meet the same noise.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from classifiers.denoising_errors import errors, span
from guidance.denoiser import Denoiser
from guidance.seeding import generator


class Implicit(nn.Module):
    """(z, logsnr) -> logits (b, classes) of p(c | z_lambda), by denoising errors at `levels` gammas.

    It classifies and guides as any other classifier does; a call costs levels * noises * classes evaluations per sample.

    model: any Denoiser that knows labels 0..classes-1; shape: of a sample; noises: draws at each gamma, the same ones for every
    sample and every class, of `seed`; low: the smallest lambda' that the model is evaluated at, high: the largest gamma. The
    gammas are the middles of equal parts of `span`.
    """

    def __init__(
        self,
        model: Denoiser,
        classes: int,
        shape: tuple[int, ...],
        levels: int = 16,
        noises: int = 1,
        low: float = -10.0,
        high: float = 10.0,
        seed: int = 0,
    ):
        super().__init__()
        if not low < high or levels < 1 or noises < 1:
            raise ValueError(f"low must be below high and levels and noises positive, not {low}, {high}, {levels}, {noises}")
        self.model, self.classes, self.levels, self.noises, self.low, self.high = model, classes, levels, noises, low, high
        self.register_buffer("noise", torch.randn(levels, noises, *shape, generator=generator("implicit classifier", seed, 0)))

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        start, stop = span(logsnr, self.low, self.high)
        total = z.new_zeros(len(z), self.classes)
        for level, noises in enumerate(self.noise.to(z)):
            gamma = start + (level + 0.5) / self.levels * (stop - start)
            for e in noises:
                total = total + errors(self.model, z, logsnr, gamma, e.expand_as(z), range(self.classes), self.low)
        return -0.5 * (stop - start)[:, None] / (self.levels * self.noises) * total
