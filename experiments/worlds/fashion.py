"""Fashion-MNIST (Xiao, Rasul & Vollgraf, arXiv 1708.07747): 28x28, grey, ten kinds of clothing, split as published."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from experiments.graph.files import put, remove
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.cache import cache, cache_problems, temporary
from experiments.worlds.idx import read_idx
from experiments.worlds.pixels import Pixels
from experiments.worlds.split import interleaved
from experiments.worlds.world import Data, Labelled, World

SHA256 = {  # of the files unpacked
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
NAMES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
RAW = "FashionMNIST/raw"  # torchvision's


@value
class Fashion(World):
    """Fashion-MNIST: 60,000 images to train on and 10,000 to test on, as published.

    folder: where its four idx files lie, or FashionMNIST/raw with them in it; None: where --download and Debian's package
    dataset-fashion-mnist put them. Nothing is looked for before the images are needed.
    """

    name: ClassVar[str] = "fashion"
    incidental: ClassVar[tuple[str, ...]] = ("folder",)
    pinned: ClassVar[bool] = True
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 28, 28)
    folder: str | None = None

    def load(self) -> Data:
        """The images. Problem where they are not to be found, or are other ones."""
        files = find(self.folder)
        arrays = {name: read_idx(path, SHA256[name]) for name, path in files.items()}
        train, test = (
            Labelled(Pixels(images[:, None]), torch.from_numpy(labels.astype(np.int64)))
            for images, labels in (tuple(arrays.values())[:2], tuple(arrays.values())[2:])
        )
        test = test.subset(torch.from_numpy(interleaved(test.label.numpy())))
        return Data(
            train=train,
            test=test,
            card={
                "what": "Fashion-MNIST: 70,000 photographs of articles sold by Zalando",
                "source": "Xiao, Rasul & Vollgraf, arXiv 1708.07747",
                "licence": "MIT",
                "images": "28 x 28, grey, 256 levels, in [-1, 1]; -1 is the background",
                "preprocessing": "none",
                "flip": "never",
                "classes": f"10, all 7,000: {', '.join(NAMES)}",
                "train": f"{len(train.label):,} images, and the reference set of every Frechet distance",
                "test": f"{len(test.label):,} images, never trained on",
                "split": "as published; test images class by class in turn",
                "skipped": "none",
                "sha256": f"of the four files: {', '.join(digest[:12] for digest in SHA256.values())}",
            },
        )

    @staticmethod
    def download() -> Path:
        """Fetches the files into the cache by torchvision; returns their folder. Problem where they cannot be had."""
        from torchvision.datasets import FashionMNIST

        place = cache() / RAW.partition("/")[0]
        with cache_problems(place):
            new = temporary(place)
            try:
                for train in (True, False):
                    FashionMNIST(str(new), train=train, download=True)
                for name, path in find(str(new)).items():
                    read_idx(path, SHA256[name])
                put(new / place.name, place)
            except Problem:
                raise
            except Exception as error:  # of the network or the server
                raise Problem(f"Fashion-MNIST cannot be fetched ({type(error).__name__}: {error})") from error
            finally:
                remove(new)
        return place / "raw"


def find(folder: str | None) -> dict[str, Path]:
    """The four files by name. Problem that says where to put them, if one is nowhere."""
    places = list(usual_places()) if folder is None else [Path(folder).expanduser()]
    for place in places:
        for below in (place, place / RAW, place / "raw"):
            found = {name: path for name in SHA256 for path in (below / name, below / f"{name}.gz") if path.is_file()}
            if len(found) == len(SHA256):
                return found
    where = f"its four files *-ubyte or *-ubyte.gz are not in {places[0]}" if folder else "its images are not on this machine"
    raise Problem(
        f"Fashion-MNIST: {where}: install Debian's dataset-fashion-mnist, set folder to where the four *-ubyte.gz lie, or run "
        "guidance-bench worlds fashion --download"
    )


def usual_places() -> Iterator[Path]:
    """The cache, and share/datasets/fashion-mnist of every prefix."""
    yield cache()
    shares = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    for share in (f"{sys.prefix}/share", os.environ.get("XDG_DATA_HOME") or "~/.local/share", *shares.split(":")):
        yield Path(share).expanduser() / "datasets" / "fashion-mnist"
