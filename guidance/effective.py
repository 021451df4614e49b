"""How hard a method really pushes: its update projected on that of classifier-free guidance, at every call.

a = <D_m - D_u, D_c - D_u> / ||D_c - D_u||^2     1 is the conditional model, 1 + w classifier-free guidance
and ||(D_m - D_u) - a (D_c - D_u)|| / ||D_c - D_u||, what no w of it explains. D is the predicted x; D_m, D_c and D_u are taken at
one z, the one that the method goes on from; what it does to z in steps of its own, Langevin or back and forth, is not seen.
(Guidance Matters, arXiv 2602.22570, compares methods at matched a.)
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from guidance.denoiser import Denoiser, Label, branches
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import at, level_of


class EffectiveWeight:
    """A guided denoiser that also keeps, for every call, lambda, a and the residual; its own evaluations of the model cost extra.

    levels: the lambdas of the grid. A prediction with a decoupled eps (CFG++) counts as the x that would make the same
    deterministic step to the next level; one that shifts the next mean, as the x that does so in the limit of small steps.
    Nothing is kept of a model without a null label.
    """

    def __init__(self, guided: Denoiser, model: Denoiser, levels: Sequence[float]):
        self.guided, self.model = guided, model
        self.next = dict(pairwise(torch.tensor(levels).tolist()))  # as a denoiser is given them, in float32
        self.logsnrs: list[float] = []
        self.dots: list[tuple[float, float, float]] = []  # of all samples, in units of z

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        pred = self.guided(z, logsnr, label)
        if not getattr(self.model, "has_null", True):
            return pred
        z_of_pred = z if pred.control.z is None else pred.control.z
        cond, null = branches(self.model, z_of_pred, logsnr, [label, None])
        alpha, _ = alpha_sigma(logsnr, z)
        update, difference = ((alpha * (x - null.x)).double() for x in (self._x(pred, z_of_pred, logsnr), cond.x))
        self.logsnrs.append(level_of(logsnr))
        pairs = ((update, difference), (difference, difference), (update, update))
        dot, size, total = ((a * b).sum().item() for a, b in pairs)
        self.dots.append((dot, size, total))
        return pred

    def _x(self, pred: Prediction, z: Tensor, logsnr: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(logsnr, z)
        x, next_logsnr = pred.x, self.next.get(level_of(logsnr))
        if "decoupled_eps" in pred.control.requires and next_logsnr is not None:
            next_alpha, next_sigma = alpha_sigma(at(next_logsnr, z), z)
            x = (sigma * (next_alpha * x + next_sigma * pred.eps) - next_sigma * z) / (sigma * next_alpha - next_sigma * alpha)
        return x if pred.control.mean_shift is None else x + sigma**2 / alpha * pred.control.mean_shift

    def by_call(self) -> dict[str, list[float | None]]:
        """logsnr, scale (a) and orthogonal of each call, of all samples together; None where D_c and D_u hardly differ."""
        largest = max((size for _, size, _ in self.dots), default=0.0)
        rows = [_ratios(*dots, threshold=1e-12 * largest) for dots in self.dots]
        return {
            "logsnr": [*self.logsnrs],
            "scale": [scale for scale, _ in rows],
            "orthogonal": [residual for _, residual in rows],
        }

    def overall(self) -> tuple[float | None, float | None]:
        """a and the residual over the whole trajectory: dot products summed over the calls, each in units of z there.

        alpha x and sigma eps are bounded at both ends of lambda, where x alone or eps alone is a network's error magnified.
        """
        return _ratios(*(sum(part) for part in zip(*self.dots))) if self.dots else (None, None)


def _ratios(dot: float, size: float, update: float, threshold: float = 0.0) -> tuple[float | None, float | None]:
    if size <= threshold:
        return None, None
    return dot / size, math.sqrt(max(0.0, update / size - (dot / size) ** 2))
