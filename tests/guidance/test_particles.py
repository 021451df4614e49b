"""Particles: systematic resampling against counts done by hand, effective sizes, and sets that leave each other alone."""

import math

import pytest
import torch

from guidance.diffusion import Prediction
from guidance.particles import effective_sample_size, require_threshold, resampled, rows_by_label, select_particles, systematic

WEIGHTS = torch.tensor([0.5, 0.1, 0.15, 0.25], dtype=torch.float64)


def test_systematic_resampling_copies_by_the_comb():
    assert systematic(WEIGHTS.log(), 0.1).tolist() == [0, 0, 1, 3]  # teeth at 0.025, 0.275, 0.525, 0.775
    assert systematic(WEIGHTS.log(), 0.5).tolist() == [0, 0, 2, 3]  # at 0.125, 0.375, 0.625, 0.875
    assert systematic(WEIGHTS.log() + 100, 0.5).tolist() == [0, 0, 2, 3]  # weights have no scale
    assert systematic(torch.tensor([0.0, -math.inf, 0.0]), 0.999).tolist() == [0, 2, 2]


def test_a_particle_has_the_copies_that_it_weighs_on_average_and_never_one_more_or_less():
    uniform = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    copies = torch.stack([systematic(WEIGHTS.log(), u.item()).bincount(minlength=4) for u in uniform]).double()
    torch.testing.assert_close(copies.mean(0), 4 * WEIGHTS, atol=5e-3, rtol=0)
    assert ((copies - 4 * WEIGHTS).abs() < 1).all()


def test_the_effective_size_runs_from_one_to_all():
    assert effective_sample_size(torch.zeros(7)) == pytest.approx(7)
    assert effective_sample_size(torch.tensor([0.0, -1e4, -1e4])) == pytest.approx(1)
    assert effective_sample_size(torch.tensor([0.75, 0.25]).log()) == pytest.approx(1 / (0.75**2 + 0.25**2))


def test_each_label_is_a_set_of_its_own():
    label = torch.tensor([0, 1, 0, 1, 0, 1])
    log_weights = torch.tensor([0.0, 5.0, -9.0, -9.0, -9.0, -9.0])
    noise = torch.zeros(6, 2)  # u = 1/2
    index, after = resampled(log_weights, label, noise, threshold=0.5)
    assert index.tolist() == [0, 1, 0, 1, 0, 1] and after.tolist() == [0.0] * 6
    index, after = resampled(torch.tensor([0.0, 5.0, 0.0, -9.0, 0.0, -9.0]), label, noise, threshold=0.5)
    assert index.tolist() == [0, 1, 2, 1, 4, 1], "the even set weighs the same, and is left alone"
    assert after.tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert [rows.tolist() for rows in rows_by_label(None, noise)] == [[0, 1, 2, 3, 4, 5]]


def test_weights_are_kept_where_nothing_is_resampled():
    weights = torch.tensor([0.0, -0.1, -0.2])
    index, after = resampled(weights, None, torch.zeros(3, 1), threshold=0.5)
    assert index.tolist() == [0, 1, 2] and torch.equal(after, weights)
    index, after = resampled(weights, None, torch.zeros(3, 1), threshold=2.0)
    assert after.tolist() == [0.0, 0.0, 0.0], "above 1: always"


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="weights of particles must be numbers"):
        resampled(torch.tensor([0.0, bad]), None, torch.zeros(2, 1), 0.5)
    with pytest.raises(ValueError, match="threshold must lie in"):
        require_threshold(1.5)


def test_all_that_is_predicted_of_a_row_moves_with_it():
    z, x = torch.arange(3.0)[:, None], 10 * torch.arange(3.0)[:, None]
    pred = Prediction(x, -x, variance_fraction=3 * x).with_control(mean_shift=2 * x)
    selected = select_particles(pred, z, torch.tensor([2, 2, 0]))
    assert selected.control.z.flatten().tolist() == [2, 2, 0] and selected.x.flatten().tolist() == [20, 20, 0]
    assert torch.equal(selected.eps, -selected.x) and torch.equal(selected.control.mean_shift, 2 * selected.x)
    assert torch.equal(selected.variance_fraction, 3 * selected.x) and selected.control.noise_scale == pred.control.noise_scale
