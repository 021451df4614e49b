"""Normals of words: another library makes the same, the halves are where they are said to be, and the law is the normal one."""

import numpy as np
import pytest
import torch
from scipy import stats

from guidance.normals import CACHED, box_muller, grouped, words_of
from guidance.philox import key, words

KEY = key("sample", 11)


def by_numpy(drawn: torch.Tensor, numbers: int) -> np.ndarray:
    """The formula of the docstring by numpy, word by word."""
    unsigned = drawn.numpy().view(np.uint64)
    low, high = (unsigned & np.uint64(2**32 - 1)).astype(np.uint32), (unsigned >> np.uint64(32)).astype(np.uint32)
    a, b = low.view(np.int32).astype(np.float64), high.view(np.int32).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log((a + 2**31 + 0.5) / 2**32)), 2 * np.pi * b / 2**32
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)[..., :numbers].astype(np.float32)


@pytest.mark.parametrize("numbers", [1, 2, 75, 3072])
def test_numpy_makes_the_same_of_the_same_words_up_to_one_place(numbers):
    """One unit in the last place is what is stated; that it is hardly ever needed is what float64 is for."""
    drawn = words(KEY, torch.arange(64), 2, words_of(numbers))
    made, expected = torch.empty(64, numbers), by_numpy(drawn, numbers)
    box_muller(drawn, made)
    assert (np.abs(made.numpy() - expected) <= np.spacing(np.abs(expected))).all()
    assert (made.numpy() != expected).mean() < 1e-4, "in float32 it would be a third"


def test_no_word_makes_anything_but_a_finite_number():
    """The ends of both halves: the smallest and the largest radius, and the angles -pi, 0 and next to pi."""
    ends = [-(2**31), -1, 0, 1, 2**31 - 1]
    drawn = torch.tensor([[(high << 32) + (low % 2**32) for low in ends for high in ends]])
    made = torch.empty(1, 50)
    box_muller(drawn, made)
    assert made.isfinite().all() and 6.7 < made.abs().max() < 6.8
    assert made[0, 2] == pytest.approx(6.76, abs=0.01), "low half the smallest, angle 0: all cosine"
    assert made[0, 27] == 0 and made[0, 25] == pytest.approx(0, abs=1e-6), "its sine, and that of -pi"


@pytest.mark.parametrize("numbers, group", [(2, 128), (75, 3), (3072, 1)])
def test_draws_of_a_part_lie_one_after_the_other_and_do_not_depend_on_how_many_are_made_at_a_time(numbers, group):
    each, rows = words_of(numbers), 2 * CACHED // (group * words_of(numbers)) + 3
    made = grouped(KEY, torch.arange(rows), 4, group, numbers)
    drawn = words(KEY, torch.arange(rows), 4, group * each)
    for place in (0, group // 2, group - 1):
        assert np.allclose(made[place].numpy(), by_numpy(drawn[:, place * each : (place + 1) * each], numbers), rtol=3e-7, atol=0)


def test_the_law_is_normal_in_the_middle_and_in_the_tails():
    made = grouped(KEY, torch.arange(400), 0, 1, 3072).flatten().double().numpy()
    assert stats.kstest(made, "norm").pvalue > 1e-3
    for bound in (1, 3, 4.5):
        expected = len(made) * 2 * stats.norm.sf(bound)
        assert abs((np.abs(made) > bound).sum() - expected) < 5 * expected**0.5
    cosines, sines = np.split(made.reshape(400, 3072), 2, 1)
    for one, other in ((cosines, sines), (cosines**2, sines**2), (cosines[:, :-1], cosines[:, 1:]), (sines[:-1], sines[1:])):
        assert abs(np.corrcoef(one.flatten(), other.flatten())[0, 1]) < 5 / one.size**0.5
