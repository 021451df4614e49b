"""Weights that change over the trajectory: intervals, schedules, cached and feedback guidance."""

import math
from itertools import combinations

import pytest
import torch
from four_classes import LABEL, WORLD, eps, points, said

from guidance import METHODS
from guidance.diffusion import alpha_sigma, from_eps, from_x
from guidance.samplers import SAMPLERS
from guidance.sampling import sample
from guidance.scale import SCHEDULES, logsnr_at, logsnr_of_sigma, progress
from guidance.schedules import CosineLogSNR


def test_the_interval_is_the_papers_in_sigma():
    method = METHODS["limited-interval"](w=1.0)
    for sigma, inside in ((0.2, False), (0.3, True), (2.8, True), (3.0, False)):
        assert method.acts(logsnr_of_sigma(sigma)) == inside
        expected = said("classifier-free" if inside else "temperature", logsnr_of_sigma(sigma), w=1.0 if inside else 0.0)
        torch.testing.assert_close(said("limited-interval", logsnr_of_sigma(sigma), w=1.0), expected)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "power-cosine"])
def test_a_schedule_has_mean_one_over_progress(name):
    p = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    assert SCHEDULES[name](p, 4.0).mean().item() == pytest.approx(1, abs=1e-4)


def test_progress_runs_from_noise_to_data_and_back():
    assert progress(torch.tensor([-40.0, 0.0, 40.0])).tolist() == pytest.approx([0, 0.5, 1], abs=1e-6)
    for p in (0.01, 0.3, 0.99):
        assert progress(torch.tensor(logsnr_at(p), dtype=torch.float64)).item() == pytest.approx(p)
    assert logsnr_of_sigma(1.0) == 0 and logsnr_of_sigma(2.0) == pytest.approx(-math.log(4))


def test_a_scheduled_weight_is_w_times_the_schedule():
    level = logsnr_at(0.75)
    torch.testing.assert_close(said("scheduled", level, w=1.0), said("classifier-free", level, w=1.5))
    late = said("scheduled", logsnr_at(0.1), w=1.0, schedule="inverse-linear")
    torch.testing.assert_close(late, said("classifier-free", logsnr_at(0.1), w=1.8))
    clamped = said("scheduled", logsnr_at(0.1), w=1.0, min_share=0.7)
    torch.testing.assert_close(clamped, said("classifier-free", logsnr_at(0.1), w=0.7))
    powered = said("scheduled", logsnr_at(0.5), w=1.0, schedule="power-cosine", power=1.0)
    torch.testing.assert_close(powered, said("classifier-free", logsnr_at(0.5), w=0.5))


