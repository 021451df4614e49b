"""The laws of guidance, each a function of a method's class: tests hold the registry to them, `guidance-bench laws` any one.

Broken laws raise AssertionError. The model is an exact mixture of images; for a method that alters attention or an embedding
a small untrained U-Net.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor, nn

from guidance.backbones.unet import UNet
from guidance.cost import count
from guidance.denoiser import Clipped, Denoiser, NetworkDenoiser
from guidance.diffusion import alpha_sigma
from guidance.grouped import Grouped
from guidance.methods import METHODS
from guidance.methods.method import Method
from guidance.mixture import Mixture
from guidance.samplers import SAMPLERS
from guidance.sampling import own_noise, sample
from guidance.schedules import CosineLogSNR
from guidance.seeding import generator
from guidance.spaces import SPACES
from guidance.truth import exact_roles

W = 1.5
SHAPE = (1, 8, 8)
LEVELS = CosineLogSNR(-5.0, 5.0).grid(4)  # a wider range would saturate what an untrained network makes
SEED = 3


@dataclass(frozen=True)
class Kit:
    """One object for each role of guidance.methods.ROLES, but levels and noise, and the modules that calls are counted at."""

    roles: dict[str, Callable]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module


def kit(kind: type[Method]) -> Kit:
    """What the laws give to a method: exact truth, and a U-Net as the model of one that alters a network's inside."""
    draw = partial(torch.randn, generator=generator(0, 0), dtype=torch.float64)  # rounding is no law
    parts = {"means": draw(4, 64) / 2, "factors": draw(4, 64, 3) / 4, "residuals": torch.full((4,), 0.1, dtype=torch.float64)}
    world = Mixture.low_rank(**parts, weights=torch.tensor([0.3, 0.3, 0.2, 0.2]), labels=torch.tensor([0, 1, 2, 2]))
    weak, unconditional = world.widened(0.5), world.widened(1e-3)
    others = exact_roles(world, weak)
    others["clean"].logsnr = -2.0  # of images this far apart the exact one is certain, and has no gradient
    inside = {"attention", "embedding"} & set(kind.needs)
    grouped = Grouped(world) if "groups" in kind.needs else world
    model = network() if inside else grouped
    roles = {"model": model, "weak": weak, "unconditional": unconditional, **others}
    roles["ratios"] = lambda logsnr, label: torch.full((len(label), *SHAPE), 0.9)
    seconds = unconditional if "unconditional" in kind.roles else weak
    return Kit(roles, model.network if inside else grouped, nn.ModuleList(others.values()), seconds)


def network() -> NetworkDenoiser:
    """An untrained U-Net for 8x8 images of three classes whose output depends on all that it is told."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        unet = UNet(1, 3, width=8, multipliers=(1, 2))
        for parameter in unet.parameters():  # the zero-initialised layers too
            parameter.data += 0.1 * torch.randn_like(parameter)
    return NetworkDenoiser(unet.eval().requires_grad_(False), 3)


def guide(method: Method, roles: dict, indices: Sequence[int], levels: Tensor = LEVELS) -> Denoiser:
    """The guided denoiser for one trajectory of the samples `indices`, given the roles it declares."""
    every = {**roles, "levels": tuple(levels.tolist()), "noise": own_noise(SEED, indices, SHAPE)}
    return method(**{role: every[role] for role in method.roles})


def trajectory(method: Method, n: int, sampler: str, first: int = 0, given: Kit | None = None) -> Tensor:
    """Samples `first` to `first + n` of the method, of a closure of their own."""
    indices = range(first, first + n)
    guided = guide(method, (given or kit(type(method))).roles, indices)
    return sample(Clipped(guided, -2.0, 2.0), SAMPLERS[sampler](), LEVELS, torch.tensor(indices) % 3, SHAPE, SEED, indices)


def samplers_of(kind: type[Method]) -> list[str]:
    """The samplers that a method is defined for."""
    return [name for name, sampler in SAMPLERS.items() if kind(w=W).refuses(sampler()) is None]


def w_zero_is_the_conditional_model(kind: type[Method]) -> None:
    """w = 0 gives the conditional model's trajectory bit for bit with every sampler, and another w does not."""
    given, (n, w) = kit(kind), (12, 100 * W) if "particles" in kind.needs else (4, W)  # few, alike: a selection may keep them all
    for sampler in samplers_of(kind):
        indices = range(n)
        draw = partial(sample, sampler=SAMPLERS[sampler](), logsnrs=LEVELS, label=torch.arange(n) % 3, shape=SHAPE, seed=SEED)
        plain = draw(Clipped(given.roles["model"], -2.0, 2.0), indices=indices)
        assert torch.equal(trajectory(kind(w=0.0), n, sampler, given=given), plain), f"{sampler}: w = 0 is not the plain model"
        same = torch.allclose(trajectory(kind(w=w), n, sampler, given=given), plain, atol=1e-4)
        assert same == (only_the_noise(kind, given) and not SAMPLERS[sampler]().stochastic), f"{sampler}: w changes nothing"


def only_the_noise(kind: type[Method], given: Kit) -> bool:
    """Whether the method believes what the model believes, and asks for other noise."""
    z, label, indices = torch.randn(4, *SHAPE, generator=generator(1, 0)), torch.arange(4) % 3, range(4)
    logsnr = torch.full((4,), LEVELS[0].item())
    plain, guided = (denoiser(z, logsnr, label) for denoiser in (given.roles["model"], guide(kind(w=W), given.roles, indices)))
    return guided.noise_scale != plain.noise_scale and torch.equal(guided.x, plain.x) and torch.equal(guided.eps, plain.eps)


