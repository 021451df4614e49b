"""Discrete chains: lambda(t) against the product written out, there and back."""

import math
from decimal import Decimal, getcontext

import pytest
import torch

from guidance import CHAINS, Chain
from guidance.chains import cosine_logsnr, cosine_time


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("steps", [2, 10, 1000])
def test_lambda_is_the_log_ratio_of_the_product_of_one_minus_beta(name, steps):
    chain = CHAINS[name](steps)
    product, expected = 1.0, []
    for beta in chain.betas.tolist():
        product *= 1 - beta
        expected.append(math.log(product) - math.log1p(-product))
    torch.testing.assert_close(chain.logsnrs, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    assert (chain.logsnrs.diff() < 0).all()


@pytest.mark.parametrize("steps", [2, 10])
def test_a_short_linear_chain_is_that_of_forty_digits(steps):
    getcontext().prec = 40
    product, expected = Decimal(1), []
    for t in range(steps):
        product *= 1 - (Decimal("0.0001") + (Decimal("0.02") - Decimal("0.0001")) * t / (steps - 1))
        expected.append(float((product / (1 - product)).ln()))
    assert CHAINS["linear"](steps).logsnrs.tolist() == pytest.approx(expected, rel=1e-13)


def test_lambda_keeps_its_digits_where_alpha2_is_one_to_a_double():
    found = Chain(torch.tensor([1e-18, 1e-18], dtype=torch.float64)).logsnrs.tolist()
    assert found == pytest.approx([18 * math.log(10), 18 * math.log(10) - math.log(2)], rel=1e-14)


def test_the_linear_chain_is_that_of_ddpm():
    chain = CHAINS["linear"]()
    assert chain.betas[0].item() == pytest.approx(1e-4) and chain.betas[-1].item() == pytest.approx(0.02)
    assert chain.logsnrs[-1].sigmoid().item() == pytest.approx(4.0358e-5, rel=1e-4)  # alpha_T^2
    assert chain.logsnrs[0].item() == pytest.approx(math.log(0.9999 / 0.0001), rel=1e-12)


def test_the_cosine_chain_is_its_closed_form_where_no_beta_is_cut():
    chain = CHAINS["cosine"]()
    t = torch.arange(1, 999, dtype=torch.float64)
    f = lambda t: torch.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    alpha2 = f(t) / f(torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(chain.logsnrs[:998].sigmoid(), alpha2, rtol=1e-9, atol=1e-12)
    assert chain.betas.max().item() == 0.999


@pytest.mark.parametrize("steps", [100, 1000])
@pytest.mark.parametrize("offset", [0.008, 0.1])
def test_the_cosine_chain_is_the_continuous_one_until_a_beta_is_cut(steps, offset):
    chain = CHAINS["cosine"](steps, offset)
    free = int((chain.betas < 0.999).sum())
    assert free in (steps - 1, steps - 2)  # the cut is of the last betas only
    time = (torch.arange(steps, dtype=torch.float64) + 1) / steps
    torch.testing.assert_close(cosine_logsnr(time[:free], offset), chain.logsnrs[:free], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(cosine_time(chain.logsnrs[:free], offset), time[:free], rtol=0, atol=1e-12)


def test_the_continuous_cosine_there_and_back():
    time = torch.tensor([1e-6, 0.001, 0.3, 0.5, 0.99, 1 - 1e-6], dtype=torch.float64)
    torch.testing.assert_close(cosine_time(cosine_logsnr(time)), time, rtol=0, atol=1e-14)
    logsnr = torch.linspace(-30, 30, 61, dtype=torch.float64)  # at 30 a time of 4e-12, where 1e-16 of it is 3e-5 of lambda
    torch.testing.assert_close(cosine_logsnr(cosine_time(logsnr)), logsnr, rtol=0, atol=1e-3)
    inner = logsnr[logsnr.abs() <= 15]
    torch.testing.assert_close(cosine_logsnr(cosine_time(inner)), inner, rtol=0, atol=1e-9)
    for outside in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match="^time must lie between"):
            cosine_logsnr(torch.tensor([outside]))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("steps", [2, 10, 1000])
def test_there_and_back(name, steps):
    chain = CHAINS[name](steps)
    whole = torch.arange(steps)
    torch.testing.assert_close(chain.t(chain.logsnrs), whole.double(), rtol=0, atol=1e-9)
    assert torch.equal(chain.logsnr(whole), chain.logsnrs) and torch.equal(chain.logsnr(whole.double()), chain.logsnrs)
    between = torch.linspace(0, steps - 1, 777, dtype=torch.float64)
    torch.testing.assert_close(chain.t(chain.logsnr(between)), between, rtol=0, atol=1e-9)
    level = torch.linspace(chain.logsnrs[-1].item(), chain.logsnrs[0].item(), 777, dtype=torch.float64)
    torch.testing.assert_close(chain.logsnr(chain.t(level)), level, rtol=0, atol=1e-9)


def test_between_two_times_lambda_is_linear():
    chain = CHAINS["linear"]()
    early, late = chain.logsnrs[17].item(), chain.logsnrs[18].item()
    assert chain.logsnr(torch.tensor([17.25])).item() == pytest.approx(0.75 * early + 0.25 * late, rel=1e-14)


def test_a_hair_outside_is_the_end_and_its_time_can_be_used_again():
    chain = CHAINS["linear"](10)
    ends = torch.stack([chain.logsnrs[0] + 5e-10, chain.logsnrs[-1] - 5e-10])
    assert chain.t(ends).tolist() == [0, 9]
    assert torch.equal(chain.logsnr(chain.t(ends)), chain.logsnrs[[0, -1]])


def test_what_lies_outside_is_refused():
    chain = CHAINS["linear"](10)
    with pytest.raises(ValueError, match="t must lie between 0 and 9"):
        chain.logsnr(torch.tensor([9.5]))
    for t in (torch.tensor([-1]), torch.tensor([10]), torch.tensor([math.nan])):
        with pytest.raises(ValueError, match="^t must lie between"):
            chain.logsnr(t)
    for logsnr in (-30.0, 9.3, math.nan):
        with pytest.raises(ValueError, match="^logsnr must lie between"):
            chain.t(torch.tensor([logsnr]))


@pytest.mark.parametrize("betas", [[0.1], [0.1, 0.0], [0.1, 1.0], [0.1, math.nan], [0.5, 1e-20]])
def test_betas_that_are_none_are_refused(betas):
    with pytest.raises(ValueError, match="betas"):
        Chain(torch.tensor(betas))


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_one_step_is_refused(name):
    with pytest.raises(ValueError, match="steps of a chain"):
        CHAINS[name](1)
