"""Divergence and distances against closed forms of Gaussians, double loops and invariances; the floors as they are stated."""

import numpy as np
import pytest

from analysis.measures.distances import kl_divergence, mmd, nearest_neighbour_entropy, sliced_wasserstein
from analysis.measures.grid import GridDensity

STD = 0.5
AXIS = np.linspace(-4, 4, 401)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def target():
    """N(0, STD^2 I)."""
    return GridDensity(AXIS, AXIS, -(AXIS[None] ** 2 + AXIS[:, None] ** 2) / (2 * STD**2))


def gaussian_kl(mean, variances):
    """KL(N(mean, diag variances) || N(0, STD^2 I))."""
    ratio = np.array(variances) / STD**2
    return (ratio - 1 - np.log(ratio) + np.array(mean) ** 2 / STD**2).sum() / 2


CASES = {
    "same": ([0, 0], [0.25, 0.25]),
    "shifted": ([0.1, 0.3], [0.25, 0.25]),
    "narrow": ([0, 0], [0.06, 0.06]),
    "a ridge narrower than any bin": ([0, 0], [0.25, 1e-4]),
    "collapsed": ([0.5, 0], [1e-6, 1e-6]),
}


@pytest.mark.parametrize("case", CASES)
def test_kl_of_known_gaussians(target, rng, case):
    """At n = 2,000 the bias is below 0.04 and the sd below 0.05 + 0.02 KL; the mean of 6 sets has less of it."""
    mean, variances = CASES[case]
    truth = gaussian_kl(mean, variances)
    found = [kl_divergence(rng.normal(mean, np.sqrt(variances), size=(2000, 2)), target) for _ in range(6)]
    noise = 3 * (0.02 + 0.01 * truth) / np.sqrt(6)
    assert truth - noise < np.mean(found) < truth + 0.04 + noise


def test_the_stated_floors_are_those_of_exact_draws(target, rng):
    """At n = 1,333, from the table in the module: mean and sd; here the mean of 16 sets."""
    sets = [target.sample(1333, rng) for _ in range(16)]
    for measure, mean, sd in ((kl_divergence, 0.017, 0.016), (mmd, 0.0, 2e-4), (sliced_wasserstein, 0.024, 0.004)):
        found = np.array([measure(points, target) for points in sets])
        assert found.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(16)), measure.__name__
        assert sd / 2 < found.std(ddof=1) < 2 * sd, measure.__name__


def test_kl_does_not_forgive_what_is_outside_or_far(target, rng):
    near, far = rng.normal(0, STD, size=(1000, 2)), rng.normal([3.0, 0.0], STD, size=(1000, 2))
    assert kl_divergence(far, target) > 15 > 1 > kl_divergence(near, target)
    beyond = near.copy()
    beyond[0] = [9.0, 0.0]  # has the density of (4, 0), 32 nats below the peak
    assert kl_divergence(beyond, target) > kl_divergence(near, target) + 0.02


def test_entropy_of_gaussians_and_boxes_in_any_dimension(rng):
    for d in (1, 3):
        truth = d / 2 * np.log(2 * np.pi * np.e * 4.0)
        assert nearest_neighbour_entropy(rng.normal(0, 2, size=(4000, d))) == pytest.approx(truth, abs=0.12)
    assert nearest_neighbour_entropy(rng.uniform(0, 7, size=(4000, 1)), k=1) == pytest.approx(np.log(7), abs=0.1)


def entropy_by_hand(points, k):
    n, d = points.shape
    distance = np.sort(np.linalg.norm(points[:, None] - points[None], axis=-1), axis=1)[:, k]
    digamma = {m: -0.5772156649015329 + sum(1 / i for i in range(1, m)) for m in (n, k)}
    volume = {1: 2, 2: np.pi, 3: 4 / 3 * np.pi}[d]
    return digamma[n] - digamma[k] + np.log(volume) + d * np.log(distance).mean()


def test_entropy_by_hand_and_its_laws(rng):
    for d, k in ((1, 1), (2, 5), (3, 4)):
        points = rng.normal(size=(150, d))
        assert nearest_neighbour_entropy(points, k) == pytest.approx(entropy_by_hand(points, k), abs=1e-9)
    found = nearest_neighbour_entropy(points)
    assert nearest_neighbour_entropy(3 * points) == pytest.approx(found + 3 * np.log(3), abs=1e-9)
    assert nearest_neighbour_entropy(points + 1e5) == pytest.approx(found, abs=1e-6)  # by subtraction, not |a|^2 + |b|^2 - 2ab
    assert nearest_neighbour_entropy(rng.permutation(points)) == pytest.approx(found, abs=1e-12)


