"""Late conditioning: the trunk knows no label and is computed once, whatever the branches, the method and the way it is run."""

import copy
import re
from pathlib import Path

import pytest
import torch

from guidance import METHODS, NetworkDenoiser, count
from guidance.backbones.dit import DiT
from guidance.backbones.perturb import IdentityAttention
from guidance.backbones.unet import UNet
from guidance.compute import Compute, prepare
from guidance.denoiser import Branch
from guidance.head_share import head_share
from guidance.law_kit import LAW_LOGSNRS, Kit, W, make_kit, samplers_of, trajectory

N, SHAPE = 5, (1, 8, 8)
LABEL, LOGSNR = torch.arange(N) % 3, torch.linspace(-5, 5, N)
KINDS = {
    "unet": lambda **options: UNet(1, 3, width=8, **options),
    "adm": lambda **options: UNet(1, 3, width=8, blocks=2, attention=(0, 1), resample="block", **options),
    "dit": lambda **options: DiT(1, 3, 8, width=16, depth=4, **options),
}
PLACES = [("unet", 1), ("unet", "middle"), ("unet", "up"), ("unet", "last"), ("adm", 3), ("adm", 7), ("dit", 1), ("dit", "last")]
PLACES.append(("dit", "output"))


def z():
    return torch.randn(N, *SHAPE, generator=torch.Generator().manual_seed(0))


