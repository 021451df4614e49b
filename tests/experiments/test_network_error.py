"""The comparison of networks with the exact model: the exact model has no error, and an error put in is found."""

import pytest
import torch
from torch import nn

from classifiers.assess import calibration_error
from experiments.tasks.network_error import compare
from experiments.worlds import data
from experiments.worlds.digits_exact import DigitsExact
from guidance import NetworkDenoiser, SampleNoise, add_noise


class Oracle(nn.Module):
    """The exact eps, as a network would say it; `off` is added to the conditional one."""

    conditioned_on = "logsnr"

    def __init__(self, exact, off: float = 0.0):
        super().__init__()
        self.exact, self.off = exact, off

    def forward(self, z, logsnr, label):
        null = self.exact(z.double(), logsnr.double(), None).eps
        cond = self.exact(z.double(), logsnr.double(), label.clamp(max=9)).eps + self.off
        return torch.where((label == 10)[:, None, None, None], null, cond).float()


class ExactClassifier(nn.Module):
    def __init__(self, exact, temperature: float = 1.0):
        super().__init__()
        self.exact, self.temperature = exact, temperature

    def forward(self, z, logsnr):
        return (self.exact.class_logits(z.double(), logsnr.double()) / self.temperature).float()


def at(level: float, off: float = 0.0, temperature: float = 1.0) -> dict[str, float]:
    world, exact = data(DigitsExact()), data(DigitsExact()).oracle
    n = 300
    x, label = world.test.x[:n], world.test.label[:n]
    eps, logsnr = SampleNoise(0, range(n), DigitsExact.shape)(), torch.full((n,), level)
    model = NetworkDenoiser(Oracle(exact, off), 10)
    return compare(model, ExactClassifier(exact, temperature), exact, add_noise(x, eps, logsnr), logsnr, label, eps)


@pytest.mark.parametrize("level", [-6.0, -2.0, 2.0])
def test_the_exact_model_has_no_error(level):
    found = at(level)
    assert max(found["eps_conditional"], found["eps_null"], found["difference"]) < 1e-9
    assert found["kl_classifier"] == pytest.approx(0, abs=1e-6)
    assert found["difference_cosine"] == pytest.approx(1, abs=1e-4)
    assert found["gradient_cosine"] == pytest.approx(1, abs=1e-3) and found["gradient_ratio"] == pytest.approx(1, abs=1e-2)
    assert found["accuracy_classifier"] == found["accuracy_exact"]


def test_what_is_put_wrong_is_found_where_it_is():
    found = at(0.0, off=0.1)
    assert found["eps_conditional"] == pytest.approx(0.01, rel=1e-4) and found["eps_null"] < 1e-9
    assert found["difference"] == pytest.approx(0.01, rel=1e-4)
    plain, flat = at(-2.0), at(-2.0, temperature=4.0)
    assert flat["kl_classifier"] > 0.05 and flat["calibration"] > plain["calibration"] + 0.05
    assert flat["accuracy_classifier"] == plain["accuracy_classifier"] and flat["gradient_ratio"] < 0.7


def test_no_network_does_better_than_the_exact_model_against_the_noise():
    levels = [at(level)["eps_irreducible"] for level in (-6.0, 0.0, 6.0)]
    assert levels == sorted(levels) and levels[0] > 0 and levels[-1] < 1


def test_calibration_is_the_gap_between_confidence_and_accuracy():
    sure = torch.tensor([[0.8, 0.2]]).repeat(10, 1)
    label = torch.tensor([0] * 6 + [1] * 4)  # right six times in ten, at a confidence of 0.8
    assert calibration_error(sure, label).item() == pytest.approx(0.2, abs=1e-6)