def kernel_mean(mean, variances, bandwidth):
    """E exp(-|a|^2 / (2 h^2)) of a ~ N(mean, diag variances): the product of h / sqrt(h^2 + v) exp(-m^2 / (2 (h^2 + v)))."""
    total = bandwidth**2 + np.array(variances)
    return np.prod(bandwidth / np.sqrt(total) * np.exp(-(np.array(mean) ** 2) / (2 * total)))


def gaussian_mmd(mean, variances, bandwidth):
    """Squared MMD between N(mean, diag variances) and N(0, STD^2 I)."""
    v = np.array(variances)
    own, other = kernel_mean([0, 0], 2 * v, bandwidth), kernel_mean([0, 0], [2 * STD**2] * 2, bandwidth)
    return own + other - 2 * kernel_mean(mean, v + STD**2, bandwidth)


@pytest.mark.parametrize("bandwidth", [0.2, 0.5, 2.0])
def test_mmd_of_known_gaussians(target, rng, bandwidth):
    for mean, variances in ([[0.3, -0.2], [0.25, 0.25]], [[0, 0], [0.04, 0.3]]):
        truth = gaussian_mmd(mean, variances, bandwidth)
        sets = [rng.normal(mean, np.sqrt(variances), size=(2000, 2)) for _ in range(5)]
        assert np.mean([mmd(points, target, bandwidth) for points in sets]) == pytest.approx(truth, rel=0.12)
        draws = [rng.normal(0, STD, size=(1500, 2)) for _ in sets]
        assert np.mean([mmd(*pair, bandwidth) for pair in zip(sets, draws)]) == pytest.approx(truth, rel=0.2)


def mmd_by_loops(x, y, bandwidth):
    def kernel(a, b):
        return np.exp(-((a - b) ** 2).sum() / (2 * bandwidth**2))

    def among(z):
        return np.mean([kernel(z[i], z[j]) for i in range(len(z)) for j in range(len(z)) if i != j])

    return among(x) + among(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


def test_mmd_by_loops_and_its_laws(rng):
    x, y = rng.normal(size=(70, 3)), rng.normal(size=(90, 3)) + 0.4
    found = mmd(x, y, 0.8)
    assert found == pytest.approx(mmd_by_loops(x, y, 0.8), abs=1e-12)
    assert mmd(y, x, 0.8) == pytest.approx(found, abs=1e-12)
    assert mmd(rng.permutation(x), rng.permutation(y), 0.8) == pytest.approx(found, abs=1e-12)
    assert mmd(x + 1e7, y + 1e7, 0.8) == pytest.approx(found, abs=1e-6)


def test_mmd_to_a_density_is_the_mean_over_all_its_draws(target, rng):
    """With the target's part in closed form: nothing of it is left to chance."""
    points = rng.normal([0.5, 0], 0.3, size=(80, 2))
    cross = np.mean([kernel_mean(point, [STD**2] * 2, 0.5) for point in points])
    own = kernel_mean([0, 0], [2 * STD**2] * 2, 0.5)
    among = np.mean([np.exp(-((a - b) ** 2).sum() / 0.5) for i, a in enumerate(points) for b in np.delete(points, i, 0)])
    assert mmd(points, target, 0.5) == pytest.approx(among + own - 2 * cross, abs=1e-9)
    away = GridDensity(AXIS + 1e7, AXIS - 1e7, np.array(target.log_values))
    assert mmd(points + [1e7, -1e7], away, 0.5) == pytest.approx(among + own - 2 * cross, abs=1e-6)


def test_two_densities_of_unlike_sides_keep_x_and_y_apart(rng):
    x, y = np.linspace(-3, 5, 201), np.linspace(-6, 2, 161)
    centre = np.array([1.0, -2.0])
    grid = GridDensity(x, y, -((x[None] - 1) ** 2) / 0.5 - (y[:, None] + 2) ** 2 / 0.18)
    points = rng.normal(centre, [0.5, 0.3], size=(4000, 2))
    assert abs(mmd(points, grid)) < 1e-3 and sliced_wasserstein(points, grid) < 0.03 and kl_divergence(points, grid) < 0.06
    assert mmd(points[:, ::-1], grid) > 0.1 and sliced_wasserstein(points[:, ::-1], grid) > 1


def test_wasserstein_of_a_shift_is_its_length_along_the_directions(target, rng):
    points, shift = rng.normal(size=(500, 2)), np.array([0.3, -0.4])
    assert sliced_wasserstein(points + shift, points) == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)
    assert sliced_wasserstein(points + shift, rng.permutation(points)) == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)
    one = sliced_wasserstein(points + shift, points, directions=1)  # the x axis alone
    assert one == pytest.approx(0.3, rel=1e-12)
    high, far = rng.normal(size=(50, 16)), np.full(16, 0.25)  # of length 1
    assert sliced_wasserstein(high + far, high, directions=2000) == pytest.approx(1 / 4, rel=0.05)
    assert sliced_wasserstein(high + far, high) == sliced_wasserstein(high + far, high)
    moved = target.sample(20_000, rng) + shift
    assert sliced_wasserstein(moved, target) == pytest.approx(0.5 / np.sqrt(2), abs=0.01)


