"""The Frechet distance of moments against closed forms, and its bias against what draws read."""

import numpy as np
import pytest

from analysis.measures.fidelity import frechet_distance
from analysis.measures.frechet import frechet_bias, frechet_to_moments, gaussian_frechet


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def covariance(rng, d):
    root = rng.normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


def test_of_covariances_that_commute(rng):
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    first, second = np.array([1.0, 4.0, 0.25, 9.0]), np.array([4.0, 4.0, 1.0, 0.0])
    shift = np.array([1.0, -2.0, 0.0, 0.5])
    expected = (shift**2).sum() + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    moments = (shift, turn @ np.diag(first) @ turn.T, np.zeros(4), turn @ np.diag(second) @ turn.T)
    assert gaussian_frechet(*moments) == pytest.approx(expected, abs=1e-6)  # the root of the eigenvalue 0 has half the digits


def test_in_the_plane_by_trace_and_determinant(rng):
    """Tr (A B)^(1/2) = sqrt(Tr AB + 2 sqrt(det AB)) for 2 x 2, commuting or not."""
    for _ in range(5):
        a, b = covariance(rng, 2), covariance(rng, 2)
        expected = np.trace(a) + np.trace(b) - 2 * np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
        assert gaussian_frechet(np.zeros(2), a, np.zeros(2), b) == pytest.approx(expected, rel=1e-9)
        assert gaussian_frechet(np.zeros(2), b, np.zeros(2), a) == pytest.approx(expected, rel=1e-9)


def test_samples_against_the_moments_of_other_samples_is_the_usual_distance(rng):
    x, y = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(90, 6)) @ rng.normal(size=(6, 6)) + 1
    found = frechet_to_moments(x, y.mean(axis=0), np.cov(y, rowvar=False))
    assert found == pytest.approx(frechet_distance(x, y), rel=1e-8)
    assert frechet_to_moments(rng.permutation(x), y.mean(axis=0), np.cov(y, rowvar=False)) == pytest.approx(found, rel=1e-10)
    assert frechet_to_moments(y, y.mean(axis=0), np.cov(y, rowvar=False)) == pytest.approx(0, abs=1e-9)
    line = y[:, :1]
    assert frechet_to_moments(line, line.mean(axis=0) + 2, np.atleast_2d(line.var(ddof=1))) == pytest.approx(4, rel=1e-9)


@pytest.mark.parametrize("heavy", [False, True])
def test_the_bias_is_what_draws_read(rng, heavy):
    """Gaussian draws, and draws of a mixture of two widths, whose fourth moments are 1.64 times as large."""
    d, n = 5, 400
    root = rng.normal(size=(d, d))

    def draw(count):
        width = np.where(rng.random((count, 1)) < 0.5, np.sqrt(1.8), np.sqrt(0.2)) if heavy else 1.0
        return width * rng.normal(size=(count, d)) @ root.T

    found = [frechet_to_moments(draw(n), np.zeros(d), root @ root.T) for _ in range(100)]
    stated = frechet_bias(draw(40_000), np.zeros(d), root @ root.T) * 40_000 / n
    assert stated == pytest.approx(np.mean(found), abs=3 * np.std(found) / np.sqrt(100) + 0.03 * stated)


def test_the_bias_of_gaussian_draws_is_wicks(rng):
    """Var(u_i u_j) = s_i s_j (1 + [i = j]) for Gaussians."""
    s, n = np.array([0.5, 1.0, 3.0]), 200_000
    wick = np.outer(s, s) * (1 + np.eye(3)) / np.add.outer(s, s)
    expected = (s.sum() + wick.sum() / 2) / n
    assert frechet_bias(rng.normal(0, np.sqrt(s), size=(n, 3)), np.zeros(3), np.diag(s)) == pytest.approx(expected, rel=0.02)


def test_what_are_no_moments_is_refused_by_name(rng):
    x, zero, one = rng.normal(size=(20, 3)), np.zeros(3), np.eye(3)
    skew = one.copy()
    skew[0, 1] = 0.5
    for bad in (skew, -one):
        with pytest.raises(ValueError, match="cov2 is not symmetric and positive semi-definite"):
            gaussian_frechet(zero, one, zero, bad)
    holed = one.copy()
    holed[1, 1] = np.nan
    with pytest.raises(ValueError, match="cov1 holds NaN"):
        gaussian_frechet(zero, holed, zero, one)
    with pytest.raises(ValueError, match="cov is singular"):
        frechet_bias(x, zero, np.diag([1.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match="x has shape .* at least 2 rows"):
        frechet_to_moments(x[:1], zero, one)
    for wrong in (
        lambda: gaussian_frechet(zero, one, zero, np.eye(2)),
        lambda: gaussian_frechet(zero, one, np.zeros(2), np.eye(2)),
        lambda: frechet_to_moments(x[:, :2], zero, one),
        lambda: frechet_bias(x[:, :2], zero, one),
    ):
        with pytest.raises((ValueError, TypeError), match="mean|cov"):
            wrong()
