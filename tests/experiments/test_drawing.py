"""How samples are drawn: batch by batch or replayed, with the same samples and the same count of evaluations."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from waves import Waves

from experiments.graph.store import Store
from experiments.problems import Failed, Problem
from experiments.tasks import drawing
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from guidance.compute import Compute
from guidance.cost import NFE
from guidance.schedules import CosineLogSNR

UNET = {"is": "unet", "width": 8, "attention": []}
MODEL = Train(world="digits", network=UNET, objective="denoising", fit=Fit(steps=3, batch=4, warmup=1))
SAMPLE = Sample(
    world="digits",
    model=MODEL,
    method={"is": "limited-interval", "w": 1.0, "logsnr_min": -3.0, "logsnr_max": 3.0},
    sampler="ancestral",
    steps=5,
    density=CosineLogSNR(),
    seed=3,
    n=9,
    batch=4,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("runs"))
    store.make(MODEL, "cpu")
    return store


@pytest.mark.slow
def test_replayed_batches_are_the_samples_and_the_cost_of_drawn_ones(trained, traced_graphs, monkeypatch):
    """9 samples, 4 at a time: two batches are replayed, and the last sample is drawn as it is."""
    monkeypatch.setattr("guidance.sampling.SampleNoise", Waves)
    drawn, cost, pushed = drawing.Drawing(SAMPLE, trained, "cpu").drawn(range(9))
    levels = SAMPLE.grid(SAMPLE.density, SAMPLE.steps).tolist()
    assert NFE(*(cost[name] for name in vars(NFE()))) == SAMPLE.method.nfe(levels) * 9, "counted by hooks, and by formula"

    played = drawing.Drawing(SAMPLE, trained, "cpu")
    replayed = played._captured(9)
    monkeypatch.setattr(played, "_captured", lambda n: replayed)
    object.__setattr__(played, "task", replace(SAMPLE))
    object.__setattr__(played.task, "compute", Compute(graph=True))
    found, counted, watched = played.drawn(range(9))
    assert replayed.times == 2
    np.testing.assert_allclose(found, drawn, rtol=1e-4, atol=1e-4)
    assert {name: counted[name] for name in vars(NFE())} == {name: cost[name] for name in vars(NFE())}
    assert watched["overall"] == pytest.approx(pushed["overall"], rel=1e-3) and pushed["overall"]["samples"] == 4


def test_too_few_batches_are_not_worth_a_graph(trained, traced_graphs):
    assert drawing.Drawing(SAMPLE, trained, "cpu")._captured(7) is None


def test_what_cannot_be_computed_so_is_refused_at_once(trained):
    graph = Compute(graph=True)
    with pytest.raises(ValidationError, match="compute.graph: adaptive cannot be captured, since a sample leaves"):
        replace(SAMPLE, method="adaptive", compute=graph)
    with pytest.raises(ValidationError, match="compute: the exact model is no network"):
        replace(SAMPLE, world="gaussians", model=Exact(world="gaussians"), compute=Compute("bfloat16"))
    with pytest.raises((Problem, Failed), match="compute.graph: cpu has no CUDA graphs; leave it out"):
        trained.make(replace(SAMPLE, compute=graph), "cpu")


def test_a_lossy_way_to_compute_is_another_sample_recorded_and_reaches_every_network(trained):
    half = replace(SAMPLE, compute=Compute("bfloat16"))
    plain = replace(SAMPLE, compute=Compute())
    assert half.address != SAMPLE.address == plain.address, "and the default changes no address"
    for task in (SAMPLE, half):
        trained.make(task, "cpu")
    images = [task.images(trained)[0].astype(int) for task in (SAMPLE, half)]
    assert 0 < np.abs(images[0] - images[1]).mean() < 8
    config = json.loads((trained.open(half) / "config.json").read_text())
    assert config["values"]["compute"]["precision"] == "bfloat16"
    dtypes = []
    roles = drawing.Drawing(half, trained, "cpu").roles
    roles.denoiser.register_forward_pre_hook(lambda *_: None)
    convolution = next(layer for layer in roles.denoiser.modules() if isinstance(layer, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda layer, inputs, output: dtypes.append(output.dtype))
    with torch.no_grad():
        roles.denoiser(torch.zeros(2, *half.world.shape), torch.zeros(2), torch.zeros(2, dtype=torch.long))
    assert dtypes == [torch.bfloat16]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_gradients_of_networks_are_drawn_in_the_precision_too(trained, monkeypatch, precision):
    """torch's convolutions take tf32 on a GPU unless they are told not to, and gradients are taken outside of `prepare`."""
    inside = []
    monkeypatch.setattr(drawing.Drawing, "_drawn", lambda self, own: inside.append(torch.backends.cudnn.allow_tf32))
    monkeypatch.setattr(drawing, "alone", nullcontext)
    played = drawing.Drawing(replace(SAMPLE, compute=Compute(precision)), trained, "cpu")
    played.device = "cuda:0"
    played.drawn(range(2))
    assert inside == [precision != "float32"]


def test_noise_that_cannot_be_captured_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(drawing, "kernel_agrees", lambda device: False)
    with pytest.raises(Problem, match="compute.graph: noise is made on the CPU here.*leave it out"):
        drawing.Drawing(replace(SAMPLE, compute=Compute(graph=True)), None, "cuda")


def test_the_memory_of_a_graph_is_its_own_and_not_of_an_earlier_task(trained, traced_graphs, monkeypatch):
    reset = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    monkeypatch.setattr(
        drawing, "Captured", lambda *_: reset.append("captured") or type("G", (), {"runs": 2, "label": torch.zeros(4)})
    )
    played = drawing.Drawing(SAMPLE, trained, "cpu")
    played.device = "cuda:0"
    played._captured(9)
    assert reset == ["cuda:0", "captured"]


def test_fewer_samples_are_watched_where_they_are_large(trained, monkeypatch):
    monkeypatch.setattr(drawing, "KEPT", 2 * 6 * 4 * 64 * 5)  # two samples of 64 numbers at five calls
    _, _, pushed = drawing.Drawing(SAMPLE, trained, "cpu").drawn(range(9))
    assert pushed["overall"]["samples"] == 2 and pushed["overall"]["scale"] is not None
