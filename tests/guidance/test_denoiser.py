"""A network as a Denoiser: null label, branches, chunks, clipping, counting, losses."""

import pytest
import torch
from torch import nn
from worlds import networks

from guidance import METHODS, Clipped, NetworkDenoiser, Prediction, adapters, alpha_sigma, branches, count
from guidance.backbones.unet import ResidualBlock, UNet, doubled, halved
from guidance.denoiser import Branch, weighted_sum
from guidance.diffusion import v_of
from guidance.effective import EffectiveWeight
from guidance.objective import drop_labels, eps_loss


def inputs(n: int = 7):
    g = torch.Generator().manual_seed(5)
    return torch.randn(n, 1, 8, 8, generator=g), torch.linspace(-6, 6, n), torch.arange(n) % 3


def test_label_none_is_the_null_label():
    model, _ = networks()
    z, logsnr, label = inputs()
    assert torch.equal(model(z, logsnr, None).eps, model(z, logsnr, torch.full_like(label, 3)).eps)
    assert not torch.allclose(model(z, logsnr, None).eps, model(z, logsnr, label).eps, atol=1e-4)


def test_lambdas_and_labels_that_were_not_trained_are_named():
    model, _ = networks()
    z, logsnr, label = inputs()
    bounded = NetworkDenoiser(model.network, 3, logsnr_range=(-6.0, 5.0))
    with pytest.raises(ValueError, match=r"logsnr reaches from -6 to 6, outside the trained range \[-6, 5\]"):
        bounded(z, logsnr, label)
    bounded(z, logsnr.clamp(max=5), label)
    with pytest.raises(ValueError, match="label reaches from 1 to 7: the classes are 0 to 3"):
        model(z, logsnr, label + 5 * (label == 2) + (label == 0))


def test_a_network_without_a_null_label_answers_labels_only():
    model, _ = networks()
    z, logsnr, label = inputs()
    labelled = NetworkDenoiser(model.network, 3, has_null=False)
    assert torch.equal(labelled(z, logsnr, label).eps, model(z, logsnr, label).eps)
    with pytest.raises(ValueError, match="trained with labels only and says nothing without one"):
        branches(labelled, z, logsnr, [label, None])
    with pytest.raises(ValueError, match="label reaches from 3 to 3: the classes are 0 to 2"):
        labelled(z, logsnr, torch.full_like(label, 3))
    kept = EffectiveWeight(labelled, labelled, logsnr.tolist())
    kept(z, logsnr, label)
    assert kept.overall() == (None, None) and kept.by_call()["logsnr"] == []


@pytest.mark.parametrize("target", ["x", "v"])
def test_a_network_of_another_target_is_the_same_denoiser(target):
    """A network that says what an eps network implies, as another target: the prediction must not change."""
    model, _ = networks()
    z, logsnr, label = inputs()
    wanted = model(z, logsnr, label)

    class Told(nn.Module):
        def forward(self, z, logsnr, label):
            pred = model(z, logsnr, label)
            return pred.x if target == "x" else v_of(pred.x, pred.eps, logsnr)

    found = NetworkDenoiser(adapters.logsnr(Told()), 3, target)(z, logsnr, label)
    torch.testing.assert_close(found.x, wanted.x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.eps, wanted.eps, rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="target must be one of eps, x, v"):
        NetworkDenoiser(adapters.logsnr(Told()), 3, "score")


def test_the_second_half_of_the_channels_is_the_variance_and_guidance_keeps_the_conditional_one():
    class Both(nn.Module):
        def forward(self, z, logsnr, label):
            return torch.cat([0 * z, torch.full_like(z, 0.5) + label[:, None, None, None]], 1)

    z, logsnr, label = inputs()
    model = NetworkDenoiser(adapters.logsnr(Both()), 3)
    torch.testing.assert_close(model(z, logsnr, 0 * label).variance_fraction, torch.full_like(z, 0.75))
    guided = Clipped(METHODS["classifier-free"](w=2.0)(model))(z, logsnr, 0 * label)
    torch.testing.assert_close(guided.variance_fraction, torch.full_like(z, 0.75))


