"""Networks conditioned on a strength: what they start as, what None means, how branches carry it, who refuses it."""

import pytest
import torch

from guidance import METHODS, Branch, NetworkDenoiser, branches
from guidance.backbones.dit import DiT
from guidance.backbones.unet import UNet
from guidance.seen import Seen
from guidance.strengths import takes_strength

NETWORKS = {
    "unet": lambda **options: UNet(1, 3, width=8, **options),
    "dit": lambda **options: DiT(1, 3, 8, width=16, depth=2, **options),
}
each = pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)


def made(build, loud=False, **options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(**options)
        for parameter in network.parameters() if loud else ():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


def inputs(n=5):
    g = torch.Generator().manual_seed(5)
    return torch.randn(n, 1, 8, 8, generator=g), torch.linspace(-6, 6, n), torch.arange(n) % 3


@each
def test_the_other_weights_are_those_of_a_network_without_it(build):
    plain, conditioned = made(build).state_dict(), made(build, strength=True).state_dict()
    assert list(plain) == [name for name in conditioned if "strength" not in name]
    assert all(torch.equal(plain[name], conditioned[name]) for name in plain)
    assert len(conditioned) == len(plain) + 4


@each
def test_before_training_no_strength_changes_anything_and_after_it_every_one_does(build):
    z, logsnr, label = inputs()
    plain, conditioned, s = made(build, loud=True), made(build, strength=True), torch.linspace(0.1, 4, 5)
    conditioned.load_state_dict(plain.state_dict(), strict=False)
    assert torch.equal(conditioned(z, logsnr, label, strength=s), plain(z, logsnr, label))
    trained = made(build, loud=True, strength=True)
    outputs = [trained(z, logsnr, label, strength=torch.full((5,), value)) for value in (0.0, 0.1, 0.5, 2.0, 8.0)]
    for index, output in enumerate(outputs):
        assert all((output - other).abs().amax((1, 2, 3)).min() > 1e-4 for other in outputs[:index])
    assert torch.equal(trained(z, logsnr, label), outputs[0]), "None is 0"
    own = trained(z, logsnr, label, strength=s)
    alone = trained(z[3:4], logsnr[3:4], label[3:4], strength=s[3:4])
    torch.testing.assert_close(own[3:4], alone, atol=1e-5, rtol=1e-4)


@each
def test_a_network_without_the_option_refuses_a_strength_in_one_line(build):
    z, logsnr, label = inputs()
    network, s = made(build), torch.ones(5)
    with pytest.raises(ValueError, match="not conditioned on a strength: build it with strength=True"):
        network(z, logsnr, label, strength=s)
    model = NetworkDenoiser(network, 3)
    with pytest.raises(ValueError, match="not conditioned on a strength: train one with network.strength=true"):
        branches(model, z, logsnr, [Branch(label, strength=s)])
    assert not takes_strength(network) and takes_strength(made(build, strength=True))
    assert torch.equal(model.branches(z, logsnr, [Branch(label)])[0].eps, model(z, logsnr, label).eps)


@each
@pytest.mark.parametrize("rows", [None, 2, 10, 100])
def test_branches_carry_their_strengths_however_they_are_cut(build, rows):
    z, logsnr, label = inputs()
    network, s = made(build, loud=True, strength=True), torch.linspace(0.1, 4, 5)
    model = NetworkDenoiser(network, 3, rows=rows)
    found = branches(model, z, logsnr, [Branch(label, strength=s), label, Branch(None, strength=2 * s)])
    null = torch.full_like(label, 3)
    wanted = [network(z, logsnr, label, strength=s), network(z, logsnr, label), network(z, logsnr, null, strength=2 * s)]
    for pred, output in zip(found, wanted):
        torch.testing.assert_close(pred.eps, output, atol=2e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="strength needs one entry for each of the 5 rows of z"):
        branches(model, z, logsnr, [Branch(label, strength=s[:1])])


def test_what_takes_labels_only_refuses_a_strength_and_what_is_kept_leaves_it_out():
    z, logsnr, label = inputs()
    plain = NetworkDenoiser(made(NETWORKS["unet"], loud=True, strength=True), 3)
    entry = Branch(label, strength=torch.ones(5))
    with pytest.raises(ValueError, match="takes labels only: a branch of a strength needs"):
        branches(lambda z, logsnr, label: plain(z, logsnr, label), z, logsnr, [entry])
    seen = Seen(plain)
    assert torch.equal(branches(seen, z, logsnr, [entry])[0].x, branches(plain, z, logsnr, [entry])[0].x)
    assert seen.asked == []


@each
def test_other_methods_take_such_a_network_at_its_neutral_strength(build):
    z, logsnr, label = inputs()
    network = made(build, loud=True, strength=True)
    guided = METHODS["classifier-free"](w=2.0)(NetworkDenoiser(network, 3))(z, logsnr, label).eps
    zero = torch.zeros(5)
    cond, null = (network(z, logsnr, ids, strength=zero) for ids in (label, torch.full_like(label, 3)))
    torch.testing.assert_close(guided, 3 * cond - 2 * null, atol=1e-4, rtol=1e-4)
