"""Small labelled images on disk, for the tests of their worlds."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from experiments.worlds.images import Images
from experiments.worlds.preprocessing import prepare

CLASSES = ("cat", "ant", "bee")  # not in the order of their names


def picture(seed: int, width: int = 10, height: int = 8, mode: str = "RGB") -> Image.Image:
    """Noise around a grey that tells the seeds apart."""
    random = np.random.default_rng(seed)
    pixels = (random.integers(0, 64, (height, width, 3)) + 10 * (seed % 19)).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def folder(place: Path, n: int = 6, first: int = 0, **options: object) -> Path:
    """n images of each class; the i-th of class c has the seed first + 100 c + i, classes sorted by name."""
    for c, name in enumerate(sorted(CLASSES)):
        (place / name).mkdir(parents=True)
        for i in range(n):
            picture(first + 100 * c + i, **options).save(place / name / f"{i:03}.png")
    return place


def images(path: Path | str, **options: object) -> Images:
    """The world of a folder, at 8 x 8."""
    return Images(**{"path": str(path), "size": 8, "preprocessing": "edm", "held_out": 2, **options})


def pixels_of(seed: int, **options: object) -> torch.Tensor:
    """What such a world makes of a picture."""
    return torch.from_numpy(prepare(picture(seed, **options), 8, 3, "edm").copy()).float() / 127.5 - 1
