"""How hard a method really pushes: its update projected on that of classifier-free guidance, at every call.

a = <D_m - D_u, D_c - D_u> / ||D_c - D_u||^2     1 is the conditional model, 1 + w classifier-free guidance
and ||(D_m - D_u) - a (D_c - D_u)|| / ||D_c - D_u||, what no w of it explains. D is the believed x; D_m, D_c and D_u are taken at
one z, the one that the method goes on from. (Guidance Matters, arXiv 2602.22570, compares methods at matched a.)
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from guidance.denoiser import Denoiser, Label, branches
from guidance.diffusion import Prediction, alpha_sigma


class Effective:
    """A guided denoiser that also keeps, for every call, lambda, a and the residual; what it asks the model costs extra.

    levels: the lambdas of the grid. A belief whose x and eps stand apart (CFG++) is told as the x that would make the same
    deterministic step to the next level; one that shifts the next mean, as the x that does so in the limit of small steps.
    """

    def __init__(self, guided: Denoiser, model: Denoiser, levels: Sequence[float]):
        self.guided, self.model = guided, model
        self.next = dict(pairwise(torch.tensor(levels).tolist()))  # as a denoiser is told them, in float32
        self.logsnrs: list[float] = []
        self.dots: list[tuple[Tensor, Tensor, Tensor]] = []

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        belief = self.guided(z, logsnr, label)
        here = z if belief.z is None else belief.z
        cond, null = branches(self.model, here, logsnr, [label, None])
        update, difference = (x.flatten(1) - null.x.flatten(1) for x in (self._x(belief, here, logsnr), cond.x))
        self.logsnrs.append(logsnr[0].item())
        self.dots.append(tuple((a * b).sum(1) for a, b in ((update, difference), (difference, difference), (update, update))))
        return belief

    def _x(self, belief: Prediction, z: Tensor, logsnr: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(logsnr, z)
        x, after = belief.x, self.next.get(logsnr[0].item())
        if "apart" in belief.asks and after is not None:
            next_alpha, next_sigma = alpha_sigma(torch.full_like(logsnr, after), z)
            x = (sigma * (next_alpha * x + next_sigma * belief.eps) - next_sigma * z) / (sigma * next_alpha - next_sigma * alpha)
        return x if belief.shift is None else x + sigma**2 / alpha * belief.shift

    def by_call(self) -> dict[str, list[float | None]]:
        """logsnr, scale (a) and orthogonal of each call: means over the samples whose D_c and D_u differ, None if none do."""
        rows = [_mean(*dots) for dots in self.dots]
        return {"logsnr": self.logsnrs, "scale": [scale for scale, _ in rows], "orthogonal": [rest for _, rest in rows]}


def overall(by_call: dict[str, list[float | None]]) -> tuple[float | None, float | None]:
    """a and the residual over a trajectory: means over its calls but the first and the last; None if there is none to take.

    At the two ends of lambda x or eps is an error of the network magnified by thousands, and so is a call's ratio of two such.
    """
    parts = [[value for value in by_call[name][1:-1] if value is not None] for name in ("scale", "orthogonal")]
    scale, rest = (sum(part) / len(part) if part else None for part in parts)
    return scale, rest


def _mean(dot: Tensor, size: Tensor, update: Tensor) -> tuple[float | None, float | None]:
    dot, size, update = (part.double() for part in (dot, size, update))
    known = size > 1e-12 * size.max()
    if not known.any():
        return None, None
    scale = (dot / size)[known]
    rest = (update[known] / size[known] - scale**2).clamp(min=0).sqrt()
    return scale.mean().item(), rest.mean().item()
