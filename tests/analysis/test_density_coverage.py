"""Density, coverage and the clipped pair: by hand, by prdc and seqme, in mode collapse, on copies, and calibrated."""

import contextlib
import io

import numpy as np
import pytest

from analysis.measures.density_coverage import Balls, calibrated, density_coverage


def draws(seed, n, d=6, shift=0.0):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_on_a_line_it_is_what_one_counts():
    """Real at 0..9, k = 2: radii 1 inside (neighbours on both sides), 2 at the ends; no radius above the median, 1."""
    real, made = np.arange(10.0)[:, None], np.array([[0.5], [1.7], [9.4], [30.0]])
    found = density_coverage(made, Balls.around(real, 2))
    assert found.density == pytest.approx((2 + 3 + 1 + 0) / 4 / 2)
    assert found.coverage == 0.4, "those of 0, 1, 2 and 9"
    assert found.clipped_density == pytest.approx((2 + 2 + 1 + 0) / 4 / 2 / 0.9)  # of real points the two ends are in one ball


@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_by_plain_loops(shift):
    real, made, k = draws(0, 150), draws(1, 90, shift=shift), 5
    own = np.sort(np.linalg.norm(real[:, None] - real, axis=2), axis=1)[:, 1:]
    radii, apart = own[:, k - 1], np.linalg.norm(made[:, None] - real, axis=2)
    clipped = np.minimum(radii, np.median(radii))
    inside, balls = apart < radii, np.minimum((apart <= clipped).sum(1) / k, 1)
    real_balls = (np.linalg.norm(real[:, None] - real, axis=2) <= clipped).sum(1) - 1
    found = density_coverage(made, Balls.around(real, k))
    assert found.density == pytest.approx(inside.sum() / k / len(made), rel=1e-12)
    assert found.coverage == pytest.approx(inside.any(0).mean(), rel=1e-12)
    assert found.clipped_density == pytest.approx(min(1, balls.mean() / np.minimum(real_balls / k, 1).mean()), rel=1e-9)
    raw = np.minimum(inside.sum(0), k).mean() / k
    assert found.clipped_coverage == calibrated(raw, len(made), len(real), k)


def test_prdc_has_the_same_density_and_coverage():
    prdc = pytest.importorskip("prdc")
    real, made = draws(0, 400, 16), draws(1, 300, 16, 0.3)
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = prdc.compute_prdc(real, made, 5)
    found = density_coverage(made, Balls.around(real, 5))
    assert (found.density, found.coverage) == pytest.approx((theirs["density"], theirs["coverage"]), rel=1e-12)


def test_mode_collapse_is_dense_and_covers_little():
    real = draws(0, 600)
    collapsed = real[np.linalg.norm(real, axis=1).argmin()] + 0.05 * draws(1, 600)
    found = density_coverage(collapsed, Balls.around(real))
    assert found.density > 1 and found.clipped_density == 1 and found.coverage < 0.1 and found.clipped_coverage < 0.1
    away = density_coverage(draws(1, 600, shift=9), Balls.around(real))
    assert away == (0, 0, 0, 0)


def test_draws_of_the_same_distribution_read_about_one():
    found = [density_coverage(draws(i, 800), Balls.around(draws(100 + i, 800))) for i in range(6)]
    for name, tolerance in (("density", 0.05), ("clipped_density", 0.06), ("clipped_coverage", 0.06)):
        assert np.mean([getattr(one, name) for one in found]) == pytest.approx(1, abs=tolerance), name
    assert np.mean([one.coverage for one in found]) == pytest.approx(1 - 0.5**5, abs=0.02)  # Naeem et al., lemma 2


@pytest.mark.parametrize("bad", [0.25, 0.6])
def test_clipped_values_are_the_share_of_good_samples(bad):
    """What they are calibrated for: a share of samples that lies nowhere near the data lowers both by as much."""
    n = 1000
    made = np.concatenate([draws(1, n - int(bad * n)), draws(2, int(bad * n), shift=50)])
    found = density_coverage(made, Balls.around(draws(0, n)))
    assert found.clipped_density == pytest.approx(1 - bad, abs=0.06) and found.clipped_coverage == pytest.approx(
        1 - bad, abs=0.06
    )
    assert found.coverage > 1 - bad + 0.1, "plain coverage does not say so"


def test_copies_and_boundaries_are_decided_by_exact_distances():
    """Far from the origin a matrix product is wrong by more than the distance of a copy, which is 0."""
    real = draws(0, 200) + 1e4
    same = density_coverage(real, Balls.around(real))
    assert same == density_coverage(real - 1e4 + 1e4, Balls.around(real))
    own = np.sort(np.linalg.norm(real[:, None] - real, axis=2), axis=1)[:, 1:]
    apart = np.linalg.norm(real[:, None] - real, axis=2)
    assert same.density == (apart < own[:, 4]).sum() / 5 / 200  # itself and 4 neighbours: the fifth lies on the boundary
    copies = density_coverage(np.repeat(real[:20], 8, axis=0), Balls.around(np.repeat(real[:20], 8, axis=0)))
    assert copies.density == 0 and copies.coverage == 0 and copies.clipped_density == 1, (
        "balls of no radius hold nothing strictly"
    )


def test_order_and_batch_do_not_matter():
    real, made = draws(0, 300), draws(1, 333, shift=0.2)
    found, turn = density_coverage(made, Balls.around(real)), np.random.default_rng(0).permutation(333)
    assert density_coverage(made[turn], Balls.around(real[::-1].copy())) == pytest.approx(found, rel=1e-12)


def test_seqme_has_the_same_clipped_density_and_nearly_the_same_clipped_coverage():
    """Its expected coverage lacks the last term of every sum, which moves the share by a few of n."""
    seqme = pytest.importorskip("seqme.metrics.clipped_density_coverage")
    real, made = draws(0, 300, 8), draws(1, 300, 8, 0.3)
    rows = {"real": real, "made": made}
    embed = lambda names: rows[names[0]]  # noqa: E731
    found = density_coverage(made, Balls.around(real))
    theirs = [kind(5, ["real"], embed)(["made"]).value for kind in (seqme.ClippedDensity, seqme.ClippedCoverage)]
    assert found.clipped_density == pytest.approx(theirs[0], rel=1e-6)  # its ratios are float32
    assert found.clipped_coverage == pytest.approx(theirs[1], abs=0.01)


def test_too_few_rows_and_other_networks_are_refused():
    balls = Balls.around(draws(0, 30))
    with pytest.raises(ValueError, match="generated has shape .5, 6.: at least 6 rows"):
        density_coverage(draws(1, 5), balls)
    with pytest.raises(ValueError, match="reference has shape .5, 6.: at least 6 rows"):
        Balls.around(draws(1, 5))
    with pytest.raises(ValueError, match="generated has 4 columns and reference 6"):
        density_coverage(draws(1, 20, 4), balls)
    with pytest.raises(ValueError, match="k is 0"):
        Balls.around(draws(1, 5), 0)
    broken = draws(1, 20)
    broken[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        density_coverage(broken, balls)
