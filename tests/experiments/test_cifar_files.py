"""CIFAR-10's pickles: read as the arrays that they hold, and nothing that they name is called."""

import hashlib
import os
import pickle

import numpy as np
import pytest
import torch

from experiments.problems import Problem
from experiments.worlds import cifar_files, data
from experiments.worlds.cifar10 import Cifar10


@pytest.fixture
def batches(tmp_path, monkeypatch):
    """A folder as torchvision leaves it, of 20 images a file, whose checksums are taken for the published ones."""
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Cifar10, "sizes", {"train": 100, "test": 20})
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    random, arrays = np.random.default_rng(0), {}
    for name in cifar_files.FILES:
        arrays[name] = random.integers(0, 256, (20, 3072), dtype=np.uint8)
        held = {"data": arrays[name], "labels": [i % 10 for i in range(20)], "batch_label": name, "filenames": ["x"] * 20}
        write(folder / name, pickle.dumps(held, protocol=2), monkeypatch)
    return folder, arrays


def write(path, content: bytes, monkeypatch) -> None:
    path.write_bytes(content)
    monkeypatch.setitem(cifar_files.FILES, path.name, hashlib.md5(content).hexdigest())


def test_the_batches_are_read_in_order_from_either_folder(batches):
    folder, arrays = batches
    world = Cifar10(path=str(folder.parent))
    assert world == Cifar10(path=str(folder.parent), classes=10, fingerprint=Cifar10(path=str(folder)).fingerprint)
    found = data(world)
    wanted = torch.from_numpy(np.concatenate([arrays[f"data_batch_{i}"] for i in range(1, 6)])).view(-1, 3, 32, 32)
    assert torch.equal(found.train.x[:], wanted.float() / 127.5 - 1) and found.train.label.tolist() == list(range(10)) * 10
    tested = torch.from_numpy(arrays["test_batch"]).view(-1, 3, 32, 32).float() / 127.5 - 1
    assert torch.equal(found.test.x[:], tested) and "airplane" in found.card["classes"]


class Runs:
    """A pickle of it makes a folder when it is loaded as pickles are."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_call_something_is_refused_and_the_callable_named(batches, tmp_path, monkeypatch):
    folder, _ = batches
    write(folder / "data_batch_3", pickle.dumps({"data": Runs(tmp_path / "made"), "labels": []}, protocol=2), monkeypatch)
    with pytest.raises(Problem, match=r"data_batch_3 cannot be read: UnpicklingError: it would call posix\.mkdir"):
        Cifar10(path=str(folder))
    assert not (tmp_path / "made").exists()


def test_another_file_or_a_missing_one_is_named(batches, monkeypatch):
    folder, _ = batches
    held = (folder / "test_batch").read_bytes()
    (folder / "test_batch").write_bytes(held[:-1] + b"x")
    with pytest.raises(Problem, match=r"test_batch is not CIFAR-10's \(MD5 .*\): fetch it again"):
        Cifar10(path=str(folder))
    (folder / "test_batch").unlink()
    with pytest.raises(Problem, match=r"there is no file .*test_batch: unpack the whole"):
        Cifar10(path=str(folder))
