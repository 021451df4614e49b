"""Every objective trains by configuration, and what it trained can be sampled from: a tiny study of each, without its report."""

import json
from pathlib import Path

import pytest
from small import here, words
from tiny import tiny_study

from experiments.graph.executors import executor
from experiments.graph.run import plan, run
from experiments.graph.store import Store

AIM = "model.objective"
ONE = {"methods": ["classifier-free"], "model.fit.steps": 12, "n": 20}
PLAIN = [{"sampler": "ddim", "steps": 3, "ws": [0, 1]}]
LEARNED = [{"sampler": {"is": "ancestral", "v": None}, "steps": 3, "ws": [0, 1]}]
pytestmark = pytest.mark.usefixtures("undrawn", "few_tested")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """One store, so that the evaluator, which none of this changes, is trained once."""
    return tmp_path_factory.mktemp("objectives") / "runs"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {f"{AIM}.target": "v", f"{AIM}.weighting": "min-snr", "density": "edm-log-normal", "sweeps": PLAIN},
        {f"{AIM}.target": "x", f"{AIM}.weighting": "elbo", "density": "uniform", "sweeps": PLAIN},
        {f"{AIM}.variance": "hybrid", f"{AIM}.bin_width": 0.125, "sweeps": LEARNED},
        {f"{AIM}.variance": "bound", f"{AIM}.levels": 20, "sweeps": LEARNED},
        {"sweeps": [{"sampler": "heun", "steps": 3, "grid": "karras", "ws": [0, 1]}]},
        {"model.network": {"is": "dit", "patch": 2, "width": 16, "depth": 3}, "methods": ["skip-layer"], "sweeps": PLAIN},
    ],
    ids=["v-min-snr", "x-elbo", "hybrid", "bound", "heun-karras", "dit-skip-layer"],
)
def test_it_is_trained_sampled_and_measured(runs, settings):
    study, store = tiny_study("digits", ONE | settings), Store(runs)
    with executor(1) as here:
        outcome = run(plan([placed.task for placed in study.cells()], store), store, here, 1)
    assert not outcome.failed and not outcome.unmade
    table = study.results(store).table
    assert table["value"].notna().all() and set(table["w"].dropna()) == {0, 1}
    losses = json.loads((store.open(study.network("model", 0)) / "log.json").read_text())["loss"]
    assert len(losses) == 12


def test_a_variance_that_was_not_learned_fails_the_samples_and_is_told_in_one_line(runs, capsys):
    result = here(words(runs, ONE | {"sweeps": LEARNED}), capsys)
    failed = [line for line in result.stdout.splitlines() if line.startswith("failed: ")]
    assert result.returncode == 1 and len(failed) == 2 and "Traceback" not in result.stdout + result.stderr
    assert all("the network has learned no variance" in line for line in failed)
