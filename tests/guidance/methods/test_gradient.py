"""The gradient family against closed forms: exact Gaussians and mixtures, linear classifiers, and each other."""

import math

import pytest
import torch

from guidance import METHODS, Mixture, laws
from guidance.cost import NFE, count
from guidance.denoiser import Clipped
from guidance.diffusion import Prediction, add_noise, alpha_sigma, from_x
from guidance.gradients import cross_entropy, displaced, gradient, gradient_through, log_prob_gradient, smoothed
from guidance.recurrence import ddim_step, next_level, noised_back, recurring
from guidance.samplers import SAMPLERS
from guidance.samplers.ancestral import Ancestral, step_coefficients
from guidance.samplers.ddim import DDIM
from guidance.samplers.grid import alpha_sigma_at
from guidance.sampling import sample
from guidance.truth import LogOdds

LEVELS = (-3.0, -1.0, 0.5, 2.0)
VARIANCE, MEAN, TARGET = 0.6, torch.tensor([0.4, -0.2]), torch.tensor([1.5, 0.7])


def plane() -> Mixture:
    means = torch.tensor([[0.0, 1.2], [-1.0, -0.6], [1.0, -0.6]], dtype=torch.float64)
    spread = torch.tensor([[[0.3, 0.1], [0.1, 0.2]]], dtype=torch.float64).expand(3, 2, 2).clone()
    return Mixture(means, spread, torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.arange(3))


def gaussian(z, logsnr, label):
    """The exact denoiser of N(MEAN, VARIANCE I), whatever the label."""
    return from_x(z, MEAN.to(z) + gain(logsnr, z) * (z - alpha_sigma(logsnr, z)[0] * MEAN.to(z)), logsnr)


def gain(logsnr, z):
    """dx / dz of that denoiser."""
    alpha, sigma = alpha_sigma(logsnr, z)
    return alpha * VARIANCE / (alpha**2 * VARIANCE + sigma**2)


def quadratic(x, label):
    """Half the squared distance to TARGET."""
    return ((x - TARGET.to(x)) ** 2).sum(1) / 2


def logistic(x):
    """Two classes, logits (a x, 0) with a = (2, -1)."""
    return torch.stack([2 * x[:, 0] - x[:, 1], torch.zeros(len(x)).to(x)], 1)


def given(n: int = 6, logsnr: float | None = None):
    z = torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    where = torch.linspace(-4, 4, n, dtype=torch.float64) if logsnr is None else torch.full((n,), logsnr, dtype=torch.float64)
    return z, where, torch.arange(n) % 2


def drawer(n: int, seed: int = 1):
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(n, 2, generator=generator)


def near(one, other, atol=1e-9):
    torch.testing.assert_close(one, other, rtol=0, atol=atol)


def test_gradients_are_each_rows_own_in_inference_mode_too():
    with torch.inference_mode():
        z, logsnr, label = given()
        near(gradient(quadratic, z, label), z - TARGET)
        belief, value, slope = gradient_through(gaussian, quadratic, z, logsnr, label)
        near(value, quadratic(belief.x, None))
        near(slope, gain(logsnr, z) * (belief.x - TARGET))
    assert not (belief.x.requires_grad or belief.eps.requires_grad or slope.requires_grad)


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


def arrived(sampler, denoiser, z, levels, label):
    """z at the second of two levels, the sampler's noise being always the same."""
    seen, noise = [], torch.randn(len(z), 2, generator=torch.Generator().manual_seed(7), dtype=torch.float64)

    def spying(z, logsnr, label):
        seen.append(z)
        return denoiser(z, logsnr, label)

    sampler(spying, z, levels, label, lambda: noise)
    return seen[1]


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
    ascent = (own - 0.5 * share) * a
    guided = METHODS["clean-classifier"](w=2.0)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, gaussian(z, logsnr, label).eps - 2 * 1.3 * math.sqrt(0.5) * ascent)


