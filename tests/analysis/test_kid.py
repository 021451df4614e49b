"""Kernel Inception distance: closed form, an unbiased standard error, and torch-fidelity's value."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric

from analysis.measures.kid import KernelReference, kid


def draws(seed, n, shift=0.0, d=4):
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def plainly(x, y):
    """Every pair, one by one."""
    k = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3  # noqa: E731
    off = lambda a: (k(a, a).sum() - np.diag(k(a, a)).sum()) / (len(a) * (len(a) - 1))  # noqa: E731
    return off(x) + off(y) - 2 * k(x, y).mean()


def test_it_is_the_mean_over_pairs_of_different_rows():
    x, y = draws(0, 300, 0.3), draws(1, 520)  # more than a block
    assert kid(x, KernelReference(y)).value == pytest.approx(plainly(x, y), rel=1e-12)


def test_of_shifted_gaussians_it_is_what_the_moments_say():
    """d = 1, x of N(s, 1), y of N(0, 1): the squared difference of the first three moments, weighed by 3, 3 and 1."""
    s = 0.7
    exact = 3 * s**2 + 3 * (s**2) ** 2 + (s**3 + 3 * s) ** 2
    found = [kid(draws(i, 2000, s, 1), KernelReference(draws(1000 + i, 2000, 0, 1))) for i in range(12)]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(exact, abs=4 * values.std(ddof=1) / np.sqrt(len(values)))
    assert values.std(ddof=1) < 0.2 * exact


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5], ids=["one distribution", "near", "apart"])
def test_the_standard_error_is_the_spread_over_independent_draws(shift):
    """Against one reference, also where the statistic is degenerate; of 400 draws the spread is known to 4 %."""
    real = KernelReference(draws(10**6, 200))
    found = [kid(draws(i, 60, shift), real) for i in range(400)]
    spread = np.std([one.value for one in found], ddof=1)
    claimed = np.sqrt(np.mean([one.standard_error**2 for one in found]))
    assert claimed == pytest.approx(spread, rel=0.15)


def classes(seed, n, shift=0.0):
    """Six classes that lie apart, as many rows of each, in turn."""
    label = np.arange(n) % 6
    return draws(seed, n, shift, 6) + 2 * np.eye(6)[label], label


@pytest.mark.parametrize("shift", [0.0, 0.3], ids=["one distribution", "apart"])
def test_of_balanced_labels_the_error_is_the_spread_of_balanced_sets(shift):
    """Of independent rows it would be several times that: the shares of the classes do not vary here."""
    real = KernelReference(classes(10**6, 600)[0])
    sets = [classes(i, 120, shift) for i in range(400)]
    found = [kid(rows, real, label) for rows, label in sets]
    spread = np.std([one.value for one in found], ddof=1)
    assert np.sqrt(np.mean([one.standard_error**2 for one in found])) == pytest.approx(spread, rel=0.15)
    assert min(one.standard_error for one in found) > 0.3 * spread
    assert all(kid(rows, real).value == pytest.approx(one.value, rel=1e-9) for (rows, _), one in zip(sets[:3], found))


def test_balanced_labels_lower_it_by_what_its_docstring_says():
    """Against a reference in which each class has its share, of one distribution, so that the truth is 0."""
    rows, label = zip(*(classes(i, 60) for i in range(300)))
    real = KernelReference(np.concatenate([classes(10**6 + i, 600)[0] for i in range(5)]))
    values = [kid(one, real).value for one in rows]
    k = (np.concatenate(rows[:60]) @ np.concatenate(rows[60:120]).T / 6 + 1) ** 3
    same = np.concatenate(label[:60])[:, None] == np.concatenate(label[60:120])
    lower = (1 - 1 / 6) / 59 * (k[same].mean() - k[~same].mean())
    assert np.mean(values) == pytest.approx(-lower, abs=4 * np.std(values) / 300**0.5 + 0.03 * lower)


def test_torch_fidelity_has_the_same_value_and_another_error():
    x, y = draws(0, 250, 0.2, 8), draws(1, 250, 0, 8)
    theirs = kid_features_to_metric(
        *(torch.from_numpy(rows) for rows in (x, y)), kid_subsets=1, kid_subset_size=250,
        kid_degree=3, kid_gamma=None, kid_coef0=1, kid_kernel="poly", rng_seed=0, verbose=False,
    )  # fmt: skip
    assert kid(x, KernelReference(y)).value == pytest.approx(theirs[KEY_METRIC_KID_MEAN], rel=1e-9)


def test_order_does_not_matter_and_what_is_unsound_is_refused():
    x, real = draws(0, 300, 0.3), KernelReference(draws(1, 300))
    assert kid(x[np.random.default_rng(0).permutation(300)], real) == pytest.approx(kid(x, real), rel=1e-9)
    with pytest.raises(ValueError, match="at least 4 rows"):
        kid(x[:3], real)
    with pytest.raises(ValueError, match="generated has 3 columns and reference 4"):
        kid(x[:, :3], real)
    assert np.isnan(kid(x[:15], real, np.arange(15) % 4).standard_error), "three rows of a class"
    for bad in (np.nan, np.inf):
        x[5, 1] = bad
        with pytest.raises(ValueError, match="NaN or infinity in 1 of 300 rows"):
            kid(x, real)
