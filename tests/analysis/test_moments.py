"""The Fréchet distance from prepared moments: torch-fidelity's number, whether there are more rows than columns or fewer."""

import numpy as np
import pytest

from analysis.measures.fidelity import frechet_distance
from analysis.measures.frechet import gaussian_frechet
from analysis.measures.moments import Moments, moments_of


@pytest.mark.parametrize(("n", "m", "d"), [(300, 400, 12), (30, 400, 50), (300, 40, 50), (20, 30, 64)])
def test_it_is_the_distance_of_the_two_sets(n, m, d):
    rng = np.random.default_rng(n + d)
    mix = rng.normal(size=(d, d)) / np.sqrt(d)
    made, real = rng.normal(size=(n, d)) @ mix + 0.2, rng.normal(size=(m, d)) @ mix * 1.3
    found = moments_of(real).frechet(made)
    scale = np.trace(np.cov(real, rowvar=False))
    assert found == pytest.approx(frechet_distance(made, real), rel=1e-6 if m < d or n < d else 1e-10)
    own = moments_of(made)
    assert found == pytest.approx(gaussian_frechet(own.mean, own.cov, *vars_of(moments_of(real))), rel=1e-6)
    assert moments_of(real).frechet(real) == pytest.approx(0, abs=1e-6 * scale) and found > 0.01 * scale


def vars_of(moments):
    return moments.mean, moments.cov


def test_known_moments_give_the_closed_form():
    x = np.array([[1.0, 0], [-1, 0], [0, 2], [0, -2]])  # mean 0, covariance diag(2, 8) / 3
    reference = Moments(np.array([3.0, 4.0]), np.diag([1.0, 4.0]))
    expected = 25 + sum((np.sqrt(own) - np.sqrt(theirs)) ** 2 for own, theirs in ((2 / 3, 1), (8 / 3, 4)))
    assert reference.frechet(x) == pytest.approx(expected, rel=1e-12)


def test_what_is_no_covariance_and_what_is_of_another_network_is_refused():
    with pytest.raises(ValueError, match="no covariance"):
        Moments(np.zeros(2), np.array([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(ValueError, match="columns"):
        Moments(np.zeros(2), np.eye(2)).frechet(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="NaN"):
        Moments(np.zeros(2), np.eye(2)).frechet(np.full((5, 2), np.nan))
