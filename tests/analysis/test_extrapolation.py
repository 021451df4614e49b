"""Frechet distance at infinite n: the truth of known Gaussians, and an error that is the spread over draws."""

import numpy as np
import pytest

from analysis.measures.extrapolation import frechet_infinity, least
from analysis.measures.frechet import gaussian_frechet
from analysis.measures.moments import Moments

D = 8
REAL = Moments(np.zeros(D), np.diag(np.linspace(0.5, 2, D)))


def draws(seed, n, shift, scale):
    return np.random.default_rng(seed).normal(size=(n, D)) * scale + shift


@pytest.mark.parametrize(("shift", "scale"), [(0.15, 1.1), (0.5, 0.8)], ids=["near", "far"])
def test_of_known_gaussians_it_is_their_distance_and_its_error_the_spread(shift, scale):
    """300 sets of 200: the mean is the truth to its own error, where the plain distance is off by many times that."""
    exact = gaussian_frechet(np.full(D, shift), np.eye(D) * scale**2, REAL.mean, REAL.cov)
    sets = [draws(i, 200, shift, scale) for i in range(300)]
    found = [frechet_infinity(x, REAL) for x in sets]
    values, plain = np.array([one.value for one in found]), np.array([REAL.frechet(x) for x in sets])
    spread = values.std(ddof=1)
    assert abs(values.mean() - exact) < 4 * spread / 300**0.5
    assert abs(plain.mean() - exact) > 5 * spread / 300**0.5, "the bias that is taken away"
    claimed = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert claimed == pytest.approx(spread, rel=0.15)


def test_at_a_distance_of_nothing_its_error_is_too_large_and_not_too_small():
    found = [frechet_infinity(draws(i, 200, 0, 1) * np.sqrt(np.diag(REAL.cov)), REAL) for i in range(200)]
    values, claimed = np.array([one.value for one in found]), np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert (
        abs(values.mean())
        < 0.01
        < 0.04
        < np.mean([REAL.frechet(draws(i, 200, 0, 1) * np.sqrt(np.diag(REAL.cov))) for i in range(9)])
    )
    assert 1 < claimed / values.std(ddof=1) < 1.8


def test_labels_that_are_balanced_leave_less_to_chance():
    """Classes at unequal distances: their shares do not vary, and groups that take their share of each say so. Labels in turn put
    one class into each of 20 groups that are dealt out by the order alone.
    """
    label = np.arange(400) % 4
    sets = [draws(i, 400, 0, 1) + np.outer(2.0 * label, np.eye(D)[0]) for i in range(100)]
    with_labels, by_order = ([frechet_infinity(x, REAL, held) for x in sets] for held in (label, None))
    spread = np.std([one.value for one in with_labels], ddof=1)
    claimed, too_much = (np.sqrt(np.mean([one.standard_error**2 for one in found])) for found in (with_labels, by_order))
    assert claimed == pytest.approx(spread, rel=0.25) and too_much > 2 * spread


def test_another_order_moves_it_by_less_than_its_error():
    x = draws(0, 400, 0.3, 1)
    first, other = frechet_infinity(x, REAL), frechet_infinity(x[np.random.default_rng(1).permutation(400)], REAL)
    assert 0 < abs(first.value - other.value) < 0.5 * first.standard_error


def test_far_from_the_origin_it_is_the_same():
    x, away = draws(0, 300, 0.3, 1), np.full(D, 1e5)
    moved = frechet_infinity(x + away, Moments(REAL.mean + away, REAL.cov))
    assert moved == pytest.approx(frechet_infinity(x, REAL), rel=1e-6)


def test_it_is_the_line_through_its_distances():
    """Two sizes: all rows, and all but a twentieth; in 1 / n the line meets 0 at the jackknife's value."""
    n, x = 200, draws(3, 200, 0.4, 1.2)
    less = np.mean([REAL.frechet(np.delete(x, np.arange(g, n, 20), axis=0)) for g in range(20)])
    slope = (less - REAL.frechet(x)) / (1 / (n - n // 20) - 1 / n)
    assert frechet_infinity(x, REAL).value == pytest.approx(REAL.frechet(x) - slope / n, rel=1e-9)


def test_too_few_rows_are_refused():
    assert least(8) == 100 and least(64) == 128
    with pytest.raises(ValueError, match="generated has 99 rows of 8: the extrapolated Frechet distance needs at least 100"):
        frechet_infinity(draws(0, 99, 0, 1), REAL)
    with pytest.raises(ValueError, match="8 columns and the reference 3|reference"):
        frechet_infinity(draws(0, 200, 0, 1), Moments(np.zeros(3), np.eye(3)))
    x = draws(0, 200, 0, 1)
    x[7] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 200"):
        frechet_infinity(x, REAL)
