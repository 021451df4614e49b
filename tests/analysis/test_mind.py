"""Monge Inception distance: closed form of shifted and of widened Gaussians, and its definition written out."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from analysis.measures.mind import DIRECTIONS, mind
from analysis.measures.some_rows import some_rows


def draws(seed, n, d, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


@pytest.mark.parametrize("d", [2, 64])
@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_a_shift_by_s_is_three_times_its_square(shift, d):
    """E (u.s)^2 = |s|^2 / d over directions u; of the same rows there is no sampling error but that of 1,000 directions."""
    x = draws(0, 500, d)
    assert mind(x + shift, x) == pytest.approx(3 * d * shift**2, rel=4 * (2 / DIRECTIONS) ** 0.5)
    assert mind(x + shift, draws(1, 5000, d)[:500]) == pytest.approx(3 * d * shift**2, rel=0.3)


def test_gaussians_of_other_widths_are_as_far_as_their_deviations():
    """W2 of N(0, s^2) and N(0, 1) in every direction: |s - 1|, so that it is 3 d (s - 1)^2; the rest is sampling, about 1 / n."""
    x, y = draws(0, 4000, 8), draws(1, 4000, 8)
    assert mind(1.5 * x, y) == pytest.approx(3 * 8 * 0.25, rel=0.06)
    assert mind(1.5 * x, x) == pytest.approx(3 * 8 * 0.25, rel=0.06)


def test_it_is_the_definition_written_out_with_other_directions():
    """torch-fidelity's main draws its own 1,000 directions: the means over two sets differ by what 1,000 leave."""
    torch = pytest.importorskip("torch")
    d, n = 16, 300
    x, y = draws(0, n, d, 0.2) * 1.3, draws(1, n, d)
    units = torch.randn(DIRECTIONS, d, generator=torch.Generator().manual_seed(2020)).double()
    units = units / units.norm(dim=1, keepdim=True)
    sorted_x, sorted_y = ((torch.from_numpy(rows) @ units.T).sort(dim=0).values for rows in (x, y))
    per_direction = (sorted_x - sorted_y).square().mean(0) * 3 * d
    assert mind(x, y) == pytest.approx(float(per_direction.mean()), abs=4 * 2**0.5 * float(per_direction.std()) / DIRECTIONS**0.5)


def test_scipy_has_the_same_distance_in_every_direction():
    stats = pytest.importorskip("scipy.stats")
    x, y = draws(0, 40, 1, 0.4), draws(1, 40, 1)
    one = stats.wasserstein_distance(x[:, 0], y[:, 0])
    assert mind(x, y) == pytest.approx(3 * np.mean((np.sort(x[:, 0]) - np.sort(y[:, 0])) ** 2), rel=1e-12)
    assert mind(x, y) >= 3 * one**2, "W2 is at least W1"


def test_order_does_not_matter_and_a_larger_reference_gives_as_many_rows():
    x, y = draws(0, 200, 6), draws(1, 600, 6)
    assert mind(x[::-1].copy(), y) == pytest.approx(mind(x, y), rel=1e-12)
    assert mind(x, y) == mind(x, y[some_rows(600, 200)])
    assert mind(x, x) == 0 and mind(x, y[:200]) == pytest.approx(mind(y[:200], x), rel=1e-12)


@pytest.mark.parametrize("n", [1000, 500])
def test_a_reference_in_the_order_of_its_classes_is_taken_from_all_of_them(n):
    """Rows of ten classes far apart, i mod 10: every fifth and tenth of them is of two classes, or one."""
    rng = np.random.default_rng(3)
    centres = 6 * rng.normal(size=(10, 8))
    x, y = (centres[np.arange(m) % 10] + rng.normal(size=(m, 8)) for m in (n, 5000))
    assert mind(x, y) < 0.1 * mind(x, y[:: 5000 // n])


def test_fewer_samples_read_more():
    """Which is why values of one n compare: the bias is about 1 / n."""
    few, many = (np.mean([mind(draws(i, n, 8), draws(99 - i, n, 8)) for i in range(8)]) for n in (100, 400))
    assert 3 < few / many < 5


def test_what_is_unsound_is_refused():
    x = draws(0, 20, 3)
    with pytest.raises(ValueError, match="reference has 19 rows and generated 20: MIND compares sets of one size"):
        mind(x, x[:19])
    with pytest.raises((ValueError, TypeCheckError), match="generated has 3 columns and reference 2|reference"):
        mind(x, x[:, :2])
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        mind(x, x)
