"""The diffusion transformer: what it is conditioned on, what it starts as, what it refuses, that it learns."""

import pytest
import torch

from guidance import CosineLogSNR
from guidance.backbones.dit import DiT, positions
from guidance.denoiser import NetworkDenoiser
from guidance.objective import denoising_loss

LABEL, LOGSNR = torch.tensor([0, 1]), torch.tensor([-1.0, 2.0])


def z(channels=1, size=8, n=2):
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(0))


def loud(**options):
    torch.manual_seed(0)
    network = DiT(1, 3, 8, width=16, depth=2, **options)
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("channels", "size", "patch"), [(1, 8, 2), (3, 16, 4), (3, 8, 1)])
def test_it_starts_as_the_network_that_says_zero_of_the_shape_of_z(channels, size, patch):
    network = DiT(channels, 10, size, patch=patch, width=16, depth=2)
    said = network(z(channels, size), LOGSNR, LABEL)
    assert said.shape == (2, channels, size, size) and not said.any()


def test_a_learned_variance_doubles_the_channels():
    network = DiT(3, 10, 8, width=16, depth=1, learns_variance=True)
    assert network(z(3), LOGSNR, LABEL).shape == (2, 6, 8, 8)
    assert NetworkDenoiser(network, 10)(z(3), LOGSNR, LABEL).variance_fraction.shape == (2, 3, 8, 8)


def test_it_depends_on_all_that_it_is_conditioned_on():
    network, here = loud(), z()
    said = network(here, LOGSNR, LABEL)
    assert not torch.allclose(said, network(here + 0.1, LOGSNR, LABEL), atol=1e-3)
    assert not torch.allclose(said, network(here, LOGSNR + 1, LABEL), atol=1e-3)
    assert not torch.allclose(said, network(here, LOGSNR, LABEL + 1), atol=1e-3)
    shifted = network(here.roll(2, -1), LOGSNR, LABEL).roll(-2, -1)
    assert not torch.allclose(said, shifted, atol=1e-3), "a token knows where it is"
    alone = network(here[:1], LOGSNR[:1], LABEL[:1])
    torch.testing.assert_close(said[:1], alone, atol=1e-5, rtol=1e-4)


def test_patches_go_back_to_where_they_came_from():
    """Each output pixel hears of its own patch first: a network without attention and positions is local."""
    network, here = loud(), z(n=1)
    for block in network.trunk:
        block.adapt.weight.zero_()
        block.adapt.bias.zero_()
    moved = here.clone()
    moved[..., 2:4, 4:6] += 1.0  # one patch
    changed = (network(moved, LOGSNR[:1], LABEL[:1]) - network(here, LOGSNR[:1], LABEL[:1]))[0, 0].abs() > 1e-6
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[2:4, 4:6] = True
    assert torch.equal(changed, expected)


def test_every_position_is_another():
    found = positions((3, 5), 16)[0]
    assert found.shape == (15, 16) and (torch.cdist(found, found) + torch.eye(15) > 0.1).all()


def test_training_lowers_its_loss():
    torch.manual_seed(0)
    network, g = DiT(1, 2, 8, width=16, depth=2), torch.Generator().manual_seed(1)
    optimiser, density = torch.optim.AdamW(network.parameters(), lr=3e-3), CosineLogSNR(-10.0, 10.0)
    images = torch.stack([torch.full((1, 8, 8), -0.8), torch.full((1, 8, 8), 0.8)])
    losses = []
    for _ in range(60):
        label = torch.randint(2, (32,), generator=g)
        noise, logsnr = torch.randn(32, 1, 8, 8, generator=g), density(torch.rand(32, generator=g))
        loss = denoising_loss(network, images[label], noise, logsnr, label).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) < 0.6 * sum(losses[:10])


@pytest.mark.parametrize("options", [{"size": 9}, {"width": 18}, {"width": 20, "heads": 3}])
def test_sizes_that_do_not_divide_are_refused(options):
    with pytest.raises(ValueError, match="patch must divide size, and 4 and heads width"):
        DiT(1, 3, **({"size": 8, "patch": 2, "width": 16} | options))
