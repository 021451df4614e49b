"""Two conditions in one label: ids, dropout, and the two-scale field of exact models, in closed form."""

import pytest
import torch
from torch import nn

from guidance import METHODS, Mixture, adapters
from guidance.denoiser import NetworkDenoiser
from guidance.diffusion import alpha_sigma
from guidance.grouped import group_label
from guidance.paired import PairedDenoiser, PairedMixture, Pairs, drop_paired_labels

PAIRS = Pairs(((0, 0), (0, 1), (1, 0), (2, 1), (2, 2)))  # 5 pairs, 3 firsts, 3 seconds
LABEL = torch.tensor([0, 1, 2, 3, 4])


def test_every_condition_has_an_id_of_its_own():
    assert (PAIRS.firsts, PAIRS.seconds, PAIRS.conditions, PAIRS.null) == (3, 3, 6, 11)
    assert PAIRS.first(LABEL).tolist() == [5, 5, 6, 7, 7] and PAIRS.second(LABEL).tolist() == [8, 9, 8, 9, 10]
    assert [PAIRS.holds(label) for label in (3, 5, 9)] == [
        [False, False, False, True, False],
        [True, True, False, False, False],
        [False, True, False, True, False],
    ]
    assert all(PAIRS.holds(PAIRS.null))
    with pytest.raises(ValueError):
        PAIRS.second(torch.tensor([5]))
    for wrong in ((), ((0, 0), (0, 0)), ((0, -1),)):
        with pytest.raises(ValueError, match="each stands there once"):
            Pairs(wrong)


def test_each_condition_is_dropped_alone_and_both_together():
    label, n = LABEL.repeat(20_000), 100_000
    uniform = torch.rand(n, generator=torch.Generator().manual_seed(0))
    dropped = drop_paired_labels(label, uniform, 0.05, 0.1, 0.2, PAIRS)
    first, second, both = dropped == PAIRS.second(label), dropped == PAIRS.first(label), dropped == PAIRS.null
    assert [one.float().mean().item() for one in (first, second, both)] == pytest.approx([0.05, 0.1, 0.2], abs=5e-3)
    assert torch.equal(dropped[~(first | second | both)], label[~(first | second | both)])
    with pytest.raises(ValueError, match="add up to 1 at most"):
        drop_paired_labels(label, uniform, 0.5, 0.4, 0.2, PAIRS)


@pytest.fixture(scope="module")
def exact() -> PairedMixture:
    g = torch.Generator().manual_seed(1)
    means = torch.randn(7, 4, generator=g, dtype=torch.float64)
    factors = torch.randn(7, 4, 4, generator=g, dtype=torch.float64) / 3
    covariances = factors @ factors.mT + 0.2 * torch.eye(4, dtype=torch.float64)
    weights = torch.rand(7, generator=g, dtype=torch.float64) + 0.2
    return PairedMixture(Mixture(means, covariances, weights, torch.tensor([0, 1, 2, 3, 4, 4, 1])), PAIRS)


def points() -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    return z, torch.tensor([-3.0, -1.0, 0.0, 1.0, 4.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("w", "coarse", "fine"),
    [(1.5, 0.5, 1.0), (1.5, 0.0, 1.0), (2.0, 1.0, 1.0), (0.5, 4.0, 1.0), (-0.5, 2.0, 1.0), (2.0, 1.0, 0.0), (1.5, 0.5, 0.25)],
)
def test_the_field_of_two_scales_is_that_of_its_closed_form(exact, w, coarse, fine):
    """eps~ = -sigma grad [log p(z|c,g) + fine w log p(c|g,z) + coarse w log p(g|z)]: eq. 3 of InstructPix2Pix in densities."""
    z, logsnr = points()
    guided = METHODS["two-conditions"](w=w, coarse=coarse, fine=fine)(exact)(z, logsnr, LABEL)
    at = z.clone().requires_grad_()
    pair, second, null = (exact.log_joint(at, logsnr, label) for label in (LABEL, PAIRS.second(LABEL), None))
    total = pair + fine * w * (pair - second) + coarse * w * (second - null)
    (score,) = torch.autograd.grad(total.sum(), at)
    assert torch.allclose(guided.eps, -alpha_sigma(logsnr, z)[1] * score, atol=1e-9)


def test_each_condition_alone_is_the_mixture_of_the_pairs_that_hold_it(exact):
    z, logsnr = points()
    pairs = [exact(z, logsnr, torch.full((5,), pair)) for pair in range(5)]
    joint = torch.stack([exact.log_joint(z, logsnr, torch.full((5,), pair)) for pair in range(5)])
    for label in (5, 8, 9, PAIRS.null):
        holds = torch.tensor(PAIRS.holds(label))
        share = joint.masked_fill(~holds[:, None], -torch.inf).softmax(0)
        by_hand = sum(part[:, None] * pred.eps for part, pred in zip(share, pairs))
        assert torch.allclose(exact(z, logsnr, torch.full((5,), label)).eps, by_hand, atol=1e-12)
    null, none = exact(z, logsnr, torch.full((5,), PAIRS.null)), exact(z, logsnr, None)
    assert torch.equal(null.eps, none.eps)


def test_equal_scales_are_classifier_free_guidance_and_w_0_is_the_pair(exact):
    z, logsnr = points()
    plain = METHODS["classifier-free"](w=2.0)(exact)(z, logsnr, LABEL)
    assert torch.allclose(METHODS["two-conditions"](w=2.0, coarse=1.0)(exact)(z, logsnr, LABEL).eps, plain.eps)
    for shares in ({"coarse": 3.0}, {"coarse": 1.0, "fine": 0.0}):
        assert torch.equal(METHODS["two-conditions"](w=0.0, **shares)(exact)(z, logsnr, LABEL).eps, exact(z, logsnr, LABEL).eps)


class Echo(nn.Module):
    """Predicts the id that it is asked with."""

    def forward(self, z, logsnr, label):
        return label.to(z.dtype)[:, None].expand_as(z)


def test_a_network_is_asked_with_the_ids_of_pairs():
    network = adapters.logsnr(Echo())
    model = PairedDenoiser(network, 5, groups=6, pairs=PAIRS)
    z, logsnr = torch.zeros(5, 4), torch.zeros(5)
    assert group_label(model, LABEL).tolist() == [8, 9, 8, 9, 10] and model(z, logsnr, None).eps[0, 0] == PAIRS.null
    guided = METHODS["two-conditions"](w=1.0, coarse=0.5)(model)(z, logsnr, LABEL).eps[:, 0]
    expected = 11 + 1.5 * (PAIRS.second(LABEL) - 11) + 2.0 * (LABEL - PAIRS.second(LABEL))
    assert guided.tolist() == pytest.approx(expected.tolist())
    with pytest.raises(ValueError, match="as many classes as pairs"):
        PairedDenoiser(network, 5, groups=2, pairs=PAIRS)
    with pytest.raises(ValueError, match="knows no groups"):
        group_label(NetworkDenoiser(network, 5), LABEL)
