"""Compress guidance. Dinh et al., 2024, arXiv 2408.11194.

eps~ = eps_c + w (eps_c - eps_u)   at some levels of lambda,   eps_c + w d at those between, d the last eps_c - eps_u
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.level import ROUNDING, level_of
from guidance.methods.method import Method
from guidance.spaces import from_space


@dataclass(frozen=True)
class Cached(
    Method,
    name="cached",
    family="classifier-free",
    requires_model=("null", "state"),
    space="eps",
    nfe_per_call=NFE(denoiser_forward=2),
    nfe_is_upper_bound=True,
    reduces_to_cfg={"every": 0.0},
):
    """Asks for the null branch only when lambda has gone on by `every`, and uses the last difference in between.

    every: in units of lambda. reuse: whether the steps between use the last difference (as cached guidance does, arXiv
    2410.19355, there split by frequency) or none (as Compress Guidance does, with w times the steps left out: choose w yourself).
    """

    w: float = 1.0
    every: float = 1.0
    reuse: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not self.every >= 0:
            raise ValueError(f"every must be at least 0, not {self.every}")

    def guided(self, model: Denoiser) -> Denoiser:
        last_logsnr, difference = None, None

        def guided(z, logsnr, label):
            nonlocal last_logsnr, difference
            current = level_of(logsnr)
            if last_logsnr is None or not 0 <= current - last_logsnr < self.every - ROUNDING:
                cond, null = branches(model, z, logsnr, [label, None])
                last_logsnr, difference = current, cond.eps - null.eps
            else:
                cond = model(z, logsnr, label)
                if not self.reuse:
                    return cond
            return from_space(cond, cond.eps + self.w * difference, "eps", z, logsnr)

        return guided