@pytest.mark.parametrize("rows", [None, 1, 3, 5, 100])
def test_branches_are_the_single_calls_however_they_are_cut(rows):
    model, _ = networks()
    z, logsnr, label = inputs()
    together = NetworkDenoiser(model.network, 3, rows=rows).branches(z, logsnr, [label, None])
    for found, wanted in zip(together, (label, None)):
        torch.testing.assert_close(found.eps, model(z, logsnr, wanted).eps, rtol=0, atol=1e-5)


def test_branches_of_a_plain_function_are_evaluated_one_by_one():
    evaluated = []

    def model(z, logsnr, label):
        evaluated.append(label)
        return Prediction(z, z)

    branches(model, torch.zeros(2, 1), torch.zeros(2), [torch.zeros(2, dtype=torch.long), None])
    assert len(evaluated) == 2 and evaluated[1] is None


def test_clipping_keeps_x_in_range_and_eps_in_step():
    model, _ = networks()
    z, logsnr, label = inputs()
    clipped = Clipped(model)(z, logsnr, label)
    assert clipped.x.abs().max() <= 1 < model(z, logsnr, label).x.abs().max()
    alpha, sigma = alpha_sigma(logsnr, z)
    torch.testing.assert_close(alpha * clipped.x + sigma * clipped.eps, z)


def test_forwards_and_backwards_are_counted_in_rows():
    model, classifier = networks()
    z, logsnr, label = inputs()
    with count(model.network, classifier) as nfe:
        model.branches(z.requires_grad_(), logsnr, [label, None])[0].eps.sum().backward()
        classifier(z.detach(), logsnr)
    assert vars(nfe) == {
        "denoiser_forward": 14, "denoiser_backward": 7, "classifier_forward": 7, "classifier_backward": 0, "weak_forward": 0,
    }  # fmt: skip
    model(z, logsnr, label)
    assert nfe.denoiser_forward == 14, "counting ends with its block"


def test_labels_are_dropped_with_the_given_probability():
    label, uniform = torch.arange(1000) % 3, torch.linspace(0, 0.999, 1000)
    dropped = drop_labels(label, uniform, 0.1, null=3)
    assert (dropped[:100] == 3).all() and torch.equal(dropped[101:], label[101:])


@pytest.mark.parametrize("p", [float("nan"), -0.1, 1.1])
def test_a_probability_that_is_none_is_refused(p):
    with pytest.raises(ValueError, match="p_uncond"):
        drop_labels(torch.zeros(1, dtype=torch.long), torch.zeros(1), p, null=3)


def test_the_loss_of_the_true_noise_is_zero_and_of_none_is_its_mean_square():
    x, eps = torch.randn(2, 4, 1, 8, 8)
    logsnr, label = torch.tensor([-8.0, -1.0, 1.0, 8.0]), torch.zeros(4, dtype=torch.long)

    class Oracle(nn.Module):
        def forward(self, z, level, c):
            alpha, sigma = alpha_sigma(level, z)
            return (z - alpha * x) / sigma

    class Nothing(nn.Module):
        def forward(self, z, level, c):
            return torch.zeros_like(z)

    assert eps_loss(Oracle(), x, eps, logsnr, label).max() < 1e-6
    nothing = eps_loss(Nothing(), x, eps, logsnr, label)
    torch.testing.assert_close(nothing, eps.square().mean((1, 2, 3)))


@pytest.mark.parametrize("changed", ["logsnr", "label"])
def test_the_unet_depends_on_its_conditions(changed):
    model, _ = networks()
    z, logsnr, label = inputs()
    other = {"logsnr": (z, logsnr + 1, label), "label": (z, logsnr, (label + 1) % 3)}[changed]
    assert (model.network(z, logsnr, label) - model.network(*other)).abs().max() > 1e-2


