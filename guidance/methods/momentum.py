"""Momentum guidance (MG). Liao, Yu, Su, Zhang, Chen & Liu, 2026, arXiv 2602.20360, Algorithm 1, eqs. 12 and 13 (11, 12 in v2).

u~ = u + w (u - m),   then m <- (1 - decay) u + decay m;   u = x - eps, m = u at the first call

u is the velocity of a rectified flow, whatever the network predicts, and w and decay are the paper's alpha and beta. The average
takes u and not u~. At decay = 0 and w = 1/2, DDIM on levels that are even in the flow's time is the two-step Adams-Bashforth
method. Read in two public accounts of the equations and in two re-implementations, which agree; the authors published no code.
"""

import math
from dataclasses import dataclass

from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.methods.method import Method
from guidance.spaces import norm


@dataclass(frozen=True)
class Momentum(
    Method,
    name="momentum",
    family="correction",
    requires_model=("state",),
    direction="away from the velocities before, of which there are none at the first call",
):
    """Pushes the velocity away from the average of those before it: no second branch, no further evaluation.

    w, decay: those of two re-implementations; the paper searches both, and a window of noise levels, for each model. normalise:
    the average is first given the norm of u, as for the paper's text-to-image models. The window leaves out the first twentieth
    of the flow's time, where an eps-network's x is its error, magnified, and would be remembered. A call is an evaluation: the
    paper's sampler is Euler's, and one with several evaluations a step averages over all of them. On top of another method,
    give it that one's guided denoiser as its model.
    """

    w: float = 0.5
    decay: float = 0.6
    normalise: bool = False
    logsnr_min: float | None = 2 * math.log(0.05 / 0.95)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must lie in [0, 1), not {self.decay}")

    def guided(self, model: Denoiser) -> Denoiser:
        memory = None

        def pushed(z, logsnr, label):
            nonlocal memory
            pred = model(z, logsnr, label)
            velocity = pred.x - pred.eps
            average = velocity if memory is None else memory
            memory = (1 - self.decay) * velocity + self.decay * average
            if self.normalise:
                average = average * (norm(velocity) / norm(average).clamp(min=1e-12))
            alpha, sigma = alpha_sigma(logsnr, z)
            push = self.w * (velocity - average) / (alpha + sigma)
            return pred._replace(x=pred.x + sigma * push, eps=pred.eps - alpha * push)

        return pushed
