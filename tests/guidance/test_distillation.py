"""Distillation in closed form: one step of the student is two of its teacher, and stage one's optimum is the guided field."""

import math
from itertools import pairwise

import pytest
import torch
from worlds import mixture

from guidance import METHODS, SAMPLERS, CosineLogSNR, Mixture
from guidance.diffusion import Prediction, alpha_sigma, from_x
from guidance.distillation import guided_x, two_step_x
from guidance.grids import Nested
from guidance.weightings import TruncatedSNR

DENSITY = CosineLogSNR(-12.0, 12.0)


def path(denoiser, z, levels, label):
    """z at every level of DDIM from `z`, and the sample last, by the sampler itself."""
    seen = []

    def watched(z, logsnr, label):
        seen.append(z)
        return denoiser(z, logsnr, label)

    x = SAMPLERS["ddim"]()(watched, z, levels, label, lambda: None)
    return [*seen, x]


def case(n=24):
    z = torch.randn(n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return z, torch.arange(n) % 3


@pytest.mark.parametrize("levels", [(-12.0, -3.0, 0.5), (-4.0, -3.9999, -3.0), (0.0, 4.0, 12.0), (-20.0, -19.0, 20.0)])
def test_one_step_with_the_target_lands_where_two_steps_of_the_teacher_do(levels):
    z, label = case()
    ends = [torch.full((len(z),), level, dtype=torch.float64) for level in levels]
    x = two_step_x(mixture(), z, *ends, label)
    alpha, sigma = alpha_sigma(ends[2], z)
    once = alpha * x + sigma * from_x(z, x, ends[0]).eps
    twice = path(mixture(), z, torch.tensor(levels, dtype=torch.float64), label)[2]
    torch.testing.assert_close(once, twice, rtol=1e-9, atol=1e-12)


def test_the_last_step_to_clean_data_is_the_teachers_last_prediction():
    z, label = case()
    start, middle = (torch.full((len(z),), level, dtype=torch.float64) for level in (1.0, 5.0))
    found = two_step_x(mixture(), z, start, middle, torch.full_like(start, math.inf), label)
    sample = path(mixture(), z, torch.tensor([1.0, 5.0], dtype=torch.float64), label)[-1]
    torch.testing.assert_close(found, sample, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("steps", [2, 4, 16])
def test_the_ideal_student_samples_in_half_the_steps_what_its_teacher_samples(steps):
    """Over the whole trajectory, with the last step to data, on the grid of the rounds."""
    z, label = case()
    teacher, fine = mixture(), Nested()(DENSITY, 2 * steps)
    ends = dict(zip(fine[::2].tolist(), zip(fine[1::2].tolist(), [*fine[2::2].tolist(), math.inf])))

    def student(z, logsnr, label):
        middle, end = (torch.full_like(logsnr, level) for level in ends[logsnr[0].item()])
        return from_x(z, two_step_x(teacher, z, logsnr, middle, end, label), logsnr)

    few = path(student, z, Nested()(DENSITY, steps), label)
    many = path(teacher, z, fine, label)
    assert len(few) == steps + 1
    for mine, theirs in zip(few, [*many[:-1:2], many[-1]]):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-10)


def test_the_target_is_that_of_the_papers_formula_and_rows_may_be_at_other_levels():
    """Algorithm 2: x = (z'' - (sigma'' / sigma) z) / (alpha'' - (sigma'' / sigma) alpha)."""
    z, label = case(3)
    start, middle, end = torch.tensor([[-5.0, -1.0, 2.0], [-3.0, 0.5, 2.5], [-1.0, 3.0, 6.0]], dtype=torch.float64)
    found = two_step_x(mixture(), z, start, middle, end, label)
    for row in range(3):
        one = slice(row, row + 1)
        levels = torch.stack([start, middle, end])[:, row]
        there = path(mixture(), z[one], levels, label[one])[2]
        (alpha, sigma), (alpha_end, sigma_end) = alpha_sigma(start[one], z[one]), alpha_sigma(end[one], z[one])
        ratio = sigma_end / sigma
        torch.testing.assert_close(found[one], (there - ratio * z[one]) / (alpha_end - ratio * alpha), rtol=1e-9, atol=1e-10)


def test_it_stays_finite_in_float32_from_noise_to_data():
    z, label = torch.randn(6, 2), torch.arange(6) % 3
    levels = [*Nested()(CosineLogSNR(), 2 * 6).float().tolist(), math.inf]
    start, middle, end = (torch.tensor(levels[first::2][:6]) for first in (0, 1, 2))
    found = two_step_x(mixture(torch.float32), z, start, middle, end, label)
    wanted = two_step_x(mixture(), z.double(), start.double(), middle.double(), end.double(), label)
    torch.testing.assert_close(found.double(), wanted, rtol=1e-3, atol=1e-3)


def test_every_second_level_of_a_nested_grid_is_the_grid_of_half_as_many_steps():
    for fine, coarse in pairwise([64, 32, 16, 8, 4]):
        torch.testing.assert_close(Nested()(DENSITY, fine)[::2], Nested()(DENSITY, coarse), rtol=0, atol=1e-12)
    u = torch.tensor([1.0, 0.75, 0.5, 0.25], dtype=torch.float64)
    torch.testing.assert_close(Nested()(DENSITY, 4), DENSITY(u))


def test_the_guided_target_is_classifier_free_guidance_of_each_rows_own_w():
    z, label = case(4)
    logsnr, w = torch.tensor([-3.0, 0.0, 2.0, 5.0], dtype=torch.float64), torch.tensor([0.0, 0.5, 2.0, -1.0], dtype=torch.float64)
    found = guided_x(mixture(), z, logsnr, label, w)
    for row in range(4):
        one = slice(row, row + 1)
        guided = METHODS["classifier-free"](w=w[row].item())(mixture())
        torch.testing.assert_close(found[one], guided(z[one], logsnr[one], label[one]).x, rtol=1e-9, atol=1e-10)


def test_the_optimum_of_stage_one_is_the_guided_field_in_closed_form():
    """Of Gaussian classes of one covariance the guided x is linear in (z, w, wz, 1) at a lambda and label: a student of these
    features, fitted by least squares to the loss, is the guided field to rounding, and one that does not see w is not.
    """
    covariance = torch.tensor([[0.5, 0.1], [0.1, 0.2]], dtype=torch.float64)
    world = Mixture(
        torch.tensor([[1.0, 0.3]], dtype=torch.float64), covariance[None], torch.ones(1, dtype=torch.float64), torch.tensor([0])
    )
    whole = Mixture(
        torch.tensor([[-0.2, 0.0]], dtype=torch.float64), 2 * covariance[None], torch.ones(1).double(), torch.tensor([0])
    )

    def teacher(z, logsnr, label) -> Prediction:  # of a Gaussian class in a wider Gaussian: both denoisers are affine in z
        return whole(z, logsnr, None) if label is None else world(z, logsnr, label)

    g = torch.Generator().manual_seed(2)
    z, w = torch.randn(400, 2, dtype=torch.float64, generator=g), 4 * torch.rand(400, dtype=torch.float64, generator=g)
    logsnr, label = torch.full((400,), 0.7, dtype=torch.float64), torch.zeros(400, dtype=torch.long)
    wanted = guided_x(teacher, z, logsnr, label, w)
    weight = TruncatedSNR()(logsnr, "x").sqrt()[:, None]

    def worst(features):
        fitted = torch.linalg.lstsq(weight * features, weight * wanted).solution
        return (features @ fitted - wanted).abs().max().item()

    one = torch.ones(400, 1, dtype=torch.float64)
    assert worst(torch.cat([z, w[:, None] * z, w[:, None], one], 1)) < 1e-10
    assert worst(torch.cat([z, one], 1)) > 0.1
