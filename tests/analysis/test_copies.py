"""Copies of training rows are found, neighbours are exact, and unseen rows are no copies."""

import numpy as np
import pytest
import torch

from analysis.measures.copies import Training
from analysis.measures.neighbours import nearest


def draws(seed, n, d=10):
    return np.random.default_rng(seed).normal(size=(n, d))


@pytest.mark.parametrize("k", [1, 3, 20])
def test_the_nearest_are_those_of_all_pairs(k):
    rows, others = draws(0, 300), draws(1, 530)
    apart = np.linalg.norm(rows[:, None] - others, axis=2)
    near, index = (found.numpy() for found in nearest(torch.from_numpy(rows), torch.from_numpy(others), k))
    np.testing.assert_allclose(near, np.sort(apart, axis=1)[:, :k], rtol=1e-13)
    np.testing.assert_allclose(np.take_along_axis(apart, index, 1), near, rtol=1e-13)


def test_a_copy_is_at_distance_zero_far_from_the_origin_too():
    others = draws(1, 400) + 1e6
    near, index = nearest(torch.from_numpy(others[37:40].copy()), torch.from_numpy(others), 1)
    assert near.flatten().tolist() == [0, 0, 0] and index.flatten().tolist() == [37, 38, 39]
    with pytest.raises(ValueError, match="there are 400 rows: 401 nearest ones need at least 401"):
        nearest(torch.from_numpy(others), torch.from_numpy(others), 401)


def test_copies_are_counted_and_unseen_rows_are_none():
    training = Training(draws(0, 1000))
    unseen = training.compare(draws(1, 300))
    assert unseen.copies == 0 and unseen.nearness == pytest.approx(1, abs=0.05)
    copied = np.concatenate([draws(1, 225), training.rows[:75] + 1e-3 * draws(2, 75)])
    assert training.compare(copied).copies == 0.25 and training.compare(copied).nearness < unseen.nearness
    assert training.compare(training.rows[:10]) == (0, 1)


def test_on_a_line_it_is_what_one_counts():
    training = Training(np.array([[0.0], [1.0], [3.0], [6.0]]))
    assert training.spacing == 1  # of 1, 1, 2, 3 the lower median
    assert training.compare(np.array([[0.2], [2.0], [8.0]])) == pytest.approx((1.0, 1 / 3))  # 0.2 < 0.8 / 3


def test_order_and_batch_do_not_matter():
    training, x = Training(draws(0, 500)), draws(1, 301)
    turned = Training(training.rows[::-1].copy()).compare(x[np.random.default_rng(0).permutation(301)])
    assert turned == training.compare(x)


def test_training_rows_that_repeat_each_other_and_other_networks_are_refused():
    with pytest.raises(ValueError, match="half of the training rows have a copy"):
        Training(draws(0, 20).repeat(2, axis=0)).compare(draws(1, 5))
    with pytest.raises(ValueError, match="x has 4 columns and training 10"):
        Training(draws(0, 20)).compare(draws(1, 5, 4))
    with pytest.raises(ValueError, match="training has shape .1, 10.: at least 2 rows"):
        Training(draws(0, 1))
    x = draws(1, 5)
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="x holds NaN"):
        Training(draws(0, 20)).compare(x)
