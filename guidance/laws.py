"""The laws of guidance, each a function of a method's class: the tests check the registry, `guidance-bench laws` any method.

Broken laws raise AssertionError. The model is an exact mixture of images; for a method that perturbs attention or an embedding
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
LAW_LOGSNRS = CosineLogSNR(-5.0, 5.0).grid(4)  # a wider range would saturate what an untrained network makes
SEED = 3


@dataclass(frozen=True)
class Kit:
    """One object for each role of guidance.methods.ROLES, but levels and noise, and the modules that calls are counted at."""

    roles: dict[str, Callable]
    denoiser: nn.Module
    classifiers: nn.ModuleList
    weak: nn.Module


def make_kit(kind: type[Method]) -> Kit:
    """A method's roles under the laws: exact ones, and a U-Net as the model where a method perturbs a network's layers."""
    draw = partial(torch.randn, generator=generator(0, 0), dtype=torch.float64)  # rounding is no law
    parameters = {
        "means": draw(4, 64) / 2,
        "factors": draw(4, 64, 3) / 4,
        "residuals": torch.full((4,), 0.1, dtype=torch.float64),
    }
    world = Mixture.low_rank(**parameters, weights=torch.tensor([0.3, 0.3, 0.2, 0.2]), labels=torch.tensor([0, 1, 2, 2]))
    weak, unconditional = world.widened(0.5), world.widened(1e-3)
    exact = exact_roles(world, weak)
    exact["clean"].logsnr = -2.0  # of images this far apart the exact one is certain, and has no gradient
    perturbs = {"attention", "embedding"} & set(kind.requires_model)
    grouped = Grouped(world) if "groups" in kind.requires_model else world
    model = network() if perturbs else grouped
    roles = {"model": model, "weak": weak, "unconditional": unconditional, **exact}
    roles["ratios"] = lambda logsnr, label: torch.full((len(label), *SHAPE), 0.9)
    second = unconditional if "unconditional" in kind.roles else weak
    return Kit(roles, model.network if perturbs else grouped, nn.ModuleList(exact.values()), second)


def network() -> NetworkDenoiser:
    """An untrained U-Net for 8x8 images of three classes whose output depends on all its conditions."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        unet = UNet(1, 3, width=8, multipliers=(1, 2))
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


def w_zero_is_the_conditional_model(kind: type[Method]) -> None:
    """w = 0 gives the conditional model's trajectory bit for bit with every sampler, and another w does not."""
    kit, (n, w) = (
        make_kit(kind),
        (12, 100 * W) if "particles" in kind.requires_model else (4, W),
    )  # few, alike: a selection may keep them all
    for sampler in samplers_of(kind):
        indices = range(n)
        draw = partial(
            sample, sampler=SAMPLERS[sampler](), logsnrs=LAW_LOGSNRS, label=torch.arange(n) % 3, shape=SHAPE, seed=SEED
        )
        unguided = draw(Clipped(kit.roles["model"], -2.0, 2.0), indices=indices)
        assert torch.equal(trajectory(kind(w=0.0), n, sampler, kit=kit), unguided), f"{sampler}: w = 0 is not the plain model"
        same = torch.allclose(trajectory(kind(w=w), n, sampler, kit=kit), unguided, atol=1e-4)
        assert same == (only_the_noise(kind, kit) and not SAMPLERS[sampler]().stochastic), f"{sampler}: w changes nothing"


def only_the_noise(kind: type[Method], kit: Kit) -> bool:
    """Whether the method leaves the model's prediction as it is, and only scales the sampler's noise."""
    z, label, indices = torch.randn(4, *SHAPE, generator=generator(1, 0)), torch.arange(4) % 3, range(4)
    logsnr = torch.full((4,), LAW_LOGSNRS[0].item())
    unguided, guided = (denoiser(z, logsnr, label) for denoiser in (kit.roles["model"], guide(kind(w=W), kit.roles, indices)))
    return (
        guided.control.noise_scale != unguided.control.noise_scale
        and torch.equal(guided.x, unguided.x)
        and torch.equal(guided.eps, unguided.eps)
    )


def prediction_is_consistent(kind: type[Method]) -> None:
    """z = alpha x + sigma eps also after guidance, unless the method decouples eps; of the z that it moves to, if any."""
    kit, label = make_kit(kind), torch.arange(4) % 3
    guided = guide(kind(w=W), kit.roles, range(4))
    z = torch.randn(4, *SHAPE, generator=generator(1, 0))
    for value in LAW_LOGSNRS.tolist():
        logsnr = torch.full((4,), value)
        pred = guided(z, logsnr, label)
        control = pred.control
        assert control.requires == kind.requires_sampler
        assert control.mean_shift is None or "mean_shift" in kind.requires_sampler
        assert control.z is None or "moved_z" in kind.requires_sampler
        z = z if control.z is None else control.z
        alpha, sigma = alpha_sigma(logsnr, z)
        if "decoupled_eps" not in kind.requires_sampler:
            torch.testing.assert_close(alpha * pred.x + sigma * pred.eps, z, rtol=1e-4, atol=1e-4, check_dtype=False)
        z = alpha * pred.x + sigma * pred.eps  # as if a step had been made: what keeps state sees another z
        if control.on_transition is not None:
            control.on_transition(z, 1.0)


