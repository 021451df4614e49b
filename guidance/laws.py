"""The laws of guidance, each a function of a method's class: the tests check the registry, `guidance-bench laws` any method.

A broken law raises AssertionError with one line that says where and by how much; what a method declares about itself instead is
returned, in its own words. The model is an exact mixture of images; for a method that perturbs attention or an embedding a small
untrained U-Net. Size and sign of the guidance are in guidance.law_strength.
"""

from dataclasses import fields
from functools import partial
from typing import Any

import torch
from torch import Tensor

from guidance.control import step_start
from guidance.cost import count
from guidance.denoiser import Clipped, Denoiser, Label
from guidance.diffusion import Prediction, alpha_sigma
from guidance.law_kit import (
    LAW_LOGSNRS,
    SEED,
    SHAPE,
    Kit,
    W,
    guide,
    make_kit,
    require,
    require_close,
    samplers_of,
    trajectory,
)
from guidance.law_strength import small_w_changes_little, small_w_points_the_right_way, strength_is_the_declared_one
from guidance.methods import METHODS
from guidance.methods.method import Method
from guidance.samplers import SAMPLERS
from guidance.sampling import sample
from guidance.seeding import generator
from guidance.spaces import SPACES


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
        off = trajectory(kind(w=0.0), n, sampler, kit=kit)
        farthest = (off - unguided).abs().max().item()
        require(torch.equal(off, unguided), f"{sampler}: w = 0 is not the plain model, samples are up to {farthest:.2g} apart")
        same = torch.allclose(trajectory(kind(w=w), n, sampler, kit=kit), unguided, atol=1e-4)
        quiet = only_the_noise(kind, kit) and not SAMPLERS[sampler]().stochastic
        require(same == quiet, f"{sampler}: w = {w:g} changes {'nothing' if same else 'more than the noise'}")


def only_the_noise(kind: type[Method], kit: Kit) -> bool:
    """Whether the method leaves the model's prediction as it is, and only scales the sampler's noise."""
    z, label, indices = torch.randn(4, *SHAPE, generator=generator("law", 1, 0)), torch.arange(4) % 3, range(4)
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
    z = torch.randn(4, *SHAPE, generator=generator("law", 1, 0))
    for value in LAW_LOGSNRS.tolist():
        logsnr = torch.full((4,), value)
        pred = guided(z, logsnr, label)
        control = pred.control
        declared = kind.requires_sampler
        require(control.requires == declared, f"its prediction requires {control.requires} of a sampler, its class {declared}")
        for word, order in (("mean_shift", control.mean_shift), ("moved_z", control.z)):
            require(order is None or word in declared, f"it orders {word} of a sampler and does not declare it")
        z = z if control.z is None else control.z
        alpha, sigma = alpha_sigma(logsnr, z)
        if "decoupled_eps" not in kind.requires_sampler:
            require_close(alpha * pred.x + sigma * pred.eps, z, 1e-4, 1e-4, f"lambda {value:.3g}: alpha x + sigma eps is not z")
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
    require_close(draw(n=6), in_parts, 5e-4, 0, f"{sampler}: samples in one batch are not those in batches of 1, 2 and 3")


def trajectory_has_no_memory(kind: type[Method]) -> None:
    """A second closure of the same method does what the first did: state lives in the closure, for one trajectory."""
    method, sampler, kit = kind(w=W), samplers_of(kind)[0], make_kit(kind)
    first, second = (trajectory(method, 3, sampler, kit=kit) for _ in range(2))
    require_close(second, first, 0, 0, f"{sampler}: a second trajectory of the same noise is not the first")