def test_clean_classifier_with_equal_temperatures_climbs_the_log_probability():
    z, logsnr, label = given()
    x, (_, sigma) = gaussian(z, logsnr, label).x, alpha_sigma(logsnr, z)
    ascent = -gradient(cross_entropy(logistic), x, label)
    guided = METHODS["clean-classifier"](w=0.7, marginal=1.0, gamma=0.0)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, gaussian(z, logsnr, label).eps - 0.7 * sigma * ascent)


@pytest.mark.parametrize("normalised", [False, True])
def test_dps_of_a_linear_classifier_on_the_exact_gaussian(normalised):
    z, logsnr, label = given()
    plain, (_, sigma) = gaussian(z, logsnr, label), alpha_sigma(logsnr, z)
    sign = 1 - 2 * label.double()
    margin = sign * (2 * plain.x[:, 0] - plain.x[:, 1])
    size = sign * (-margin).sigmoid() / (torch.nn.functional.softplus(-margin).sqrt() if normalised else 1)
    ascent = gain(logsnr, z) * size[:, None] * torch.tensor([[2.0, -1.0]], dtype=torch.float64)
    guided = METHODS["dps"](w=1.3, normalised=normalised)(gaussian, logistic)(z, logsnr, label)
    near(guided.eps, plain.eps - 1.3 * sigma * ascent)


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
        beliefs = []
        for method in (METHODS[name](w=0.2, **own), METHODS["tfg"](w=0.2, **tfg)):
            roles = {"model": gaussian, "loss": quadratic, "levels": LEVELS, "noise": drawer(6)}
            beliefs.append(method(**{role: roles[role] for role in method.roles})(z, at, label))
        for one, other in zip(beliefs[0][:2], beliefs[1][:2]):
            near(one, other)
        near(*(z if belief.z is None else belief.z for belief in beliefs))


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
    belief = recurring(gaussian, (-1.0, -0.9), drawer(n, 2), 4)(z, torch.full((n,), at), None)
    assert (belief.z - z).norm() > 1
    near(belief.z.mean(0), z.mean(0), 0.03)
    near(belief.z.std(0), z.std(0), 0.03)
    near(add_noise(belief.x, belief.eps, torch.full((n,), at)), belief.z, 1e-5)


def test_recurrence_starts_the_next_visit_from_a_moved_state():
    z, at, label = given(logsnr=0.5)
    onto = lambda z, logsnr, label: displaced(gaussian(z, logsnr, label), torch.ones_like(z), z, logsnr)  # noqa: E731
    once = onto(z, at, label)
    back = noised_back(ddim_step(once, 2.0), 2.0, at, torch.zeros_like(z))
    twice = recurring(onto, LEVELS, lambda: torch.zeros_like(z), 2)(z, at, label)
    near(twice.z, back + alpha_sigma_at(0.5)[0])
    assert recurring(gaussian, LEVELS, drawer(6), 5)(z, torch.full_like(at, 2.0), label).z is None  # nowhere to step to


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
    method, kit = METHODS[name](w=0.1, **options), laws.kit(METHODS[name])
    with count(kit.denoiser, kit.classifiers) as counted:
        guided = laws.guide(method, kit.roles, range(2))
        sample(Clipped(guided, -2.0, 2.0), SAMPLERS["ddim"](), laws.LEVELS, torch.arange(2), laws.SHAPE, laws.SEED)
    assert counted.per_sample(2) == method.nfe(laws.LEVELS.tolist())


def test_the_price_of_recurrence():
    method = METHODS["universal"](recurrences=4, backward_steps=2)
    assert method.price == NFE(4, 4, 12, 12)
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
    kit = laws.kit(METHODS[name])
    guided = laws.guide(METHODS[name](w=1.0), kit.roles, range(2))
    with pytest.raises(ValueError, match="label"):
        guided(torch.zeros(2, *laws.SHAPE), torch.zeros(2), None)
