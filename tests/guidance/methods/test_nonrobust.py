"""A clean classifier's gradient, averaged over a trajectory, by hand on an exact Gaussian and a logistic classifier."""

import pytest
import torch
from closed_forms import gain, gaussian, given, logistic, near

from guidance import METHODS
from guidance.cost import NFE
from guidance.diffusion import alpha_sigma

NAME = "nonrobust-classifier"


def slope(x, label, logit=False):
    """grad_x log p(label | x), or of the logit alone, of `logistic`: logits (a x, 0) with a = (2, -1)."""
    a = torch.tensor([2.0, -1.0], dtype=torch.float64)
    first = (label == 0).double()
    share = first if logit else first - (x @ a).sigmoid()
    return share[:, None] * a


def updates(model=gaussian, calls=3, w=2.0, **options):
    """What each of the calls of a trajectory adds to eps over -w sigma, and the points of the calls."""
    guided, z, found, where = METHODS[NAME](w=w, **options)(model, logistic), given()[0], [], []
    for call in range(calls):
        _, logsnr, label = given()
        z, logsnr = z + 0.5 * call, logsnr + call
        plain = model(z, logsnr, label)
        found.append((guided(z, logsnr, label).eps - plain.eps) / (-w * alpha_sigma(logsnr, z)[1]))
        where.append((z, logsnr, label, plain.x))
    return found, where


@pytest.mark.parametrize("logit", [False, True])
def test_the_gradient_goes_through_the_denoiser_and_is_averaged(logit):
    found, where = updates(decay=0.8, logit=logit)
    average = 0
    for one, (z, logsnr, label, x) in zip(found, where):
        average = 0.8 * average + 0.2 * gain(logsnr, z) * slope(x, label, logit)
        near(one, average, 1e-8)


def test_without_an_average_and_corrected_for_its_start():
    plain, where = updates(decay=0.0)
    for one, (z, logsnr, label, x) in zip(plain, where):
        near(one, gain(logsnr, z) * slope(x, label), 1e-8)
    debiased, raw = updates(decay=0.9, debias=True)[0], updates(decay=0.9)[0]
    for k, (one, other) in enumerate(zip(debiased, raw), start=1):
        near(one, other / (1 - 0.9**k), 1e-8)
    near(debiased[0], plain[0], 1e-8)


def test_it_may_leave_the_denoiser_out_and_save_its_backward_pass():
    found, where = updates(decay=0.0, through=False)
    for one, (_, _, label, x) in zip(found, where):
        near(one, slope(x, label), 1e-8)
    assert METHODS[NAME]().nfe_per_call == NFE(1, 1, 1, 1) and METHODS[NAME](through=False).nfe_per_call == NFE(1, 0, 1, 1)


def test_an_average_steadies_a_gradient_that_is_noise():
    """What it is for: the average of independent gradients has (1 - d) / (1 + d) of their variance."""
    draw = torch.Generator().manual_seed(0)
    noisy = lambda x: torch.stack([(x * torch.randn(x.shape, generator=draw).to(x)).sum(1), torch.zeros(len(x)).to(x)], 1)  # noqa: E731
    z, logsnr, label = torch.zeros(4000, 2, dtype=torch.float64), torch.zeros(4000, dtype=torch.float64), torch.zeros(4000).long()

    def variance(decay):
        guided = METHODS[NAME](w=1.0, decay=decay, logit=True, through=False)(gaussian, noisy)
        for _ in range(30):
            pred = guided(z, logsnr, label)
        return ((gaussian(z, logsnr, label).eps - pred.eps) / alpha_sigma(logsnr, z)[1]).var().item()

    assert variance(0.0) == pytest.approx(1, rel=0.08)
    assert variance(0.8) == pytest.approx(0.2 / 1.8, rel=0.08)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="decay must lie in"):
        METHODS[NAME](decay=1.0)
    z, logsnr, _ = given()
    with pytest.raises(ValueError, match="needs the label it steers to"):
        METHODS[NAME]()(gaussian, logistic)(z, logsnr, None)
