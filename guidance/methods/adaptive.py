"""Adaptive guidance. Castillo et al., 2023, arXiv 2312.12487, section 4.

eps~ = (1 + w) eps_c - w eps_u   until cos(eps_c, eps_u) exceeds a threshold, then eps_c
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.spaces import require_space, told


@dataclass(frozen=True)
class Adaptive(Method):
    """Leaves the null branch out, sample by sample, once it agrees with the conditional one.

    threshold: of the cosine between the two (0.991); space: in which it is taken, eps in the paper. A sample that has agreed
    stays unguided to the end of the trajectory, and costs one evaluation a step from there on.
    """

    w: float = 6.5
    threshold: float = 0.991
    space: str = "eps"
    name: ClassVar[str] = "adaptive"
    family: ClassVar[str] = "classifier-free"
    needs: ClassVar[tuple[str, ...]] = ("null", "state")
    price: ClassVar[NFE] = NFE(denoiser_forward=2)
    price_is_a_bound: ClassVar[bool] = True
    reduces: ClassVar[dict] = {"threshold": 2.0}

    def __post_init__(self):
        super().__post_init__()
        require_space(self.space)

    def guided(self, model: Denoiser) -> Denoiser:
        apart = None

        def until_they_agree(z, logsnr, label):
            nonlocal apart
            apart = torch.ones(len(z), dtype=torch.bool, device=z.device) if apart is None else apart
            if apart.all():
                cond, null = branches(model, z, logsnr, [label, None])
                guided = extrapolate(cond, null, self.w)
            else:
                guided = cond = model(z, logsnr, label)
                if not apart.any():
                    return cond
                null = model(z[apart], logsnr[apart], None)
                part = extrapolate(cond._replace(x=cond.x[apart], eps=cond.eps[apart]), null, self.w)
                x, eps = cond.x.clone(), cond.eps.clone()
                x[apart], eps[apart] = part.x, part.eps
                guided = cond._replace(x=x, eps=eps)
            one, other = (told(belief, self.space, logsnr[: len(belief.x)]).flatten(1) for belief in (cond, null))
            agree = torch.cosine_similarity(one if len(one) == len(other) else one[apart], other) > self.threshold
            apart = apart.masked_scatter(apart, ~agree)
            return guided

        return until_they_agree
