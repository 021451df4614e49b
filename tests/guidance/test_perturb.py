"""Perturbed networks, for some rows of a batch: what is perturbed, what is not, and that both networks do the same."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from guidance import branches
from guidance.backbones.dit import DiT
from guidance.backbones.layers import PerturbedLayers
from guidance.backbones.perturb import (
    BlurredQueries,
    GaussianLabel,
    IdentityAttention,
    KeptBlocks,
    NoisyLabel,
    NoisyLevel,
    Perturbation,
    RecordedAttention,
    ShuffledTokens,
    TemperedAttention,
    blurred,
    size_of,
)
from guidance.backbones.unet import UNet
from guidance.denoiser import Branch, NetworkDenoiser

LABEL, LOGSNR = torch.tensor([0, 1, 2, 0]), torch.tensor([-2.0, -1.0, 0.5, 2.0])


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


Z = drawn(4, 1, 8, 8)


def built(kind):
    """A network whose zero-initialised layers say something too."""
    torch.manual_seed(0)
    network = {"unet": lambda: UNet(1, 3, width=8, multipliers=(1, 2)), "dit": lambda: DiT(1, 3, 8, width=16, depth=3)}[kind]()
    for parameter in network.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


NETWORKS = {kind: built(kind) for kind in ("unet", "dit")}
WIDTH = {kind: network.embedding_width for kind, network in NETWORKS.items()}
PERTURBATIONS = {
    "identity attention": lambda kind: IdentityAttention(layers=[1]),
    "mean queries": lambda kind: BlurredQueries(layers=[0, 1, 2]),
    "blurred queries": lambda kind: BlurredQueries(layers=[1], sigma=0.7),
    "tempered attention": lambda kind: TemperedAttention(layers=[1], temperature=0.1),
    "shuffled tokens": lambda kind: ShuffledTokens(layers=[0, 2], numbers=drawn(4, 2, 64, seed=5)),
    "a skipped block": lambda kind: Perturbation(skipped=[1]),
    "kept blocks": lambda kind: KeptBlocks(keep=torch.arange(4 * NETWORKS[kind].blocks).reshape(4, -1) % 3 > 0),
    "another label": lambda kind: GaussianLabel(numbers=drawn(4, WIDTH[kind])),
    "a noisy label": lambda kind: NoisyLabel(numbers=drawn(4, WIDTH[kind]), keep=torch.full((4,), 0.5)),
    "a noisy level": lambda kind: NoisyLevel(numbers=drawn(4, WIDTH[kind])),
}


@pytest.fixture(params=NETWORKS)
def kind(request):
    return request.param


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_rows_that_are_perturbed_differ_and_no_others(kind, name):
    network, perturbation = NETWORKS[kind], PERTURBATIONS[name](kind)
    plain = network(Z, LOGSNR, LABEL)
    both = network(Z.repeat(2, 1, 1, 1), LOGSNR.repeat(2), LABEL.repeat(2), perturbations=[(slice(4, 8), perturbation)])
    torch.testing.assert_close(both[:4], plain, atol=1e-5, rtol=1e-4)
    assert ((both[4:] - plain).flatten(1).abs().amax(1) > 1e-4).all(), "every one of its rows"


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_however_the_branches_are_batched_they_say_the_same(kind, name, rows):
    evaluated = [LABEL, Branch(LABEL, perturbation=PERTURBATIONS[name](kind)), None]
    together = branches(NetworkDenoiser(NETWORKS[kind], 3, rows=rows), Z, LOGSNR, evaluated)
    apart = branches(NetworkDenoiser(NETWORKS[kind], 3), Z, LOGSNR, evaluated)
    for one, other in zip(together, apart):
        torch.testing.assert_close(one.eps, other.eps, atol=1e-5, rtol=1e-4)


def test_two_branches_may_be_perturbed_in_one_batch(kind):
    first, second = IdentityAttention(layers=[0]), Perturbation(skipped=[2])
    model = NetworkDenoiser(NETWORKS[kind], 3, rows=100)
    found = branches(model, Z, LOGSNR, [Branch(LABEL, perturbation=first), LABEL, Branch(LABEL, perturbation=second)])
    for pred, perturbation in zip(found, (first, None, second)):
        alone = branches(NetworkDenoiser(NETWORKS[kind], 3), Z, LOGSNR, [Branch(LABEL, perturbation=perturbation)])[0]
        torch.testing.assert_close(pred.eps, alone.eps, atol=1e-5, rtol=1e-4)


def heads(b=2, m=2, grid=(4, 4), d=3):
    return [drawn(b, m, grid[0] * grid[1], d, seed=seed) for seed in range(3)]


def test_identity_attention_gives_every_token_its_own_value():
    q, k, v = heads()
    assert torch.equal(IdentityAttention().attend(q, k, v, (4, 4)), v)
    certain = 1e3 * torch.eye(16).expand(2, 2, 16, 16)  # queries that find their own key alone
    torch.testing.assert_close(F.scaled_dot_product_attention(certain, certain, v), v)


def test_queries_blurred_a_little_or_without_end():
    q, k, v = heads()
    none, wide, mean = (BlurredQueries(sigma=sigma).attend(q, k, v, (4, 4)) for sigma in (1e-3, 50.0, math.inf))
    torch.testing.assert_close(none, F.scaled_dot_product_attention(q, k, v))
    expected = F.scaled_dot_product_attention(q.mean(2, keepdim=True), k, v)
    torch.testing.assert_close(mean, expected.expand_as(mean))
    assert (wide - mean).abs().max() < 0.5 * (none - mean).abs().max()


def test_a_blur_is_a_mirrored_convolution_that_keeps_what_is_flat():
    image = torch.zeros(1, 1, 9, 9)
    image[..., 4, 4] = 1.0
    taps = torch.exp(-0.5 * (torch.arange(-2, 3.0) / 0.6) ** 2)
    expected = torch.zeros(9, 9)
    expected[2:7, 2:7] = torch.outer(taps, taps) / taps.sum() ** 2
    torch.testing.assert_close(blurred(image, 0.6)[0, 0], expected, atol=2e-3, rtol=0)  # half as wide as 3 sigma, rounded up
    torch.testing.assert_close(blurred(torch.ones(1, 2, 5, 8), 2.0), torch.ones(1, 2, 5, 8))
    torch.testing.assert_close(blurred(drawn(1, 1, 6, 6), 3.0).transpose(2, 3), blurred(drawn(1, 1, 6, 6).transpose(2, 3), 3.0))


def test_a_block_that_is_left_out_is_what_goes_past_it():
    network = built("dit")
    with torch.no_grad():
        for parameter in (network.trunk[1].adapt.weight, network.trunk[1].adapt.bias):
            parameter.zero_()  # its gates are closed
    torch.testing.assert_close(
        NETWORKS["dit"](Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), Perturbation(skipped=[1]))]), network(Z, LOGSNR, LABEL)
    )
    network = built("unet")
    block = network.middle  # a residual block and attention: the third of five
    for layer in (block[0].conv2, block[1].out):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    skipped = NETWORKS["unet"](Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), Perturbation(skipped=[2]))])
    torch.testing.assert_close(skipped, network(Z, LOGSNR, LABEL), atol=1e-5, rtol=1e-4)


def test_each_row_keeps_its_own_blocks(kind):
    network = NETWORKS[kind]
    keep = torch.ones(4, network.blocks, dtype=torch.bool)
    keep[1, 0] = keep[3, 2] = False
    found = network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), KeptBlocks(keep=keep))])
    plain = network(Z, LOGSNR, LABEL)
    for row, block in ((1, 0), (3, 2)):
        alone = network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), Perturbation(skipped=[block]))])
        torch.testing.assert_close(found[row], alone[row], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found[::2], plain[::2], atol=1e-5, rtol=1e-4)


def test_watching_changes_nothing_and_shares_out_all_attention(kind):
    network, recorded = NETWORKS[kind], RecordedAttention(layers=[1])
    found = network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), recorded)])
    torch.testing.assert_close(found, network(Z, LOGSNR, LABEL), atol=1e-5, rtol=1e-4)
    (seen,) = recorded.attention
    assert seen.shape == (4, 4, 4)
    torch.testing.assert_close(seen.sum((1, 2)), torch.full((4,), 16.0))


def test_a_label_that_is_kept_is_untouched_and_a_noisy_one_keeps_its_mean_and_deviation():
    embedded, table = drawn(2, 32), drawn(4, 32, seed=1)
    perturbation = NoisyLabel(numbers=drawn(2, 32, seed=2), keep=torch.tensor([1.0, 0.4]), scale=0.5)
    noisy = perturbation.label(embedded, table)
    assert torch.equal(noisy[0], embedded[0]) and not torch.allclose(noisy[1], embedded[1], atol=0.1)
    torch.testing.assert_close(noisy.mean(1), embedded.mean(1))
    torch.testing.assert_close(noisy.std(1), embedded.std(1))
    half = NoisyLabel(numbers=drawn(2, 32, seed=2), keep=torch.tensor([0.4, 0.4]), scale=0.5, psi=0.0).label(embedded, table)
    by_hand = 0.4**0.5 * embedded + 0.5 * 0.6**0.5 * drawn(2, 32, seed=2)
    torch.testing.assert_close(half, by_hand)


def test_a_gaussian_label_has_the_moments_of_the_classes_and_not_of_null():
    table = torch.cat([2 + 0.5 * drawn(50, 40), torch.full((1, 40), 1e3)])
    found = GaussianLabel(numbers=drawn(400, 40, seed=3)).label(drawn(400, 40), table)
    assert found.mean().item() == pytest.approx(2, abs=0.05) and found.std().item() == pytest.approx(0.5, abs=0.02)


def test_what_is_not_there_is_named(kind):
    network = NETWORKS[kind]
    with pytest.raises(ValueError, match=f"attention layers, 0 to {network.attentions - 1}: there is no 9"):
        network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), IdentityAttention(layers=[9]))])
    with pytest.raises(ValueError, match=f"has {network.blocks} blocks"):
        network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), Perturbation(skipped=[-1]))])
    assert size_of(NetworkDenoiser(network, 3), "blocks") == network.blocks
    with pytest.raises(ValueError, match="layers cannot be perturbed"):
        size_of(lambda z, logsnr, label: None, "blocks")


def test_a_network_says_how_many_layers_it_runs(kind):
    network = NETWORKS[kind]
    layers = PerturbedLayers([], network.attentions, network.blocks)
    counted = {"attend": 0, "leave": 0}
    for name in counted:
        plain = getattr(layers, name)

        def counting(*words, plain=plain, name=name):
            counted[name] += 1
            return plain(*words)

        setattr(layers, name, counting)
    module = __import__(type(network).__module__, fromlist=["PerturbedLayers"])
    kept, module.PerturbedLayers = module.PerturbedLayers, lambda *words: layers
    try:
        network(Z, LOGSNR, LABEL, perturbations=[(slice(0, 4), Perturbation())])
    finally:
        module.PerturbedLayers = kept
    assert counted == {"attend": network.attentions, "leave": network.blocks}


def test_a_plain_call_is_what_it_was_without_any_of_this():
    """Adding nothing inside changes no number, and the names of the parameters are those of networks trained before."""
    network = NETWORKS["unet"]
    assert torch.equal(network(Z, LOGSNR, LABEL), network(Z, LOGSNR, LABEL, perturbations=()))
    assert {name.split(".")[0] for name in network.state_dict()} == {
        "condition",
        "enter",
        "down",
        "middle",
        "up",
        "widen",
        "leave",
    }
