"""Methods that are coupled to the sampler, on one Gaussian and its class: what they should draw is known in closed form."""

import math

import pytest
import torch

from guidance import METHODS, SAMPLERS, CosineLogSNR, sample
from guidance.diffusion import Prediction, alpha_sigma, from_eps, from_x
from guidance.recurrence import ddim_step
from guidance.sampling import own_noise
from guidance.scale import logsnr_of_sigma

MEAN, VARIANCE, WIDE = 1.0, 0.5, 1.5  # p(x | c) = N(MEAN, VARIANCE), p(x) = N(0, WIDE)


def gaussian(mean, variance):
    """The exact denoiser of one Gaussian."""

    def denoiser(z, logsnr, label=None):
        alpha, sigma = alpha_sigma(logsnr, z)
        return from_x(z, mean + alpha * variance / (alpha**2 * variance + sigma**2) * (z - alpha * mean), logsnr)

    return denoiser


def model(z, logsnr, label):
    return gaussian(0.0, WIDE)(z, logsnr) if label is None else gaussian(MEAN, VARIANCE)(z, logsnr)


def tilted(w):
    """Mean and variance of p(x | c)^(1 + w) p(x)^(-w)."""
    variance = 1 / ((1 + w) / VARIANCE - w / WIDE)
    return variance * (1 + w) * MEAN / VARIANCE, variance


def nudged(w, target):
    """Mean and variance of p(x | c) exp(-w (x - target)^2)."""
    variance = 1 / (1 / VARIANCE + 2 * w)
    return variance * (MEAN / VARIANCE + 2 * w * target), variance


def loss(x, label):
    """Small near 0."""
    return x.flatten(1).square().sum(1)


def drawn(name, sampler, seed=0, n=1000, steps=96, **options):
    """n samples of one class, with every role there is; float32, as samplers draw."""
    levels, label = CosineLogSNR(-8.0, 8.0).grid(steps), torch.zeros(n, dtype=torch.long)
    roles = {"model": model, "loss": loss, "levels": tuple(levels.tolist()), "noise": own_noise(seed, range(n), (1,))}
    method = METHODS[name](**options)
    guided = method(**{role: roles[role] for role in method.roles})
    return sample(guided, sampler, levels, label, (1,), seed)[:, 0].double()


def moments(name, sampler, seeds=4, **options):
    """Mean and variance over seeds, each with the standard error of that."""
    sets = [drawn(name, sampler, seed, **options) for seed in range(seeds)]
    found = torch.tensor([[x.mean(), x.var()] for x in sets])
    return found.mean(0).tolist(), (found.std(0) / math.sqrt(seeds)).tolist()


def agrees(found, exact, slack):
    """Whether both moments lie within five standard errors and `slack`, of the steps, of what they should be."""
    return all(abs(a - b) < 5 * error + slack for a, b, error in zip(found[0], exact, found[1]))


ANCESTRAL, DDIM = SAMPLERS["ancestral"](v=0.0), SAMPLERS["ddim"]()


@pytest.mark.parametrize("w", [0.5, 2.0])
def test_feynman_kac_correctors_have_the_moments_of_the_tilted_gaussian_and_guidance_alone_has_not(w):
    corrected = moments("fkc", ANCESTRAL, w=w, steps=192)
    plain = moments("classifier-free", ANCESTRAL, w=w, steps=192)
    assert agrees(corrected, tilted(w), 0.01), f"{corrected}, and not {tilted(w)}"
    off = [abs(a - b) / error for a, b, error in zip(plain[0], tilted(w), plain[1])]
    assert max(off) > 8 and abs(plain[0][0] - tilted(w)[0]) > 0.05, f"{plain}: nothing to correct"


def test_the_weights_of_feynman_kac_are_one_where_there_is_nothing_to_correct():
    """At w = -1 guidance samples the unconditional model, and at w -> 0 the conditional one: both exactly."""
    assert agrees(moments("fkc", ANCESTRAL, w=-1.0), (0.0, WIDE), 0.07)
    assert agrees(moments("fkc", ANCESTRAL, w=1e-6), (MEAN, VARIANCE), 0.03)


def test_predictor_corrector_guidance_with_twice_w_is_stochastic_guidance():
    """Theorem 3 of Bradley & Nakkiran: gamma' = 2 gamma - 1; deterministic guidance of that w is another distribution."""
    steps = {"steps": 256, "seeds": 3}
    stochastic, corrected = moments("classifier-free", ANCESTRAL, w=1.0, **steps), moments("pcg", DDIM, w=2.0, **steps)
    assert agrees(corrected, stochastic[0], 0.015), f"{corrected} and {stochastic}"
    once = moments("pcg", DDIM, w=1.0, **steps)
    assert not agrees(once, stochastic[0], 0.015)


