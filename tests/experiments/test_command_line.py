"""What a person meets who types something wrong: one line that names it, exit code 2, nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from small import command, folder, here, litter, study

from experiments.runs import write_json

ROOT = Path(__file__).parents[2]


def refused(result: subprocess.CompletedProcess, *words: str) -> None:
    assert result.returncode == 2, result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("guidance-bench: ") and "Traceback" not in result.stderr
    for word in words:
        assert word in line, line


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"denoiser.widht": "3"}, ["denoiser.widht", "no 'widht'"]),
        ({"denoiser.network.widht": "3"}, ["did you mean 'width'"]),
        ({"classifier.arch": "test_resnt"}, ["classifier", "test_resnt", "test_resnet"]),
        ({"evaluator.arch": "nonsense"}, ["evaluator", "nonsense"]),
        ({"classifier.arch": "test_vit", "classifier.size": "9"}, ["classifier"]),
        ({"classifier.fit.batch": "0"}, ["classifier.fit.batch", "greater than or equal to 2"]),
        ({"denoiser.fit.steps": "0"}, ["denoiser.fit.steps"]),
        ({"denoiser.fit.lr": "-1"}, ["denoiser.fit.lr"]),
        ({"denoiser.fit.ema": "1.5"}, ["denoiser.fit.ema"]),
        ({"denoiser.fit.checkpoint_every": "0"}, ["denoiser.fit.checkpoint_every"]),
        ({"logsnr.options.min": "30"}, ["logsnr needs min < max"]),
        ({"denoiser.logsnr.options.max": "10"}, ["set by train_seeds and logsnr"]),
        ({"denoiser.network.attention": "[5]"}, ["attention names the levels [5]"]),
        ({"denoiser.network.multipliers": "[]"}, ["denoiser.network.multipliers"]),
        ({"denoiser.seed": "7"}, ["train_seeds"]),
        ({"train_seeds": "[0, 0]"}, ["train_seeds", "twice"]),
        ({"sample_seeds": "[-1]"}, ["sample_seeds", "greater than or equal to 0"]),
        ({"sample_seeds": "[1024]"}, ["sample_seeds", "less than 1024"]),
        ({"sweeps": '[{"sampler": {"name": "ddim", "steps": 3}, "ws": [0, -0.0]}]'}, ["a w stands there twice"]),
        ({"evaluator.arch": "test_resnet"}, ["independent"]),
        ({"methods": '[{"name": "classifier", "options": {"radius": 2}}]'}, ["no option 'radius'"]),
        ({"denoiser.p_uncond": "nan"}, ["denoiser.p_uncond", "finite"]),
        ({"denoiser.p_uncond": "-0.1"}, ["denoiser.p_uncond", "greater than 0"]),
        ({"methods": '["cfg"]'}, ["methods", "no method 'cfg'", "classifier-free"]),
        ({"sweeps": '[{"sampler": {"name": "ddim", "steps": 3, "options": {"v": 0.3}}, "ws": [0]}]'}, ["ddim has no option 'v'"]),
        ({"sweeps": '[{"sampler": {"name": "ancestral", "steps": 3, "options": {"v": 2}}, "ws": [0]}]'}, ["v must lie in"]),
        ({"sweeps": '[{"sampler": {"name": "ddim", "steps": 3, "grid": "cosine"}, "ws": [0]}]'}, ["no grid 'cosine'", "karras"]),
        ({"sweeps": '[{"sampler": {"name": "ddim", "steps": 3}, "ws": [0], "methods": ["apg"]}]'}, ["'apg' is none of the"]),
        ({"logsnr": "normal"}, ["no density 'normal'", "cosine"]),
        ({"exact": "true"}, ["evaluator: a world whose truth is known needs none"]),
        ({"denoiser": "null"}, ["denoiser and classifier: give both"]),
        ({"sweeps": '[{"sampler": {"name": "euler", "steps": 3}, "ws": [0]}]'}, ["no sampler 'euler'", "ddim"]),
        ({"world": "mnist"}, ["world", "digits"]),
        ({"n": "5"}, ["part"]),
        ({"n": "15", "part": "15"}, ["part must lie between 20"]),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_before_any_work(tmp_path, capsys, settings, words):
    refused(here(command(tmp_path / "runs", settings)[3:], capsys), *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_training_that_diverges_names_its_step_and_keeps_the_last_good_checkpoint(tmp_path, workers):
    runs = tmp_path / "runs"
    diverging = {"denoiser.fit.lr": "1e12", "denoiser.fit.warmup": "1", "denoiser.fit.checkpoint_every": "1"}
    result = study(runs, diverging, workers=workers)
    refused(result, "denoiser 0", "at step", "lower the learning rate", "last good checkpoint")
    assert not list(runs.glob("denoiser-*"))
    assert list(runs.glob(".partial/denoiser-*/step-*"))


@pytest.fixture
def under_way(tmp_path):
    """A study of two workers that is in the middle of a training, which it would never end."""
    words = command(tmp_path / "runs", {"denoiser.fit.steps": "100000"}, workers=2)
    interruptible = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background ignores Ctrl-C
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=interruptible
    )
    while not list(tmp_path.glob("runs/.partial/denoiser-*/step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_ctrl_c_ends_the_workers_too_and_says_how_to_go_on(under_way):
    os.killpg(under_way.pid, signal.SIGINT)
    _, error = under_way.communicate(timeout=60)
    assert under_way.returncode == 130 and "goes on from here" in error and "Traceback" not in error
    with pytest.raises(ProcessLookupError):  # of the whole group, within ten seconds
        for _ in range(100):
            os.killpg(under_way.pid, 0)
            time.sleep(0.1)


def test_a_worker_that_is_killed_is_one_line(under_way):
    process = under_way
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (worker, *_) = [pid for pid in tasks if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(int(worker), signal.SIGKILL)
    out, error = process.communicate(timeout=60)
    refused(subprocess.CompletedProcess([], process.returncode, out, error), "ended from outside", "fewer --workers")


def test_a_world_or_a_device_that_does_not_exist_is_refused(tmp_path):
    words = [sys.executable, "-m", "experiments", "study", "mnist", "--runs", str(tmp_path / "runs")]
    refused(subprocess.run(words, capture_output=True, text=True), "mnist", "digits")
    refused(study(tmp_path / "runs", None, "--device", "cuda:77"), "cuda:77")
    assert not (tmp_path / "runs").exists()


def test_runs_that_were_damaged_or_are_newer_are_named(tmp_path):
    """One small study, then each kind of damage to a copy of it."""
    small = {"sweeps": '[{"sampler": {"name": "ddim", "steps": 2}, "ws": [0]}]', "methods": '["classifier-free"]'}
    assert study(tmp_path / "sound", small).returncode == 0

    def copy(name: str) -> Path:
        runs = tmp_path / name
        shutil.copytree(tmp_path / "sound", runs)
        return runs

    (weights,) = copy("missing").glob("denoiser-*/model.safetensors")
    weights.unlink()
    refused(study(tmp_path / "missing", small), "model.safetensors is missing", "delete the folder")

    (weights,) = copy("cut").glob("denoiser-*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    shutil.rmtree(folder(tmp_path / "cut"))  # the weights are needed again
    for path in (tmp_path / "cut").glob("sample-*"):
        shutil.rmtree(path)
    refused(study(tmp_path / "cut", small), "model.safetensors is truncated or altered")
    assert not list((tmp_path / "cut").glob("sample-*")) and not litter(tmp_path / "cut")

    manifest = folder(copy("newer")) / "manifest.json"
    write_json(manifest, json.loads(manifest.read_text()) | {"schema": 99})
    refused(study(tmp_path / "newer", small), "newer version of guidance-bench", "--runs")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line(tmp_path, workers):
    """A limit on the size of files stands in for the full disk; it is met at the first checkpoint."""
    words = command(tmp_path / "runs", workers=workers)
    limited = ["bash", "-c", 'ulimit -f 40; exec "$@"', "bash", *words]
    refused(subprocess.run(limited, capture_output=True, text=True), "no room to write", "make room")
    assert not list((tmp_path / "runs").glob("[a-z]*")) and not litter(tmp_path / "runs")


@pytest.mark.parametrize("first", ["theirs", "mixed"])
def test_another_owner_of_the_name_guidance_is_named(tmp_path, first):
    """A distribution that brings a package `guidance`: found before ours, or installed over ours."""
    site = tmp_path / "site"
    info = site / "guidance-0.3.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guidance\nVersion: 0.3.1\n")
    (info / "RECORD").write_text("guidance/__init__.py,,\nguidance-0.3.1.dist-info/METADATA,,\n")
    if first == "theirs":
        (site / "guidance").mkdir()
        (site / "guidance" / "__init__.py").write_text("")
        copy = ROOT
    else:
        for room in ("guidance", "classifiers", "analysis", "experiments"):
            shutil.copytree(ROOT / room, site / room)
        copy = site
    code = f"import sys; sys.path[:0] = [{str(site)!r}, {str(copy)!r}]; from experiments.__main__ import main; main()"
    result = subprocess.run([sys.executable, "-c", code, "methods"], capture_output=True, text=True, cwd=tmp_path)
    refused(result, "guidance", "another distribution", "virtual environment")


HELP = """
import sys
from experiments.__main__ import main
try:
    main()
finally:
    print([name for name in ("torch", "pandas", "timm", "pydantic") if name in sys.modules])
"""


def test_help_answers_in_under_a_second_and_imports_nothing_heavy():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = subprocess.run([sys.executable, "-c", HELP, "--help"], capture_output=True, text=True, cwd=ROOT)
        times.append(time.perf_counter() - start)
        assert result.returncode == 0 and "study" in result.stdout and result.stdout.strip().endswith("[]")
    assert min(times) < 1


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["methods"], "classifier-free"),
        (["samplers"], "dpm-solver++-sde"),
        (["data", "digits"], "1,297"),
        (["data", "gaussians"], "three isotropic Gaussians"),
        (["study", "digits", "--show-config"], "p_uncond"),
    ],
)
def test_the_other_commands_answer(words, shown, capsys):
    result = here(words, capsys)
    assert result.returncode == 0 and shown in result.stdout
