"""`guidance-bench speed --ways`: every way draws the same images, and what is told of it follows from what was timed."""

import json
from importlib import import_module

import pandas as pd
import pytest
import torch
from small import here

from experiments import ways
from experiments.peers.task import Task
from experiments.pricing.counting import counted
from experiments.pricing.machine import seconds_of

SMALL = {"is": "unet", "width": 8, "multipliers": [1], "attention": []}
WORDS = ["speed", "--ways", "--device", "cpu", "--size", "8", "--steps", "2", "--network", json.dumps(SMALL)]
OFF = {"float32": (0, 1e-5), "bfloat16": (1e-4, 0.01)}  # of images in [-1, 1]: how far a precision moves a number, in the mean


class Within(torch.nn.Module):
    """eps of the x that a network makes, within [-1, 1]: of random weights themselves nearly every number would be clipped."""

    conditioned_on = "logsnr"

    def __init__(self, network):
        super().__init__()
        self.network = network
        generator = torch.Generator().manual_seed(0)
        for weight in network.parameters():  # its last layer begins as zero
            torch.nn.init.normal_(weight, std=0.2, generator=generator)

    def forward(self, z, logsnr, label):
        square = torch.sigmoid(logsnr)[:, None, None, None]
        return (z - square.sqrt() * torch.tanh(self.network(z, logsnr, label))) / (1 - square).sqrt()


@pytest.fixture
def task():
    made = Task(batch=3, steps=5, network=SMALL, size=8)
    vars(made)["net"] = Within(made.net)
    return made


@pytest.fixture
def once(monkeypatch):
    """Everything is timed by one run."""
    monkeypatch.setattr(ways, "seconds_of", lambda action, device, seconds=0.0: seconds_of(action, device, 0.0))
    monkeypatch.setitem(ways.MATRIX, "cpu", 32)


def test_a_gpu_has_tf32_and_graphs_and_a_cpu_has_not():
    here, there = ways.ways_of("cpu"), ways.ways_of("cuda:1")
    assert {way.compute.precision for way in here} == {"float32", "bfloat16"} and not any(way.compute.graph for way in here)
    assert {way.compute.precision for way in there if way.compute.graph} == {"float32", "tf32", "bfloat16"}
    assert [way.name for way in here] == 2 * ["one batch", "two calls"] and set(here) < set(there)
    more = [way for way in ways.ways_of("cpu", compiled=True) if way.compute.compile]
    assert {way.name for way in more} == {"compiled"} and len(more) == 2


def test_every_way_draws_the_images_that_others_loops_are_compared_by(task):
    wanted = import_module("experiments.peers.ours").systems(task)["cfg", "ours"]()
    unguided = import_module("experiments.peers.ours").systems(task)["conditional", "ours"]()
    assert (unguided - wanted).abs().mean() > 0.03, "the branches differ"
    for way in ways.ways_of("cpu"):
        least, most = OFF[way.compute.precision]
        found = ways.drawn(task, way)(task.label, range(task.batch))
        assert least <= (found - wanted).abs().mean() < most, way


@pytest.mark.parametrize("way, rows", [(way, 3 if "two calls" in way.name else 6) for way in ways.ways_of("cpu")[:2]])
def test_branches_go_through_in_one_batch_or_in_two_calls(task, way, rows):
    seen = []
    task.net.register_forward_hook(lambda layer, given, output: seen.append(len(output)))
    ways.drawn(task, way)(task.label, range(task.batch))
    assert set(seen) == {rows} and sum(seen) == 2 * task.batch * task.steps


def test_every_way_is_timed_and_its_rate_is_of_the_flops_that_it_does(task, once):
    way = ways.ways_of("cpu")[0]
    flops = counted(lambda: ways.drawn(task, way)(task.label, range(task.batch))).flops
    rows = [*ways.measured([task], seconds=0.0)]
    assert [(row["precision"], row["way"]) for row in rows] == [(w.compute.precision, w.name) for w in ways.ways_of("cpu")]
    for row in rows:
        assert row["tflops"] * 1e12 == pytest.approx(flops / task.batch * row["images_per_second"])
        assert row["ms_per_image"] * row["images_per_second"] == pytest.approx(1e3)
        assert row["joules_per_image"] is None and row["peak_mib"] == 0, "a CPU counts neither"
        assert len(ways.line(row)) <= len(ways.heading())
    shares = {row["tflops"] / row["share_of_matrix"] for row in rows if row["precision"] == "float32"}
    assert len({f"{share:.6g}" for share in shares}) == 1, "of one matrix product"


def test_no_energy_is_told_where_nothing_counts_it():
    assert ways.joules_of(lambda: pytest.fail("nothing needs to run"), "cpu", 1.0) is None


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_the_command_prints_a_line_for_each_and_writes_them(tmp_path, capsys, once, suffix):
    out = tmp_path / f"ways{suffix}"
    done = here([*WORDS, "--batches", "1,2", "--out", str(out)], capsys)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 3 + 2 * 4 and "DDIM of 2 steps, (3, 8, 8)" in done.stdout
    table = pd.DataFrame(json.loads(out.read_text())["rows"]) if suffix == ".json" else pd.read_csv(out)
    assert list(table["batch"]) == [1] * 4 + [2] * 4 and (table["ms_per_image"] > 0).all()
    if suffix == ".json":
        made = json.loads(out.read_text())["made"]
        assert made["seconds"] == "CPU" and made["shape"] == [3, 8, 8] and made["steps"] == 2 and made["parameters"] > 0


@pytest.mark.parametrize(
    "more, why",
    [
        (
            ["--ways", "--out", "nowhere/ways.json"],
            "--out: give a .json or a .csv in a folder that exists, not nowhere/ways.json",
        ),
        (["--ways", "--out", "ways.txt"], "--out: give a .json or a .csv"),
        (["--ways", "--out", "folder.json"], "--out: give a .json or a .csv"),
        (["--out", "ways.json"], "--out: there is something to write with --against or --ways"),
        (["--ways", "--against", "azula"], "--against and --ways are two measurements"),
        (["--compiled"], "--compiled is of --ways"),
        (["--ways", "--batches", "0"], "batches are numbers of images, not 0"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_work(more, why, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.json").mkdir()
    for work in ("experiments.ways.measured", "experiments.speed.report", "experiments.speed.against"):
        monkeypatch.setattr(work, lambda *given: pytest.fail("it began"))
    done = here(["speed", "--device", "cpu", *more], capsys)
    assert done.returncode == 2 and why in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
