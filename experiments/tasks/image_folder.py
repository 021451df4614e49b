"""A folder of image files as a set to be measured: every file is looked at before any work, and what does not fit is named."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.sample_files import MADE, OURS
from experiments.tasks.npz import Sha256
from experiments.worlds.folder import class_folders, images_in
from experiments.worlds.preprocessing import MODES, SUFFIXES, Unfit

CHUNK = 256  # files that are looked at in one go
CHANNELS = {mode: channels for channels, mode in MODES.items()}


class Look(NamedTuple):
    """What one file is: width and height, PIL's mode, format, and the sha256 of its bytes."""

    size: tuple[int, int]
    mode: str
    format: str
    sha256: str


class Looked(NamedTuple):
    """What a folder holds. lossy: how many files are JPEG, and the first; label: a class for each file, or None."""

    files: tuple[str, ...]
    label: tuple[int, ...] | None
    shape: tuple[int, int, int]
    sha256: str
    formats: dict[str, int]
    first: dict[str, str]


@value
class ImageFolder:
    """The images below a folder, in the order of their names, as bytes; n: only the first n.

    All have one size and are all RGB or all grey. They lie in the folder itself, and have no labels (but for a folder that
    `guidance-bench sample` wrote, whose names hold them), or in a folder for each class. sha256: of their bytes and labels.
    """

    name: ClassVar[str] = "image-folder"
    incidental: ClassVar[tuple[str, ...]] = ("path",)
    pinned: ClassVar[bool] = True
    path: str
    sha256: Sha256
    n: Annotated[int, Field(ge=2)] | None = None

    @property
    def title(self) -> str:
        return Path(self.path).name

    def images(self, store: Store) -> "tuple[Decoded, np.ndarray | None]":
        """Bytes (n, h, w, c), decoded where they are read, and label (n,). Problem for other files than those of the sha256."""
        found = look_at(self.path)
        if found.sha256 != self.sha256:
            raise Problem(f"{self.path} holds other images (sha256 {found.sha256[:12]}) than {self.sha256[:12]}: put those back")
        label = None if found.label is None else np.asarray(found.label, dtype=np.int64)[: self.n]
        return Decoded(found.files[: self.n], found.shape), label


class Decoded:
    """Image files in the form of an array of bytes (n, h, w, c): a slice is another one, and an array decodes them."""

    dtype, ndim = np.dtype(np.uint8), 4

    def __init__(self, files: tuple[str, ...], shape: tuple[int, int, int]):
        self.files, self.each = files, shape

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(self.files), *self.each

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: slice) -> "Decoded":
        return Decoded(self.files[rows], self.each)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(pixels_of, self.files))
        images = np.stack(found) if found else np.zeros((0, *self.each), np.uint8)
        return images.reshape(self.shape).astype(dtype or np.uint8, copy=False)


def folder_of_images(path: str | Path, n: int | None = None) -> ImageFolder:
    """The set that lies there now. Problem, naming file and rule, for one that cannot be measured (`look_at`)."""
    return ImageFolder(path=str(path), sha256=look_at(str(path)).sha256, n=n)


def look_at(path: str) -> Looked:
    """What lies in a folder of images, read once a process as long as no file changes.

    Problem, naming the file and the rule, for a file that is truncated or no image, of another size than the first, grey among
    RGB or RGB among grey, of a mode that is neither; for a class without images; and for images both in the folder and in
    folders below it.
    """
    files, label = listed(Path(path))
    stamps = hash(tuple(map(_stamp, files)))
    return _look_at(path, tuple(files), label, stamps)


def _stamp(file: str) -> tuple[int, int]:
    try:
        stat = os.stat(file)
    except OSError as error:  # a link to nothing
        raise Problem(f"{file} cannot be read: {error.strerror}") from error
    return stat.st_size, stat.st_mtime_ns


def holds_images(path: Path) -> bool:
    """Whether there is an image in a folder, or in one of the folders in it."""
    places = [path, *(entry for entry in path.iterdir() if entry.is_dir())] if path.is_dir() else []
    return any(_images(place) for place in places)


