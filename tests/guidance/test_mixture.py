"""The exact world against formulas that do not share its code."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal
from worlds import mixture

from guidance import Mixture, count
from guidance.diffusion import alpha_sigma

LEVELS = [-20.0, -5.0, 0.0, 4.0, 20.0]


def brute(world: Mixture, z: torch.Tensor, value: float, classes: set[int]) -> torch.Tensor:
    """log of sum over the classes' components of weight x density, by torch.distributions."""
    a2, s2 = 1 / (1 + math.exp(-value)), 1 / (1 + math.exp(value))
    terms = []
    for k in range(len(world.means)):
        if int(world.labels[k]) in classes:
            covariance = world.bases[k] @ torch.diag(world.variances[k]) @ world.bases[k].mT
            covariance = a2 * covariance + s2 * torch.eye(2, dtype=z.dtype)
            normal = MultivariateNormal(math.sqrt(a2) * world.means[k], covariance)
            terms.append(normal.log_prob(z) + world.log_weights[k])
    return torch.stack(terms).logsumexp(0)


@pytest.mark.parametrize("value", LEVELS)
def test_densities_and_classifier_are_those_of_the_noised_gaussians(value):
    world, z = mixture(), 2 * torch.randn(30, 2, dtype=torch.float64)
    logsnr, label = torch.full((30,), value, dtype=torch.float64), torch.arange(30) % 3
    torch.testing.assert_close(world.log_prob(z, logsnr), brute(world, z, value, {0, 1, 2}))
    joint = torch.stack([brute(world, z, value, {c}) for c in range(3)], -1)
    torch.testing.assert_close(world.class_logits(z, logsnr), joint)
    prior = torch.tensor([0.3, 0.3, 0.4], dtype=torch.float64).log()
    expected = joint[torch.arange(30), label] - prior[label]
    torch.testing.assert_close(world.log_prob(z, logsnr, label), expected)


@pytest.mark.parametrize("value", LEVELS)
@pytest.mark.parametrize("conditional", [True, False])
def test_the_denoiser_is_tweedies_formula(value, conditional):
    world, z = mixture(), 2 * torch.randn(30, 2, dtype=torch.float64).requires_grad_()
    z = z.detach().requires_grad_()
    logsnr = torch.full((30,), value, dtype=torch.float64)
    label = torch.arange(30) % 3 if conditional else None
    score = torch.autograd.grad(world.log_prob(z, logsnr, label).sum(), z)[0]
    alpha, sigma = alpha_sigma(logsnr, z)
    pred = world(z, logsnr, label)
    torch.testing.assert_close(pred.eps, -sigma * score, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(alpha * pred.x + sigma * pred.eps, z, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", LEVELS)
def test_nothing_breaks_fifty_standard_deviations_out(dtype, value):
    world = mixture(dtype)
    z, logsnr = 50 * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, -1.0]], dtype=dtype), torch.full((3,), value, dtype=dtype)
    pred = world(z, logsnr, None)
    for found in (pred.x, pred.eps, world.log_prob(z, logsnr), world.class_logits(z, logsnr)):
        assert found.isfinite().all()


def test_samples_have_the_moments_of_their_class():
    world, n = mixture(), 200_000
    x = world.sample(torch.full((n,), 2), torch.Generator().manual_seed(0))
    share = torch.tensor([0.25, 0.15], dtype=torch.float64) / 0.4
    mean = share @ world.means[2:]
    within = sum(s * world.bases[k] @ torch.diag(world.variances[k]) @ world.bases[k].mT for s, k in zip(share, (2, 3)))
    offset = world.means[2:] - mean
    covariance = within + (share[:, None] * offset).mT @ offset
    torch.testing.assert_close(x.mean(0), mean, atol=5 * math.sqrt(covariance.max() / n), rtol=0)
    torch.testing.assert_close(x.T.cov(), covariance, atol=0.01, rtol=0)


def thin(dtype: torch.dtype = torch.float64) -> tuple[Mixture, Mixture]:
    """A low-rank mixture in 12 dimensions, and the same one given by its full covariances."""
    g = torch.Generator().manual_seed(4)
    means, factors = (torch.randn(5, 12, *more, generator=g, dtype=torch.float64).to(dtype) for more in ((), (3,)))
    residuals, weights = torch.tensor([0.02, 0.1, 0.3, 0.05, 1.0], dtype=dtype), torch.tensor([1.0, 2, 3, 4, 5], dtype=dtype)
    labels = torch.tensor([0, 1, 1, 2, 0])
    full = factors @ factors.mT + residuals[:, None, None] * torch.eye(12, dtype=dtype)
    return Mixture.low_rank(means, factors, residuals, weights, labels), Mixture(means, full, weights, labels)


@pytest.mark.parametrize("value", LEVELS)
@pytest.mark.parametrize("conditional", [True, False])
def test_a_low_rank_mixture_is_the_one_of_its_full_covariances(value, conditional):
    low, full = thin()
    z, logsnr = 3 * torch.randn(20, 12, dtype=torch.float64), torch.full((20,), value, dtype=torch.float64)
    label = torch.arange(20) % 3 if conditional else None
    torch.testing.assert_close(low.log_prob(z, logsnr, label), full.log_prob(z, logsnr, label))
    torch.testing.assert_close(low.class_logits(z, logsnr), full.class_logits(z, logsnr))
    for found, wanted in zip(low(z, logsnr, label)[:2], full(z, logsnr, label)[:2]):
        torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("label", [None, 0, 2])
