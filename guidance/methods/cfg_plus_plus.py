"""CFG++. Chung et al., 2024, arXiv 2406.08070, Algorithm 2.

z' = alpha' (D_c + w Delta) + sigma' eps(z, c),   Delta = D_c - D_u

The paper renoises with the unconditional eps: z' = alpha' (D_u + k Delta) + sigma' eps(z), its scale k in [0, 1]. In DDIM with
eta = 0 both are the same step for k = w + k0, k0 = 1 - e^((lambda - lambda') / 2), because eps(z, c) - eps(z) =
-(alpha / sigma) Delta: k = 0 is the unconditional model, k = k0 the conditional one (w = 0), k = (1 + u) k0 classifier-free
guidance of strength u. So w acts as classifier-free guidance of strength w / k0: a fixed w is stronger on a finer grid. As steps
shrink k0 -> 0 and k -> w, hence the default 0.6, the paper's k. At the last call k0 = 1: the sample is D_c + w Delta.
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
    """Guides x and renoises with the conditional eps; the paper's unconditional one is the same step at another w (see above).

    w: guidance of x alone. Compare it with classifier-free guidance only on the same grid.
    """

    w: float = 0.6

    def guided(self, model: Denoiser) -> Denoiser:
        return combined(model, lambda cond, null, z, logsnr: cond._replace(x=cond.x + self.w * (cond.x - null.x)))
