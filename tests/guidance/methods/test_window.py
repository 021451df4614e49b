"""The window of lambda in which a method guides: its lower end is inside and its upper end is not, in what it does and costs."""

import pytest
import torch
from four_classes import LABEL, WORLD, eps, points, said

from guidance import METHODS, CosineLogSNR
from guidance.cost import NFE, count
from guidance.level import ROUNDING
from guidance.scale import logsnr_of_sigma

LOW, HIGH = -1.0, 2.0  # a float32 has both exactly
BELOW, ABOVE = (lambda end: end - 2 * ROUNDING), (lambda end: end + 2 * ROUNDING)
INSIDE = [
    (BELOW(LOW), False), (LOW, True), (ABOVE(LOW), True), (0.5, True), (BELOW(HIGH), True), (HIGH, False), (ABOVE(HIGH), False),
]  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_acts_from_the_lower_end_of_its_window_to_just_below_the_upper(name):
    method = METHODS[name](w=1.0, logsnr_min=LOW, logsnr_max=HIGH)
    assert [method.acts(value) for value, _ in INSIDE] == [inside for _, inside in INSIDE]
    assert not any(METHODS[name](w=0.0, logsnr_min=LOW, logsnr_max=HIGH).acts(value) for value, _ in INSIDE)
    open_ended = METHODS[name](w=1.0, logsnr_min=LOW, logsnr_max=None), METHODS[name](w=1.0, logsnr_min=None, logsnr_max=HIGH)
    assert [[method.acts(value) for value in (-1e3, LOW, HIGH, 1e3)] for method in open_ended] == [
        [False, True, True, True],
        [True, True, False, False],
    ]


@pytest.mark.parametrize(("logsnr", "inside"), [(LOW, True), (HIGH, False)])
def test_what_is_said_at_the_ends_is_guided_at_the_lower_and_not_at_the_upper(logsnr, inside):
    found = said("classifier-free", logsnr, w=1.5, logsnr_min=LOW, logsnr_max=HIGH)
    expected = said("classifier-free", logsnr, w=1.5) if inside else eps(LABEL, logsnr)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(said("classifier-free", logsnr, w=1.5), eps(LABEL, logsnr), atol=1e-3)


@pytest.mark.parametrize("end", ["logsnr_min", "logsnr_max"])
def test_an_end_that_is_a_level_of_the_grid_is_the_same_level_in_float32(end):
    levels = CosineLogSNR().grid(32)
    z, ones = points(n=2)[0].float(), torch.ones(2)
    for place in range(1, 31):
        method = METHODS["classifier-free"](w=1.0, **{end: levels[place].item()})
        guided = method(WORLD)
        with count(WORLD) as counted:
            for level in levels.float():
                guided(z, level * ones, LABEL[:2])
        within = 32 - place if end == "logsnr_min" else place
        assert counted.per_sample(2) == method.nfe(levels.tolist()) == NFE(denoiser_forward=32 + within)


def test_windows_that_touch_guide_every_lambda_once_and_share_the_price_of_the_whole():
    levels = [LOW, 0.0, 0.5, 1.0, HIGH]
    windows = (LOW, HIGH), (LOW, 0.5), (0.5, HIGH)
    whole, early, late = (METHODS["classifier-free"](w=1.0, logsnr_min=low, logsnr_max=high) for low, high in windows)
    assert [early.acts(value) + late.acts(value) for value in levels] == [1, 1, 1, 1, 0]
    assert [method.nfe(levels) for method in (whole, early, late)] == [NFE(9), NFE(7), NFE(7)]
    assert [whole.nfe([value]) for value in (LOW, HIGH)] == [NFE(2), NFE(1)]


def test_the_papers_interval_is_open_at_its_lower_sigma_and_closed_at_its_upper():
    """sigma_lo < sigma <= sigma_hi (arXiv 2404.07724, eq. 5): lambda falls as sigma rises, so the ends change places."""
    method = METHODS["limited-interval"](w=1.0)
    assert method.acts(logsnr_of_sigma(2.90)) and not method.acts(logsnr_of_sigma(0.28))


def test_a_batch_that_reaches_over_an_end_of_the_window_is_refused():
    z, label = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.long)
    guided = METHODS["classifier-free"](w=1.0, logsnr_min=LOW, logsnr_max=HIGH)(WORLD)
    with pytest.raises(ValueError, match="all be inside its window"):
        guided(z, torch.tensor([LOW, HIGH], dtype=torch.float64), label)
    guided(z, torch.tensor([LOW, 0.0], dtype=torch.float64), label)
