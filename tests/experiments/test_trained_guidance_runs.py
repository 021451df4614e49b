"""Trainings that learn guidance: killed and resumed, in parts, from the command line, and sampled at one forward a call."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from alike import assert_alike
from safetensors.torch import load_file
from small import here
from tiny import tiny_study

from experiments.graph.executors import executor
from experiments.graph.files import read_json
from experiments.graph.run import plan, run
from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.model_guidance import ModelGuidance
from experiments.problems import Failed, Problem
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train

NETWORK = {"is": "unet", "width": 8, "attention": [], "dropout": 0.1, "strength": True}
FREE = Train(
    world="digits", network=NETWORK, objective="guidance-free", fit=Fit(steps=10, batch=15, warmup=2, checkpoint_every=3)
)
SCALED = replace(FREE, objective={"is": "model-guidance", "w": 3.0, "share": 0.7})
FIXED = replace(FREE, objective="model-guidance", network={**NETWORK, "strength": False})
each = pytest.mark.parametrize("task", [FREE, SCALED, FIXED], ids=["guidance-free", "model-guidance", "of one scale"])


class Stop(Exception):
    """Stands in for a kill."""


def result(task, root):
    path = Store(root).open(task)
    return load_file(path / "model.safetensors"), read_json(path / "log.json")["loss"]


@pytest.mark.slow
@each
def test_a_training_that_was_stopped_ends_with_the_same_bits(task, tmp_path, monkeypatch):
    """Model-guidance needs the average of the weights in its loss, which must be the one that was there."""
    Store(tmp_path / "whole").make(task, "cpu")
    real, calls = type(task.objective).losses_of, []

    def stopping(self, *given):
        calls.append(1)
        if len(calls) == 8:
            raise Stop
        return real(self, *given)

    monkeypatch.setattr(type(task.objective), "losses_of", stopping)
    with pytest.raises(Failed, match="Stop"):
        Store(tmp_path / "cut").make(task, "cpu")
    Store(tmp_path / "cut").make(task, "cpu")
    assert len(calls) == 8 + 4, "it went on after step 6"
    (whole, losses), (cut, again) = result(task, tmp_path / "whole"), result(task, tmp_path / "cut")
    assert losses == again and all(torch.equal(whole[name], cut[name]) for name in whole) and whole.keys() == cut.keys()


KILLED = """
import os, signal
from experiments.graph.store import Store
from experiments.objectives.guidance_free import GuidanceFree
from test_trained_guidance_runs import FREE
real, calls = GuidanceFree.losses_of, []
def killing(self, *given):
    calls.append(1)
    if len(calls) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, *given)
GuidanceFree.losses_of = killing
Store("cut").make(FREE, "cpu")
"""


@pytest.mark.slow
def test_a_training_that_was_killed_ends_with_the_same_bits(tmp_path):
    path = os.pathsep.join([os.path.dirname(__file__), os.getcwd()])
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    for root in ("whole", "cut"):
        Store(tmp_path / root).make(FREE, "cpu")
    (whole, losses), (cut, again) = result(FREE, tmp_path / "whole"), result(FREE, tmp_path / "cut")
    assert losses == again and all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.slow
@each
def test_parts_of_a_batch_add_up_to_it(task, tmp_path):
    task = replace(task, network={**NETWORK, "dropout": 0.0, "strength": task.network.strength})
    parts = replace(task, fit=replace(task.fit, rows=4))
    for one in (task, parts):
        Store(tmp_path).make(one, "cpu")
    assert_alike(result(parts, tmp_path), result(task, tmp_path), 5e-4)


def test_the_loss_of_model_guidance_is_given_the_average_that_is_kept_in_the_end(tmp_path, monkeypatch):
    seen = []
    real = type(SCALED.objective).keep_average
    monkeypatch.setattr(
        type(SCALED.objective), "keep_average", lambda self, module, average: seen.append(average) or real(self, module, average)
    )
    store = Store(tmp_path)
    store.make(SCALED, "cpu")
    kept = load_file(store.open(SCALED) / "model.safetensors")
    assert len(seen) == 1 and all(torch.equal(kept[name], seen[0][name]) for name in kept)


SWEEP = {"sampler": "ddim", "steps": 3, "ws": [0, 0.25]}


def study(name, **settings):
    few = {"model.network.strength": True, "model.objective": {"is": name}, "methods": [name], "model.fit.steps": 12, "n": 20}
    return tiny_study("digits", few | {"sweeps": [SWEEP]} | settings)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["guidance-free", pytest.param("model-guidance", marks=pytest.mark.slow)])
def test_a_study_trains_and_samples_it_at_one_forward_a_call(tmp_path, name):
    chosen, store = study(name), Store(tmp_path)
    with executor(1) as one:
        outcome = run(plan([placed.task for placed in chosen.cells()], store), store, one, 1)
    assert not outcome.failed and not outcome.unmade
    table = chosen.results(store).table
    forwards = table[table["metric"] == "nfe_denoiser_forward"]
    assert set(forwards["w"]) == {0, 0.25} and set(forwards["value"]) == {3.0}
    assert {"effective_w", "fid_digits"} <= set(table[table["w"] == 0.25]["metric"])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("guidance-free", {"model.objective": {"is": "denoising"}}),
        ("guidance-free", {"model.objective": {"is": "model-guidance"}}),
        ("model-guidance", {"model.network.strength": False}),
    ],
)
def test_a_study_whose_network_was_not_trained_for_the_method_is_refused_before_any_work(name, settings):
    with pytest.raises(Problem, match=f"{name} needs a network trained for it: set model.objective to one that trains"):
        study(name, **settings)


@pytest.mark.parametrize(
    ("objective", "high"),
    [(GuidanceFree(min_beta=0.2), 4.0), (ModelGuidance(w=3.0), 3.0)],
    ids=["guidance-free", "model-guidance"],
)
def test_a_w_beyond_its_training_is_refused_before_any_work(objective, high):
    def asked(w):
        return study(objective.name, **{"model.objective": encode(objective), "sweeps": [{**SWEEP, "ws": [-1, 0, w]}]})

    assert asked(high).cells()
    with pytest.raises(
        Problem, match=rf"sweeps: {objective.name}: w = 5 is the strength .*, and this network was trained from 0"
    ):
        asked(5.0)


@pytest.mark.parametrize("kind", ["guidance-free", "model-guidance"])
def test_it_is_trained_from_the_command_line_and_sampled_from_its_run(tmp_path, capsys, kind):
    small = [f"--set={word}" for word in ("network.width=8", "fit.steps=3", "fit.batch=8")]
    made = here(["train", kind, "--runs", str(tmp_path / "runs"), "--device", "cpu", *small], capsys)
    assert made.returncode == 0 and "eps_loss_conditional" in made.stdout, made.stderr
    (folder,) = (tmp_path / "runs").glob(f"{kind}-*")
    words = ["sample", "--run", str(folder), "--sampler", "ddim", "--set", "steps=2", "--n", "10"]
    out = str(tmp_path / "grid.png")
    drawn = here([*words, "--method", kind, "--w", "1.5", "--out", out], capsys)
    assert drawn.returncode == 0 and "2F per sample" in drawn.stdout, drawn.stdout + drawn.stderr
    other = {"guidance-free": "model-guidance", "model-guidance": "guidance-free"}[kind]
    refused = here([*words, "--method", other, "--w", "1.5", "--out", out + ".png"], capsys)
    assert (
        refused.returncode != 0 and f"was trained by the objective {kind}" in refused.stderr and "Traceback" not in refused.stderr
    )
