"""The command that times sampler and method beside a hand-written loop compares like with like."""

import re
import subprocess
import sys

import pytest
import torch

from experiments.peers.by_hand import loop
from experiments.speed import BATCH, CLASSES, SHAPE, Multiplication, W, policies
from guidance import METHODS, SAMPLERS, CosineLogSNR, NetworkDenoiser


@pytest.mark.parametrize("w", [None, W])
def test_the_hand_written_loop_makes_the_same_samples(w):
    levels = CosineLogSNR(-10.0, 10.0).grid(9)
    z, label = torch.randn(5, *SHAPE, generator=torch.Generator().manual_seed(0)), torch.arange(5)
    model = NetworkDenoiser(Multiplication(), CLASSES)
    denoiser = model if w is None else METHODS["classifier-free"](w=w)(model)
    ours = SAMPLERS["ddim"]()(denoiser, z, levels, label, torch.Tensor)
    torch.testing.assert_close(
        ours, loop(Multiplication(), z, levels.tolist(), label, w, CLASSES, clip=False), rtol=1e-3, atol=1e-3
    )


def test_every_policy_is_timed():
    class Tiny(torch.nn.Module):
        conditioned_on = "logsnr"

        def forward(self, z, logsnr, label):
            return z

    assert set(policies("cpu", Tiny(), rounds=1)) == {f"{BATCH * share:g}" for share in (2, 1, 0.5, 0.25, 0.125)}


@pytest.mark.slow
def test_sampler_and_method_cost_at_most_half_as_much_again_as_the_hand_written_loop():
    words = [sys.executable, "-m", "experiments", "speed", "--device", "cpu"]  # here types are checked, and that takes time
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ratios = [float(found) for found in re.findall(r"batch 64 .* ratio ([0-9.]+)", said)]
    assert len(ratios) == 2 and max(ratios) <= 1.5, said
    alone = [float(found) for found in re.findall(r"batch 1 .* ratio ([0-9.]+)", said)]
    assert len(alone) == 2 and max(alone) <= 1.5, said