def listed(path: Path) -> tuple[list[str], tuple[int, ...] | None]:
    """The files, and a label for each, or None. Problem as `look_at`."""
    if not (here := _images(path)):
        classes = class_folders(path)
        found = [(file, label) for label, name in enumerate(classes) for file in images_in(path / name)]
        return [file for file, _ in found], tuple(label for _, label in found)
    if below := next((entry for entry in sorted(path.iterdir()) if entry.is_dir() and _images(entry)), None):
        raise Problem(
            f"{here[0]} lies beside {below}, which holds images too: put all into the folder itself, or into one for each class"
        )
    named = (path / MADE).is_file() and all(OURS.fullmatch(Path(file).name) for file in here)
    return here, tuple(int(Path(file).stem.split("_")[1]) for file in here) if named else None


@lru_cache(maxsize=4)
def _look_at(path: str, files: tuple[str, ...], label: tuple[int, ...] | None, stamps: int) -> Looked:
    digest, formats, firsts = hashlib.sha256(), Counter[str](), {}
    first: Look | None = None
    for i, (file, found) in enumerate(zip(files, _looks(files))):
        first = first or found
        if why := misfit(found, first, files[0]):
            raise Problem(f"{file} {why}")
        digest.update(f"{-1 if label is None else label[i]} {found.sha256}\n".encode())
        formats[found.format] += 1
        firsts.setdefault(found.format, file)
    assert first is not None  # a folder without images was refused
    (width, height), channels = first.size, CHANNELS[first.mode]
    return Looked(files, label, (height, width, channels), digest.hexdigest(), dict(formats), firsts)


def misfit(found: Look, first: Look, name: str) -> str:
    """Which rule an image breaks, in words; "" if it fits the first of its folder."""
    if found.mode not in CHANNELS:
        return f"is of mode {found.mode}: images are measured in RGB, or in grey (L), of 8 bits: convert it"
    if found.mode != first.mode:
        words = {"L": "grey", "RGB": "RGB"}
        return f"is {words[found.mode]}, and {name} is {words[first.mode]}: one set has one number of channels: convert it"
    if found.size != first.size:
        sizes = (f"{width} x {height}" for width, height in (found.size, first.size))
        return f"is {next(sizes)}, and {name} is {next(sizes)}: one set has one size: resize all of them in one way"
    return ""


def _looks(files: tuple[str, ...]) -> Iterator[Look]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), CHUNK):
            yield from pool.map(look, files[start : start + CHUNK])


def look(file: str) -> Look:
    """What a file is, all of it decoded. Problem for one that cannot be."""
    raw = read(file)
    image = opened(file, raw)
    return Look(image.size, image.mode, image.format or "", hashlib.sha256(raw).hexdigest())


def pixels_of(file: str) -> np.ndarray:
    """Bytes (h, w) or (h, w, 3). Problem for a file that cannot be decoded."""
    return np.asarray(opened(file, read(file)))


def read(file: str) -> bytes:
    """The bytes of a file. Problem for one that cannot be read, or is empty."""
    try:
        raw = Path(file).read_bytes()
    except OSError as error:
        raise Problem(f"{file} cannot be read: {error.strerror}") from error
    if not raw:
        raise Problem(f"{file} is empty: remove it, or write it again")
    return raw


def opened(file: str, raw: bytes) -> Any:
    """The PIL image. Problem for one that is truncated, or none."""
    from experiments.worlds.prepared import decoded

    try:
        return decoded(raw, lossless=False)
    except Unfit as unfit:
        raise Problem(f"{file} {unfit}: remove it, or write it again") from unfit


def _images(folder: Path) -> list[str]:
    """The images in a folder itself, in the order of their names."""
    names = (entry.name for entry in os.scandir(folder) if entry.is_file() or entry.is_symlink())
    return sorted(str(folder / name) for name in names if name.lower().endswith(SUFFIXES) and not name.startswith("."))
