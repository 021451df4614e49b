"""Internal Guidance: both outputs of one forward, their difference extrapolated, and the loss that trains the second."""

import pytest
import torch
from torch import nn

from guidance import METHODS, NetworkDenoiser, count
from guidance.backbones.dit import DiT
from guidance.backbones.unet import UNet
from guidance.cost import NFE
from guidance.denoiser import Branch, branches
from guidance.diffusion import add_noise
from guidance.objective import denoising_loss, internal_loss
from guidance.scale import logsnr_at
from guidance.seen import Seen
from guidance.weightings import WEIGHTINGS

N = 5
LABEL, LOGSNR = torch.arange(N) % 3, torch.linspace(-4, 4, N)
HEADS = [("unet", 1), ("unet", 2), ("unet", 4), ("dit", 1), ("dit", 3)]


def z(channels=1):
    return torch.randn(N, channels, 8, 8, generator=torch.Generator().manual_seed(0))


def built(kind, channels=1, **options):
    torch.manual_seed(0)
    return UNet(channels, 3, width=8, **options) if kind == "unet" else DiT(channels, 3, 8, width=16, depth=4, **options)


def loud(kind="unet", channels=1, **options):
    network = built(kind, channels, **options)
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


def both(network, label):
    """The eps of the output and of the head, asked of the network itself."""
    outputs = network(z(), LOGSNR, torch.full_like(LABEL, 3) if label is None else label, internal=True)
    return outputs.chunk(2, 1)


