"""Gibbs-like guidance (CFGiG). Moufad et al., 2025, arXiv 2505.21101, Algorithm 1.

x <- DDIM from (alpha* x + sigma* noise) with (1 + w) D_c - w D_u,   R times;   x at first of the conditional model

Classifier-free guidance lacks a term that vanishes where there is little noise. Guidance is therefore left to repetitions that
begin at a low noise level lambda*, and the first pass has none. They go over lambda* and the grid's levels above it, where the
authors divide a budget of steps (12 and twice 10 of 32, Heun). All of them happen at the last call: a window that leaves it out
turns them off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.diffusion import add_noise
from guidance.level import ROUNDING, at
from guidance.methods.method import Method
from guidance.recurrence import ddim_step, next_level
from guidance.scale import logsnr_of_sigma


@dataclass(frozen=True)
class GibbsLike(
    Method,
    name="gibbs",
    family="with the sampler",
    roles=("model", "levels", "noise"),
    requires_model=("null",),
    requires_sampler=("moved_z", "single_call"),
    jumps_at_zero="the repetitions stay, with noise of their own",
):
    """Samples the conditional model, then repeatedly adds some noise and removes it with classifier-free guidance.

    repetitions: R; logsnr_star: lambda*, of the noise that is added (the authors' code: sigma 1). As w -> 0 the repetitions
    stay, and keep the conditional model's distribution, but not its samples.
    """

    w: float = 1.0
    repetitions: int = 2
    logsnr_star: float = logsnr_of_sigma(1.0)

    def __post_init__(self):
        super().__post_init__()
        if self.repetitions < 1:
            raise ValueError(f"repetitions must be 1 or more, not {self.repetitions}")

    def path(self, levels: Sequence[float]) -> list[float]:
        """The lambdas of one repetition: lambda*, and the levels above it."""
        return [self.logsnr_star, *(level for level in levels if level > self.logsnr_star + ROUNDING)]

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method, and at the last level the repetitions, two evaluations at every lambda of theirs."""
        rounds = self.repetitions * self.acts(max(logsnrs))
        return super().nfe(logsnrs) + NFE(denoiser_forward=2 * rounds * len(self.path(logsnrs)))

    def guided(self, model: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        path = self.path(levels)

        def refined(z, logsnr, label):
            pred = model(z, logsnr, label)
            if next_level(logsnr, levels) is not None:
                return pred
            for _ in range(self.repetitions):
                z = add_noise(pred.x, noise().to(pred.x), at(path[0], z))
                for level, next_logsnr in zip(path, [*path[1:], None]):
                    pred = weighted_sum(model, z, at(level, z), [label, None], [1 + self.w, -self.w])
                    z = z if next_logsnr is None else ddim_step(pred, next_logsnr)
            return pred.with_control(z=z)

        return refined
