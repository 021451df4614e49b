"""The grid density against Gaussians, whose moments, entropy, quantiles and contours are known, and a mixture of two of them."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from analysis.measures.grid import GridDensity, tilted

REFUSED = (ValueError, TypeCheckError)  # shapes are also refused by jaxtyping, where the suite switches it on
X, Y = np.linspace(-4.5, 5.5, 301), np.linspace(-4, 3, 211)  # not the same number, nor around the origin
MEAN, COVARIANCE = np.array([0.7, -0.4]), np.array([[0.5, 0.2], [0.2, 0.3]])


def quadratic(x, y):
    """-(p - m) S^-1 (p - m) / 2 written out, of which the integral is 2 pi sqrt(det S)."""
    a, b = x - MEAN[0], y - MEAN[1]
    (s, r), (_, t) = COVARIANCE
    return -(t * a**2 - 2 * r * a * b + s * b**2) / (2 * (s * t - r**2))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def gaussian():
    return GridDensity(X, Y, quadratic(X[None], Y[:, None]) + 7.0)


def test_a_gaussian_keeps_its_moments_entropy_and_constant(gaussian):
    det = np.linalg.det(COVARIANCE)
    assert gaussian.mass.sum() == pytest.approx(1, abs=1e-12)
    assert gaussian.log_normaliser == pytest.approx(7 + np.log(2 * np.pi) + np.log(det) / 2, abs=1e-8)
    np.testing.assert_allclose(gaussian.mean(), MEAN, atol=1e-8)
    np.testing.assert_allclose(gaussian.covariance(), COVARIANCE, atol=1e-6)
    assert gaussian.entropy() == pytest.approx(1 + np.log(2 * np.pi) + np.log(det) / 2, abs=1e-6)
    np.testing.assert_allclose(gaussian.mass / gaussian.step.prod(), np.exp(gaussian.log_density))


def test_the_density_at_a_point_is_that_of_its_cell(gaussian, rng):
    points = rng.uniform([-1.5, -2], [3, 1.5], size=(4000, 2))
    found, outside = gaussian.log_density_at(points)
    exact = quadratic(*points.T) - np.log(2 * np.pi) - np.log(np.linalg.det(COVARIANCE)) / 2
    slope = np.abs(np.linalg.solve(COVARIANCE, (points - MEAN).T)).T  # of the exact log density; x and y must not be confused
    assert outside == 0 and (np.abs(found - exact) <= slope @ gaussian.step / 2 + 2e-3).all()
    assert (found - exact).mean() == pytest.approx(0, abs=2e-3)


def test_points_outside_are_counted_and_take_the_density_of_the_border(gaussian):
    points = np.array([[0.0, 0.0], [99.0, 0.0], [0.0, -99.0], [X[-1] + 0.49 * (X[1] - X[0]), 0.0]])
    found, outside = gaussian.log_density_at(points)
    counts, left_out = gaussian.histogram(points)
    assert outside == left_out == 2 and counts.sum() == 2
    assert found[1] == gaussian.log_density_at(np.array([[X[-1], 0.0]]))[0][0] == found[3]
    assert found[2] == gaussian.log_density_at(np.array([[0.0, Y[0]]]))[0][0]


def test_the_logarithm_lives_where_the_mass_underflows():
    x = np.linspace(-50, 50, 101)
    grid = GridDensity(x, x, -(x[None] ** 2 + x[:, None] ** 2))
    assert grid.mass[0, 0] == 0 and grid.log_density[0, 0] - grid.log_density[50, 50] == pytest.approx(-5000)


def test_a_histogram_is_a_loop_over_cells(gaussian, rng):
    points = rng.multivariate_normal(MEAN, COVARIANCE, 500)
    counts, outside = gaussian.histogram(points)
    expected = np.zeros((len(Y), len(X)), dtype=int)
    for x, y in points:
        expected[np.abs(Y - y).argmin(), np.abs(X - x).argmin()] += 1
    np.testing.assert_array_equal(counts, expected)
    assert outside == 0
    np.testing.assert_array_equal(gaussian.histogram(rng.permutation(points))[0], counts)


def test_draws_have_the_distribution_and_fill_their_cells(gaussian, rng):
    points = gaussian.sample(40_000, rng)
    np.testing.assert_allclose(points.mean(0), MEAN, atol=4 * np.sqrt(0.5 / 40_000))
    np.testing.assert_allclose(np.cov(points.T), COVARIANCE, atol=4 * 0.5 * np.sqrt(2 / 40_000))
    within = ((points - [X[0], Y[0]]) / gaussian.step + 0.5) % 1
    np.testing.assert_allclose(within.mean(0), 0.5, atol=4 / np.sqrt(12 * 40_000))
    np.testing.assert_allclose(within.var(0), 1 / 12, atol=2e-3)
    again = gaussian.sample(10, np.random.default_rng(5))
    np.testing.assert_array_equal(again, gaussian.sample(10, np.random.default_rng(5)))


def test_cells_are_drawn_by_their_mass(rng):
    values = np.full((5, 4), -np.inf)
    values[1, 1], values[3, 2] = np.log(3.0), 0.0
    grid = GridDensity(np.arange(4.0), np.arange(5.0), values)
    counts, outside = grid.histogram(grid.sample(10_000, rng))
    assert outside == 0 and counts[1, 1] + counts[3, 2] == 10_000
    assert counts[1, 1] == pytest.approx(7500, abs=4 * np.sqrt(10_000 * 0.75 * 0.25))
    np.testing.assert_allclose(grid.mean(), [1.25, 1.5])
    assert grid.entropy() == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)))


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4, np.pi / 2, 2.5])
def test_projections_have_the_quantiles_of_a_gaussian(gaussian, angle):
    direction = np.array([np.cos(angle), np.sin(angle)])
    normal = {0.0227501319: -2.0, 0.1586552539: -1.0, 0.5: 0.0, 0.8413447461: 1.0, 0.9772498681: 2.0}
    found = gaussian.quantiles(np.array([*normal]), angle)
    expected = MEAN @ direction + np.sqrt(direction @ COVARIANCE @ direction) * np.array([*normal.values()])
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_contours_of_a_gaussian_lie_at_the_share_left_out(gaussian):
    """The region of a plane Gaussian that holds the share p ends where the density is 1 - p of its peak."""
    peak = 1 / (2 * np.pi * np.sqrt(np.linalg.det(COVARIANCE)))
    for share in (0.5, 0.9):
        assert gaussian.level(share) == pytest.approx(peak * (1 - share), rel=0.02)


S, M = 0.6, 0.8  # two Gaussians of std S at (M, 0) and (-M, 0), equally likely
SIDE = np.linspace(-6, 6, 241)


def two(w):
    """log p(x|c) and log p(c|x) of the right one, on the mesh; p(c|x) = 1 / (1 + exp(-2 M x / S^2))."""
    x, y = np.meshgrid(SIDE, SIDE)
    log_conditional = -((x - M) ** 2 + y**2) / (2 * S**2) - np.log(2 * np.pi * S**2)
    return tilted(log_conditional, -np.logaddexp(0, -2 * M * x / S**2), w)


@pytest.mark.parametrize("w", [0.0, 0.5, 3.0])
def test_the_tilted_density_leans_by_one_plus_w(w):
    """log q(x, y) - log q(-x, y) = (1 + w) 2 M x / S^2, since log p(c|x) - log p(c|-x) is the logit itself."""
    grid = GridDensity(SIDE, SIDE, two(w))
    lean = grid.log_density - grid.log_density[:, ::-1]
    np.testing.assert_allclose(lean, np.broadcast_to((1 + w) * 2 * M * SIDE / S**2, lean.shape), rtol=1e-9, atol=1e-9)
    assert grid.log_normaliser <= 1e-9 and (w == 0) == (abs(grid.log_normaliser) < 1e-9)  # p(c|x)^w <= 1
    assert grid.mean()[0] == pytest.approx(M, abs=1e-8) if w == 0 else grid.mean()[0] > M + 0.01


def test_tilted_with_minus_one_is_the_marginal():
    """p(x|c) / p(c|x) = p(x) / p(c): twice the mixture, of mean 0 and variance S^2 + M^2 along x."""
    grid = GridDensity(SIDE, SIDE, two(-1.0))
    assert grid.log_normaliser == pytest.approx(np.log(2), abs=1e-9)
    np.testing.assert_allclose(grid.mean(), 0, atol=1e-9)
    np.testing.assert_allclose(grid.covariance(), np.diag([S**2 + M**2, S**2]), atol=1e-8)


def test_without_guidance_an_impossible_class_is_no_nan():
    conditional = np.array([-1.0, -2.0])
    np.testing.assert_array_equal(tilted(conditional, np.array([-np.inf, 0.0]), 0.0), conditional)
    np.testing.assert_array_equal(tilted(conditional, np.array([-np.inf, -3.0]), 2.0), [-np.inf, -8.0])


def test_what_is_no_density_on_a_grid_is_refused_by_name(gaussian):
    good = np.array(gaussian.log_values)
    for bad in (np.nan, np.inf):
        values = good.copy()
        values[100, 100] = bad
        with pytest.raises(ValueError, match="log_values holds NaN"):
            GridDensity(X, Y, values)
    with pytest.raises(ValueError, match="-infinity alone"):
        GridDensity(X, Y, np.full_like(good, -np.inf))
    with pytest.raises(REFUSED, match="log_values"):
        GridDensity(X, Y, good.T)
    bent = X.copy()
    bent[5] += 0.01
    with pytest.raises(ValueError, match="x must be three or more centres"):
        GridDensity(bent, Y, good)
    with pytest.raises(ValueError, match="y must be three or more centres"):
        GridDensity(X, Y[::-1].copy(), good)
    with pytest.raises(ValueError, match="too small a grid: a share of 0"):
        GridDensity(X[160:], Y, good[:, 160:])  # it begins one std right of the mean
    for points, match in ((np.zeros((2, 3)), "points"), (np.array([[0.0, np.nan]]), "points holds NaN")):
        with pytest.raises(REFUSED, match=match):
            gaussian.histogram(points)