def test_wasserstein_of_two_widths_is_their_difference(target, rng):
    assert sliced_wasserstein(rng.normal(0, 0.8, size=(20_000, 2)), target) == pytest.approx(0.8 - STD, abs=0.012)


def test_wasserstein_by_sorting(rng):
    """Eight points against eight, projected one direction at a time, paired in their order."""
    a, b = rng.normal(size=(8, 2)), rng.normal(size=(8, 2))
    squares = []
    for angle in np.arange(4) * np.pi / 4:
        unit = np.array([np.cos(angle), np.sin(angle)])
        squares += [(p - q) ** 2 for p, q in zip(sorted(a @ unit), sorted(b @ unit))]
    assert sliced_wasserstein(a, b, directions=4) == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-12)


def test_order_of_rows_and_precision_do_not_matter(target, rng):
    points = rng.normal([0.2, 0], STD, size=(400, 2))
    for measure in (kl_divergence, mmd, sliced_wasserstein):
        assert measure(rng.permutation(points), target) == pytest.approx(measure(points, target), abs=1e-12)
        assert measure(points.astype(np.float32), target) == pytest.approx(measure(points, target), abs=1e-2)


def test_what_cannot_be_measured_is_refused_by_name(target, rng):
    good = rng.normal(size=(30, 2))
    holed = good.copy()
    holed[3, 1] = np.nan
    for measure in (kl_divergence, mmd, sliced_wasserstein):
        with pytest.raises(ValueError, match="points holds NaN or infinity in 1 of 30 rows"):
            measure(holed, target)
    for measure in (mmd, sliced_wasserstein):
        with pytest.raises(ValueError, match="points has 3 columns: the target is a density in the plane"):
            measure(rng.normal(size=(30, 3)), target)
    with pytest.raises(ValueError, match="points holds 7 rows with 5 copies or more"):
        kl_divergence(np.concatenate([good, np.repeat(good[:2], [6, 4], axis=0)]), target)  # the second has 4
    with pytest.raises(ValueError, match="at least 6 rows"):
        kl_divergence(good[:5], target)
    for k in (0, -1):
        with pytest.raises(ValueError, match=f"k is {k}"):
            nearest_neighbour_entropy(good, k)
    half = GridDensity(AXIS, AXIS, np.where(AXIS[None] > 0, np.array(target.log_values), -np.inf))
    with pytest.raises(ValueError, match=r"\d+ of the points lie where the target is 0"):
        kl_divergence(good, half)
    for bandwidth in (0.0, float("nan")):
        with pytest.raises(ValueError, match="bandwidth"):
            mmd(good, target, bandwidth)
    with pytest.raises(ValueError, match="target holds"):
        mmd(good, holed)
    with pytest.raises((ValueError, TypeError), match="target"):
        mmd(good, rng.normal(size=(30, 3)))
    with pytest.raises((ValueError, TypeError), match="target"):
        sliced_wasserstein(good, good[:20])
    with pytest.raises(ValueError, match="directions is 0"):
        sliced_wasserstein(good, target, directions=0)
