"""FLOPs that are predicted are those that a run does, and disk is what it leaves."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from experiments.graph.store import Store
from experiments.networks import Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.model_guidance import ModelGuidance
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.pricing.counting import Count, count_call, counted
from experiments.pricing.devices import DEVICES, KERNEL
from experiments.pricing.machine import Here, Listed
from experiments.pricing.sampling import lambdas, price_sample
from experiments.pricing.training import price_training
from experiments.pricing.untrained import untrained
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from guidance import METHODS, SAMPLERS, CosineLogSNR

LISTED = Listed(DEVICES["h100"], utilisation=0.5)
FIT = Fit(steps=3, batch=4)
MODEL = Train(world=Digits(), network=UNet(width=8), objective=Denoising(), fit=FIT)
CLASSIFIER = Train(world=Digits(), network=Timm(), objective=NoisyCrossEntropy(), fit=FIT)
EVALUATOR = Train(world=Digits(), network=Timm(), objective=CrossEntropy(), fit=FIT)


def samples(**options) -> Sample:
    common = {"world": Digits(), "model": MODEL, "sampler": "ddim", "steps": 5, "density": CosineLogSNR(), "seed": 0, "n": 6}
    return Sample(**common | options)


def test_flops_kernels_and_bytes_of_what_is_known():
    network = nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 4, bias=False))
    inputs = (torch.zeros(5, 8),)
    forward = count_call(lambda module, x: module(x), network, inputs, backward=False)
    assert forward == Count(flops=2 * 5 * (8 * 16 + 16 * 4), kernels=3, peak=4 * 5 * (16 + 16))
    both = count_call(lambda module, x: module(x), network.requires_grad_(False), inputs, backward=True)
    assert both.flops == 2 * forward.flops and both.peak > forward.peak  # frozen weights have no gradient


def test_what_reads_its_numbers_is_counted_on_two_rows():
    class Reads(nn.Module):
        def forward(self, x):
            return x @ x.T.new_ones(8, 8) if x.sum().item() == 0 else x

    assert count_call(lambda module, x: module(x), Reads(), (torch.zeros(6, 8),), False).flops == 2 * 6 * 8 * 8


WINDOW = {"w": 1.0, "logsnr_min": -2.0, "logsnr_max": 3.0}


@pytest.mark.parametrize(
    "options",
    [
        {"method": METHODS["classifier-free"](**WINDOW)},
        {"method": METHODS["classifier-free"](**WINDOW), "sampler": "heun"},
        {"method": METHODS["classifier"](w=1.0), "others": {"classifier": CLASSIFIER}, "n": 40},
        {"method": METHODS["autoguidance"](w=1.0), "others": {"weak": replace(MODEL, network=UNet(width=4))}},
    ],
    ids=["window", "two calls a step", "classifier", "weak"],
)
def test_the_flops_of_samples_are_those_that_the_task_does(options, tmp_path):
    task = samples(**options)
    price = price_sample(task, LISTED, {})
    done = counted(lambda: untrained(task).run(tmp_path, Store(tmp_path), "cpu"))
    assert price.flops == pytest.approx(done.flops, rel=1e-9) and price.flops > 1e6


@pytest.mark.slow
@pytest.mark.parametrize("task", [MODEL, CLASSIFIER, EVALUATOR], ids=lambda task: task.kind)
def test_the_flops_of_a_training_are_those_that_the_task_does(task, tmp_path):
    price = price_training(task, LISTED, {})
    done = counted(lambda: task.run(tmp_path, Store(tmp_path), "cpu"))
    assert price.flops == pytest.approx(done.flops, rel=1e-4) and price.flops > 1e7  # fused attention recomputes in its backward
    assert price.disk == pytest.approx(sum(file.stat().st_size for file in tmp_path.iterdir()), rel=0.3)
    assert not price.unpriced and not price.bound


def test_a_training_that_may_stop_early_costs_at_most_so_much():
    early = replace(CLASSIFIER, fit=replace(FIT, patience=2, look_every=1))
    assert price_training(early, LISTED, {}).bound


def test_the_lambdas_of_a_sampler_are_those_of_its_calls_and_a_step_counts_at_its_start():
    task = samples(method="classifier-free", sampler="heun")
    asked, levels = lambdas(task, task.steps), task.grid(task.density, task.steps).tolist()
    assert len(asked) == SAMPLERS["heun"]().calls(task.steps)
    assert asked == pytest.approx([level for level in levels for _ in range(2)][:-1], abs=1e-4)  # the last has one


def test_the_seconds_of_a_listed_device_are_flops_or_kernels():
    assert LISTED.rate == 0.5 * DEVICES["h100"].tf32
    assert LISTED.seconds(Count(flops=LISTED.rate * 3, kernels=10)) == pytest.approx(3.0)
    assert LISTED.seconds(Count(flops=1.0, kernels=10)) == 10 * KERNEL
    assert Listed(DEVICES["h100"], 0.5, bf16=True).rate == 0.5 * DEVICES["h100"].bf16


def test_samples_of_an_exact_world_are_priced_and_their_disk_is_what_is_left(tmp_path):
    world = DigitsExact()
    task = samples(world=world, model=Exact(world=world), method=METHODS["classifier-free"](w=1.0), clip=None, n=300)
    price = price_sample(task, Here("cpu", "this"), {})
    assert price.seconds > 0 and price.flops > 0
    store = Store(tmp_path)
    store.make(task, "cpu")
    assert price.disk == pytest.approx(sum(file.stat().st_size for file in store.path(task).iterdir()), rel=0.15)


def test_a_network_too_large_to_be_timed_is_at_the_rate_of_a_smaller_one_and_that_is_said():
    machine = Here("cpu", "this")
    vars(machine)["rate"] = 1e10
    seconds = machine.call(lambda *given: given, nn.Identity(), (torch.zeros(2, 1),), False, Count(flops=4e11))
    assert math.isclose(seconds, 40.0) and machine.guessed == {"2e+11 FLOPs a row"}


@pytest.mark.slow
def test_fewer_test_images_cost_less():
    all_of_them, few = (price_training(replace(MODEL, n_test=n), LISTED, {}).flops for n in (None, 50))
    steps = price_training(replace(MODEL, n_test=None, fit=Fit(steps=6, batch=4)), LISTED, {}).flops - all_of_them
    assert all_of_them - steps == pytest.approx(10 * (few - steps)), "of 500 test images"


@pytest.mark.slow
def test_where_numbers_decide_what_is_evaluated_a_whole_batch_is_counted(tmp_path):
    """Model-guidance evaluates two branches more of the rows that have a w: of two rows it may be none or both."""
    task = replace(MODEL, objective=ModelGuidance(w=0.5, logsnr_min=0.0), fit=Fit(steps=4, batch=64), n_test=2)
    done = counted(lambda: task.run(tmp_path, Store(tmp_path), "cpu"))
    assert price_training(task, LISTED, {}).flops == pytest.approx(done.flops, rel=0.06)
