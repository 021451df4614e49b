"""Discrete chains: lambda(t) against the product written out, there and back."""

import math

import pytest
import torch

from guidance import CHAINS, Chain


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


def test_the_linear_chain_is_that_of_ddpm():
    chain = CHAINS["linear"]()
    assert chain.betas[0].item() == pytest.approx(1e-4) and chain.betas[-1].item() == pytest.approx(0.02)
    assert chain.logsnrs[-1].sigmoid().item() == pytest.approx(4.0358e-5, rel=1e-4)  # alpha_T^2


def test_the_cosine_chain_is_its_closed_form_where_no_beta_is_cut():
    chain = CHAINS["cosine"]()
    t = torch.arange(1, 999, dtype=torch.float64)
    f = lambda t: torch.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    alpha2 = f(t) / f(torch.zeros(1, dtype=torch.float64))
    torch.testing.assert_close(chain.logsnrs[:998].sigmoid(), alpha2, rtol=1e-9, atol=1e-12)
    assert chain.betas.max().item() == 0.999


@pytest.mark.parametrize("name", CHAINS)
def test_there_and_back(name):
    chain = CHAINS[name]()
    whole = torch.arange(1000, dtype=torch.float64)
    torch.testing.assert_close(chain.t(chain.logsnrs), whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(chain.logsnr(whole), chain.logsnrs, rtol=0, atol=1e-12)
    between = torch.tensor([0.25, 17.5, 500.9, 998.5], dtype=torch.float64)
    torch.testing.assert_close(chain.t(chain.logsnr(between)), between, rtol=0, atol=1e-7)
    early, late = chain.logsnrs[17], chain.logsnrs[18]
    torch.testing.assert_close(chain.logsnr(between)[1], (early + late) / 2)


def test_what_lies_outside_is_refused():
    chain = CHAINS["linear"](10)
    with pytest.raises(ValueError, match="t must lie between 0 and 9"):
        chain.logsnr(torch.tensor([9.5]))
    with pytest.raises(ValueError, match="logsnr must lie between"):
        chain.t(torch.tensor([-30.0]))


@pytest.mark.parametrize("betas", [[0.1], [0.1, 0.0], [0.1, 1.0], [0.1, math.nan]])
def test_betas_that_are_none_are_refused(betas):
    with pytest.raises(ValueError, match="betas"):
        Chain(torch.tensor(betas))


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_of_one_step_is_refused(name):
    with pytest.raises(ValueError, match="steps of a chain"):
        CHAINS[name](1)
