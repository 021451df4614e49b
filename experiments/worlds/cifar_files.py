"""CIFAR-10 as its authors ship it and torchvision unpacks it: six Python pickles, read without running what they name.

A pickle calls whatever function it names. These name three of numpy's, that make an array; any other is refused.
"""

import codecs
import hashlib
import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.problems import Problem
from experiments.worlds.source import Item, Source

FOLDER = "cifar-10-batches-py"
FILES = {  # MD5, as torchvision (datasets/cifar.py) checks it
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,  # of bytes, in pickles that Python 3 wrote for Python 2
}


class Arrays(pickle.Unpickler):
    """An unpickler of arrays, lists, numbers and text alone."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it would call {module}.{name}")
        return ALLOWED[module, name]


def folder_in(place: Path) -> Path | None:
    """The folder of the batches that a path means, or None."""
    return next((folder for folder in (place, place / FOLDER) if (folder / "data_batch_1").is_file()), None)


def source(folder: Path) -> Source:
    """The fifty thousand and the ten thousand images. Problem for a file that is missing."""
    paths = {name: folder / name for name in FILES}
    if missing := [path for path in paths.values() if not path.is_file()]:
        raise Problem(f"there is no file {missing[0]}: unpack the whole of cifar-10-python.tar.gz")
    train = [path for name, path in paths.items() if name != "test_batch"]
    parts = {"train": partial(items, train), "test": partial(items, [paths["test_batch"]])}
    return Source(len(NAMES), parts, NAMES)


def items(paths: list[Path]) -> Iterator[Item]:
    """The images of batches, one batch in memory at a time."""
    for path in paths:
        images, labels = read_batch(path)
        for i, (image, label) in enumerate(zip(images, labels)):
            yield Item(f"{path} image {i}", label, image)


def read_batch(path: Path) -> tuple[np.ndarray, list[int]]:
    """Images (n, 32, 32, 3) and labels of one file. Problem for another file than the published one."""
    with path.open("rb") as file:
        if (found := hashlib.file_digest(file, "md5").hexdigest()) != FILES[path.name]:
            raise Problem(f"{path} is not CIFAR-10's (MD5 {found[:8]}, expected {FILES[path.name][:8]}): fetch it again")
        file.seek(0)
        try:
            held = Arrays(file, encoding="latin1").load()
            images = np.asarray(held["data"], dtype=np.uint8).reshape(-1, 3, 32, 32)
            return images.transpose(0, 2, 3, 1), [int(label) for label in held["labels"]]
        except Exception as error:  # a pickle may be wrong in any way
            raise Problem(f"{path} cannot be read: {type(error).__name__}: {error}") from error
