"""Tangential damping (TCFG). Kwon et al., 2025, arXiv 2503.18137, Algorithm 1.

d~ = d_u' + (1 + w) (d_c - d_u'),   d_u' = <d_u, v> v,   v the first right-singular vector of [d_c; d_u]
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.spaces import dot, in_space, parallel


def first_direction(a: Tensor, b: Tensor) -> Tensor:
    """A multiple of the first right-singular vector of the two rows a and b, per sample: by their 2x2 Gram matrix.

    The larger eigenvalue of [[p, q], [q, r]] is (p + r + root) / 2 with root^2 = (p - r)^2 + 4 q^2; its eigenvector is along
    (p - r + root, 2 q) or, the same direction, (2 q, r - p + root): of the two the one without cancellation.
    """
    p, q, r = dot(a, a), dot(a, b), dot(b, b)
    root = torch.hypot(p - r, 2 * q)
    first = p >= r
    return torch.where(first, p - r + root, 2 * q) * a + torch.where(first, 2 * q, r - p + root) * b


@dataclass(frozen=True)
class TCFG(Method, name="tcfg", family="correction", requires_model=("null",), nfe_per_call=NFE(denoiser_forward=2)):
    """Takes from the unconditional prediction what is off the direction that it shares with the conditional one.

    space: eps in the paper (the score).
    """

    w: float = 1.0
    space: str = "eps"

    def guided(self, model: Denoiser) -> Denoiser:
        def damped(cond, null):
            return cond + self.w * (cond - parallel(null, first_direction(cond, null)))

        return combined(model, in_space(self.space, damped))
