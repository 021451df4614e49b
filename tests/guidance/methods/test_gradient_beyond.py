"""Discriminators, gradient-free guidance and training-free guidance as the superset of others; prices and refusals."""

import math

import pytest
import torch
from closed_forms import LEVELS, MEAN, TARGET, VARIANCE, arrived, drawer, gain, gaussian, given, logistic, near, plane, quadratic

from guidance import METHODS, Mixture, law_kit
from guidance.cost import NFE, count
from guidance.denoiser import Clipped
from guidance.diffusion import Prediction, add_noise
from guidance.gradients import cross_entropy, shift_x
from guidance.level import alpha_sigma_at
from guidance.oracle import LogOdds
from guidance.recurrence import ddim_step, next_level, noised_back, recurring
from guidance.samplers import SAMPLERS
from guidance.samplers.ddim import DDIM
from guidance.sampling import sample


def test_the_exact_discriminator_mends_a_widened_model():
    world = plane()
    made, (z, logsnr, label) = world.widened(0.4), given()
    mended = METHODS["discriminator"](w=1.0)(made, LogOdds(world, made))(z, logsnr, label)
    near(mended.eps, world(z, logsnr, label).eps)
    near(mended.x, world(z, logsnr, label).x, 1e-8)


def test_boosting_acts_on_what_looks_made():
    world = plane()
    made, (z, logsnr, label) = world.widened(0.4), given(40, logsnr=1.0)
    plain, once, twice = (
        METHODS["discriminator"](w=w, boost=boost)(made, LogOdds(world, made))(z, logsnr, label).eps
        for w, boost in ((0.0, 1.0), (1.0, 1.0), (1.0, 2.0))
    )
    looks = LogOdds(world, made)(z, logsnr, label) < 0
    assert 0 < looks.sum() < 40
    near(twice[~looks], once[~looks])
    near(twice[looks] - plain[looks], 2 * (once - plain)[looks])


def test_the_discriminator_leaves_the_end_alone():
    world = plane()
    z, logsnr, label = given(logsnr=6.5)
    unasked = lambda z, logsnr, label: pytest.fail("the discriminator was asked")  # noqa: E731
    untouched = METHODS["discriminator"]()(world, unasked)(z, logsnr, label)
    near(untouched.eps, world(z, logsnr, label).eps)


def two_classes() -> Mixture:
    means = torch.tensor([[1.0, 0.2], [-0.7, 0.0]], dtype=torch.float64)
    return Mixture(
        means, torch.eye(2, dtype=torch.float64).expand(2, 2, 2) / 3, torch.tensor([0.7, 0.3]).double(), torch.arange(2)
    )


def test_gradient_free_guidance_of_two_classes_is_classifier_free_guidance():
    world, (z, logsnr, label) = two_classes(), given()
    free = METHODS["classifier-free"](w=2.0)(world)(z, logsnr, label)
    near(METHODS["gradient-free"](w=2.0)(world, world.class_logits)(z, logsnr, label).eps, free.eps)


def test_gradient_free_guidance_steers_away_from_the_likeliest_rival():
    world, (z, logsnr, _) = plane(), given(3, logsnr=0.0)
    logits = torch.tensor([[5.0, 1.0, 2.0], [0.0, 3.0, 1.0], [9.0, 0.0, 1.0]], dtype=torch.float64)
    label, rival = torch.tensor([0, 0, 1]), torch.tensor([2, 1, 0])
    guided = METHODS["gradient-free"](w=0.5, scale="constant")(world, lambda z, logsnr: logits)(z, logsnr, label)
    cond, other = world(z, logsnr, label).eps, world(z, logsnr, rival).eps
    near(guided.eps, cond + 0.5 * (cond - other))


POINTS = {  # of the space that TFG spans: options of the method, and of TFG
    "image-loss": ({}, {"enters": "score", "rho_rate": "score", "mu": 0.0, "blur": 0.0}),
    "lgd-mc": ({"samples": 3}, {"enters": "score", "rho_rate": "score", "mu": 0.0, "blur": 1.0, "samples": 3}),
    "mpgd": ({}, {"rho": 0.0, "mu_rate": "constant", "blur": 0.0}),
    "freedom": ({"recurrences": 2}, {"rho_rate": "freedom", "mu": 0.0, "blur": 0.0, "recurrences": 2}),
    "universal": (
        {"backward_steps": 2, "backward_rate": 0.3, "recurrences": 3},
        {
            "enters": "score",
            "rho_rate": "score",
            "mu": 0.3,
            "mu_rate": "constant",
            "iterations": 2,
            "blur": 0.0,
            "recurrences": 3,
        },
    ),
}


