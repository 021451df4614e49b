"""Weak branches with attention tempered (ERG) or tokens shuffled (TPG): layer by layer, by hand, in both networks."""

import math

import pytest
import torch

from guidance import METHODS, branches, law_kit
from guidance.backbones.dit import DiT
from guidance.backbones.layers import PerturbedLayers
from guidance.backbones.perturb import ShuffledTokens, TemperedAttention
from guidance.backbones.unet import Attention
from guidance.cost import NFE, count
from guidance.denoiser import Branch, NetworkDenoiser
from guidance.sampling import own_noise

LABEL, LEVEL, SHAPE = torch.arange(6) % 3, torch.full((6,), 0.3), (1, 8, 8)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def dit():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DiT(1, 3, 8, width=16, depth=3)
        for parameter in network.parameters():
            parameter.data += 0.2 * torch.randn_like(parameter)
    return NetworkDenoiser(network.eval().requires_grad_(False), 3)


NETWORKS = {"unet": law_kit.network(), "dit": dit()}
Z = drawn(6, *SHAPE)


def noise(rows=range(6)):
    return own_noise(1, rows, SHAPE)


@pytest.fixture(params=NETWORKS)
def model(request):
    return NETWORKS[request.param]


def test_a_temperature_multiplies_the_logits_of_attention():
    q, k, v = (drawn(2, 2, 16, 3, seed=seed) for seed in range(3))
    by_hand = torch.einsum("bmts,bmsd->bmtd", (0.3 * torch.einsum("bmtd,bmsd->bmts", q, k) / 3**0.5).softmax(-1), v)
    torch.testing.assert_close(TemperedAttention(temperature=0.3).attend(q, k, v, (4, 4)), by_hand)
    flat = TemperedAttention(temperature=0.0).attend(q, k, v, (4, 4))
    torch.testing.assert_close(flat, v.mean(2, keepdim=True).expand_as(v))

    def entropy(temperature):
        weights = TemperedAttention(temperature=temperature).attend(q, k, torch.eye(16).expand(2, 2, 16, 16), (4, 4))
        return -(weights * weights.clamp(min=1e-30).log()).sum(-1).mean().item()

    rising = [entropy(temperature) for temperature in (4.0, 1.0, 0.25, 0.01)]
    assert rising == sorted(rising) and rising[-1] == pytest.approx(math.log(16), abs=1e-3)


def test_erg_pushes_away_from_the_tempered_model(model):
    tempered = Branch(LABEL, perturbation=TemperedAttention(layers=[1], temperature=0.2))
    cond, weak, null = (one.eps for one in branches(model, Z, LEVEL, [LABEL, tempered, None]))
    assert (cond - weak).abs().max() > 1e-3
    found = METHODS["erg"](w=2.0, temperature=0.2, layers="1", null=0.5)(model)(Z, LEVEL, LABEL).eps
    torch.testing.assert_close(found, cond + 2 * (cond - weak) + (cond - null), atol=1e-5, rtol=1e-4)
    itself = METHODS["erg"](w=2.0, temperature=1.0, layers="all")(model)(Z, LEVEL, LABEL).eps
    torch.testing.assert_close(itself, cond, atol=1e-5, rtol=1e-4)


def test_the_attention_of_a_unet_is_shuffled_and_what_goes_around_it_is_not():
    """Attention does not know where its tokens are: the branch of shuffled tokens is the shuffled branch."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = Attention(8, 2)
    for parameter in layer.parameters():
        parameter.data += 0.3 * drawn(*parameter.shape, seed=3)
    h, numbers = drawn(4, 8, 3, 5), drawn(4, 1, 20, seed=1)
    perturbed = PerturbedLayers([(slice(1, 4), ShuffledTokens(layers=[0], numbers=numbers[1:]))], 1, 1)
    found, branch = layer(h, drawn(4, 1), perturbed), layer(h, drawn(4, 1)) - h
    for row in range(4):
        order = numbers[row, 0, :15].argsort() if row else torch.arange(15)
        torch.testing.assert_close(found[row], h[row] + branch[row].flatten(1)[:, order].view(8, 3, 5), atol=1e-5, rtol=1e-4)


def test_all_that_enters_a_block_of_a_dit_is_shuffled():
    block, h, condition = NETWORKS["dit"].network.trunk[1], drawn(4, 16, 16), drawn(4, 16, seed=2)
    numbers = drawn(4, 1, 64, seed=1)
    found = block(h, condition, (4, 4), PerturbedLayers([(slice(0, 4), ShuffledTokens(layers=[0], numbers=numbers))], 1, 1))
    plain, order = block(h, condition, (4, 4)), numbers[:, 0, :16].argsort(1)
    torch.testing.assert_close(found, torch.stack([rows[own] for rows, own in zip(plain, order)]), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, plain, atol=1e-2)


@pytest.mark.parametrize(("layers", "indices"), [("1", [1]), ("all", [0, 1, 2])])
def test_tpg_pushes_away_from_the_shuffled_model(model, layers, indices):
    draw = noise()
    numbers = torch.stack([draw().flatten(1) for _ in indices], 1)
    shuffled = Branch(LABEL, perturbation=ShuffledTokens(layers=indices, numbers=numbers))
    cond, weak, null = (one.eps for one in branches(model, Z, LEVEL, [LABEL, shuffled, None]))
    assert (cond - weak).abs().max() > 1e-3
    with count(model.network) as counted:
        found = METHODS["tpg"](w=2.0, layers=layers, null=0.5)(model, noise())(Z, LEVEL, LABEL).eps
    torch.testing.assert_close(found, cond + 2 * (cond - weak) + (cond - null), atol=1e-5, rtol=1e-4)
    assert counted.per_sample(6) == METHODS["tpg"](null=0.5).nfe_per_call == NFE(denoiser_forward=3)


def test_a_shuffle_is_every_samples_own_and_new_at_every_call_and_layer(model):
    guided = METHODS["tpg"](w=1.0)(model, noise())
    same = Z[:1].expand(6, *SHAPE)
    first, second = (guided(same, LEVEL, torch.zeros(6, dtype=torch.long)).eps for _ in range(2))
    assert len(first.unique(dim=0)) == 6 and not torch.allclose(first, second, atol=1e-4)
    alone = METHODS["tpg"](w=1.0)(model, noise(range(2, 4)))(Z[2:4], LEVEL[2:4], LABEL[2:4]).eps
    whole = METHODS["tpg"](w=1.0)(model, noise())(Z, LEVEL, LABEL).eps
    torch.testing.assert_close(whole[2:4], alone, atol=1e-5, rtol=1e-4)
    orders = ShuffledTokens(layers=[0, 2], numbers=drawn(6, 2, 64))
    assert not torch.equal(orders.order(0, 16), orders.order(2, 16))
    assert torch.equal(orders.order(2, 16).sort(1).values, torch.arange(16).expand(6, 16)), "each token once"


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="temperature must be finite and not negative"):
        METHODS["erg"](temperature=-0.1)
    for name, roles in (("erg", ()), ("tpg", (noise(),))):
        with pytest.raises(ValueError, match="layers cannot be perturbed"):
            METHODS[name]()(lambda z, logsnr, label: None, *roles)
        with pytest.raises(ValueError, match="0 to 2: there is no 7"):
            METHODS[name](layers="7")(NETWORKS["unet"], *roles)(Z, LEVEL, LABEL)
