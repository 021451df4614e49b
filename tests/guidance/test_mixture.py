"""The exact world against formulas that do not share its code."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal
from worlds import mixture

from guidance import Mixture
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
    belief = world(z, logsnr, label)
    torch.testing.assert_close(belief.eps, -sigma * score, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(alpha * belief.x + sigma * belief.eps, z, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", LEVELS)
def test_nothing_breaks_fifty_standard_deviations_out(dtype, value):
    world = mixture(dtype)
    z, logsnr = 50 * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [0.0, -1.0]], dtype=dtype), torch.full((3,), value, dtype=dtype)
    belief = world(z, logsnr, None)
    for found in (belief.x, belief.eps, world.log_prob(z, logsnr), world.class_logits(z, logsnr)):
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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"covariances": torch.tensor([[[1.0, 2.0], [2.0, 1.0]]])}, "positive definite"),
        ({"weights": torch.tensor([0.0])}, "weights"),
        ({"labels": torch.tensor([1])}, "labels"),
    ],
)
def test_a_mixture_that_is_none_is_refused(change, message):
    sound = {"means": torch.zeros(1, 2), "covariances": torch.eye(2)[None], "weights": torch.ones(1), "labels": torch.tensor([0])}
    Mixture(**sound)
    with pytest.raises(ValueError, match=message):
        Mixture(**{**sound, **change})
