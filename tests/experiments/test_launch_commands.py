"""`study`, `train` and `sample` as several processes, by the command line."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from launched import command, together
from small import folder, here, words

from experiments import launch
from experiments.device import resolve
from experiments.graph.files import read_json
from experiments.graph.verify import verify_store
from experiments.problems import Problem

CLOCKED = "metric not in ('seconds_per_sample', 'peak_memory_mib')"
BATCH = {"batch": 9}  # of 40 samples a cell: five parts, the last one of 4


def said(ended):
    """What rank 0 said, if all ended well and the others said nothing."""
    assert not any(process.returncode for process in ended), "".join(process.stderr for process in ended)
    assert not any(process.stdout or process.stderr for process in ended[1:])
    return ended[0].stdout


@pytest.mark.slow  # its fast twin calls no command: test_launch.py
def test_samples_of_two_processes_are_one_file_and_one_line(tmp_path, capsys):
    own = ["sample", "--world", "gaussians", "--method", "cfg", "--n", "150", "--steps", "4", "--device", "cpu", "--out"]
    line = said(command([*own, f"{tmp_path / 'two.npz'}"]))
    assert line.startswith("150 samples, 8F per sample") and line.count("\n") == 1
    assert not here([*own, f"{tmp_path / 'one.npz'}"], capsys).returncode
    one, two = (np.load(tmp_path / f"{name}.npz") for name in ("one", "two"))
    assert all(np.array_equal(one[name], two[name]) for name in one if name != "made") and len(one["label"]) == 150


@pytest.mark.slow
def test_a_command_for_one_process_is_refused_in_one_line(tmp_path):
    ended = command(["ls", "--runs", f"{tmp_path}"], names="srun")
    assert [process.returncode for process in ended] == [2, 2]
    (line,) = "".join(process.stderr for process in ended).splitlines()
    assert line == "guidance-bench: ls is for one process; study, train, sample run in several"


def test_processes_that_do_not_know_where_to_meet_say_so(tmp_path, monkeypatch, capsys):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    refused = here(["ls", "--runs", f"{tmp_path}"], capsys)
    assert refused.returncode == 2 and "export MASTER_ADDR" in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name, local, there, found",
    [("auto", 2, 4, "cuda:2"), ("cuda", 1, 1, "cuda:0"), ("cpu", 3, 4, "cpu"), ("cuda", 0, 0, "no GPU")]
    + [("cuda", 4, 4, "no GPU: it sees 4"), ("cuda:1", 0, 4, "say cuda")],
)
def test_each_process_takes_its_own_gpu(monkeypatch, name, local, there, found):
    chosen = []
    monkeypatch.setattr(launch, "size", lambda: 8)
    monkeypatch.setenv("LOCAL_RANK", f"{local}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    try:
        assert resolve(name) == found and chosen == [found] * found.startswith("cuda")
    except Problem as refused:
        assert found in str(refused) and not chosen


@pytest.mark.slow
def test_a_study_of_two_processes_has_the_table_of_one(tmp_path, capsys):
    """Of the same networks: their own trainings differ by rounding. The others have no part of the store and of the terminal."""
    one, two = tmp_path / "one", tmp_path / "two"
    assert not here(words(one, BATCH), capsys).returncode
    for kind in ("denoiser", "classifier", "evaluator"):
        for path in one.glob(f"{kind}-*"):
            shutil.copytree(path, two / path.name)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "experiments"]
    (ended,) = together([*launcher, *words(two, BATCH)], n=1)
    assert not ended.returncode, ended.stderr
    assert ended.stdout.count("report ") == 1 and "on cpu, 2 processes" in ended.stdout
    tables = [pd.read_csv(folder(runs) / "table.csv").query(CLOCKED).reset_index(drop=True) for runs in (one, two)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
    assert {read_json(path)["devices"] for path in two.glob("sample-*/timing.json")} == {2}
    assert all(why is None for _, why in verify_store(two))
    again = said(command(words(two, BATCH)))  # everything is found
    assert "report " in again


@pytest.mark.slow
def test_a_training_of_two_processes_prints_its_record_once(tmp_path):
    own = ["train", "classifier", "--arch", "half-unet", "--device", "cpu", "--runs", f"{tmp_path}"]
    sizes = ["network.width=8", "network.multipliers=[1]", "network.attention=[]", "fit.steps=4", "fit.batch=9"]
    text = said(command([*own, *(word for size in sizes for word in ("--set", size))]))
    assert text.count("lambda") == 1 and "4 steps" in text and len([*tmp_path.glob("classifier-*")]) == 1


@pytest.mark.slow
def test_workers_are_refused_in_a_launch(tmp_path):
    ended = command(words(tmp_path, workers=2))
    assert [process.returncode for process in ended] == [2, 2]
    (line,) = "".join(process.stderr for process in ended).splitlines()
    assert "leave --workers out" in line