def test_moments_are_those_of_the_full_covariances_and_of_draws(label):
    low, full = thin()
    for found, wanted in zip(low.moments(label), full.moments(label)):
        torch.testing.assert_close(found, wanted)
    n = 200_000
    g = torch.Generator().manual_seed(1)
    classes = low.class_log_weights().exp().multinomial(n, True, generator=g) if label is None else torch.full((n,), label)
    x, (mean, covariance) = low.sample(classes, g), low.moments(label)
    size = covariance.diagonal().max().item()
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=6 * math.sqrt(size / n))
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0, atol=8 * size / math.sqrt(n))


def test_the_marginal_is_the_mixture_that_noisy_draws_come_from():
    low, value = thin()[0], -1.5
    marginal, clean = low.marginal(value), torch.full((30,), 60.0, dtype=torch.float64)
    z = 2 * torch.randn(30, 12, dtype=torch.float64)
    torch.testing.assert_close(marginal.log_prob(z, clean), low.log_prob(z, torch.full((30,), value, dtype=torch.float64)))
    torch.testing.assert_close(marginal.class_log_weights(), low.class_log_weights())


@pytest.mark.parametrize("world", [mixture, lambda dtype: thin(dtype)[0]], ids=["full", "low rank"])
@pytest.mark.parametrize("value", LEVELS)
def test_float32_is_float64_rounded_near_and_fifty_standard_deviations_out(world, value):
    single, double = world(torch.float32), world(torch.float64)
    d = single.means.shape[1]
    spread = math.sqrt((1 + 3 * math.exp(value)) / (1 + math.exp(value)))
    for far in (1.0, 50.0):
        z = far * spread * torch.randn(64, d, generator=torch.Generator().manual_seed(int(far)), dtype=torch.float64)
        logsnr = torch.full((64,), value, dtype=torch.float64)
        found, wanted = single(z.float(), logsnr.float(), None), double(z, logsnr, None)
        # where two components are equally likely rounding decides between them: nine rows of ten must agree, and all be finite
        for name in ("x", "eps"):
            one, other = getattr(found, name).double(), getattr(wanted, name)
            error = (one - other).norm(dim=1) / (1 + other.norm(dim=1))
            assert one.isfinite().all() and error.quantile(0.9) < 2e-3, (name, far, error.max())
        log_prob = single.log_prob(z.float(), logsnr.float()).double()
        torch.testing.assert_close(log_prob, double.log_prob(z, logsnr), rtol=1e-4, atol=1e-2)


def test_it_is_differentiable_as_often_as_one_likes():
    low, logsnr = thin()[0], torch.tensor([0.7], dtype=torch.float64)
    z = torch.randn(1, 12, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: low(z, logsnr, None).x, z)[0, :, 0]
    hessian = torch.autograd.functional.hessian(lambda z: low.log_prob(z, logsnr).sum(), z)[0, :, 0]
    alpha, sigma = (value.item() for value in alpha_sigma(logsnr, z))
    identity = torch.eye(12, dtype=torch.float64)  # E[x | z] = (z + sigma^2 score) / alpha
    torch.testing.assert_close(jacobian, (identity + sigma**2 * hessian) / alpha)


def test_images_keep_their_shape_and_the_classifier_is_a_module():
    low = thin()[0]
    z, logsnr = torch.randn(4, 1, 3, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    assert low(z, logsnr, None).x.shape == z.shape
    torch.testing.assert_close(low.classifier()(z, logsnr), low.class_logits(z.flatten(1), logsnr))
    with count(low, low.classifier()) as nfe:
        low.branches(z, logsnr, [None, torch.zeros(4, dtype=torch.long)])
    assert nfe.denoiser_forward == 8 and nfe.classifier_forward == 0


def test_the_state_of_a_mixture_is_its_arrays():
    low = thin()[0]
    assert {"means", "bases", "variances", "residuals", "log_weights", "labels"} == set(low.state_dict())
    assert low.float().means.dtype == torch.float32


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_out_of_range_is_refused(label):
    world, z, logsnr = mixture(), torch.zeros(1, 2, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    wrong = torch.tensor([label])
    draw = lambda: world.sample(wrong, torch.Generator())  # noqa: E731
    for call in (lambda: world(z, logsnr, wrong), lambda: world.log_prob(z, logsnr, wrong), draw):
        with pytest.raises(ValueError, match="label reaches"):
            call()


def test_a_point_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match="z has 3 numbers per row"):
        mixture()(torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factors": torch.zeros(1, 2, 2)}, "r < d"),
        ({"factors": torch.full((1, 2, 1), torch.nan)}, "factors must be finite"),
        ({"residuals": torch.zeros(1)}, "positive definite"),
        ({"means": torch.full((1, 2), torch.inf)}, "means"),
    ],
)
def test_a_low_rank_mixture_that_is_none_is_refused(change, message):
    sound = {"means": torch.zeros(1, 2), "factors": torch.ones(1, 2, 1), "residuals": torch.ones(1)}
    sound |= {"weights": torch.ones(1), "labels": torch.tensor([0])}
    Mixture.low_rank(**sound)
    with pytest.raises(ValueError, match=message):
        Mixture.low_rank(**{**sound, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariances": torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])}, "positive definite"),
        ({"covariances": torch.tensor([[[1.0, 0.5], [0.0, 1.0]]])}, "symmetric"),
        ({"covariances": torch.full((1, 2, 2), torch.nan)}, "symmetric and finite"),
        ({"weights": torch.tensor([0.0])}, "weights"),
        ({"labels": torch.tensor([1])}, "labels"),
    ],
)
def test_a_mixture_that_is_none_is_refused(change, message):
    sound = {"means": torch.zeros(1, 2), "covariances": torch.eye(2)[None], "weights": torch.ones(1), "labels": torch.tensor([0])}
    Mixture(**sound)
    with pytest.raises(ValueError, match=message):
        Mixture(**{**sound, **change})
