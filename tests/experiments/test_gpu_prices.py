"""What a sample would cost on a GPU that is not here."""

import pytest

from experiments.gpu_prices import PLAIN, gpu_prices
from experiments.pricing.devices import DEVICES
from experiments.problems import Problem
from experiments.studies.chosen import chosen

WIDE = ["model.network.width=192"]  # so that FLOPs decide, and not the launch of kernels


@pytest.mark.slow
def test_prices_are_those_of_the_command_and_flops_decide_where_networks_are_large():
    found = gpu_prices(chosen("fashion", True, WIDE), ["t4", "h100"])
    assert {PLAIN, "classifier-free", "classifier", "autoguidance"} <= set(found.index)
    flops, t4, h100 = (found[name] for name in ("GFLOP a sample", "ms on T4", "ms on H100 SXM"))
    ratio = flops["classifier-free"] / flops[PLAIN]
    assert 1.9 < ratio <= 2 and t4["classifier-free"] / t4[PLAIN] == pytest.approx(ratio, rel=0.02)
    assert t4[PLAIN] == pytest.approx(1e3 * flops[PLAIN] * 1e9 / (0.3 * DEVICES["t4"].tf32), rel=0.05)
    assert (h100 < t4).all()
    half = gpu_prices(chosen("fashion", True, WIDE), ["t4"], utilisation=0.15)["ms on T4"]
    assert half[PLAIN] == pytest.approx(2 * t4[PLAIN], rel=0.05)


def test_an_unknown_device_is_refused_with_those_that_are_known():
    with pytest.raises(Problem, match="^rtx1 is no listed device: v100, t4"):
        gpu_prices(chosen("fashion", True, []), ["t4", "rtx1"])
