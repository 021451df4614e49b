"""Points 1 and 2 of issue 11 on the real thing: a formula that changed, and a network that was trained again."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest
from toys import make

import experiments.tasks.train as training
from experiments.graph.files import read_json
from experiments.graph.run import plan
from experiments.graph.store import FOUND, Store
from experiments.problems import StaleRun
from experiments.tasks.measure import MeasureExact
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train

ROOT = Path(__file__).parents[2]
ROOMS = ("guidance", "classifiers", "experiments", "analysis")
SETTINGS = {
    "n": 40,
    "part": 40,
    "methods": ["classifier-free", "temperature", "apg"],
    "sample_seeds": [0],
    "sweeps": [{"sampler": "ddim", "steps": 4, "ws": [0, 1]}],
}
COMMAND = """
    import json, sys
    from pathlib import Path
    from sparing import undrawn
    from experiments.graph.store import Store
    from experiments.problems import Problem
    from experiments.studies.chosen import chosen, explained
    from experiments.studies.running import make
    study = chosen("gaussians", False, [f"{k}={json.dumps(v)}" for k, v in json.loads(sys.argv[1]).items()])
    for line in explained(study, Path("runs")) if "explain" in sys.argv else ():
        print(line)
    for answer in sys.argv[2].split():
        try:
            with undrawn():
                done = make(study, Store(Path("runs")), 1, "cpu", answer, tell=lambda line: None)
            print("made", done.outcome.made, done.folder)
        except Problem as problem:
            print("stopped:", problem)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """(said by the study made in a private copy of the package, its folder, edit of a file)."""
    home = tmp_path_factory.mktemp("copy")
    for room in ROOMS:
        shutil.copytree(ROOT / room, home / room, ignore=shutil.ignore_patterns("__pycache__", "results"))

    def said(answers: str, *more: str) -> list[str]:
        words = [sys.executable, "-c", textwrap.dedent(COMMAND), json.dumps(SETTINGS), answers, *more]
        environment = {**os.environ, "PYTHONPATH": f"{home}:{ROOT / 'tests'}"}
        run = subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return run.stdout.splitlines()

    def edit(file: str, old: str, new: str) -> None:
        text = (home / file).read_text()
        assert old in text
        (home / file).write_text(text.replace(old, new, 1))

    return said, home, edit


def table(line: str, home: Path) -> pd.DataFrame:
    return pd.read_csv(home / line.split()[-1] / "table.csv").query("metric not in ('seconds_per_sample', 'peak_memory_mib')")


@pytest.mark.slow  # its fast twins: test_graph_fingerprint.py for the digest, test_graph_states.py for question and answers
def test_a_formula_that_changed_is_a_question_and_both_answers_work(copy):
    said, home, edit = copy
    (first,) = said("ask")
    before = table(first, home)
    edit("guidance/methods/classifier_free.py", "[1 + self.w, -self.w]", "[1 + 5 * self.w, -5 * self.w]")
    *explained, stopped = said("ask", "explain")
    stale = [line for line in explained if line.startswith("stale")]
    own = [line for line in stale if "classifier-free w=" in line or "plain model w=0" in line]
    assert len(own) == 2 and [line for line in stale if line not in own] == [
        line for line in stale if "apg w=" in line
    ]  # it imports
    assert all("it was made by a different version of guidance.methods.classifier_free" in line for line in stale)
    assert stopped.startswith("stopped: sample-") and stopped.count("guidance.methods.classifier_free") == 1
    assert "--remake" in stopped and "--accept" in stopped

    edit("guidance/methods/classifier_free.py", '    """', '    """Another word. ')  # which no digest sees
    (remade,) = said("remake")
    after = table(remade, home)
    assert first.split()[-1] == remade.split()[-1] and 5 <= int(remade.split()[1]) <= 6  # samples, the measures of w = 1, report
    differs = before.merge(after, on=list(before.columns[:-1])).query("value_x != value_y")
    assert len(before) == len(after) and set(differs["method"]) == {"classifier-free"} and set(differs["w"]) == {1.0}

    edit("guidance/methods/temperature.py", "@dataclass", "OTHER = 1\n\n\n@dataclass")
    asked, accepted, again = said("ask accept ask")
    assert "a different version of guidance.methods.temperature" in asked
    assert again == f"made 0 {accepted.split()[-1]}"
    notes = [read_json(path)["accepted"] for path in (home / "runs").glob("sample-*/manifest.json")]
    assert sorted(map(len, notes)) == [0, 0, 0, 1]  # w = 0 is one run for all


@pytest.mark.slow  # its fast twin asks the fingerprint alone: test_graph_fingerprint.py
def test_a_file_of_ours_that_no_run_rests_on_moves_nothing(copy):
    said, _, edit = copy
    (folder,) = said("accept")
    edit("guidance/methods/pag.py", "@dataclass", "OTHER = 1\n\n\n@dataclass")
    edit("experiments/graph/store.py", "class Store", "OTHER = 1\n\n\nclass Store")
    assert said("ask") == [f"made 0 {folder.split()[-1]}"]


def graph() -> tuple[Train, Sample, MeasureExact]:
    """A tiny denoiser, four samples of it, and what they measure."""
    network = {"is": "unet", "width": 8, "multipliers": (1,), "attention": ()}
    model = Train(
        world="digits-exact", network=network, objective="denoising", fit={"steps": 2, "batch": 4, "warmup": 0, "ema": 0}
    )
    samples = Sample(
        world="digits-exact",
        model=model,
        method="classifier-free",
        sampler="ddim",
        steps=2,
        density=model.objective.density,
        seed=0,
        n=20,
    )
    return model, samples, MeasureExact(samples=samples, world="digits-exact")


def test_a_denoiser_that_was_trained_again_with_other_bytes_makes_its_samples_stale(tmp_path, monkeypatch, few_tested):
    model, samples, measures = graph()
    store = Store(tmp_path)
    assert make(tmp_path, measures).made == 3
    shutil.rmtree(store.path(model))
    make(tmp_path, model)
    assert Store(tmp_path).state(samples) == (FOUND,)  # the same bytes

    real = training.fit

    def other(*given):
        state, log = real(*given)
        return {name: 1.01 * held if held.is_floating_point() else held for name, held in state.items()}, log

    shutil.rmtree(store.path(model))
    monkeypatch.setattr(training, "fit", other)  # as by another code, changed back before anybody looks
    with pytest.raises(StaleRun, match=f"{samples.address} was made from a different {model.address}"):
        make(tmp_path, measures)
    monkeypatch.undo()
    planned = plan([measures], Store(tmp_path))
    assert list(planned.stale) == [samples.address] and f"made from a different {model.address}" in planned.question()
    store.accept(samples)
    assert not plan([measures], Store(tmp_path)).wanted
    shutil.rmtree(store.path(model))
    assert make(tmp_path, measures, remake=True).made == 2  # the old weights: samples are those of the measures again


def test_a_network_whose_code_changed_makes_its_samples_stale_although_the_weights_are_equal():
    _, samples, measures = graph()
    assert {"guidance.backbones.unet", "experiments.networks.unet", "experiments.objectives.denoising"} <= set(samples.code)
    assert not {name for name in samples.code if ".dit" in name or "half_unet" in name or "timm" in name} - {
        "classifiers.half_unet"
    }
    assert not {"guidance.backbones.unet", "experiments.networks.unet"} & set(measures.code)