def test_the_unet_learns_nothing_of_its_neighbours():
    model, _ = networks()
    z, logsnr, label = inputs()
    alone = torch.cat([model.network(z[i : i + 1], logsnr[i : i + 1], label[i : i + 1]) for i in range(7)])
    torch.testing.assert_close(model.network(z, logsnr, label), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("size", "options"),
    [
        (8, {}),
        (32, {"multipliers": (1, 2, 2), "attention": (2,), "blocks": 2}),
        (8, {"width": 25, "multipliers": (2, 4)}),
        (28, {"multipliers": (1, 2, 2), "attention": (1, 2), "resample": "block", "head_width": 8}),
    ],
)
def test_the_unet_gives_back_the_shape_it_got_and_starts_at_zero(size, options):
    net = UNet(3, 5, **{"width": 16, **options})
    z = torch.randn(2, 3, size, size)
    assert torch.equal(net(z, torch.zeros(2), torch.tensor([0, 5])), torch.zeros_like(z))


def test_residual_blocks_change_the_resolution_as_their_skip_connection_does():
    """A block whose inner path is 0, as at first, halves or doubles what it is given; a trained one depends on its condition."""
    block = ResidualBlock(4, 4, 8, 0.0, resample=halved)
    h, condition = torch.randn(2, 4, 6, 6), torch.randn(2, 8)
    torch.testing.assert_close(block(h, condition), halved(h))
    torch.testing.assert_close(ResidualBlock(4, 4, 8, 0.0, resample=doubled)(h, condition), doubled(h))
    nn.init.normal_(block.conv2.weight)
    assert (block(h, condition) - block(h, -condition)).abs().max() > 1e-2
    net = UNet(3, 5, width=16, multipliers=(1, 2, 2), resample="block")
    assert [type(layer) for layer in (*net.shrink, *net.widen)] == [ResidualBlock] * 4
    with pytest.raises(ValueError, match="resample must be pool or block"):
        UNet(3, 5, resample="blocks")


def test_an_image_that_cannot_be_halved_is_refused():
    with pytest.raises(ValueError, match="divisible by 2"):
        UNet(1, 3, width=8)(torch.zeros(1, 1, 7, 8), torch.zeros(1), torch.zeros(1, dtype=torch.long))


@pytest.mark.parametrize("rows", [None, 14, 7, 3, 5])
def test_a_mixture_of_branches_is_the_sum_of_their_predictions_however_they_are_batched(rows):
    model, _ = networks()
    z, logsnr, label = inputs()
    evaluated, weights = [label, None, label.flip(0)], [1.5, -0.7, 0.2]
    parts = model.branches(z, logsnr, evaluated)
    policy = NetworkDenoiser(model.network, 3, rows=rows)
    for found in (
        weighted_sum(policy, z, logsnr, evaluated, weights),
        weighted_sum(lambda *inputs: model(*inputs), z, logsnr, evaluated, weights),
    ):
        for name in ("x", "eps"):
            expected = sum(w * getattr(part, name) for w, part in zip(weights, parts))
            torch.testing.assert_close(getattr(found, name), expected, rtol=1e-4, atol=1e-4)


def test_a_branch_may_be_conditioned_on_another_lambda_within_the_trained_range():
    model, _ = networks()
    z, logsnr, label = inputs()
    ranged = NetworkDenoiser(model.network, 3, logsnr_range=(-10.0, 10.0))
    logsnr_cond = torch.full_like(logsnr, 30.0)
    found = ranged.branches(z, logsnr, [Branch(label, logsnr_cond=logsnr_cond)])[0]
    assert torch.equal(found.eps, model.network(z, torch.full_like(logsnr, 10.0), label))
    with pytest.raises(ValueError, match="labels only"):
        branches(lambda *inputs: model(*inputs), z, logsnr, [Branch(label, logsnr_cond=logsnr_cond)])
