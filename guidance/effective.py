"""How hard a method really pushes: its update projected on that of classifier-free guidance, at every call.

a = <D_m - D_u, D_c - D_u> / ||D_c - D_u||^2     1 is the conditional model, 1 + w classifier-free guidance
and ||(D_m - D_u) - a (D_c - D_u)|| / ||D_c - D_u||, what no w of it explains. D is the predicted x; D_m, D_c and D_u are taken at
one z, the one that the method goes on from; what it does to z in steps of its own, Langevin or back and forth, is not seen.
(Guidance Matters, arXiv 2602.22570, compares methods at matched a.)
"""

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from guidance.denoiser import Denoiser, Label, branches
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import at, level_of
from guidance.seen import Seen


class Call(NamedTuple):
    """One call, of the rows that are watched: lambda, the z that the method goes on from, its x there, and what it asked."""

    logsnr: float
    z: Tensor
    label: Label
    x: Tensor
    asked: list[tuple[Tensor, Tensor, Label, Tensor]]


class EffectiveWeight:
    """A guided denoiser that also keeps, for every call, lambda, a and the residual.

    model: the one that `guided` was made of. If it is a `Seen`, only its first rows are watched, D_c and D_u are what the method
    itself asked for, where it asked at the right z, and only the rest is evaluated, once `by_call` or `overall` is asked for:
    while samples are drawn nothing is added to their cost. levels: the lambdas of the grid. A prediction with a decoupled
    eps (CFG++) counts as the x that would make the same deterministic step to the next level; one that shifts the next mean, as
    the x that does so in the limit of small steps. Nothing is kept of a model without a null label.
    """

    def __init__(self, guided: Denoiser, model: Denoiser, levels: Sequence[float]):
        self.guided, self.seen = guided, model if isinstance(model, Seen) else Seen(model)
        self.next = dict(pairwise(torch.tensor(levels).tolist()))  # as a denoiser is given them, in float32
        self.calls: list[Call] = []

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        self.seen.asked = []
        pred = self.guided(z, logsnr, label)
        if getattr(self.seen.model, "has_null", True):
            z_of_pred = z if pred.control.z is None else pred.control.z
            first = self.seen.first
            kept = first(z_of_pred), None if label is None else first(label), first(self._x(pred, z_of_pred, logsnr))
            self.calls.append(Call(level_of(logsnr), *kept, self.seen.asked))
        return pred

    def _x(self, pred: Prediction, z: Tensor, logsnr: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(logsnr, z)
        x, next_logsnr = pred.x, self.next.get(level_of(logsnr))
        if "decoupled_eps" in pred.control.requires and next_logsnr is not None:
            next_alpha, next_sigma = alpha_sigma(at(next_logsnr, z), z)
            x = (sigma * (next_alpha * x + next_sigma * pred.eps) - next_sigma * z) / (sigma * next_alpha - next_sigma * alpha)
        return x if pred.control.mean_shift is None else x + sigma**2 / alpha * pred.control.mean_shift

    @cached_property
    def dots(self) -> list[tuple[float, float, float]]:
        """Of each call <D_m - D_u, D_c - D_u>, ||D_c - D_u||^2 and ||D_m - D_u||^2, of all watched samples, in units of z."""
        found = []
        for call in self.calls:
            cond, null = (self._at(call, label) for label in (call.label, None))
            alpha, _ = alpha_sigma(at(call.logsnr, call.z), call.z)
            update, difference = ((alpha * (x - null)).double() for x in (call.x, cond))
            pairs = ((update, difference), (difference, difference), (update, update))
            dot, size, total = ((a * b).sum().item() for a, b in pairs)
            found.append((dot, size, total))
        return found

    def _at(self, call: Call, label: Label) -> Tensor:
        """The model's x at a call's z: what the method asked for last, or else evaluated now."""
        logsnr = at(call.logsnr, call.z)
        for z, levels, given, x in reversed(call.asked):
            if _same(given, label) and torch.equal(levels, logsnr) and torch.equal(z, call.z):
                return x
        with torch.no_grad():
            return branches(self.seen.model, call.z, logsnr, [label])[0].x

    def by_call(self) -> dict[str, list[float | None]]:
        """logsnr, scale (a) and orthogonal of each call, of all samples together; None where D_c and D_u hardly differ."""
        largest = max((size for _, size, _ in self.dots), default=0.0)
        rows = [_ratios(*dots, threshold=1e-12 * largest) for dots in self.dots]
        return {
            "logsnr": [call.logsnr for call in self.calls],
            "scale": [scale for scale, _ in rows],
            "orthogonal": [residual for _, residual in rows],
        }

    def overall(self) -> tuple[float | None, float | None]:
        """a and the residual over the whole trajectory: dot products summed over the calls, each in units of z there.

        alpha x and sigma eps are bounded at both ends of lambda, where x alone or eps alone is a network's error magnified.
        """
        return _ratios(*(sum(part) for part in zip(*self.dots))) if self.dots else (None, None)


def _same(given: Label, label: Label) -> bool:
    return given is None if label is None else given is not None and torch.equal(given, label)


def _ratios(dot: float, size: float, update: float, threshold: float = 0.0) -> tuple[float | None, float | None]:
    if size <= threshold:
        return None, None
    return dot / size, math.sqrt(max(0.0, update / size - (dot / size) ** 2))