def prediction_is_consistent(kind: type[Method]) -> None:
    """z = alpha x + sigma eps also after guidance, unless the method says that they stand apart; of the z it moves to, if any."""
    given, label = kit(kind), torch.arange(4) % 3
    guided = guide(kind(w=W), given.roles, range(4))
    z = torch.randn(4, *SHAPE, generator=generator(1, 0))
    for value in LEVELS.tolist():
        logsnr = torch.full((4,), value)
        belief = guided(z, logsnr, label)
        assert belief.asks == kind.asks and (belief.shift is None or "shift" in kind.asks)
        assert belief.z is None or "z" in kind.asks
        z = z if belief.z is None else belief.z
        alpha, sigma = alpha_sigma(logsnr, z)
        if "apart" not in kind.asks:
            torch.testing.assert_close(alpha * belief.x + sigma * belief.eps, z, rtol=1e-4, atol=1e-4, check_dtype=False)
        z = alpha * belief.x + sigma * belief.eps  # as if a step had been made: what keeps state sees another z
        if belief.drawn is not None:
            belief.drawn(z, 1.0)


def sample_ignores_its_batch(kind: type[Method]) -> None:
    """However a batch is cut, its samples are the same; of a method of particles that is not asked."""
    if "particles" in kind.needs:
        return
    sampler, given = samplers_of(kind)[0], kit(kind)
    draw = partial(trajectory, kind(w=W), sampler=sampler, given=given)
    parts = torch.cat([draw(n=1), draw(n=2, first=1), draw(n=3, first=3)])
    torch.testing.assert_close(draw(n=6), parts, rtol=0, atol=5e-4)


def trajectory_has_no_memory(kind: type[Method]) -> None:
    """A second closure of the same method does what the first did: state lives in the closure, for one trajectory."""
    method, sampler, given = kind(w=W), samplers_of(kind)[0], kit(kind)
    assert torch.equal(trajectory(method, 3, sampler, given=given), trajectory(method, 3, sampler, given=given))


def counted_cost_is_the_formula(kind: type[Method]) -> None:
    """What is counted at the networks is `nfe` of the lambdas that the sampler asked at; of `cost_is_a_bound`, at most that."""
    low = {"logsnr_min": -1.0} if kind(w=W).acts(0.0) else {}
    for method in (kind(w=0.0), kind(w=W), kind(w=W, **low)):
        for sampler in samplers_of(kind):
            given, asked = kit(kind), []
            guided = guide(method, given.roles, range(4))

            def spy(z: Tensor, logsnr: Tensor, label: Tensor, guided: Denoiser = guided, asked: list = asked):
                asked.append(logsnr[0].item())
                return guided(z, logsnr, label)

            with count(given.denoiser, given.classifiers, given.weak) as counted:
                sample(Clipped(spy, -2.0, 2.0), SAMPLERS[sampler](), LEVELS, torch.arange(4) % 3, SHAPE, SEED)
            found, formula = counted.per_sample(4), method.nfe(asked)
            if kind.price_is_a_bound:
                assert all(a <= b for a, b in zip(vars(found).values(), vars(formula).values())), f"{found} exceeds {formula}"
            else:
                assert found == formula, f"{sampler}: counted {found}, the formula says {formula}"


def reduces_to_classifier_free(kind: type[Method]) -> None:
    """With its extra turned off, as `reduces` says, the method is classifier-free guidance of the same w, in whatever space."""
    if kind.reduces is None:
        return
    given, sampler = kit(kind), samplers_of(kind)[0]
    plain = trajectory(METHODS["classifier-free"](w=W), 3, sampler, given=given)
    chosen = any(field.name == "space" for field in fields(kind))
    for space in [{"space": space} for space in SPACES] if chosen else [{}]:
        off = trajectory(kind(w=W, **kind.reduces, **space), 3, sampler, given=given)
        torch.testing.assert_close(off, plain, rtol=0, atol=5e-4, msg=lambda text, at=space: f"{at}: {text}")


def undefined_samplers_are_refused(kind: type[Method]) -> None:
    """A sampler that the method is not defined for is refused with a sentence, when asked and when it is tried all the same."""
    method = kind(w=W)
    for name in set(SAMPLERS) - set(samplers_of(kind)):
        assert method.name in method.refuses(SAMPLERS[name]()) and kind(w=0.0).refuses(SAMPLERS[name]()) is None
        try:
            trajectory(method, 2, name)
        except ValueError:
            continue
        raise AssertionError(f"{name} took {method.name} without a word")


def it_says_what_it_is(kind: type[Method]) -> None:
    """Roles, needs and asks are known words, hyper-parameters have defaults, and w is the first of them."""
    from guidance.methods import FAMILIES, NEEDS, ROLES
    from guidance.samplers.grid import TAKES

    assert kind.family in FAMILIES and set(kind.needs) <= set(NEEDS) and set(kind.asks) <= set(TAKES)
    assert set(kind.roles) <= set(ROLES) and kind.roles[0] == "model" and fields(kind)[0].name == "w"
    assert kind().space in ("any", "x", "eps", "v") and isinstance(kind(), Method)


LAWS = (
    it_says_what_it_is,
    w_zero_is_the_conditional_model,
    prediction_is_consistent,
    sample_ignores_its_batch,
    trajectory_has_no_memory,
    counted_cost_is_the_formula,
    reduces_to_classifier_free,
    undefined_samplers_are_refused,
)
