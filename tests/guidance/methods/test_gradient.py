"""The gradient family against closed forms: exact Gaussians and mixtures, linear classifiers, and each other."""

import math

import pytest
import torch
from closed_forms import LEVELS, TARGET, arrived, drawer, gain, gaussian, given, logistic, near, plane, quadratic

from guidance import METHODS
from guidance.diffusion import add_noise, alpha_sigma, from_x
from guidance.gradients import cross_entropy, gradient, gradient_through, log_prob_gradient, smoothed
from guidance.level import alpha_sigma_at
from guidance.samplers.ancestral import Ancestral, step_coefficients
from guidance.samplers.ddim import DDIM


def test_gradients_are_each_rows_own_in_inference_mode_too():
    with torch.inference_mode():
        z, logsnr, label = given()
        near(gradient(quadratic, z, label), z - TARGET)
        pred, value, slope = gradient_through(gaussian, quadratic, z, logsnr, label)
        near(value, quadratic(pred.x, None))
        near(slope, gain(logsnr, z) * (pred.x - TARGET))
    assert not (pred.x.requires_grad or pred.eps.requires_grad or slope.requires_grad)


def test_half_precision_is_raised():
    assert gradient(quadratic, torch.zeros(2, 2, dtype=torch.float16), None).dtype == torch.float32


def test_a_loss_smoothed_over_two_offsets_by_hand():
    x, offsets = torch.tensor([[1.5, 0.7]]), [torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])]
    near(smoothed(quadratic, offsets)(x, None), torch.tensor([-math.log((math.exp(-0.5) + math.exp(-2)) / 2)]), 1e-6)


def test_a_smoothed_loss_keeps_its_rows_apart():
    x, _, label = given(5)
    blurred = smoothed(cross_entropy(logistic), [x.new_tensor([1.0, 0.3]), x.new_tensor([-0.5, 2.0]), x.new_zeros(2)])
    near(blurred(x, label), torch.cat([blurred(x[i : i + 1], label[i : i + 1]) for i in range(5)]))


def test_unconditional_classifier_guidance_is_exact_classifier_free_guidance():
    world, (z, logsnr, label) = plane(), given()
    free = METHODS["classifier-free"](w=1.5)(world)(z, logsnr, label)
    near(METHODS["classifier-unconditional"](w=1.5)(world, world.class_logits)(z, logsnr, label).eps, free.eps, 1e-8)
    alone = METHODS["classifier-unconditional"](w=-1.0)(world, world.class_logits)(z, logsnr, label)
    near(alone.eps, world(z, logsnr, None).eps)


@pytest.mark.parametrize("v", [0.0, 1.0])
def test_algorithm_1_moves_the_mean_by_the_samplers_variance_and_algorithm_2_by_more(v):
    world, levels = plane(), torch.tensor([-1.0, 0.5], dtype=torch.float64)
    z, _, label = given()
    at = torch.full((len(z),), -1.0, dtype=torch.float64)
    steps = {}
    for name in ("classifier-mean", "classifier", None):
        model = METHODS[name](w=0.8)(world, world.class_logits) if name else world
        steps[name] = arrived(Ancestral(v=v), model, z, levels, label)
    *_, smaller, larger = step_coefficients(-1.0, 0.5)
    push = math.exp(larger if v else smaller) * 0.8 * log_prob_gradient(world.class_logits, z, at, label)
    near(steps["classifier-mean"] - steps[None], push)
    (alpha, sigma), (onwards, left) = alpha_sigma_at(-1.0), alpha_sigma_at(0.5)
    ratio = onwards / alpha if v else onwards * sigma**2 / (alpha * left**2)
    assert ratio > 1.2
    near(steps["classifier"] - steps[None], ratio * push)


def test_the_two_algorithms_agree_in_the_limit_of_small_steps():
    world, (z, _, label) = plane(), given()
    gaps = []
    for width in (0.4, 0.04):
        levels = torch.tensor([0.0, width], dtype=torch.float64)
        one, other, plain = (
            arrived(Ancestral(v=0.3), model, z, levels, label)
            for model in (*(METHODS[n](w=2.0)(world, world.class_logits) for n in ("classifier", "classifier-mean")), world)
        )
        gaps.append(((one - other).norm() / (one - plain).norm()).item())
    assert gaps[1] < 0.15 * gaps[0]


