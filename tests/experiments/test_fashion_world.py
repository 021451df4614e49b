"""Fashion-MNIST: known before it is there, read from idx files with their checksums, and fetched only when asked to."""

import gzip
import hashlib
import struct
import sys

import numpy as np
import pytest
import torch
from small import here

from experiments.problems import Problem
from experiments.worlds import fashion
from experiments.worlds.fashion import Fashion
from experiments.worlds.world import data

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 28, 28), dtype=np.uint8)
LABELS = np.tile(np.arange(10, dtype=np.uint8), 3)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Nothing of this machine's is found, nor what another test has read."""
    data.cache_clear()
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    yield
    data.cache_clear()


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """Four small files, whose checksums are taken for the published ones."""
    arrays = dict(zip(fashion.SHA256, (IMAGES, LABELS, IMAGES[:20], LABELS[:20][::-1].copy())))
    held = {name: idx(array) for name, array in arrays.items()}
    for name, content in held.items():
        monkeypatch.setitem(fashion.SHA256, name, hashlib.sha256(content).hexdigest())
    return held


def put(folder, held: dict[str, bytes], packed: bool) -> None:
    folder.mkdir(parents=True)
    for name, content in held.items():
        (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)


def test_it_is_known_without_its_images_and_says_where_to_put_them():
    world = Fashion()
    assert (world.label, world.classes, world.shape, world.trains) == ("fashion", 10, (1, 28, 28), True)
    with pytest.raises(Problem, match=r"Debian's dataset-fashion-mnist, set folder .*guidance-bench worlds fashion --download"):
        world.load()
    with pytest.raises(Problem, match="its four files .* are not in .*nowhere"):
        Fashion(folder="nowhere").load()


@pytest.mark.parametrize(
    "place",
    [
        "share/datasets/fashion-mnist",
        "prefix/share/datasets/fashion-mnist",
        "cache/FashionMNIST/raw",
        "own/FashionMNIST/raw",
        "own",
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_it_is_found_where_debian_and_torchvision_put_it(tmp_path, files, place, packed):
    put(tmp_path / place, files, packed)
    found = Fashion(folder=str(tmp_path / "own") if "own" in place else None).load()
    assert torch.equal(found.train.x[:], torch.from_numpy(IMAGES)[:, None].float() / 127.5 - 1)
    assert found.train.label.tolist() == LABELS.tolist() and found.test.label.tolist() == list(range(10)) * 2
    assert torch.equal(found.test.x[9], found.train.x[0]), "the first test image is of class 9, and its turn is the tenth"


def test_another_file_is_refused(tmp_path, files):
    put(tmp_path / "own", {**files, "train-labels-idx1-ubyte": files["train-labels-idx1-ubyte"][:-1] + b"\7"}, True)
    with pytest.raises(Problem, match=r"train-labels-idx1-ubyte\.gz is another file: unpacked it has the sha256 .*, expected"):
        Fashion(folder=str(tmp_path / "own")).load()
    (tmp_path / "own" / "train-labels-idx1-ubyte.gz").write_bytes(b"not packed")
    with pytest.raises(Problem, match=r"train-labels-idx1-ubyte\.gz cannot be read"):
        Fashion(folder=str(tmp_path / "own")).load()


def test_it_is_fetched_when_asked_to_and_a_failure_leaves_nothing(tmp_path, files, monkeypatch, capsys):
    """torchvision's part is played here: the layout that it leaves, and its failure; no server is there to be asked."""
    import torchvision.datasets

    def fetched(root, train, download):
        assert download
        if train:
            put(tmp_path.__class__(root) / "FashionMNIST" / "raw", files, True)

    def failing(root, train, download):
        fetched(root, True, download)
        raise RuntimeError("no route\nto host")

    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", failing)
    done = here(["worlds", "fashion", "--download"], capsys)
    assert done.returncode == 2 and "cannot be fetched (RuntimeError: no route to host)" in done.stderr
    assert not list((tmp_path / "cache").iterdir())
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", fetched)
    done = here(["worlds", "fashion", "--download"], capsys)
    assert done.returncode == 0 and "downloaded to" in done.stdout and "30 images" in done.stdout
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"FashionMNIST"}


def test_the_published_images(monkeypatch):
    """Where this machine has them: mean and standard deviation of the training images as everybody quotes them."""
    monkeypatch.undo()
    try:
        fashion.find(None)
    except Problem:
        pytest.skip("Fashion-MNIST is not on this machine")
    found = Fashion().load()
    x = (found.train.x[:].double() + 1) / 2
    assert abs(x.mean().item() - 0.2860) < 1e-4 and abs(x.std().item() - 0.3530) < 1e-4
    assert found.train.label.bincount().tolist() == [6000] * 10 and found.test.label.bincount().tolist() == [1000] * 10
