"""Vendi score: orthogonal rows, copies, the dual form, and the authors' package."""

import numpy as np
import pytest

from analysis.measures.vendi import class_vendi, vendi


@pytest.mark.parametrize("n", [3, 40])
def test_n_orthogonal_rows_are_n_different_ones_and_copies_are_one(n):
    assert vendi(np.eye(n, 50) * np.arange(1, n + 1)[:, None]) == pytest.approx(n, rel=1e-12), "lengths do not matter"
    assert vendi(np.tile(np.arange(1.0, 6.0), (n, 1))) == pytest.approx(1, rel=1e-9)


def test_shares_of_orthogonal_groups_are_a_perplexity():
    shares = np.array([0.5, 0.25, 0.25])
    assert vendi(np.repeat(np.eye(3), [20, 10, 10], axis=0)) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-12)


def test_the_dual_form_is_the_same():
    """Fewer rows than columns, and more of them: zeros beyond the width change nothing."""
    x = np.random.default_rng(0).normal(size=(60, 12))
    assert vendi(np.pad(x, ((0, 0), (0, 100)))) == pytest.approx(vendi(x), rel=1e-10)


def test_the_package_of_its_authors_has_the_same_value():
    theirs = pytest.importorskip("vendi_score.vendi")
    x = np.random.default_rng(0).normal(size=(80, 12)) + 0.3
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert vendi(x) == pytest.approx(theirs.score_K(unit @ unit.T), rel=1e-9)
    assert vendi(x) == pytest.approx(theirs.score_dual(x, normalize=True), rel=1e-9)


def test_collapse_lowers_it_and_order_does_not_matter():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 20))
    collapsed = x[:4].repeat(50, axis=0) + 0.01 * rng.normal(size=(200, 20))
    assert vendi(collapsed) < 4.5 < 15 < vendi(x)
    assert vendi(x[rng.permutation(200)]) == pytest.approx(vendi(x), rel=1e-12)


def test_within_classes_it_is_the_mean_of_theirs():
    x, label = np.random.default_rng(0).normal(size=(90, 8)), np.arange(90) % 3
    assert class_vendi(x, label) == pytest.approx(np.mean([vendi(x[c::3]) for c in range(3)]), rel=1e-12)
    assert vendi(np.eye(4)[label]) == pytest.approx(3) and class_vendi(np.eye(4)[label], label) == pytest.approx(1)


def test_what_has_no_cosine_is_refused():
    x = np.random.default_rng(0).normal(size=(9, 3))
    for bad, why in ((0.0, "features row 4 is zero"), (np.nan, "NaN")):
        x[4] = bad
        with pytest.raises(ValueError, match=why):
            vendi(x)
