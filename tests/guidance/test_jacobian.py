"""Asymmetry: known for linear fields, zero for gradients, not zero for a field that is none."""

import pytest
import torch

from guidance import Mixture, branches
from guidance.gradients import log_prob
from guidance.jacobian import asymmetry, rademacher


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [([[2.0, 1.0], [1.0, -3.0]], 0.0), ([[0.0, 1.0], [-1.0, 0.0]], 1.0), ([[1.0, 1.0], [-1.0, 1.0]], 2**-0.5)],
)
def test_of_a_linear_field_it_is_the_share_of_the_antisymmetric_part(matrix, expected):
    a = torch.tensor(matrix)
    z = torch.randn(3, 2, generator=generator())
    found = asymmetry(lambda z: z @ a.T, z, rademacher(z, 64, generator()))
    torch.testing.assert_close(found, torch.full((3,), expected), rtol=0.15, atol=1e-6)


@pytest.mark.parametrize(("rank", "tolerance"), [(64, 0.05), (1, 0.1)])
def test_of_a_matrix_of_many_entries_it_is_right_on_average(rank, tolerance):
    """Few probes see few directions: a field of one direction wants as many of them as make up for it."""
    a, b = torch.randn(2, 64, rank, generator=generator()).double()
    j = a @ b.T
    expected = ((j - j.T).norm() / j.norm() / 2).item()
    z = torch.zeros(8, 64).double()
    found = asymmetry(lambda z: z @ j.T, z, rademacher(z, 4 if rank > 1 else 100, generator()))
    assert found.mean().item() == pytest.approx(expected, rel=tolerance) and 0.2 < expected < 0.9


def test_each_row_has_its_own():
    scale = torch.tensor([0.0, 1.0])
    turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    z = torch.randn(2, 2, generator=generator())
    found = asymmetry(lambda z: z + scale[:, None] * (z @ turn), z, rademacher(z, 8, generator()))
    assert found[0] < 1e-6 and found[1] > 0.5


@pytest.mark.parametrize("w", [0.0, 3.0])
def test_exact_guided_scores_are_gradients_and_a_turned_one_is_not(w):
    mixture = Mixture(torch.eye(3), 0.2 * torch.eye(3).expand(3, -1, -1), torch.ones(3), torch.arange(3)).double()
    logsnr, label = torch.zeros(4).double(), torch.arange(4) % 3
    z = torch.randn(4, 3, generator=generator()).double()

    def guided(z):
        cond, null = branches(mixture, z, logsnr, [label, None])
        return (1 + w) * cond.eps - w * null.eps

    def turned(z):
        return guided(z).roll(1, -1)

    probes = rademacher(z, 4, generator())
    assert asymmetry(guided, z, probes).max() < 1e-6
    assert asymmetry(turned, z, probes).min() > 0.1

    def add_score(z):
        return torch.func.grad(lambda at: log_prob(mixture.class_logits(at, logsnr), label).sum())(z)

    assert asymmetry(add_score, z, probes).max() < 1e-6