def test_a_sampler_without_noise_is_refused_by_algorithm_1():
    assert "classifier-mean" in METHODS["classifier-mean"]().refuses(DDIM())
    assert METHODS["classifier-mean"]().refuses(DDIM(eta=1.0)) is None


def test_clean_classifier_by_hand():
    z, logsnr, label = given(logsnr=0.0)  # the middle of the trajectory: alpha^2 = sigma^2 = 1/2, sin(pi p) = 1
    x = gaussian(z, logsnr, label).x
    share = (0.5 * (2 * x[:, :1] - x[:, 1:])).sigmoid()  # of class 0 at t2 = 1/2
    own = (label == 0).double()[:, None]
    a = torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    grad_log_p = (own - 0.5 * share) * a
    guided = METHODS["clean-classifier"](w=2.0)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, gaussian(z, logsnr, label).eps - 2 * 1.3 * math.sqrt(0.5) * grad_log_p)


def test_clean_classifier_with_equal_temperatures_climbs_the_log_probability():
    z, logsnr, label = given()
    x, (_, sigma) = gaussian(z, logsnr, label).x, alpha_sigma(logsnr, z)
    grad_log_p = -gradient(cross_entropy(logistic), x, label)
    guided = METHODS["clean-classifier"](w=0.7, marginal=1.0, gamma=0.0)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, gaussian(z, logsnr, label).eps - 0.7 * sigma * grad_log_p)


@pytest.mark.parametrize("normalised", [False, True])
def test_dps_of_a_linear_classifier_on_the_exact_gaussian(normalised):
    z, logsnr, label = given()
    plain, (_, sigma) = gaussian(z, logsnr, label), alpha_sigma(logsnr, z)
    sign = 1 - 2 * label.double()
    margin = sign * (2 * plain.x[:, 0] - plain.x[:, 1])
    size = sign * (-margin).sigmoid() / (torch.nn.functional.softplus(-margin).sqrt() if normalised else 1)
    grad_log_p = gain(logsnr, z) * size[:, None] * torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    guided = METHODS["dps"](w=1.3, normalised=normalised)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, plain.eps - 1.3 * sigma * grad_log_p)


def test_image_loss_of_a_quadratic_on_the_exact_gaussian():
    z, logsnr, label = given()
    plain, (alpha, sigma) = gaussian(z, logsnr, label), alpha_sigma(logsnr, z)
    guided = METHODS["image-loss"](w=0.9)(gaussian, quadratic)(z, logsnr, label)
    near(guided.eps, plain.eps + 0.9 * sigma * gain(logsnr, z) * (plain.x - TARGET))
    near(guided.x, plain.x - 0.9 * sigma**2 / alpha * gain(logsnr, z) * (plain.x - TARGET))


def test_loss_guided_diffusion_is_exact_where_its_gaussian_is():
    """Of N(0, I) the posterior of x given z has the width sigma: the guided eps is that of the data times exp(-loss)."""
    prior = lambda z, logsnr, label: from_x(z, alpha_sigma(logsnr, z)[0] * z, logsnr)  # noqa: E731
    z, logsnr = torch.zeros(8, 1, dtype=torch.float64), torch.linspace(-3, 1, 8, dtype=torch.float64)
    loss = lambda x, label: ((x[:, 0] - 1) ** 2) / 2  # noqa: E731
    generator = torch.Generator().manual_seed(0)
    drawn = iter(torch.randn(4000, 8, 1, generator=generator, dtype=torch.float64))
    guided = METHODS["lgd-mc"](w=1.0, samples=4000)(prior, loss, lambda: next(drawn))(z, logsnr, None)
    alpha, sigma = alpha_sigma(logsnr, z)
    spread = alpha**2 / 2 + sigma**2  # the data times exp(-loss) are N(1/2, 1/2)
    near(guided.eps, sigma * (z - alpha / 2) / spread, 0.03)
    point = METHODS["image-loss"](w=1.0)(prior, loss)(z, logsnr, None)
    assert (point.eps - sigma * (z - alpha / 2) / spread).abs().max() > 0.1  # the point estimate is not


