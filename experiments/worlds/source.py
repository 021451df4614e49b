"""What labelled images are read from, whatever kind of files they lie in.

A source knows its classes, and runs through the items of its parts, "train" and, where it has one, "test". An
item is a name for messages, a label, and what holds the image: a path, encoded bytes, an array (h, w, c), or nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

TRAIN = ("train", "training")  # names of folders, files and splits
TEST = (
    "validation",
    "val",
    "valid",
    "test",
)  # the first that there is: the labels of a test part may be kept back, as ImageNet's


class Item(NamedTuple):
    """One labelled image, not yet opened."""

    name: str
    label: int
    held: Path | bytes | np.ndarray | None


@dataclass(frozen=True)
class Source:
    """Where a set comes from. parts: the items of "train" and perhaps "test", run through anew at every call; names: of the
    classes, where they have any.
    """

    classes: int
    parts: dict[str, Callable[[], Iterator[Item]]]
    names: tuple[str, ...] = ()
