"""Two trainings that differ by rounding."""

import pytest


def assert_alike(found, wanted, most=1e-4):
    """(weights, losses) twice: losses within 2e-6, weights within `most` of their length, and not the same bits.

    Where a gradient is 0 but for rounding, as those of biases that an attention does not feel, Adam makes steps of the rounding.
    """
    assert found[1] == pytest.approx(wanted[1], rel=2e-6)
    error = sum((found[0][name] - held).square().sum() for name, held in wanted[0].items()).sqrt()
    length = sum(held.square().sum() for held in wanted[0].values()).sqrt()
    assert 0 < error / length < most, float(error / length)
