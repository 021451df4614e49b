"""Two processes are one command: the same samples, the same features, the same trainings within rounding, and one end."""

import json
import shutil
import time
from itertools import chain
from threading import Timer

import numpy as np
import pytest
import torch
from alike import assert_alike
from launch_worker import DENOISER, FEATURES, IMAGES, NORMALISED, ONE_BATCH, POINTS, STOPPED, made, stop_after, toy
from launched import HERE, together
from safetensors.torch import load_file

from experiments.graph.files import read_json
from experiments.graph.following import wait_for_parents
from experiments.graph.store import Store
from experiments.graph.verify import verify_store

pytestmark = pytest.mark.slow

WORKER = HERE / "launch_worker.py"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Folders of one process, and of two that began with what one had left: see launch_worker.work."""
    torch.set_num_threads(1)
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    assert not made(one / "runs", POINTS, ONE_BATCH, DENOISER, IMAGES, FEATURES, STOPPED, NORMALISED)
    shutil.copytree(Store(one / "runs").path(DENOISER), Store(two / "sampled").path(DENOISER))
    again = stop_after(5)
    assert made(two / "resumed", DENOISER) == ["stopped"]
    again()
    ended = together([WORKER, "work", two])
    assert [process.returncode for process in ended] == [0, 0], "".join(process.stderr for process in ended)
    assert not ended[1].stdout and not ended[1].stderr, "rank 0 alone owns the terminal"
    assert ended[0].stdout == "at exit\n", "a launch ends before the interpreter does: see launch_worker.Last"
    return Store(one / "runs"), two


def test_parts_are_cut_at_whole_batches_and_in_order(both):
    said = read_json(both[1] / "said.json")
    for cuts, n, each in zip(zip(*said["cuts"]), (7, 7, 2), (1, 3, 500)):
        assert [*chain(*cuts)] == [*range(n)] and all(cut[0] % each == 0 for cut in cuts if cut)
    assert said["cuts"][0][1] == [0, 1, 2] and said["cuts"][0][2] == [], "one batch is one rank's, and not divided"


@pytest.mark.parametrize("task", [POINTS, ONE_BATCH, IMAGES])
def test_samples_are_those_of_one_process_bit_for_bit(both, task):
    paths = [store.open(task) for store in (both[0], Store(both[1] / "sampled"))]
    arrays = [np.load(path / "samples.npz") for path in paths]
    assert all(np.array_equal(arrays[0][name], arrays[1][name]) for name in arrays[0]) and len(arrays[1]["index"]) == task.n
    assert len({(path / "cost.json").read_text() for path in paths}) == 1, "floats and counts of all ranks"
    assert (paths[0] / "effective.json").read_text() == (paths[1] / "effective.json").read_text()
    assert [read_json(path / "timing.json")["devices"] for path in paths] == [1, 2]


def test_features_are_those_of_one_process(both):
    one, two = (FEATURES.arrays(store) for store in (both[0], Store(both[1] / "sampled")))
    assert one.keys() == two.keys() and all(np.array_equal(one[name], two[name]) for name in one)


def trained(store, task):
    path = store.open(task)
    return load_file(path / "model.safetensors"), read_json(path / "log.json")["loss"]


def test_in_float64_weights_and_losses_are_those_of_one_process(both, tmp_path):
    one, (two, other) = toy(tmp_path), read_json(both[1] / "said.json")["toy"]
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-12) and two["losses"] == other["losses"]
    for name, held in one["weights"].items():
        assert np.allclose(two["weights"][name], held, rtol=1e-11, atol=1e-13), name
    assert one["weights"]["unused"] == [[1.0]] != one["weights"]["lonely"], "what no rank has a gradient of does not decay"
    assert two["seeds"] == one["seeds"] and not {*two["seeds"]} & {*other["seeds"]}, "layers that drop draw of their own"


@pytest.mark.parametrize("place", ["trained", "resumed"])
def test_weights_and_losses_are_those_of_one_process_within_rounding(both, place):
    store = Store(both[1] / place)
    assert_alike(trained(store, DENOISER), trained(both[0], DENOISER))
    snapshots = [load_file(one.open(DENOISER) / "after-0000003.safetensors") for one in (store, both[0])]
    assert all(torch.allclose(held, snapshots[1][name], atol=1e-4) for name, held in snapshots[0].items())


def test_the_losses_before_a_checkpoint_of_one_process_are_kept_by_two(both):
    one, two = (trained(store, DENOISER)[1] for store in (both[0], Store(both[1] / "resumed")))
    assert one[:5] == two[:5] and one[5:] != two[5:], "the rest was made by two"


def test_a_training_of_two_processes_goes_on_in_one(both):
    assert json.loads((both[1] / "said.json").read_text())["stopped"] == ["stopped"]
    store = Store(both[1] / "stopped")
    assert not made(store.root, DENOISER)
    assert_alike(trained(store, DENOISER), trained(both[0], DENOISER))
    two = trained(Store(both[1] / "trained"), DENOISER)[1]
    assert trained(store, DENOISER)[1][:10] == two[:10]


def test_early_stopping_is_decided_once_for_all(both):
    found, wanted = trained(Store(both[1] / "trained"), STOPPED), trained(both[0], STOPPED)
    assert len(wanted[1]) < STOPPED.fit.steps, "it stops early"
    assert len(found[1]) == len(wanted[1])
    looks = [read_json(store.open(STOPPED) / "log.json")["validation_nll"] for store in (Store(both[1] / "trained"), both[0])]
    assert looks[0] == pytest.approx(looks[1], rel=1e-4)


def test_what_looks_at_a_whole_batch_is_trained_by_one_rank_to_the_same_bits(both):
    found, wanted = trained(Store(both[1] / "trained"), NORMALISED), trained(both[0], NORMALISED)
    assert found[1] == wanted[1] and all(torch.equal(held, wanted[0][name]) for name, held in found[0].items())


def test_what_fails_on_one_rank_fails_for_all_and_the_rest_is_made(both):
    (why,) = read_json(both[1] / "said.json")["failed"]
    assert why == "rank 1: KeyError: 'w'"
    assert Store(both[1] / "failed").has(POINTS)


def test_a_folder_that_is_seen_late_is_waited_for(tmp_path):
    store, begun = Store(tmp_path), time.monotonic()
    wait_for_parents(IMAGES, store, most=0.2)
    assert time.monotonic() - begun >= 0.2
    Timer(0.2, store.path(DENOISER).mkdir).start()
    wait_for_parents(IMAGES, store)
    assert store.has(DENOISER) and time.monotonic() - begun < 30


def test_how_many_processes_made_a_run_is_recorded(both):
    for task, n in ((DENOISER, 2), (NORMALISED, 1)):
        assert read_json(Store(both[1] / "trained").open(task) / "provenance.json")["processes"] == n
    assert read_json(both[0].open(DENOISER) / "provenance.json")["processes"] == 1


def test_rank_0_alone_writes(both):
    for place in ("sampled", "trained", "resumed", "stopped", "failed"):
        assert all(why is None for _, why in verify_store(both[1] / place))
        assert not [*(both[1] / place / ".scratch").iterdir()]


@pytest.mark.parametrize("how, names, words", [("raise", "srun", "rank 1: KeyError: 'w'"), ("kill", "torchrun", "has ended")])
def test_one_rank_that_fails_ends_all_with_one_line(tmp_path, how, names, words):
    ended = together([WORKER, how, tmp_path], names=names)
    assert all(process.returncode for process in ended) and not any(process.stdout for process in ended)
    (line,) = "".join(process.stderr for process in ended).splitlines()
    assert line.startswith("guidance-bench: ") and words in line
    assert not [*tmp_path.glob("unlucky-*")] and not [*tmp_path.glob(".failed/*")]


def test_who_finds_the_store_gone_says_nothing():
    ended = together([HERE / "launch_late.py"])
    assert [process.returncode for process in ended] == [2, 2]
    (line,) = "".join(process.stderr for process in ended).splitlines()
    assert line.startswith("guidance-bench: ls is for one process")
