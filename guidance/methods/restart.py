"""Restart. Xu et al., 2023, arXiv 2306.14878, Algorithm 1, around classifier-free guidance.

z <- (alpha / alpha') z + sigma sqrt(1 - e^(l - l')) noise,   z <- DDIM from l back to l';   K times at the level l'

l is `back_to` and l' the grid's level nearest to `restart_at`; the way back goes over the grid's own levels, where the paper
gives it a grid of its own and Heun's steps. Noise contracts the errors that the way down has accumulated, guidance's among
them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser, weighted_sum
from guidance.level import ROUNDING, at, level_of
from guidance.methods.method import Method
from guidance.recurrence import ddim_step, noised_back
from guidance.scale import logsnr_of_sigma


def restart(guided: Denoiser, z: Tensor, path: Sequence[float], label: Tensor | None, noise: Callable[[], Tensor]) -> Tensor:
    """z of path's last lambda diffused to its first, and stepped by DDIM over all of them: a call for each but the last."""
    start, end = path[0], path[-1]
    z = noised_back(z, end, at(start, z), noise().to(z))
    for logsnr, next_logsnr in pairwise(path):
        z = ddim_step(guided(z, at(logsnr, z), label), next_logsnr)
    return z


@dataclass(frozen=True)
class Restart(
    Method,
    name="restart",
    family="with the sampler",
    roles=("model", "levels", "noise"),
    requires_model=("null",),
    requires_sampler=("moved_z", "single_call"),
    nfe_per_call=NFE(denoiser_forward=2),  # but at one level: see nfe
    reduces_to_cfg={"times": 0},
    jumps_at_zero="the restarts stay, with noise of their own",
):
    """Classifier-free guidance that goes back to a higher noise level and repeats the steps from there.

    times: K, 0 is no restart; back_to, restart_at: lambda. The defaults are the authors' for Stable Diffusion with w = 2, from
    sigma 0.1 back to 3. ValueError unless back_to is below restart_at.
    """

    w: float = 2.0
    times: int = 2
    back_to: float = logsnr_of_sigma(3.0)
    restart_at: float = logsnr_of_sigma(0.1)

    def __post_init__(self):
        super().__post_init__()
        if self.times < 0:
            raise ValueError(f"times must be 0 or more, not {self.times}")
        if not self.back_to < self.restart_at:
            raise ValueError(f"back_to must be below restart_at, but {self.back_to:g} >= {self.restart_at:g}")

    def path(self, levels: Sequence[float]) -> list[float]:
        """The lambdas of one repetition, from back_to to the level that it starts and ends at; empty if none is above back_to."""
        end = min(levels, key=lambda level: abs(level - self.restart_at))
        between = [level for level in levels if self.back_to + ROUNDING < level < end - ROUNDING]
        return [self.back_to, *between, end] if end > self.back_to + ROUNDING else []

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """As of every method, and for each repetition a guided evaluation at every lambda of the path but its end."""
        path = self.path(logsnrs)
        repeats = self.times * (len(path) - 1) if path and self.acts(path[-1]) else 0
        return super().nfe(logsnrs) + self.nfe_per_call * repeats

    def guided(self, model: Denoiser, levels: Sequence[float], noise: Callable[[], Tensor]) -> Denoiser:
        path = self.path(levels)

        def guided_call(z, logsnr, label):
            return weighted_sum(model, z, logsnr, [label, None], [1 + self.w, -self.w])

        def restarting(z, logsnr, label):
            if not (path and self.times and abs(level_of(logsnr) - path[-1]) < ROUNDING):
                return guided_call(z, logsnr, label)
            for _ in range(self.times):
                z = restart(guided_call, z, path, label, noise)
            return guided_call(z, logsnr, label).with_control(z=z)

        return restarting