def test_mpgd_moves_x_and_keeps_eps_through_a_step():
    z, _, label = given()
    levels = torch.tensor([-1.0, 0.5], dtype=torch.float64)
    plain = gaussian(z, torch.full((6,), -1.0, dtype=torch.float64), label)
    onwards = alpha_sigma_at(0.5)[0]
    for rate, factor in (("constant", 1.0), ("inverse-alpha", 1 / alpha_sigma_at(-1.0)[0])):
        guided = METHODS["mpgd"](w=0.3, rate=rate)(gaussian, quadratic)
        moved = arrived(DDIM(), guided, z, levels, label) - arrived(DDIM(), gaussian, z, levels, label)
        near(moved, -onwards * 0.3 * factor * (plain.x - TARGET))
        drawn = arrived(Ancestral(), guided, z, levels, label) - arrived(Ancestral(), gaussian, z, levels, label)
        near(drawn, moved)


def test_one_unit_of_mpgd_lands_on_the_target_of_a_quadratic():
    z, logsnr, label = given()
    near(METHODS["mpgd"](w=1.0)(gaussian, quadratic)(z, logsnr, label).x, TARGET.double().expand(6, 2))


@pytest.mark.parametrize("sampler", [DDIM(), Ancestral(), DDIM(eta=0.5)], ids=str)
def test_freedom_moves_the_state_after_the_step(sampler):
    z, _, label = given()
    levels = torch.tensor([-1.0, 0.5], dtype=torch.float64)
    at = torch.full((6,), -1.0, dtype=torch.float64)
    slope = gain(at, z) * (gaussian(z, at, label).x - TARGET)
    guided = METHODS["freedom"](w=0.4)(gaussian, quadratic, (-1.0, 0.5), drawer(6))
    moved = arrived(sampler, guided, z, levels, label) - arrived(sampler, gaussian, z, levels, label)
    near(moved, -0.4 * alpha_sigma_at(-1.0)[0] * slope)


def test_freedoms_rms_rule_knows_no_units_and_no_batch():
    z, _, label = given()
    at = torch.full((6,), -1.0, dtype=torch.float64)
    one, other = (
        METHODS["freedom"](w=0.02, rule="rms")(gaussian, loss, (-1.0, 0.5), drawer(6))(z, at, label)
        for loss in (quadratic, lambda x, label: 100 * quadratic(x, label))
    )
    near(one.x, other.x)
    plain, c1 = gaussian(z, at, label), alpha_sigma_at(0.5)[0] * (1 - math.exp(-1.5))
    step = alpha_sigma_at(0.5)[0] * (one.x - plain.x)
    ratio = step.norm(dim=1) / plain.eps.norm(dim=1)
    near(ratio, torch.full_like(ratio, 0.02 * c1 * alpha_sigma_at(-1.0)[1] / alpha_sigma_at(-1.0)[0]))


def test_freedom_at_the_last_level_moves_the_sample():
    z, at, label = given(logsnr=2.0)
    x = gaussian(z, at, label).x
    guided = METHODS["freedom"](w=0.4)(gaussian, quadratic, LEVELS, drawer(6))(z, at, label)
    near(guided.x, x - 0.4 * alpha_sigma_at(2.0)[0] * gain(at, z) * (x - TARGET))


def test_backward_universal_guidance_descends_a_quadratic():
    z, at, label = given(logsnr=0.5)
    plain, (alpha, sigma) = gaussian(z, at, label), alpha_sigma(at, z)
    guided = METHODS["universal"](w=0.2, backward_steps=3, backward_rate=2.0)(gaussian, quadratic, LEVELS, drawer(6))(
        z, at, label
    )
    offset = plain.x - TARGET
    delta = (0.6**3 - 1) * offset  # gradient descent of rate 0.4 shrinks the distance to 0.6 of it, three times
    near(guided.eps, plain.eps + 0.2 * sigma * gain(at, z) * offset - alpha / sigma * delta)
    near(add_noise(guided.x, guided.eps, at), z)
