"""What the laws of guidance need: exact models for every role, a small network, and errors of one line that say where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from guidance.backbones.unet import UNet
from guidance.denoiser import Clipped, Denoiser, NetworkDenoiser
from guidance.grouped import Grouped
from guidance.methods.method import Method
from guidance.mixture import Mixture
from guidance.oracle import exact_roles
from guidance.samplers import SAMPLERS
from guidance.sampling import own_noise, sample
from guidance.schedules import CosineLogSNR
from guidance.seeding import generator
from guidance.trained_strength import ExactlyTrained, TrainedStrength

W = 1.5
SHAPE = (1, 8, 8)
LAW_LOGSNRS = CosineLogSNR(-5.0, 5.0).grid(4)  # a wider range would saturate what an untrained network makes
SEED = 3


@dataclass(frozen=True)
class Kit:
    """One object for each role of guidance.methods.ROLES, but levels and noise, and the modules that calls are counted at."""

    world: Mixture
    roles: dict[str, Callable]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module

    @property
    def exact(self) -> bool:
        """Whether the model is exact, and not a network."""
        return not isinstance(self.roles["model"], NetworkDenoiser)


def make_kit(kind: type[Method], apart: float = 0.5) -> Kit:
    """A method's roles under the laws: exact ones, and a U-Net as the model where a method perturbs a network's layers.

    apart: the standard deviation of the means' entries; the classes of 0.5 are certain in clean data, those of 1 / 8 are not.
    """
    draw = partial(torch.randn, generator=generator("law", 0, 0), dtype=torch.float64)  # rounding is no law
    parameters = {
        "means": apart * draw(4, 64),
        "factors": draw(4, 64, 3) / 4,
        "residuals": torch.full((4,), 0.1, dtype=torch.float64),
    }
    world = Mixture.low_rank(**parameters, weights=torch.tensor([0.3, 0.3, 0.2, 0.2]), labels=torch.tensor([0, 1, 2, 2]))
    weak, unconditional = world.widened(0.5), world.widened(1e-3)
    exact: dict[str, Any] = exact_roles(world, weak)
    exact["clean"].logsnr = -2.0  # of images this far apart the exact one is certain, and has no gradient
    perturbs = {"attention", "embedding", "internal"} & set(kind.requires_model)
    grouped = Grouped(world) if "groups" in kind.requires_model else world
    exactly: Any = ExactlyTrained(world, kind) if issubclass(kind, TrainedStrength) else grouped
    model: Any = network(internal_head=2 * ("internal" in perturbs)) if perturbs else exactly
    roles: dict[str, Callable[..., Any]] = {"model": model, "weak": weak, "unconditional": unconditional, **exact}
    roles["ratios"] = lambda logsnr, label: torch.full((len(label), *SHAPE), 0.9)
    second = unconditional if "unconditional" in kind.roles else weak
    return Kit(world, roles, model.network if perturbs else exactly, nn.ModuleList(exact.values()), second)


def network(strength: bool = False, internal_head: int = 0) -> NetworkDenoiser:
    """An untrained U-Net for 8x8 images of three classes whose outputs depend on all its conditions."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        unet = UNet(1, 3, width=8, multipliers=(1, 2), strength=strength, internal_head=internal_head)
        for parameter in unet.parameters():  # the zero-initialised layers too
            parameter.data += 0.1 * torch.randn_like(parameter)
    return NetworkDenoiser(unet.eval().requires_grad_(False), 3)


def guide(method: Method, roles: dict, indices: Sequence[int], levels: Tensor = LAW_LOGSNRS) -> Denoiser:
    """The guided denoiser for one trajectory of the samples `indices`, given the roles it declares."""
    all_roles = {**roles, "levels": tuple(levels.tolist()), "noise": own_noise(SEED, indices, SHAPE)}
    return method(**{role: all_roles[role] for role in method.roles})


def trajectory(method: Method, n: int, sampler: str, first: int = 0, kit: Kit | None = None) -> Tensor:
    """Samples `first` to `first + n` of the method, of a closure of their own."""
    indices = range(first, first + n)
    guided = guide(method, (kit or make_kit(type(method))).roles, indices)
    return sample(Clipped(guided, -2.0, 2.0), SAMPLERS[sampler](), LAW_LOGSNRS, torch.tensor(indices) % 3, SHAPE, SEED, indices)


def samplers_of(kind: type[Method]) -> list[str]:
    """The samplers that a method is defined for."""
    return [name for name, sampler in SAMPLERS.items() if kind(w=W).refuses(sampler()) is None]


def require(holds: bool, why: str) -> None:
    """AssertionError that says why, unless it holds."""
    if not holds:
        raise AssertionError(why)


def require_close(found: Tensor, wanted: Tensor, atol: float, rtol: float, what: str) -> None:
    """AssertionError of one line with the largest difference, unless |found - wanted| <= atol + rtol |wanted| everywhere."""
    wanted = wanted.to(found)
    excess = (found - wanted).abs() - rtol * wanted.abs()
    if found.shape == wanted.shape and (excess <= atol).all():
        return
    worst = excess.nan_to_num(nan=torch.inf).argmax()
    a, b = found.flatten()[worst].item(), wanted.flatten()[worst].item()
    raise AssertionError(
        f"{what}: {a:.6g} instead of {b:.6g}, {abs(a - b):.2g} apart where {atol + rtol * abs(b):.2g} is allowed"
    )