def loud(kind="unet", **options):
    """A network whose output depends on all its conditions."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = KINDS[kind](**options)
        for parameter in network.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


def unshared(network):
    """The same network, which takes one label a row."""
    alone = copy.deepcopy(network)
    alone.shares_trunk = False
    return alone


@pytest.mark.parametrize("rows", [None, 3, 100])
@pytest.mark.parametrize(("kind", "place"), PLACES)
def test_branches_are_the_single_calls_and_the_trunk_sees_every_row_once(kind, place, rows):
    network = loud(kind, label_from=place)
    seen: list[int] = []
    network.enter.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    labels = [LABEL, None, (LABEL + 1) % 3]
    together = NetworkDenoiser(network, 3, rows=rows).branches(z(), LOGSNR, labels)
    assert sum(seen) == N
    for found, label in zip(together, labels):
        single = NetworkDenoiser(network, 3)(z(), LOGSNR, label)
        torch.testing.assert_close(found.eps, single.eps, rtol=1e-4, atol=1e-5)
    assert (together[0].eps - together[1].eps).abs().max() > 0.05, "the head sees the label"


ENTERS = [("unet", "up", 3), ("adm", 3, 3), ("dit", 2, 2), ("unet", 0, 0), ("dit", 0, 0)]


@pytest.mark.parametrize(("kind", "place", "first"), ENTERS)
def test_the_label_enters_at_the_named_block_and_not_before(kind, place, first):
    """Of a residual block, at its second normalisation."""
    network = loud(kind, label_from=place)
    blocks = network.trunk if kind == "dit" else [stage[0] for _, stage, *_ in network._steps()]
    conditions: list[list[torch.Tensor]] = [[], []]
    for label, kept in zip((LABEL, (LABEL + 1) % 3), conditions):
        hook = lambda _, given, kept=kept: kept.append(given[0])  # noqa: E731
        handles = [block.adapt.register_forward_pre_hook(hook) for block in blocks]
        network(z(), LOGSNR, label)
        for handle in handles:
            handle.remove()
    assert [torch.equal(a, b) for a, b in zip(*conditions)] == [index < first for index in range(len(blocks))]


def test_what_no_label_changes_is_shared_up_to_the_normalisation_that_sees_it():
    """The last block of the U-Net: its first convolution, of twice the width, belongs to the trunk."""
    network, calls = loud(label_from="last"), {"conv1": 0, "skip": 0, "conv2": 0}
    for name in calls:

        def hook(module, inputs, output, name=name):
            calls[name] += len(output)

        getattr(network.up[0][-1][0], name).register_forward_hook(hook)
    NetworkDenoiser(network, 3).branches(z(), LOGSNR, [LABEL, None])
    assert calls == {"conv1": N, "skip": N, "conv2": 2 * N} and head_share(network, SHAPE) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_the_place_changes_no_parameter_and_the_default_is_everywhere(kind):
    plain, late = loud(kind), loud(kind, label_from="last")
    assert list(plain.state_dict()) == list(late.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), late.state_dict().values()))
    assert not plain.shares_trunk and head_share(plain, SHAPE) == 1
    assert not torch.allclose(plain(z(), LOGSNR, LABEL), late(z(), LOGSNR, LABEL), atol=1e-3)


@pytest.mark.parametrize("place", range(1, 5))
def test_r_of_a_transformer_is_the_share_of_its_blocks_from_there_on(place):
    """Products of n tokens of width d by hand: a block has 24 n d^2 + 4 n^2 d, and 12 d^2 of its condition."""
    n, d, patch, depth = 16, 16, 4, 4
    block = 24 * n * d**2 + 4 * n**2 * d + 12 * d**2
    condition, enter = 2 * (d // 4 * 2) * d + 2 * d**2, 2 * n * patch * d
    leave = 2 * d * 2 * d + 2 * n * d * patch
    head = condition + (depth - place) * block + leave
    whole = enter + 2 * condition + depth * block + leave
    assert head_share(loud("dit", label_from=place), SHAPE) == pytest.approx(head / whole, rel=1e-9)


@pytest.mark.parametrize("rows", [None, 100])
def test_guidance_counts_one_plus_r_and_branches_that_share_nothing_count_whole(rows):
    network = loud(label_from="up")
    model, r = NetworkDenoiser(network, 3, rows=rows), head_share(network, SHAPE)
    assert 0.1 < r < 0.9
    entries = [LABEL, None, Branch(LABEL, perturbation=IdentityAttention(layers=[0])), Branch(None, logsnr_cond=LOGSNR - 1)]
    for asked, wanted in ((entries[:1], 1), (entries[:2], 1 + r), ([*entries[:2], LABEL], 1 + 2 * r), (entries, 3 + r)):
        with count(network) as nfe:
            found = model.branches(z(), LOGSNR, asked)
        assert nfe.denoiser_forward / N == pytest.approx(wanted)
        for pred, entry in zip(found, asked):
            alone = NetworkDenoiser(unshared(network), 3).branches(z(), LOGSNR, [entry])[0]
            torch.testing.assert_close(pred.eps, alone.eps, rtol=1e-4, atol=1e-5)
    with count(network) as nfe:
        METHODS["classifier-free"](w=2.0)(model)(z(), LOGSNR, LABEL)
    assert nfe.denoiser_forward / N == pytest.approx(1 + r)


@pytest.mark.parametrize(("kind", "rows"), [("unet", None), ("unet", 100), ("dit", None), ("dit", 3)])
def test_gradients_go_through_the_shared_trunk(kind, rows):
    network, gradients = loud(kind, label_from="last"), []
    for each in (network, unshared(network)):
        leaf = z().requires_grad_()
        guided = METHODS["classifier-free"](w=1.5)(NetworkDenoiser(each, 3, rows=rows))
        with count(each) as nfe:
            gradients.append(torch.autograd.grad(guided(leaf, LOGSNR, LABEL).x.square().sum(), leaf)[0])
        assert nfe.denoiser_backward == pytest.approx(nfe.denoiser_forward)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_precision_and_layout_stay_and_bfloat16_is_bfloat16():
    for kind in ("unet", "dit"):
        network = loud(kind, label_from="last")
        for compute in (Compute(precision="bfloat16"), Compute(memory_format="channels_last")):
            outputs = [
                NetworkDenoiser(prepare(each, compute), 3, rows=rows).branches(z(), LOGSNR, [LABEL, None])[1].eps
                for each in (copy.deepcopy(network), unshared(network))
                for rows in (None, 100)
            ]
            exact = NetworkDenoiser(network, 3)(z(), LOGSNR, None).eps
            for output in outputs:
                assert output.dtype == torch.float32 and output.is_contiguous()
                torch.testing.assert_close(output, outputs[-1], rtol=1e-2, atol=2e-2)
            assert torch.allclose(outputs[0], exact, atol=1e-5) == (compute.precision == "float32")
    double = loud("unet", label_from="up").double()
    assert NetworkDenoiser(double, 3)(z().double(), LOGSNR.double(), LABEL).eps.dtype == torch.float64


ASKS = [name for name, kind in METHODS.items() if not {"groups", "strength"} & set(kind.requires_model)]


@pytest.mark.parametrize("name", ASKS)
def test_no_method_knows_and_none_pays_more_than_it_declares(name):
    """The samples are those of the same network whose branches share nothing."""
    kind = METHODS[name]
    method, sampler, kit = kind(w=W), samplers_of(kind)[0], make_kit(kind)
    drawn, counted = [], []
    for module in (kit.world, kit.weak, *(role for role in kit.roles.values() if isinstance(role, torch.nn.Module))):
        module.float()
    late = loud(label_from="up", internal_head=2 * ("internal" in kind.requires_model))
    for network in (late, unshared(late)):
        roles = {**kit.roles, "model": NetworkDenoiser(network, 3)}
        with count(network) as nfe:
            drawn.append(trajectory(method, 2, sampler, kit=Kit(kit.world, roles, network, kit.classifiers, kit.weak)))
        counted.append(nfe.per_sample(2).denoiser_forward)
    torch.testing.assert_close(*drawn, rtol=1e-3, atol=1e-3)
    assert counted[0] <= counted[1]
    if name == "classifier-free":
        assert counted[0] == pytest.approx(len(LAW_LOGSNRS) * (1 + head_share(late, SHAPE)))


def test_an_empty_batch_is_one():
    model = NetworkDenoiser(loud(label_from="up"), 3)
    assert [pred.x.shape for pred in model.branches(z()[:0], LOGSNR[:0], [LABEL[:0], None])] == [(0, *SHAPE)] * 2


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("unet", {"label_from": 5}, "label_from must lie in 0 to 4, the last block that sees a label, not 5"),
        ("dit", {"label_from": -1}, "label_from must lie in 0 to 4"),
        ("unet", {"label_from": "output"}, "label_from must be middle, up, last or the index of a block, not 'output'"),
        ("dit", {"internal_head": 4}, "internal_head must lie in 1 to 3, a number of blocks, or be 0 for none, not 4"),
    ],
)
def test_places_that_there_are_not_are_refused(kind, options, words):
    with pytest.raises(ValueError, match=words):
        KINDS[kind](**options)


def test_several_labels_are_of_networks_with_a_shared_trunk():
    with pytest.raises(ValueError, match="10 labels for 5 rows: a network takes one for each"):
        loud()(z(), LOGSNR, LABEL.repeat(2))
    with pytest.raises(ValueError, match="7 labels for 5 rows"):
        loud(label_from="up")(z(), LOGSNR, torch.zeros(7, dtype=torch.long))


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "late.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(block, {})