@pytest.mark.parametrize(("first", "rate"), [(1.0, math.log(2)), (1.0, 1.0), (1.8, 0.03), (5.0, 0.2)])  # DiT, SiT, ..., SD 1.5
def test_the_scale_of_c2fg_is_the_papers_exponential(first, rate):
    """W0 exp(rate (1 - t)), by the conversion that its docstring has."""
    w = first * math.exp(rate) - 1
    for p in (0.02, 0.4, 0.9):
        scale = first * math.exp(rate * p)
        found = said("c2fg", logsnr_at(p), w=w, start=(first - 1) / w)
        torch.testing.assert_close(found, said("classifier-free", logsnr_at(p), w=scale - 1), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("power", [0.9, -0.5, 2.0])
def test_the_power_law_is_of_the_difference_of_scores(power):
    """The scores by differentiating the exact densities: no prediction is in them."""
    z, level = points(0.3)
    leaf, sigma = z.clone().requires_grad_(), alpha_sigma(level, z)[1]
    cond, null = (torch.autograd.grad(WORLD.log_prob(leaf, level, label).sum(), leaf)[0] for label in (LABEL, None))
    update = 0.7 * (cond - null).norm(dim=1, keepdim=True) ** power * (cond - null)
    torch.testing.assert_close(-said("power-law", w=0.7, power=power) / sigma, cond + update, rtol=1e-6, atol=1e-8)
    lengths = {space: said("power-law", w=0.7, power=power, measured=space) for space in ("score", "x", "eps", "v")}
    in_eps = -eps(LABEL) / sigma + update * sigma.squeeze(1)[:, None] ** power
    torch.testing.assert_close(-lengths["eps"] / sigma, in_eps, rtol=1e-6, atol=1e-8)
    assert all(not torch.allclose(lengths[a], lengths[b], rtol=1e-3) for a, b in combinations(lengths, 2))


def test_a_negative_window_is_guidance_of_another_sign_and_never_beyond_the_unconditional_model():
    inside, outside = 1.0, -1.0
    options = {"turn": 0.0, "back": 2.0}
    torch.testing.assert_close(said("negative-window", outside, w=1.5, **options), said("classifier-free", outside, w=1.5))
    torch.testing.assert_close(said("negative-window", 2.0, w=1.5, **options), said("classifier-free", 2.0, w=1.5))
    torch.testing.assert_close(said("negative-window", inside, w=1.5, **options), said("classifier-free", inside, w=-0.75))
    torch.testing.assert_close(said("negative-window", inside, w=4.0, **options), eps(None, inside))
    torch.testing.assert_close(said("negative-window", 9.0, w=1.5, turn=0.0), said("classifier-free", 9.0, w=-0.75))


def test_both_stages_of_a_step_are_in_the_negative_window_or_neither():
    z, levels = points()[0], torch.tensor([-1.0, 0.0, 1.0, 2.0], dtype=torch.float64)

    def arrived(method):
        seen = []

        def spying(z, logsnr, label):
            seen.append(z)
            return WORLD(z, logsnr, label)

        SAMPLERS["heun"]()(method(spying), z, levels, LABEL, lambda: pytest.fail("drawn"))
        return seen[-1]

    free, late, early = (
        METHODS["classifier-free"](w=2.0),
        *(METHODS["negative-window"](w=2.0, turn=turn) for turn in (1.5, 0.5)),
    )
    assert torch.equal(arrived(late), arrived(free)), "the step from 1 to 2 is not in it, though its second stage is at 2"
    assert not torch.allclose(arrived(early), arrived(free), atol=1e-3)


def test_a_negative_window_gives_the_variance_back_that_guidance_takes():
    """A class N(0, c) within N(0, u): DDIM is linear in z, and in continuous time the variance at the data is

    c exp(2 int w(lambda) (A_c - A_u) d lambda),   A = -(e^-lambda / 2) / (e^-lambda + variance), d log(z / alpha) / d lambda
    """
    c, u, w = 0.2, 1.0, 1.5
    levels = torch.linspace(-9, 9, 4001, dtype=torch.float64)

    def model(z, logsnr, label):
        alpha, sigma = alpha_sigma(logsnr, z)
        variance = u if label is None else c
        return from_x(z, alpha * variance / (alpha**2 * variance + sigma**2) * z, logsnr)

    def deviation(**options):
        label, z = torch.zeros(1, dtype=torch.long), torch.ones(1, 1, dtype=torch.float64)
        end = SAMPLERS["ddim"]()(METHODS["negative-window"](w=w, **options)(model), z, levels, label, lambda: None)
        return abs(end.item())

    def drift(logsnr):
        noise = (-logsnr).exp()
        return -noise / 2 * (1 / (noise + c) - 1 / (noise + u))

    middle = (levels[1:] + levels[:-1]) / 2
    part = drift(middle) * (levels[1] - levels[0])
    early, late = part[middle < 0].sum().item(), part[middle >= 0].sum().item()
    plain = deviation(negative=0.0, turn=-20.0)
    assert early < 0 and late < 0, "either half shrinks"
    assert deviation(negative=1.0) / plain == pytest.approx(math.exp(w * (early + late)), rel=2e-3)
    mended = deviation(negative=-early / late, turn=0.0)
    assert w * early / late < 1, "within what the window may do"
    assert mended / plain == pytest.approx(1, rel=2e-3)


def test_the_update_of_beta_guidance_has_the_length_of_its_density():
    for p, density in ((0.5, 1.5), (0.25, 6 * 0.25 * 0.75)):  # Beta(2, 2) is 6 p (1 - p)
        update = said("beta-cfg", logsnr_at(p), w=0.4) - eps(LABEL, logsnr_at(p))
        torch.testing.assert_close(update.norm(dim=1), torch.full((6,), 0.4 * density, dtype=torch.float64))


def test_cached_guidance_asks_the_null_branch_once_every_so_much_of_lambda():
    null_calls = []

    def model(z, logsnr, label):
        if label is None:
            null_calls.append(logsnr[0].item())
        value = 0.0 if label is None else 1.0 + logsnr[0].item()
        return from_eps(z, torch.full_like(z, value), logsnr)

    z, label = torch.zeros(1, 2), torch.zeros(1, dtype=torch.long)
    guided = METHODS["cached"](w=2.0, every=1.0)(model)
    found = [guided(z, torch.tensor([at]), label).eps[0, 0].item() for at in (0.0, 0.5, 1.0, 1.75, 2.5)]
    assert null_calls == [0.0, 1.0, 2.5]
    assert found == pytest.approx([1 + 2 * 1, 1.5 + 2 * 1, 2 + 2 * 2, 2.75 + 2 * 2, 3.5 + 2 * 3.5])
    dropped = METHODS["cached"](w=2.0, every=1.0, reuse=False)(model)
    assert [dropped(z, torch.tensor([at]), label).eps[0, 0].item() for at in (0.0, 0.5)] == [3.0, 1.5]


def test_feedback_guides_most_where_the_trajectory_was_unlikely_of_its_class():
    """A state that came where the conditional step would have gone needs less than one that came where the null step would."""
    level, here = torch.zeros(2, dtype=torch.float64), torch.full((2,), 0.5, dtype=torch.float64)
    label = torch.zeros(2, dtype=torch.long)
    cond, null = torch.tensor([[1.0, 0.0]] * 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    model = lambda z, logsnr, label: from_x(z, null if label is None else cond, logsnr)  # noqa: E731
    guided = METHODS["feedback"](w=1.0, pi=0.9)(model)
    z = torch.zeros(2, 2, dtype=torch.float64)
    at_start = guided(z, level, label).x
    torch.testing.assert_close(at_start, cond * 1 / 0.9)  # s = 1 / pi, and the guided x is cond + (s - 1)(cond - null)
    alpha = alpha_sigma(here, z)[0][0].item()
    came = torch.tensor([[3 * alpha, 0.0], [-3 * alpha, 0.0]], dtype=torch.float64)
    x = guided(came, here, label).x[:, 0]
    assert 1 < x[0] < 1 / 0.9 < x[1] <= 10 + 1e-9


def test_feedback_samples_the_class_better_than_the_mixture_that_it_was_given():
    """The claim of the paper, by the ancestral sampler: a blurred conditional model, undone by its own trajectory."""
    pi, n, c = 0.7, 2000, 0

    def learned(z, logsnr, label):
        null = WORLD(z, logsnr, None)
        if label is None:
            return null
        share = (WORLD.log_prob(z, logsnr, label) - WORLD.log_prob(z, logsnr)).exp()
        inside = (pi * share / (pi * share + 1 - pi))[:, None]
        cond = WORLD(z, logsnr, label)
        return cond._replace(x=inside * cond.x + (1 - inside) * null.x, eps=inside * cond.eps + (1 - inside) * null.eps)

    grid, label = CosineLogSNR(-8.0, 8.0).grid(48), torch.full((n,), c)

    def wrong(w):
        guided = METHODS["feedback"](w=w, pi=pi, max_scale=20.0)(learned)
        x = sample(guided, SAMPLERS["ancestral"](v=0.0), grid, label, (2,), 1)
        return (WORLD.class_logits(x.double(), torch.full((n,), 8.0, dtype=torch.float64)).argmax(1) != c).double().mean().item()

    plain, guided = wrong(0.0), wrong(1.0)
    assert plain > 0.12 and guided < 0.6 * plain, f"{plain} of other classes without, {guided} with feedback"


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("adaptive", {"space": "y"}, "space must be one of"),
        ("cached", {"every": -1.0}, "every must be at least 0"),
        ("beta-cfg", {"a": 0.5}, "a and b must be at least 1"),
        ("perp-neg", {"space": "y"}, "space must be one of"),
        ("scheduled", {"schedule": "triangle"}, "schedule must be one of"),
        ("scheduled", {"min_share": -0.1}, "min_share at least 0"),
        ("feedback", {"pi": 1.0}, "pi must lie in"),
        ("feedback", {"max_scale": 1.0}, "max_scale must exceed"),
        ("limited-interval", {"logsnr_min": 1.0, "logsnr_max": -1.0}, "logsnr_min must be below"),
        ("c2fg", {"w": -1.0}, r"1 \+ w and 1 \+ start w must be positive"),
        ("c2fg", {"w": 1.0, "start": -1.5}, r"1 \+ w and 1 \+ start w must be positive"),
        ("power-law", {"power": -1.0}, "power must exceed -1"),
        ("power-law", {"measured": "latent"}, "measured must be one of score, x, eps, v"),
        ("negative-window", {"turn": 2.0, "back": 1.0}, "turn must be below back, but 2 >= 1"),
        ("negative-window", {"negative": math.inf}, "negative must be a finite number"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        METHODS[name](**options)
