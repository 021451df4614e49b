"""Averages of weights by a power function, of any length, rebuilt after training: Karras et al. (EDM2), arXiv 2312.02696.

After t steps of weights theta_1, ..., theta_t the average of exponent gamma is updated by beta = (1 - 1 / t)^(gamma + 1), so
that it is sum_i w_i theta_i with w_i = (i^(gamma + 1) - (i - 1)^(gamma + 1)) / t^(gamma + 1), about (gamma + 1) i^gamma of it.
sigma_rel, the standard deviation of i under these weights as a share of t, says how long it is. Two averages are tracked and
kept along the training; that of any other length and step is a combination of these, by least squares on the weights w.

Read: training/phema.py of NVlabs/edm2 (equations 108 to 151 and Algorithms 2 and 3, by its comments); the paper itself could
not be read here. That file solves for continuous profiles; here the discrete ones are taken, which are exactly those kept.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from experiments.fields import Count, different
from experiments.graph.value import value

LONGEST = 12**-0.5  # sigma_rel of gamma = 0, the plain mean of all steps
SigmaRel = Annotated[float, Field(gt=0, lt=LONGEST)]


@value
class Averages:
    """Which averages a training tracks: sigmas (sigma_rel of each), kept every so many steps, and at the end."""

    sigmas: Annotated[tuple[SigmaRel, ...], Field(min_length=1), AfterValidator(different)] = (0.05, 0.1)
    every: Count

    def kept(self, steps: int) -> list[tuple[float, int]]:
        """(sigma_rel, step) of every average that a training of so many steps keeps, or has kept by then."""
        marks = [*range(self.every, steps + 1, self.every)]
        return [(sigma, step) for step in [*marks, *([steps] if steps % self.every else [])] for sigma in self.sigmas]

    def due(self, step: int, steps: int) -> bool:
        """Whether they are kept after this step of so many."""
        return step % self.every == 0 or step == steps


def gamma_of(sigma: float) -> float:
    """The exponent whose profile has this sigma_rel: sigma^2 = (gamma + 1) / ((gamma + 2)^2 (gamma + 3)) (EDM2, eq. 123)."""
    if not 0 < sigma < LONGEST:
        raise ValueError(f"sigma_rel is above 0 and below {LONGEST:.4f}, the plain mean of all steps, not {sigma:g}")
    t = sigma**-2
    return float(np.roots([1.0, 7.0, 16.0 - t, 12.0 - t]).real.max())


def sigma_of(gamma: float) -> float:
    """The standard deviation of the continuous profile of exponent gamma, as a share of its length."""
    return math.sqrt((gamma + 1) / (gamma + 3)) / (gamma + 2)


def beta(sigma: float, step: int) -> float:
    """What is kept of an average at the update after `step` steps (from 1): nothing at the first."""
    return (1 - 1 / step) ** (gamma_of(sigma) + 1)


def profile(sigma: float, step: int, length: int) -> np.ndarray:
    """The weights (length,) of theta_1, theta_2, ... in an average after `step` steps; they add up to 1."""
    reached = (np.minimum(np.arange(length + 1, dtype=np.float64), step) / step) ** (gamma_of(sigma) + 1)
    return np.diff(reached)


def coefficients(kept: Sequence[tuple[float, int]], sigma: float, step: int) -> np.ndarray:
    """By how much each kept average (sigma_rel, step) counts in the one of `sigma` after `step` steps; they add up to 1.

    The least squares of the difference of profiles; those kept later than `step` do not count.
    """
    usable = [index for index, (_, at) in enumerate(kept) if at <= step]
    if not usable:
        raise ValueError(f"no average was kept by step {step}: the first is of step {min(at for _, at in kept)}")
    design = np.stack([profile(*kept[index], step) for index in usable], axis=1)
    found = np.linalg.lstsq(design, profile(sigma, step, step), rcond=None)[0]
    shares = np.zeros(len(kept))
    shares[usable] = found / found.sum()
    return shares


def misfit(kept: Sequence[tuple[float, int]], sigma: float, step: int) -> float:
    """The distance of the rebuilt profile from the one asked for, as a share of that one's norm."""
    wanted, shares = profile(sigma, step, step), coefficients(kept, sigma, step)
    rebuilt = sum(share * profile(*one, step) for share, one in zip(shares, kept) if share)
    return float(np.linalg.norm(rebuilt - wanted) / np.linalg.norm(wanted))


def average_file(sigma: float, step: int) -> str:
    """The name of the file that holds an average after so many steps."""
    return f"average-{sigma:g}-{step:07d}.safetensors"


def combined(states: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """The sum of states, each times its share, in float64 and then in their dtype; what is no float is that of the last."""
    total = {}
    for name, last in states[-1].items():
        if not (last.is_floating_point() or last.is_complex()):
            total[name] = last
            continue
        wide = last.to(torch.complex128 if last.is_complex() else torch.float64)
        held = torch.zeros_like(wide)
        for state, share in zip(states, shares):
            held += share * state[name].to(wide.dtype)
        total[name] = held.to(last.dtype)
    return total