def test_many_corrections_sample_the_tilted_density_itself():
    found = moments("pcg", DDIM, w=1.0, corrections=8, steps=64)
    assert agrees(found, tilted(1.0), 0.02), f"{found}, and not {tilted(1.0)}"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gibbs", {"repetitions": 2}),
        ("restart", {"times": 2}),
        ("self-recurrence", {"recurrences": 3}),
        ("pcg", {"corrections": 2}),
    ],
)
def test_noise_added_and_taken_away_leaves_the_distribution_where_nothing_guides(name, options):
    found = moments(name, DDIM, w=1e-6, **options)
    assert agrees(found, (MEAN, VARIANCE), 0.02), f"{found}"
    assert agrees(moments("classifier-free", DDIM, w=1e-6), (MEAN, VARIANCE), 0.02)


def test_gibbs_repetitions_come_nearer_to_guidance_from_the_added_noise():
    """Stationary where the noise at lambda* and guided steps from there agree: more repetitions move on, and stop moving."""
    means = [moments("gibbs", DDIM, w=2.0, repetitions=r, seeds=2)[0][0] for r in (1, 3, 6, 8)]
    assert means[0] > MEAN + 0.05 and abs(means[3] - means[2]) < 0.3 * abs(means[1] - means[0]) + 0.02


def test_restart_costs_what_lies_between_its_two_levels():
    levels = CosineLogSNR(-8.0, 8.0).grid(16).tolist()
    method = METHODS["restart"](w=1.0, times=3)
    between = [one for one in levels if logsnr_of_sigma(3.0) < one <= logsnr_of_sigma(0.1) + 1.0]
    extra = method.nfe(levels).denoiser_forward - 2 * 16
    assert extra % 6 == 0 and abs(extra / 6 - len(between)) <= 1
    assert METHODS["restart"](w=1.0, times=0).nfe(levels).denoiser_forward == 32


@pytest.mark.parametrize("logsnr", [-4.0, 0.0, 3.0])
def test_characteristic_guidance_is_the_diffused_tilted_gaussian(logsnr):
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level = torch.full((5,), logsnr, dtype=torch.float64)
    exact = gaussian(*tilted(2.0))(z, level).eps
    label = torch.zeros(5, dtype=torch.long)
    found = METHODS["characteristic"](w=2.0, tolerance=1e-6)(model)(z, level, label).eps
    torch.testing.assert_close(found, exact, atol=1e-6, rtol=1e-6)
    plain = METHODS["classifier-free"](w=2.0)(model)(z, level, label).eps
    assert (plain - exact).abs().max() > 1e-2


def test_a_sample_that_does_not_converge_is_guided_without_correction():
    z, level, label = torch.full((2, 1), 0.5), torch.zeros(2), torch.zeros(2, dtype=torch.long)
    never = METHODS["characteristic"](w=2.0, iterations=1, tolerance=1e-9)(model)(z, level, label).eps
    torch.testing.assert_close(never, METHODS["classifier-free"](w=2.0)(model)(z, level, label).eps)