def sample_ignores_its_batch(kind: type[Method]) -> None:
    """However a batch is cut, its samples are the same; methods of particles are exempt."""
    if "particles" in kind.requires_model:
        return
    sampler, kit = samplers_of(kind)[0], make_kit(kind)
    draw = partial(trajectory, kind(w=W), sampler=sampler, kit=kit)
    in_parts = torch.cat([draw(n=1), draw(n=2, first=1), draw(n=3, first=3)])
    torch.testing.assert_close(draw(n=6), in_parts, rtol=0, atol=5e-4)


def trajectory_has_no_memory(kind: type[Method]) -> None:
    """A second closure of the same method does what the first did: state lives in the closure, for one trajectory."""
    method, sampler, kit = kind(w=W), samplers_of(kind)[0], make_kit(kind)
    assert torch.equal(trajectory(method, 3, sampler, kit=kit), trajectory(method, 3, sampler, kit=kit))


def counted_cost_is_the_formula(kind: type[Method]) -> None:
    """The count at the networks is `nfe` of the lambdas of the sampler's calls; with `nfe_is_upper_bound`, at most that."""
    window = {"logsnr_min": -1.0} if kind(w=W).acts(0.0) else {}
    for method in (kind(w=0.0), kind(w=W), kind(w=W, **window)):
        for sampler in samplers_of(kind):
            kit, evaluated = make_kit(kind), []
            guided = guide(method, kit.roles, range(4))

            def spy(z: Tensor, logsnr: Tensor, label: Tensor, guided: Denoiser = guided, evaluated: list = evaluated):
                evaluated.append(logsnr[0].item())
                return guided(z, logsnr, label)

            with count(kit.denoiser, kit.classifiers, kit.weak) as counted:
                sample(Clipped(spy, -2.0, 2.0), SAMPLERS[sampler](), LAW_LOGSNRS, torch.arange(4) % 3, SHAPE, SEED)
            per_sample, formula = counted.per_sample(4), method.nfe(evaluated)
            if kind.nfe_is_upper_bound:
                assert all(a <= b for a, b in zip(vars(per_sample).values(), vars(formula).values())), (
                    f"{per_sample} exceeds {formula}"
                )
            else:
                assert per_sample == formula, f"{sampler}: counted {per_sample}, the formula says {formula}"


def reduces_to_classifier_free(kind: type[Method]) -> None:
    """With the hyper-parameters of `reduces_to_cfg` the method is classifier-free guidance of the same w, in whatever space."""
    if kind.reduces_to_cfg is None:
        return
    kit, sampler = make_kit(kind), samplers_of(kind)[0]
    unguided = trajectory(METHODS["classifier-free"](w=W), 3, sampler, kit=kit)
    chosen = any(field.name == "space" for field in fields(kind))
    for space in [{"space": space} for space in SPACES] if chosen else [{}]:
        off = trajectory(kind(w=W, **kind.reduces_to_cfg, **space), 3, sampler, kit=kit)
        torch.testing.assert_close(off, unguided, rtol=0, atol=5e-4, msg=lambda text, at=space: f"{at}: {text}")


def undefined_samplers_are_refused(kind: type[Method]) -> None:
    """A sampler that the method is not defined for is refused with a sentence, by `refuses` and when it is run all the same."""
    method = kind(w=W)
    for name in set(SAMPLERS) - set(samplers_of(kind)):
        assert method.name in method.refuses(SAMPLERS[name]()) and kind(w=0.0).refuses(SAMPLERS[name]()) is None
        try:
            trajectory(method, 2, name)
        except ValueError:
            continue
        raise AssertionError(f"{name} took {method.name} without a word")


def it_says_what_it_is(kind: type[Method]) -> None:
    """Roles and requirements are known words, hyper-parameters have defaults, and w is the first of them."""
    from guidance.control import CAPABILITIES
    from guidance.methods import FAMILIES, MODEL_REQUIREMENTS, ROLES

    assert (
        kind.family in FAMILIES
        and set(kind.requires_model) <= set(MODEL_REQUIREMENTS)
        and set(kind.requires_sampler) <= set(CAPABILITIES)
    )
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