def counted_cost_is_the_formula(kind: type[Method]) -> None:
    """The count at the networks is `nfe` of the lambdas of the sampler's calls; with `nfe_is_upper_bound`, at most that."""
    window = {"logsnr_min": -1.0} if kind(w=W).acts(0.0) else {}
    for method in (kind(w=0.0), kind(w=W), kind(w=W, **window)):
        for sampler in samplers_of(kind):
            kit = make_kit(kind)
            evaluated: list[float] = []
            guided = guide(method, kit.roles, range(4))

            def spy(
                z: Tensor, logsnr: Tensor, label: Label, guided: Denoiser = guided, evaluated: list = evaluated
            ) -> Prediction:
                evaluated.append(step_start(logsnr[0].item()))
                return guided(z, logsnr, label)

            with count(kit.denoiser, kit.classifiers, kit.weak) as counted:
                sample(Clipped(spy, -2.0, 2.0), SAMPLERS[sampler](), LAW_LOGSNRS, torch.arange(4) % 3, SHAPE, SEED)
            per_sample, formula = counted.per_sample(4), method.nfe(evaluated)
            if kind.nfe_is_upper_bound:
                within = all(a <= b for a, b in zip(vars(per_sample).values(), vars(formula).values()))
                require(within, f"{sampler}, w = {method.w:g}: counted {per_sample.brief()}, above the bound {formula.brief()}")
            else:
                why = f"{sampler}, w = {method.w:g}: counted {per_sample.brief()}, the formula says {formula.brief()}"
                require(per_sample == formula, why)


def reduces_to_classifier_free(kind: type[Method]) -> None:
    """With the hyper-parameters of `reduces_to_cfg` the method is classifier-free guidance of the same w, in whatever space."""
    if kind.reduces_to_cfg is None:
        return
    kit, sampler = make_kit(kind), samplers_of(kind)[0]
    unguided = trajectory(METHODS["classifier-free"](w=W), 3, sampler, kit=kit)
    chosen = any(field.name == "space" for field in fields(kind))
    spaces: list[dict[str, Any]] = [{"space": space} for space in SPACES] if chosen else [{}]
    for space in spaces:
        off = trajectory(kind(w=W, **kind.reduces_to_cfg, **space), 3, sampler, kit=kit)
        with_these = ", ".join(f"{name}={value!r}" for name, value in {**kind.reduces_to_cfg, **space}.items()) or "the defaults"
        require_close(off, unguided, 5e-4, 0, f"{sampler}: with {with_these} samples are not those of classifier-free guidance")


def undefined_samplers_are_refused(kind: type[Method]) -> None:
    """A sampler that the method is not defined for is refused with a sentence, by `refuses` and when it is run all the same."""
    method = kind(w=W)
    for name in set(SAMPLERS) - set(samplers_of(kind)):
        require(
            method.name in (method.refuses(SAMPLERS[name]()) or ""), f"it refuses {name} without its own name, {method.name!r}"
        )
        require(kind(w=0.0).refuses(SAMPLERS[name]()) is None, f"it refuses {name} at w = 0, where it is the plain model")
        try:
            trajectory(method, 2, name)
        except ValueError:
            continue
        raise AssertionError(f"{name} took {method.name} without a word")


def it_says_what_it_is(kind: type[Method]) -> None:
    """What it declares are known words, its exceptions reasons; hyper-parameters have defaults, and w is the first of them."""
    from guidance.control import CAPABILITIES
    from guidance.methods import FAMILIES, MODEL_REQUIREMENTS, ROLES

    known = (
        ("family", (kind.family,), FAMILIES),
        ("roles", kind.roles, ROLES),
        ("requires_model", kind.requires_model, MODEL_REQUIREMENTS),
        ("requires_sampler", kind.requires_sampler, CAPABILITIES),
        ("space", (kind().space,), ("any", *SPACES)),
    )
    for word, said, words in known:
        strange = [one for one in said if one not in words]
        require(not strange, f"{word} is of {', '.join(words)}, not {', '.join(map(repr, strange))}")
    require(kind.roles[0] == "model", f"the first of its roles is model, not {kind.roles[0]!r}")
    require(fields(kind)[0].name == "w", f"its first hyper-parameter is w, not {fields(kind)[0].name}")
    sentences = {"jumps_at_zero": kind.jumps_at_zero, "own_scale": kind.own_scale}
    sentences["direction"] = None if kind.direction in ("class", "weak") else kind.direction
    for word, reason in sentences.items():
        require(reason is None or len(reason.split()) > 2, f"{word} is a reason in words, not {reason!r}")


LAWS = (
    it_says_what_it_is,
    w_zero_is_the_conditional_model,
    small_w_changes_little,
    small_w_points_the_right_way,
    strength_is_the_declared_one,
    prediction_is_consistent,
    sample_ignores_its_batch,
    trajectory_has_no_memory,
    counted_cost_is_the_formula,
    reduces_to_classifier_free,
    undefined_samplers_are_refused,
)
