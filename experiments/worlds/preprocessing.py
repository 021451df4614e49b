"""Any image to size x size bytes: the three ways that ImageNet was made small, which are three data sets, and none.

adm: Dhariwal & Nichol (arXiv 2105.05233, appendix; their released data loader). edm: Karras et al. (arXiv 2206.00364; center-crop
of their data tool). area: area-downsampling, as in Chrabaszcz et al. (arXiv 1707.08819) and, without details, Ho & Salimans.
"""

from typing import Literal

import numpy as np
from PIL import Image

Preprocessing = Literal["adm", "edm", "area", "none"]
MODES = {1: "L", 3: "RGB"}  # PIL's words, by channels
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # plain decoders: PIL's others may start a program
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


class Unfit(Exception):
    """An image that cannot be taken as it is. reason: the word under which the card counts it."""

    def __init__(self, reason: str, why: str):
        super().__init__(why)
        self.reason = reason


def prepare(image: Image.Image, size: int, channels: int, preprocessing: Preprocessing, convert: bool = False) -> np.ndarray:
    """uint8 (channels, size, size). Unfit for an image of other channels, unless `convert`, and for one that is too small."""
    image = in_channels(image, channels, convert)
    if preprocessing == "none":
        if image.size != (size, size):
            raise Unfit("other size", f"is {_size(image)}, not {size} x {size}: name a preprocessing: adm, edm or area")
    elif min(image.size) < size:
        raise Unfit("too small", f"is {_size(image)}, smaller than {size} x {size}")
    pixels = np.asarray({"adm": adm, "edm": edm, "area": area, "none": lambda one, _: one}[preprocessing](image, size))
    return pixels.reshape(size, size, channels).transpose(2, 0, 1)


def adm(image: Image.Image, size: int) -> Image.Image:
    """Halved by boxes while the shorter side is 2 size or more, then bicubic to a shorter side of `size`; the centre of it."""
    while min(image.size) >= 2 * size:
        image = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    scale = size / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    return centre(image, size)


def edm(image: Image.Image, size: int) -> Image.Image:
    """The centre square of the original, resized once by Lanczos' kernel."""
    return centre(image, min(image.size)).resize((size, size), Image.Resampling.LANCZOS)


def area(image: Image.Image, size: int) -> Image.Image:
    """The centre square of the original, every new pixel the mean of the area that it covers."""
    return centre(image, min(image.size)).resize((size, size), Image.Resampling.BOX)


def centre(image: Image.Image, side: int) -> Image.Image:
    """The square of this side in the middle; where it cannot be, one pixel up and left of it."""
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def in_channels(image: Image.Image, channels: int, convert: bool) -> Image.Image:
    """The image in grey or RGB. Unfit for one of another mode, unless it is to be converted as PIL does."""
    mode = MODES[channels]
    if image.mode == mode:
        return image
    if image.mode[0] in "IF":  # PIL cuts these off at 255 instead of scaling them
        raise Unfit("of more than 8 bits", f"is of mode {image.mode}, more than 8 bits a pixel: make it 8 bits, or set skip")
    if not convert:
        reason = "grey" if image.mode in ("L", "LA", "1") else f"of mode {image.mode}"
        raise Unfit(reason, f"is {reason}, not {mode} ({channels} channel{'s'[: channels > 1]}): set convert or skip, or mend it")
    return image.convert(mode)


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height}"
