"""CFG++. Chung et al., 2024, arXiv 2406.08070, Algorithm 2.

z' = alpha' (D_c + w Delta) + sigma' eps(z, c),   Delta = D_c - D_u

The paper writes z' = alpha' (D_u + l Delta) + sigma' eps(z), l in [0, 1]: the same step for l = w + l0, where l0 = 1 -
e^((lambda - lambda') / 2), since eps(z, c) - eps(z) = -(alpha / sigma) Delta. l0 is the l of the conditional model: its l = 0
is unconditional. A DDIM step of classifier-free guidance is the one with l = (1 + w) l0, so this one is guidance of strength w
/ l0: the finer the grid the stronger, and a fixed w is no fixed guidance between grids. As steps shrink l0 -> 0 and l = w; the
paper's 0.6 is that.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method


@dataclass(frozen=True)
class CFGPlusPlus(
    Method,
    name="cfg++",
    family="with the sampler",
    requires_model=("null",),
    requires_sampler=("decoupled_eps",),
    nfe_per_call=NFE(denoiser_forward=2),
):
    """Guides x and renoises with the eps that is not guided.

    w: of x; compare it with classifier-free guidance only at one grid.
    """

    w: float = 0.6

    def guided(self, model: Denoiser) -> Denoiser:
        return combined(model, lambda cond, null, z, logsnr: cond._replace(x=cond.x + self.w * (cond.x - null.x)))
