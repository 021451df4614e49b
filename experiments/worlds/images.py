"""Your images: any labelled folder, parquet file or set of the hub, made alike once and kept as bytes, mapped and not loaded."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from experiments.fields import Count, Name
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.identity import Place, identity
from experiments.worlds.opening import HUB, open_source
from experiments.worlds.prepared import Prepared, Rules, prepared
from experiments.worlds.preprocessing import Preprocessing
from experiments.worlds.split import held_out, interleaved
from experiments.worlds.world import Data, Labelled, World

WORDS = {
    "adm": "boxes halve the shorter side, then bicubic, then the centre (Dhariwal & Nichol's ImageNet)",
    "edm": "the centre square, resized by Lanczos' kernel (Karras et al.'s ImageNet)",
    "area": "the centre square, resized by the mean over areas",
    "none": "none: the images have this size",
}


@value
class Images(World):
    """A labelled set of images.

    path, test: a folder with one folder a class (or train and test or val folders of such), a parquet file or a folder of them,
    CIFAR-10's batches, or hub:NAME; where they lie is no part of what they are. called: the set's name in tables; None: after the
    path. image_column, label_column: of parquet and hub; None: found. size, channels, preprocessing, convert (images of other
    channels, else refused), skip (what does not fit is left out and counted, else refused). flip: in training, half of the images
    are turned left to right. held_out: images of each class that are tested on, where there is no test part. at_most: so many
    images to train on and to test on, the first of each class in turn (None: all). classes, fingerprint (sha256 of the images as
    they lie there, and their labels): found, once, where they are not given.
    """

    name: ClassVar[str] = "images"
    incidental: ClassVar[tuple[str, ...]] = ("path", "test", "image_column", "label_column")
    pinned: ClassVar[bool] = True
    lossless: ClassVar[bool] = False
    sizes: ClassVar[dict[str, int]] = {}  # of the parts, where they are known
    licence: ClassVar[str] = "that of its source"
    path: str
    test: str | None = None
    called: Name | None = None
    image_column: str | None = None
    label_column: str | None = None
    size: Count
    channels: Literal[1, 3] = 3
    preprocessing: Preprocessing
    convert: bool = False
    skip: bool = False
    flip: bool = False
    held_out: Count = 50
    at_most: tuple[Count, Count] | None = None
    classes: Count | None = None
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def knows_itself(self) -> "Images":
        """Fills in what is not given, so that it is part of every address: the name, the classes, the content."""
        found = {}
        if self.called is None:
            found["called"] = slug(self.path)
        if self.classes is None or self.fingerprint is None:
            fingerprint, classes = identity(self.place)
            found["fingerprint"] = self.fingerprint or fingerprint
            found["classes"] = self.classes or classes
        for name, held in found.items():
            object.__setattr__(self, name, held)  # frozen from here on
        return self

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.channels, self.size, self.size)

    @property
    def label(self) -> str:
        return f"{self.name}-{self.called}-{self.size}{'-grey' if self.channels == 1 else ''}-{self.preprocessing}{self.few}"

    @property
    def few(self) -> str:
        """What its name says of `at_most`."""
        return "" if self.at_most is None else f"-{self.at_most[0]}"

    @property
    def place(self) -> Place:
        return Place(self.path, self.test, self.image_column, self.label_column)

    @property
    def rules(self) -> Rules:
        return Rules(self.size, self.channels, self.preprocessing, self.convert, self.skip, self.lossless)

    def load(self) -> Data:
        """The images. Problem if the path holds others than those of the fingerprint, or one that does not fit."""
        if self.place.is_there and (found := identity(self.place)[0]) != self.fingerprint:
            raise Problem(
                f"{self.path} holds other images (sha256 {found[:12]}) than this world (fingerprint {self.fingerprint[:12]}): "
                "put those back, or set fingerprint=null and classes=null for a world of these"
            )
        made = prepared(self.fingerprint, self.rules, lambda: open_source(*self.place))
        for part, n in self.sizes.items():
            if (has := made.record["parts"].get(part, 0)) != n:
                raise Problem(f"{self.path} is not {self.label}, whose {part} part has {n:,} images: it has {has:,}")
        rows, words = self._split(made)
        if self.at_most is not None:
            rows = {part: self._first(made, *rows[part], n) for part, n in zip(rows, self.at_most)}
            words += f"; of these at most {self.at_most[0]:,} and {self.at_most[1]:,}, the first of each class in turn"
        train, test = (labelled(made, *rows[part], part == "train" and self.flip) for part in ("train", "test"))
        return Data(train=train, test=test, card=self._card(made, train, test, words))

    def _split(self, made: Prepared) -> tuple[dict[str, tuple[str, np.ndarray | None]], str]:
        """Of either part, in which of the cache it lies and which rows; and the rule in words."""
        if "test" in made.parts:
            turns = interleaved(made.parts["test"][1])
            return {"train": ("train", None), "test": ("test", turns)}, "the set's own; test images class by class in turn"
        if empty := sorted(set(range(self.classes)) - set(made.parts["train"][1].tolist())):
            raise Problem(
                f"{self.path} has no image of class {empty[0]} to hold out: leave no gap between labels, or give a test set"
            )
        kept, held = held_out(made.parts["train"][1], self.held_out, self.classes)
        words = f"fixed: {self.held_out} of each class, by numpy's default_rng(0), class by class"
        return {"train": ("train", kept), "test": ("train", held)}, words

    @staticmethod
    def _first(made: Prepared, part: str, rows: np.ndarray | None, n: int) -> tuple[str, np.ndarray]:
        """Of rows of one part (None: all) the first n, classes in turn."""
        label = made.parts[part][1]
        rows = np.arange(len(label)) if rows is None else rows
        return part, rows[interleaved(label[rows])[:n]]

    def _card(self, made: Prepared, train: Labelled, test: Labelled, split: str) -> dict[str, str]:
        record, counts = made.record, np.bincount(np.concatenate([train.label, test.label]), minlength=self.classes)
        skipped, many = record["skipped"], f"{counts.min():,} to {counts.max():,} of each"
        left = ", ".join(f"{n:,} {reason}" for reason, n in skipped.items()) or "none"
        named = f"; {'; '.join(record['named'][:3])}" if record["named"] else ""
        names = f": {', '.join(record['classes'][:10])}{', ...' if self.classes > 10 else ''}" if record["classes"] else ""
        digests = ", ".join(f"{part} {digest[:12]}" for part, digest in record["pixels_sha256"].items())
        return {
            "what": f"{len(train.label) + len(test.label):,} labelled images, {self.label}",
            "source": self.path if self.path.startswith(HUB) else Path(self.path).name,
            "licence": self.licence,
            "images": f"{self.size} x {self.size}, {'grey' if self.channels == 1 else 'RGB'}, 256 levels, in [-1, 1]",
            "preprocessing": WORDS[self.preprocessing],
            "flip": "half of the images of every batch, left to right" if self.flip else "never",
            "classes": f"{self.classes}, {'all ' + format(counts.min(), ',') if counts.min() == counts.max() else many}{names}",
            "train": f"{len(train.label):,} images, and the reference set of every Frechet distance",
            "test": f"{len(test.label):,} images, never trained on",
            "split": split,
            "skipped": f"{sum(skipped.values()):,}: {left}{named}" if skipped else "none",
            "converted": f"{record['converted']:,} of other channels" if record["converted"] else "none",
            "sha256": self.fingerprint,
            "pixels": f"sha256 {digests}, by Pillow {record['pillow']}",
        }


def labelled(made: Prepared, part: str, rows: np.ndarray | None, flip: bool) -> Labelled:
    """Rows of one part of the cache (None: all)."""
    x, label = made.parts[part]
    whole = Labelled(x, torch.from_numpy(label), flip)
    return whole if rows is None else whole.subset(torch.from_numpy(rows))


def slug(path: str) -> str:
    """The last part of a path as a name: lower case letters and digits, with dashes between. Problem if nothing is left."""
    stem = Path(path.partition("@")[0]).expanduser().absolute().name.lower()
    found = "-".join(re.findall("[a-z0-9]+", stem.removesuffix(".parquet")))
    if not found:
        raise Problem(f"{path} has no name to call the set after: set called")
    return found
