"""Adaptive guidance. Castillo et al., 2023, arXiv 2312.12487, section 4.

eps~ = (1 + w) eps_c - w eps_u   until cos(eps_c, eps_u) exceeds a threshold, then eps_c
"""

from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.spaces import to_space


@dataclass(frozen=True)
class Adaptive(
    Method,
    name="adaptive",
    family="classifier-free",
    requires_model=("null", "state"),
    nfe_per_call=NFE(denoiser_forward=2),
    decides_by_value="a sample leaves the null branch out once the two agree, to cost less",
    nfe_is_upper_bound=True,
    reduces_to_cfg={"threshold": 2.0},
):
    """Leaves the null branch out, sample by sample, once it agrees with the conditional one.

    threshold: of the cosine between the two (0.991). A sample that has agreed stays unguided to the end of the trajectory, and
    costs one evaluation per step from there on. space: in which the cosine is taken. In the paper it is eps, of a chain that
    begins where the two disagree; from pure noise on, eps is nearly z in both branches, they agree at once, and eps would never
    guide. In x they disagree most there.
    """

    w: float = 6.5
    threshold: float = 0.991
    space: str = "x"

    def guided(self, model: Denoiser) -> Denoiser:
        active = None

        def until_they_agree(z, logsnr, label):
            nonlocal active
            active = torch.ones(len(z), dtype=torch.bool, device=z.device) if active is None else active
            if active.all():
                cond, null = branches(model, z, logsnr, [label, None])
                guided = extrapolate(cond, null, self.w)
            else:
                guided = cond = model(z, logsnr, label)
                if not active.any():
                    return cond
                null = model(z[active], logsnr[active], None)
                guided_rows = extrapolate(cond._replace(x=cond.x[active], eps=cond.eps[active]), null, self.w)
                x, eps = cond.x.clone(), cond.eps.clone()
                x[active], eps[active] = guided_rows.x, guided_rows.eps
                guided = cond._replace(x=x, eps=eps)
            c, u = (to_space(pred, self.space, logsnr[: len(pred.x)]).flatten(1) for pred in (cond, null))
            agree = torch.cosine_similarity(c if len(c) == len(u) else c[active], u) > self.threshold
            active = active.masked_scatter(active, ~agree)
            return guided

        return until_they_agree