@pytest.mark.parametrize(("logsnr", "following"), [(-3.0, -2.0), (0.5, 2.5)])
def test_a_step_of_cfg_plus_plus_is_the_papers(logsnr, following):
    z = torch.randn(4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level, label, w = torch.full((4,), logsnr, dtype=torch.float64), torch.zeros(4, dtype=torch.long), 0.4
    pred = METHODS["cfg++"](w=w)(model)(z, level, label)
    cond, null = model(z, level, label), model(z, level, None)
    scale = w + 1 - math.exp((logsnr - following) / 2)  # the paper's lambda
    paper = Prediction(null.x + scale * (cond.x - null.x), null.eps)
    torch.testing.assert_close(ddim_step(pred, following), ddim_step(paper, following))
    assert pred.control.requires == ("decoupled_eps",)


def test_a_zigzag_moves_z_by_the_difference_of_the_two_guidances():
    """With eps that depend on the label alone, each round adds (sigma - alpha sigma' / alpha') (eps_b - eps_w)."""
    alone = lambda z, logsnr, label: from_eps(z, torch.full_like(z, 0.2 if label is None else 1.0), logsnr)  # noqa: E731
    levels, z = (-1.0, 1.0, 3.0), torch.full((1, 2), 0.3)
    here, label = torch.tensor([-1.0]), torch.zeros(1, dtype=torch.long)
    (alpha, sigma), (alpha_, sigma_) = ((part[0, 0].item() for part in alpha_sigma(torch.tensor([at]), z)) for at in levels[:2])
    guided = 1.0 + 2.0 * 0.8
    for back, other in ((-1.0, 0.2), (0.0, 1.0), (0.5, 1.4)):
        pred = METHODS["z-sampling"](w=2.0, back=back, rounds=2)(alone, levels)(z, here, label)
        moved = 0.3 + 2 * (sigma - alpha * sigma_ / alpha_) * (other - guided)
        assert pred.control.z[0].tolist() == pytest.approx([moved] * 2, rel=1e-5)
    assert METHODS["z-sampling"](w=2.0)(alone, levels)(z, torch.tensor([3.0]), label).control.z is None


@pytest.mark.parametrize(("name", "options"), [("tds", {}), ("fk-steering", {"potential": "diff", "evaluations": 24})])
def test_weighed_particles_have_the_moments_of_the_reward_tilted_gaussian(name, options):
    found = moments(name, ANCESTRAL, w=1.0, n=1500, **options)
    assert agrees(found, nudged(1.0, 0.0), 0.02), f"{found}, and not {nudged(1.0, 0.0)}"


def test_guidance_by_the_same_loss_without_weights_is_off():
    found = moments("image-loss", ANCESTRAL, w=1.0, n=1500)
    exact = nudged(1.0, 0.0)
    assert any(abs(a - b) > 0.04 + 5 * error for a, b, error in zip(found[0], exact, found[1])), f"{found} and {exact}"


def test_every_potential_ends_at_the_reward_alone():
    found = [moments("fk-steering", ANCESTRAL, w=1.0, n=1500, potential=potential)[0][0] for potential in ("diff", "max", "add")]
    assert found == pytest.approx([nudged(1.0, 0.0)[0]] * 3, abs=0.06)


def test_particles_repel_along_the_gradient_of_their_kernel():
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    level, label = torch.full((6,), -1.0, dtype=torch.float64), torch.tensor([0, 0, 0, 0, 1, 1])
    alpha, sigma = (part[0, 0].item() for part in alpha_sigma(level, z))
    update = METHODS["particle-guidance"](w=0.5)(model)(z, level, label).eps - model(z, level, label).eps
    for rows in (slice(0, 4), slice(4, 6)):
        own = z[rows]
        for i in range(len(own)):  # a bandwidth of each particle's own, which its gradient does not go through
            others, point = torch.cat([own[:i], own[i + 1 :]]), own[i].clone().requires_grad_()
            apart = (point - others).square().sum(-1)
            h = apart.detach().median().item() / math.log(len(own))
            (slope,) = torch.autograd.grad(torch.exp(-apart / h).sum(), point)
            torch.testing.assert_close(update[rows][i], 0.5 * sigma / alpha * slope)
    moved = z.clone()
    moved[4:] += 1.0
    again = METHODS["particle-guidance"](w=0.5)(model)(moved, level, label).eps - model(moved, level, label).eps
    torch.testing.assert_close(again[:4], update[:4])  # another label's particles do not matter


def test_samplers_without_noise_are_refused_by_those_that_need_it():
    for name in ("fkc", "fk-steering", "tds"):
        assert "needs a sampler" in METHODS[name](w=1.0).refuses(DDIM) and METHODS[name](w=1.0).refuses(ANCESTRAL) is None
    assert "another score" in METHODS["cfg++"](w=1.0).refuses(SAMPLERS["heun"]())
    with pytest.raises(ValueError, match="needs a sampler that"):
        drawn("fkc", DDIM, w=1.0, n=4, steps=4)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("fkc", {"threshold": 1.5}, "threshold must lie in"),
        ("tds", {"threshold": -0.1}, "threshold must lie in"),
        ("fk-steering", {"potential": "sum"}, "potential must be"),
        ("fk-steering", {"evaluations": 0}, "evaluations must be 1 or more"),
        ("pcg", {"corrections": 0}, "corrections must be 1 or more"),
        ("gibbs", {"repetitions": 0}, "repetitions must be 1 or more"),
        ("restart", {"times": -1}, "times must be 0 or more"),
        ("restart", {"back_to": 5.0}, "back_to must be below"),
        ("self-recurrence", {"recurrences": 0}, "recurrences must be 1 or more"),
        ("z-sampling", {"rounds": -1}, "rounds must be 0 or more"),
        ("z-sampling", {"back": math.inf}, "back must be a finite number"),
        ("characteristic", {"iterations": -1}, "iterations must be 0 or more"),
        ("characteristic", {"tolerance": 0.0}, "tolerance must be positive"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        METHODS[name](**options)