@pytest.mark.parametrize("name", POINTS)
def test_methods_before_it_are_points_of_training_free_guidance(name):
    own, tfg = POINTS[name]
    for value in LEVELS:
        z, at, label = given(logsnr=value)
        preds = []
        for method in (METHODS[name](w=0.2, **own), METHODS["tfg"](w=0.2, **tfg)):
            roles = {"model": gaussian, "loss": quadratic, "levels": LEVELS, "noise": drawer(6)}
            preds.append(method(**{role: roles[role] for role in method.roles})(z, at, label))
        for one, other in zip(preds[0][:2], preds[1][:2]):
            near(one, other)
        near(*(z if pred.control.z is None else pred.control.z for pred in preds))


def test_dps_is_a_point_of_training_free_guidance():
    z, at, label = given(logsnr=0.5)
    tfg = METHODS["tfg"](w=0.8, **POINTS["image-loss"][1])(gaussian, cross_entropy(logistic), LEVELS, drawer(6))
    near(tfg(z, at, label).eps, METHODS["dps"](w=0.8)(gaussian, logistic)(z, at, label).eps)


def test_training_free_guidance_takes_the_papers_step():
    """Algorithm 1 of the paper on the exact Gaussian with a quadratic loss, unblurred, from one level to the next."""
    z, at, label = given(logsnr=-1.0)
    levels = torch.tensor([-1.0, 0.5, 2.0], dtype=torch.float64)
    guided = METHODS["tfg"](w=1.0, rho=0.3, mu=0.2, blur=0.0, iterations=2)(
        gaussian, quadratic, tuple(levels.tolist()), drawer(6)
    )
    x = gaussian(z, at, label).x
    squares = [alpha_sigma_at(level)[0] ** 2 for level in (-1.0, 0.5, 2.0)] + [1.0]
    ratios = [a / b for a, b in zip(squares, squares[1:])]
    size = ratios[0] * 3 / sum(ratios)
    first = -0.3 * size * gain(at, z) * (x - TARGET)
    second = ((1 - 0.2 * size) ** 2 - 1) * (x - TARGET)
    moved = arrived(DDIM(), guided, z, levels, label) - arrived(DDIM(), gaussian, z, levels, label)
    near(moved, first / math.sqrt(ratios[0]) + math.sqrt(squares[1]) * second)


@pytest.mark.parametrize("rate", ["increase", "decrease", "constant"])
def test_rates_have_mean_one_over_the_levels(rate):
    z, label = torch.zeros(1, 2, dtype=torch.float64), None
    push = lambda x, label: -x[:, 0]  # noqa: E731
    method = METHODS["tfg"](w=1.0, rho=0.0, mu_rate=rate, blur=0.0)
    sizes = []
    for value in LEVELS:
        at = torch.tensor([value], dtype=torch.float64)
        sizes.append((method(gaussian, push, LEVELS, drawer(1))(z, at, label).x - gaussian(z, at, label).x)[0, 0].item())
    assert sum(sizes) == pytest.approx(len(LEVELS))
    assert sizes == sorted(sizes, reverse=rate == "decrease")


def test_the_next_level_is_found_through_float32():
    assert torch.tensor(0.7).item() < 0.7
    assert next_level(torch.tensor([0.7, 0.7]), (0.7, 0.9)) == 0.9 and next_level(torch.tensor([2.0]), LEVELS) is None
    with pytest.raises(ValueError, match="one lambda"):
        next_level(torch.tensor([0.0, 1.0]), LEVELS)


def test_noise_and_back_keeps_alpha_and_sigma():
    """A denoiser that knows x: z' = alpha' x + sigma' eps, and back alpha x + noise of variance sigma^2."""
    x, zero = torch.tensor([[2.0, -1.0]], dtype=torch.float64), torch.zeros(1, 2, dtype=torch.float64)
    at, (alpha, sigma) = torch.tensor([-1.0], dtype=torch.float64), alpha_sigma_at(-1.0)
    near(noised_back(ddim_step(Prediction(x, zero), 0.5), 0.5, at, zero), alpha * x)
    kept = noised_back(ddim_step(Prediction(zero, zero + 1), 0.5), 0.5, at, zero)
    fresh = noised_back(zero, 0.5, at, zero + 1)
    near(kept**2 + fresh**2, zero + sigma**2)


