"""Labelled images in folders, one folder a class; classes are sorted by name, which is how ImageNet's are numbered."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from experiments.problems import Problem
from experiments.worlds.preprocessing import SUFFIXES
from experiments.worlds.source import TEST, TRAIN, Item, Source


def of_folder(place: Path, test: Path | None) -> Source:
    """A folder with one folder a class, or with train and test (or val) that have; classes are sorted by name.

    Problem for a test part beside the folders of classes: it would be one of them.
    """
    train, held = part(place, TRAIN), test or part(place, TEST)
    if held is not None and train is None and held.parent == place:
        raise Problem(f"{held} is a test part, and there is no {place / 'train'} beside it: put the folders of classes in there")
    parts = {"train": train or place}
    if held is not None:
        parts["test"] = held
    classes = class_folders(parts["train"])
    for folder in parts.values():
        if strange := set(class_folders(folder)) - set(classes):
            raise Problem(f"{folder} has a class {sorted(strange)[0]!r} that {parts['train']} has not")
    return Source(len(classes), {name: partial(items, folder, classes) for name, folder in parts.items()}, tuple(classes))


def items(folder: Path, classes: list[str]) -> Iterator[Item]:
    """The images of one part, class by class, one class listed at a time."""
    for label, c in enumerate(classes):
        for path in images_in(folder / c) if (folder / c).is_dir() else ():
            yield Item(path, label, Path(path))


def part(place: Path, names: tuple[str, ...]) -> Path | None:
    """The folder of one part of a set, by the usual names, in small letters or large ones."""
    if not place.is_dir():
        return None
    found = {entry.name.lower(): place / entry.name for entry in os.scandir(place) if entry.is_dir()}
    return next((found[name] for name in names if name in found), None)


def class_folders(folder: Path) -> list[str]:
    """The names of the classes. Problem for a folder that has none."""
    if not folder.is_dir():
        raise Problem(f"{folder} is no folder, as the other part of the set is")
    found = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    if not found and not any(entry.name.lower().endswith(SUFFIXES) for entry in os.scandir(folder)):
        kinds = "a folder with a folder for each class (or, to be measured, with images), parquet files, or hub:NAME"
        raise Problem(f"{folder} holds no images: a set is {kinds}")
    if not found:
        raise Problem(f"{folder} has no labels: put the images of each class into a folder of their own, named after it")
    return found


def images_in(folder: Path) -> list[str]:
    """The images below a folder, in the order of their names. Problem if there is none."""
    found = [
        os.path.join(root, name)
        for root, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        raise Problem(f"{folder} is a class without images (of {' '.join(SUFFIXES)}): fill or remove it")
    return sorted(found)
