"""What a person meets who types something wrong: one line that names it, exit code 2, nothing left behind."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from small import command, folder, here, litter, words

from experiments.graph.files import write_json

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("undrawn")


def refused(result: subprocess.CompletedProcess, *words: str) -> None:
    assert result.returncode == 2, result.stderr
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("guidance-bench: ") and "Traceback" not in result.stderr
    for word in words:
        assert word in line, line


def sweep(sampler: object = "ddim", ws: tuple[float, ...] = (0,), **more: object) -> list[dict[str, object]]:
    return [{"sampler": sampler, "steps": 3, "ws": list(ws), **more}]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model.widht": 3}, ["model.widht", "no 'widht'"]),
        ({"model.network.widht": 3}, ["did you mean 'width'"]),
        ({"classifier.network.arch": "test_resnt"}, ["classifier", "test_resnt", "test_resnet"]),
        ({"evaluator.network.arch": "nonsense"}, ["evaluator", "nonsense"]),
        ({"classifier.network.arch": "test_vit", "classifier.network.size": 9}, ["classifier"]),
        ({"classifier.fit.batch": 0}, ["classifier.fit.batch", "greater than or equal to 2"]),
        ({"model.fit.steps": 0}, ["model.fit.steps"]),
        ({"model.fit.lr": -1}, ["model.fit.lr"]),
        ({"model.fit.ema": 1.5}, ["model.fit.ema"]),
        ({"model.fit.checkpoint_every": 0}, ["model.fit.checkpoint_every"]),
        ({"density.min": 30}, ["logsnr needs min < max"]),
        ({"model.objective.density.max": 10}, ["set by train_seeds and density"]),
        ({"model.network.attention": [5]}, ["attention names the levels [5]"]),
        ({"model.network.multipliers": []}, ["model.network.multipliers"]),
        ({"model.seed": 7}, ["train_seeds"]),
        ({"train_seeds": [0, 0]}, ["train_seeds", "twice"]),
        ({"sample_seeds": [-1]}, ["sample_seeds", "greater than or equal to 0"]),
        ({"sample_seeds": [2**63]}, ["sample_seeds", "less than 9223372036854775808"]),
        ({"train_seeds": [1024]}, ["train_seeds", "less than 1024"]),
        ({"sweeps": sweep(ws=(0, -0.0))}, ["a w stands there twice"]),
        ({"evaluator.network.arch": "test_resnet"}, ["independent"]),
        ({"methods": [{"is": "classifier", "radius": 2}]}, ["no option 'radius'"]),
        ({"model.objective.p_uncond": "nan"}, ["model.objective.p_uncond", "finite"]),
        ({"model.objective.p_uncond": "-0.1"}, ["model.objective.p_uncond", "greater than or equal to 0"]),
        ({"methods": ["cfgg"]}, ["methods", "no method 'cfgg'", "did you mean", "'cfg'"]),
        ({"sweeps": sweep({"is": "ddim", "v": 0.3})}, ["ddim has no option 'v'"]),
        ({"sweeps": sweep({"is": "ancestral", "v": 2})}, ["v must lie in"]),
        ({"sweeps": sweep(grid="cosine")}, ["no grid 'cosine'", "karras"]),
        ({"sweeps": sweep(methods=["apg"])}, ["'apg' is none of the"]),
        ({"density": "normal"}, ["no density 'normal'", "cosine"]),
        ({"world": "digits-exact"}, ["model: it is of the world digits, and the study of digits-exact"]),
        ({"model": None}, ["model: give one, or the oracle of an exact world"]),
        ({"classifier": None}, ["classifier needs a network for its role 'classifier'; set classifier"]),
        ({"evaluator": None}, ["evaluator: a world with an exact oracle needs none, and any other needs one"]),
        ({"sweeps": sweep("euler")}, ["no sampler 'euler'", "ddim"]),
        ({"world": "mnist"}, ["world", "digits"]),
        ({"n": 5}, ["part"]),
        ({"n": 15, "part": 15}, ["part must be at least 20"]),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_before_any_work(tmp_path, capsys, settings, said):
    result = here(words(tmp_path / "runs", settings), capsys)
    refused(result, *said)
    assert ("at least 1 item" in result.stderr) == ([] in settings.values()), "a list is empty, or merely holds what is refused"
    assert not (tmp_path / "runs").exists()


def test_a_setting_without_a_value_is_told_what_one_looks_like(tmp_path, capsys):
    result = here(["study", "digits", "--runs", str(tmp_path / "runs"), "--set", "n"], capsys)
    refused(result, "key=value, as in --set model.fit.steps=500, not 'n'")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_training_that_diverges_names_its_step_and_keeps_the_last_good_checkpoint(tmp_path, capsys, workers):
    """It is told, what does not rest on it is made, and it is not tried again before it is asked for."""
    runs = tmp_path / "runs"
    diverging = {"model.fit.lr": 1e12, "model.fit.warmup": 1, "model.fit.checkpoint_every": 1}
    result = here(words(runs, diverging, workers=workers), capsys)
    assert result.returncode == 1 and "Traceback" not in result.stdout + result.stderr
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("failed: ")]
    for word in ("denoiser 0", "at step", "lower the learning rate", "last good checkpoint"):
        assert word in line, line
    assert "1 failed, " in result.stdout and not list(runs.glob("denoiser-*")) and not list(runs.glob("sample-*"))
    assert list(runs.glob(".partial/denoiser-*/*/step-*")) and list(runs.glob(".failed/denoiser-*"))
    assert list(runs.glob("evaluator-*/model.safetensors")) and (folder(runs) / "report.html").exists()
    stamps = {path: path.stat().st_mtime_ns for path in runs.glob("*/*")}
    again = here(words(runs, diverging, workers=workers), capsys)
    assert again.returncode == 1 and line in again.stdout and "--retry tries them again" in again.stdout
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}


@pytest.fixture
def under_way(tmp_path):
    """A study of two workers that is in the middle of a training, which it would never end."""
    words = command(tmp_path / "runs", {"model.fit.steps": 100000}, workers=2)
    interruptible = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a test run in the background ignores Ctrl-C
    process = subprocess.Popen(
        words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=interruptible
    )
    while not list(tmp_path.glob("runs/.partial/denoiser-*/*/step-*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.slow  # its fast twin is test_graph_pool.py::test_no_process_outlives_the_command
def test_ctrl_c_ends_the_workers_too_and_says_how_to_go_on(under_way):
    os.killpg(under_way.pid, signal.SIGINT)
    _, error = under_way.communicate(timeout=60)
    assert under_way.returncode == 130 and "goes on from here" in error and "Traceback" not in error
    with pytest.raises(ProcessLookupError):  # of the whole group, within ten seconds
        for _ in range(100):
            os.killpg(under_way.pid, 0)
            time.sleep(0.1)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.slow  # its fast twin is in test_graph_pool.py, by the same name
def test_a_worker_that_is_killed_is_one_line(under_way):
    """Workers are the children of a server that is the command's."""
    process = under_way
    servers = [pid for pid in children(process.pid) if "forkserver" in Path(f"/proc/{pid}/cmdline").read_text()]
    workers = [pid for server in servers for pid in children(server)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    out, error = process.communicate(timeout=60)
    refused(subprocess.CompletedProcess([], process.returncode, out, error), "killed from outside", "fewer --workers")


def test_a_world_or_a_device_that_does_not_exist_is_refused(tmp_path, capsys):
    refused(here(["study", "mnist", "--runs", str(tmp_path / "runs")], capsys), "mnist", "digits")
    refused(here(words(tmp_path / "runs", None, "--device", "cuda:77"), capsys), "cuda:77")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_runs_that_were_damaged_or_are_newer_are_named(tmp_path, capsys):
    """One small study, then each kind of damage to a copy of it."""
    small = {"sweeps": [{"sampler": "ddim", "steps": 2, "ws": [0]}], "methods": ["classifier-free"], "n": 20}
    assert here(words(tmp_path / "sound", small), capsys).returncode == 0

    def copy(name: str) -> Path:
        runs = tmp_path / name
        shutil.copytree(tmp_path / "sound", runs)
        return runs

    (weights,) = copy("missing").glob("denoiser-*/model.safetensors")
    weights.unlink()
    refused(here(words(tmp_path / "missing", small), capsys), "model.safetensors is missing", "delete the folder")

    (weights,) = copy("cut").glob("denoiser-*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    shutil.rmtree(folder(tmp_path / "cut"))  # the weights are needed again
    for path in (tmp_path / "cut").glob("sample-*"):
        shutil.rmtree(path)
    refused(here(words(tmp_path / "cut", small), capsys), "model.safetensors is truncated or altered")
    assert not list((tmp_path / "cut").glob("sample-*")) and not litter(tmp_path / "cut")

    manifest = folder(copy("newer")) / "manifest.json"
    write_json(manifest, json.loads(manifest.read_text()) | {"schema": 99})
    refused(here(words(tmp_path / "newer", small), capsys), "newer version of guidance-bench", "--runs")


@contextmanager
def files_up_to(size: int):
    """No file of this process grows beyond so many bytes."""
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_full_disk_is_one_line(tmp_path, capsys, workers):
    """A limit on the size of files stands in for the full disk; it is met at the first checkpoint."""
    if workers == 1:
        with files_up_to(40 * 1024):
            result = here(words(tmp_path / "runs"), capsys)
    else:  # a fork server may have begun before the limit
        limited = ["bash", "-c", 'ulimit -f 40; exec "$@"', "bash", *command(tmp_path / "runs", workers=workers)]
        result = subprocess.run(limited, capture_output=True, text=True)
    refused(result, "no room to write", "make room")
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