@pytest.mark.parametrize("rows", [None, 3, 100])
@pytest.mark.parametrize(("kind", "head"), HEADS)
def test_it_extrapolates_from_the_head_in_one_forward(kind, head, rows):
    network = loud(kind, internal_head=head)
    model, w, (final, inner) = NetworkDenoiser(network, 3, rows=rows), 1.5, both(network, LABEL)
    assert torch.equal(final, network(z(), LOGSNR, LABEL)) and (final - inner).abs().max() > 0.05
    with count(network) as nfe:
        pred = METHODS["internal"](w=w)(model)(z(), LOGSNR, LABEL)
    assert nfe == NFE(denoiser_forward=N)
    torch.testing.assert_close(pred.eps, final + w * (final - inner), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("label_from", [0, "up"])
def test_classifier_free_guidance_goes_on_top_of_both_extrapolated_branches(label_from):
    network = loud(internal_head=2, label_from=label_from)
    w, null = 0.4, 0.875
    extrapolated = []
    for label in (LABEL, None):
        final, inner = both(network, label)
        extrapolated.append(final + w * (final - inner))
    cond, uncond = extrapolated
    with count(network) as nfe:
        pred = METHODS["internal"](w=w, null=null)(NetworkDenoiser(network, 3))(z(), LOGSNR, LABEL)
    torch.testing.assert_close(pred.eps, cond + 0.35 * (cond - uncond), rtol=1e-4, atol=1e-5)
    assert nfe.denoiser_forward == 2 * N if not label_from else N < nfe.denoiser_forward < 2 * N


def test_outside_its_window_classifier_free_guidance_stays():
    model = NetworkDenoiser(loud(internal_head=2), 3)
    windowed = METHODS["internal"](w=0.5, null=2.0, logsnr_min=logsnr_at(0.9))
    plain = METHODS["classifier-free"](w=1.0)(model)(z(), 0 * LOGSNR, LABEL)
    torch.testing.assert_close(windowed(model)(z(), 0 * LOGSNR, LABEL).eps, plain.eps)
    assert windowed.nfe([0.0]).denoiser_forward == 2 and METHODS["internal"]().nfe([0.0, 1.0]).denoiser_forward == 2


def test_a_head_in_a_trunk_without_labels_says_the_same_of_every_label():
    network = loud("dit", internal_head=2, label_from=3)
    inner = [
        pred.eps
        for pred in branches(
            NetworkDenoiser(network, 3), z(), LOGSNR, [Branch(LABEL, internal=True), Branch(None, internal=True)]
        )
    ]
    torch.testing.assert_close(*inner)
    later = loud("dit", internal_head=4 - 1, label_from=2)
    first, second = branches(NetworkDenoiser(later, 3), z(), LOGSNR, [Branch(LABEL, internal=True), Branch(None, internal=True)])
    assert not torch.allclose(first.eps, second.eps, atol=1e-3)


@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_the_head_comes_last_so_that_the_other_weights_of_a_seed_stay(kind):
    plain, headed = built(kind).state_dict(), built(kind, internal_head=1).state_dict()
    assert list(headed)[: len(plain)] == list(plain) and len(headed) > len(plain)
    assert all(torch.equal(plain[name], headed[name]) for name in plain)
    assert not built(kind, 3, internal_head=1)(z(3), LOGSNR, LABEL, internal=True).any(), "both outputs start at 0"


def test_a_learned_variance_is_of_the_output_alone():
    network = loud(internal_head=2, learns_variance=True)
    final, inner = branches(NetworkDenoiser(network, 3), z(), LOGSNR, [LABEL, Branch(LABEL, internal=True)])
    alone = NetworkDenoiser(network, 3)(z(), LOGSNR, LABEL)
    torch.testing.assert_close(final.variance_fraction, alone.variance_fraction)
    torch.testing.assert_close(final.eps, alone.eps)
    assert inner.variance_fraction is None and inner.eps.shape == final.eps.shape


@pytest.mark.parametrize(("target", "weighting"), [("eps", None), ("v", WEIGHTINGS["min-snr"]())])
def test_the_loss_is_that_of_the_output_and_half_that_of_the_head(target, weighting):
    network, eps = loud("dit", internal_head=2), z().flip(0)

    class Inner(nn.Module):
        def forward(self, z, logsnr, label):
            return network(z, logsnr, label, internal=True)[:, 1:]

    losses = [denoising_loss(each, z(), eps, LOGSNR, LABEL, target, weighting) for each in (network, Inner())]
    assert not torch.allclose(*losses, rtol=1e-2)
    with count(network) as nfe:
        found = internal_loss(network, z(), eps, LOGSNR, LABEL, target, weighting)
    torch.testing.assert_close(found, losses[0] + 0.5 * losses[1])
    assert nfe.denoiser_forward == N
    weighted = internal_loss(network, z(), eps, LOGSNR, LABEL, target, weighting, weight=2.0)
    torch.testing.assert_close(weighted, losses[0] + 2 * losses[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unet", "dit"])
def test_training_lowers_the_loss_of_both(kind):
    network, g = built(kind, internal_head=2), torch.Generator().manual_seed(1)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    images, inner = torch.stack([torch.full((1, 8, 8), value) for value in (-0.8, 0.0, 0.8)]), []
    for _ in range(60):
        label, eps = torch.randint(3, (32,), generator=g), torch.randn(32, 1, 8, 8, generator=g)
        logsnr = 8 * torch.rand(32, generator=g) - 4
        loss = internal_loss(network, images[label], eps, logsnr, label).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            said = network(add_noise(images[label], eps, logsnr), logsnr, label, internal=True)
        inner.append([(each - eps).square().mean().item() for each in said.chunk(2, 1)])
    begun, ended = torch.tensor(inner[:10]).mean(0), torch.tensor(inner[-10:]).mean(0)
    assert (ended < 0.7 * begun).all()


def test_models_without_a_head_are_refused_in_one_line():
    world_like = lambda z, logsnr, label: None  # noqa: E731
    for model, words in (
        (NetworkDenoiser(loud(), 3), "this network has no internal head: build it with internal_head"),
        (NetworkDenoiser(Plain(), 3), "this network has no internal head: its forward takes no `internal`"),
        (world_like, "this denoiser takes labels only: a branch of an internal head needs a NetworkDenoiser"),
    ):
        with pytest.raises(ValueError, match=words):
            METHODS["internal"]()(model)(z(), LOGSNR, LABEL)


class Plain(nn.Module):
    conditioned_on = "logsnr"

    def forward(self, z, logsnr, label):
        return z


def test_what_is_seen_of_a_model_is_its_output_and_not_its_head():
    seen = Seen(NetworkDenoiser(loud(internal_head=2), 3))
    METHODS["internal"](w=1.0)(seen)(z(), LOGSNR, LABEL)
    assert len(seen.asked) == 1
    torch.testing.assert_close(seen.asked[0][3], seen.model(z(), LOGSNR, LABEL).x)
