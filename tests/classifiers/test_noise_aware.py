"""Any timm network, conditioned on lambda, with gradients that stay within their sample."""

import pytest
import torch

from classifiers import Evaluator, NoiseAware
from classifiers.augment import random_affine
from classifiers.noise_aware import noisy_cross_entropy
from guidance.gradients import log_prob_gradient


def classifier(arch: str = "test_resnet", size: int = 16, channels: int = 1) -> NoiseAware:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NoiseAware(arch, channels, 10, size).eval()


@pytest.mark.parametrize(
    ("arch", "size", "shape"),
    [
        ("test_resnet", 16, (1, 8, 8)),
        ("test_vit", 32, (3, 32, 32)),
        ("test_efficientnet", 32, (3, 16, 16)),
        ("test_convnext", 32, (1, 8, 8)),
    ],
)
def test_convolutional_and_transformer_networks_take_images_of_any_size(arch, size, shape):
    net = classifier(arch, size, shape[0])
    assert net(torch.randn(2, *shape), torch.tensor([-3.0, 3.0])).shape == (2, 10)


def test_it_listens_to_lambda():
    net, z = classifier(), torch.randn(4, 1, 8, 8)
    assert (net(z, torch.full((4,), -6.0)) - net(z, torch.full((4,), 6.0))).abs().max() > 1e-3


def test_the_gradient_is_that_of_finite_differences():
    net = classifier().double()
    z, logsnr, label = torch.randn(2, 1, 8, 8).double(), torch.tensor([-1.0, 2.0]).double(), torch.tensor([3, 7])
    gradient = log_prob_gradient(net, z, logsnr, label)

    def log_prob(at):
        return net(at, logsnr).log_softmax(-1)[torch.arange(2), label]

    step = 1e-6
    for i, j in [(0, 0), (3, 4), (7, 2)]:
        shift = torch.zeros_like(z)
        shift[:, 0, i, j] = step
        difference = (log_prob(z + shift) - log_prob(z - shift)) / (2 * step)
        torch.testing.assert_close(gradient[:, 0, i, j], difference, rtol=1e-4, atol=1e-7)


def test_the_gradient_does_not_leak_across_the_batch():
    net = classifier()
    z, logsnr, label = torch.randn(3, 1, 8, 8), torch.zeros(3), torch.tensor([1, 2, 3])
    alone = torch.cat([log_prob_gradient(net, z[i : i + 1], logsnr[:1], label[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(log_prob_gradient(net, z, logsnr, label), alone, rtol=0, atol=1e-5)


def test_the_loss_is_the_cross_entropy_of_the_noisy_image():
    net = classifier()
    x, eps = torch.randn(2, 5, 1, 8, 8)
    logsnr, label = torch.linspace(-4, 4, 5), torch.arange(5)
    z = torch.sigmoid(logsnr).sqrt().view(-1, 1, 1, 1) * x + torch.sigmoid(-logsnr).sqrt().view(-1, 1, 1, 1) * eps
    expected = -net(z, logsnr).log_softmax(-1)[torch.arange(5), label]
    torch.testing.assert_close(noisy_cross_entropy(net, x, eps, logsnr, label), expected)


@pytest.mark.parametrize("kind", [NoiseAware, Evaluator])
def test_an_unknown_network_is_refused_with_the_nearest_names(kind):
    with pytest.raises(ValueError, match=r"no model named 'resnet19'.*resnet18"):
        kind("resnet19", 1, 10, 16)


@pytest.mark.parametrize("arch", ["test_vit", "test_resnet", "test_convnext"])
def test_the_evaluators_logits_are_those_of_its_features(arch):
    net = Evaluator(arch, 1, 10, 32).eval()
    x = torch.rand(3, 1, 8, 8) * 2 - 1
    assert net.features(x).ndim == 2
    torch.testing.assert_close(net(x), net.head(net.features(x)))


def test_augmentation_moves_every_image_a_little_and_its_bounds_hold():
    x = torch.zeros(50, 1, 8, 8)
    x[:, :, 3:5, 3:5] = 1.0
    g = torch.Generator().manual_seed(0)
    moved = random_affine(x, g)
    assert (moved != x).flatten(1).any(1).all() and moved.min() >= 0 and moved.max() <= 1
    mass = moved.sum((2, 3))[:, 0]
    place = torch.arange(8.0)
    for axis in (2, 3):
        centre = (moved.sum(axis)[:, 0] * place).sum(1) / mass
        assert (centre - 3.5).abs().max() < 1.3, "a shift of at most one pixel in eight"
    still = random_affine(x, g, degrees=0.0, scale=0.0, shift=0.0)
    torch.testing.assert_close(still, x)