def test_recurrence_keeps_the_distribution_of_an_exact_denoiser():
    n, at = 20000, -1.0
    z = alpha_sigma_at(at)[0] * MEAN + math.sqrt(alpha_sigma_at(at)[0] ** 2 * VARIANCE + alpha_sigma_at(at)[1] ** 2) * drawer(n)()
    pred = recurring(gaussian, (-1.0, -0.9), drawer(n, 2), 4)(z, torch.full((n,), at), None)
    assert (pred.control.z - z).norm() > 1
    near(pred.control.z.mean(0), z.mean(0), 0.03)
    near(pred.control.z.std(0), z.std(0), 0.03)
    near(add_noise(pred.x, pred.eps, torch.full((n,), at)), pred.control.z, 1e-5)


def test_recurrence_starts_the_next_visit_from_a_moved_state():
    z, at, label = given(logsnr=0.5)
    onto = lambda z, logsnr, label: shift_x(gaussian(z, logsnr, label), torch.ones_like(z), z, logsnr)  # noqa: E731
    once = onto(z, at, label)
    back = noised_back(ddim_step(once, 2.0), 2.0, at, torch.zeros_like(z))
    twice = recurring(onto, LEVELS, lambda: torch.zeros_like(z), 2)(z, at, label)
    near(twice.control.z, back + alpha_sigma_at(0.5)[0])
    assert recurring(gaussian, LEVELS, drawer(6), 5)(z, torch.full_like(at, 2.0), label).control.z is None  # nowhere to step to


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("universal", {"recurrences": 3, "backward_steps": 2}),
        ("freedom", {"recurrences": 2}),
        ("tfg", {"recurrences": 2, "iterations": 3, "samples": 2}),
        ("tfg", {"mu": 0.0, "blur": 0.0}),
        ("tfg", {"rho": 0.0}),
        ("lgd-mc", {"samples": 3}),
    ],
)
def test_the_price_follows_the_options(name, options):
    method, kit = METHODS[name](w=0.1, **options), law_kit.make_kit(METHODS[name])
    with count(kit.denoiser, kit.classifiers) as counted:
        guided = law_kit.guide(method, kit.roles, range(2))
        sample(Clipped(guided, -2.0, 2.0), SAMPLERS["ddim"](), law_kit.LAW_LOGSNRS, torch.arange(2), law_kit.SHAPE, law_kit.SEED)
    assert counted.per_sample(2) == method.nfe(law_kit.LAW_LOGSNRS.tolist())


def test_the_price_of_recurrence():
    method = METHODS["universal"](recurrences=4, backward_steps=2)
    assert method.nfe_per_call == NFE(4, 4, 12, 12)
    assert method.nfe([-1.0, 0.0, 1.0]) == NFE(9, 9, 27, 27)  # the last level is visited once
    assert METHODS["universal"](recurrences=4, logsnr_max=0.5).nfe([-1.0, 0.0, 1.0]) == NFE(9, 8, 8, 8)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("clean-classifier", {"joint": -1.0}, "joint must"),
        ("clean-classifier", {"marginal": math.inf}, "marginal must"),
        ("clean-classifier", {"gamma": -0.1}, "gamma must"),
        ("mpgd", {"rate": "linear"}, "rate must"),
        ("lgd-mc", {"samples": 0}, "samples must"),
        ("discriminator", {"boost": 0.5}, "boost must"),
        ("gradient-free", {"scale": "paper"}, "scale must"),
        ("universal", {"recurrences": 0}, "recurrences must"),
        ("universal", {"backward_steps": -1}, "backward_steps must"),
        ("universal", {"backward_rate": 0.0}, "backward_rate must"),
        ("freedom", {"rule": "cfg"}, "rule must"),
        ("tfg", {"rho": 0.0, "mu": 0.0}, "rho and mu"),
        ("tfg", {"rho": -1.0}, "rho must"),
        ("tfg", {"iterations": 0}, "iterations must"),
        ("tfg", {"samples": 0}, "samples must"),
        ("tfg", {"blur_rate": "alpha"}, "blur_rate must"),
        ("tfg", {"enters": "eps"}, "enters must"),
        ("tfg", {"mu_rate": "linear"}, "mu_rate must"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, said):
    with pytest.raises(ValueError, match=said):
        METHODS[name](**options)


@pytest.mark.parametrize("name", ["classifier-unconditional", "classifier-mean", "clean-classifier", "dps", "discriminator"])
def test_a_class_to_steer_to_is_needed(name):
    kit = law_kit.make_kit(METHODS[name])
    guided = law_kit.guide(METHODS[name](w=1.0), kit.roles, range(2))
    with pytest.raises(ValueError, match="label"):
        guided(torch.zeros(2, *law_kit.SHAPE), torch.zeros(2), None)
