"""How the order of a sampler is measured: the slope of its error against the number of steps, in log-log."""

import math
from dataclasses import dataclass
from functools import cache

import torch
from worlds import mixture

from guidance import METHODS, SAMPLERS, CosineLogSNR, Mixture
from guidance.level import alpha_sigma_at
from guidance.samplers.heun import Heun

FLOW = {"ddim": [64, 128, 256], "heun": [128, 256, 512], "dpm-solver++": [128, 256, 512]}
NOISY = [
    SAMPLERS["ancestral"](v=0.0),
    SAMPLERS["ancestral"](v=0.3),
    SAMPLERS["ancestral"](v=1.0),
    SAMPLERS["ddpm"](),
    SAMPLERS["ddpm"](variance="beta-tilde"),
    SAMPLERS["ddim"](eta=0.5),
    SAMPLERS["ddim"](eta=1.0),
    SAMPLERS["heun"](churn=10.0),
    SAMPLERS["dpm-solver++-sde"](),
    SAMPLERS["langevin-pc"](),
    SAMPLERS["langevin-pc"](corrections=3, strength=0.5),
    SAMPLERS["annealed-langevin"](corrections=1, step=1.0),
    SAMPLERS["annealed-langevin"](corrections=2, step=0.5),
]
RANGE = CosineLogSNR(-10.0, 10.0)  # over [-20, 20] the first steps of a cosine grid are leaps until thousands of steps
MEAN, VARIANCE = 0.3, 0.09


def slope(steps: list[int], errors: list[float]) -> float:
    """The order: minus the slope of a straight line through (log steps, log error)."""
    x, y = (torch.tensor(values, dtype=torch.float64).log() for values in (steps, errors))
    return -((x - x.mean()) * (y - y.mean())).sum().item() / (x - x.mean()).square().sum().item()


def gaussian() -> Mixture:
    one = torch.ones(1, dtype=torch.float64)
    return Mixture(MEAN * one[None], VARIANCE * one[None, None], one, torch.tensor([0]))


def never() -> torch.Tensor:
    raise AssertionError("noise was drawn")


@dataclass(frozen=True)
class Even:
    """Levels spread evenly in lambda, where few steps are enough to see an order."""

    min: float = -10.0
    max: float = 10.0

    def grid(self, steps: int) -> torch.Tensor:
        return torch.linspace(self.min, self.max, steps, dtype=torch.float64)


WORLDS = {"plain": mixture(), "guided": METHODS["classifier-free"](w=1.0)(mixture())}


def flow(sampler, kind: str, levels: int) -> torch.Tensor:
    """What a deterministic sampler makes of 30 latents in the world of four Gaussians in the plane, plain or guided."""
    z, label = torch.randn(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64), torch.arange(30) % 3
    return sampler(WORLDS[kind], z, RANGE.grid(levels), label, never)


@cache
def truth(kind: str) -> torch.Tensor:
    """The end of the probability flow: Heun with many more levels than whatever is judged by it."""
    return flow(Heun(), kind, 4096)


def flow_errors(sampler, steps: list[int], kind: str = "plain") -> list[float]:
    """Largest distance of a deterministic sampler from the probability flow."""
    return [(flow(sampler, kind, levels) - truth(kind)).abs().max().item() for levels in steps]


def exact_moments(sampler, grid: torch.Tensor) -> tuple[float, float]:
    """Mean and variance of what a sampler makes of a Gaussian, without drawing anything.

    Every step is affine in z and in the noises, so that x = c + a z + b_1 n_1 + b_2 n_2 + ...: the sampler is run on a
    batch of probes, the first with z at its mean, the next with z one standard deviation off, and each other one with one
    of the noises 1. z starts as the noised Gaussian at the first level, so that the grid alone makes an error.
    """
    count = draws(sampler, grid)
    probes = torch.eye(count + 2, dtype=torch.float64)[:, 1:]
    alpha, sigma = alpha_sigma_at(grid[0].item())
    z = alpha * MEAN + math.sqrt(alpha**2 * VARIANCE + sigma**2) * probes[:, :1]
    turn = iter(range(1, count + 1))
    x = sampler(gaussian(), z, grid, None, lambda: probes[:, (i := next(turn)) : i + 1])
    return x[0].item(), (x[1:] - x[0]).square().sum().item()


def draws(sampler, grid: torch.Tensor) -> int:
    """How often the sampler draws noise over a grid."""
    drawn = []
    zero = torch.zeros(1, 1, dtype=torch.float64)
    sampler(gaussian(), zero, grid, None, lambda: drawn.append(0) or zero)
    return len(drawn)


def moment_errors(sampler, steps: list[int], density=RANGE) -> list[float]:
    """How far mean and variance of a sampler's Gaussian are from those of E[x | z] at the last level, its exact limit."""
    alpha, sigma = alpha_sigma_at(density.max)
    variance = (alpha * VARIANCE) ** 2 / (alpha**2 * VARIANCE + sigma**2)
    found = [exact_moments(sampler, density.grid(n)) for n in steps]
    return [math.hypot(mean - MEAN, var - variance) for mean, var in found]


def weak_order(sampler) -> tuple[float, list[float]]:
    """The order of the moments of a stochastic sampler, and the errors that it is read from."""
    steps = [256, 512] if "annealed" in sampler.name else [64, 128, 256]
    # evenly in lambda the errors of predictor and corrector cancel at strength 1, and the order there would be two
    errors = moment_errors(sampler, steps, RANGE if sampler == SAMPLERS["langevin-pc"]() else Even())
    return slope(steps, errors), errors


def main() -> None:
    """Prints the table of the README."""
    print("| sampler | declared order | measured | calls over 32 levels |\n|---|---|---|---|")
    for name, steps in FLOW.items():
        plain, guided = (slope(steps, flow_errors(SAMPLERS[name](), steps, kind)) for kind in WORLDS)
        sampler = SAMPLERS[name]()
        print(f"| {name} | {sampler.order} | {plain:.2f}, guided {guided:.2f} | {sampler.calls(32)} |")
    for sampler in NOISY:
        changed = {key: value for key, value in vars(sampler).items() if value != getattr(type(sampler)(), key)}
        options = ", ".join(f"{key}={value}" for key, value in changed.items())
        words = f"{sampler.name}({options})" if options else sampler.name
        print(f"| {words} | {sampler.order} | {weak_order(sampler)[0]:.2f} | {sampler.calls(32)} |")


if __name__ == "__main__":
    main()
