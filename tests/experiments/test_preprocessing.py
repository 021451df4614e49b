"""Three ways to make an image small, each against its definition in numpy, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from experiments.worlds.preprocessing import Unfit, adm, area, edm, prepare


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def kernel(x: np.ndarray, name: str) -> np.ndarray:
    x = np.abs(x)
    if name == "bicubic":  # Keys', a = -1/2
        return np.where(x < 1, 1.5 * x**3 - 2.5 * x**2 + 1, np.where(x < 2, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2, 0))
    if name == "lanczos":
        return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return np.where(x <= 0.5, 1.0, 0)


def resampled(pixels: np.ndarray, size: int, name: str) -> np.ndarray:
    """The rows of an array at `size` places, each a mean by the kernel, which is as wide as the new pixel."""
    scale = max(1.0, len(pixels) / size)
    at = (np.arange(size) + 0.5) * len(pixels) / size
    weights = kernel((np.arange(len(pixels)) + 0.5 - at[:, None]) / scale, name)
    return np.tensordot(weights / weights.sum(1, keepdims=True), pixels, 1)


def both(pixels: np.ndarray, height: int, width: int, name: str) -> np.ndarray:
    across = resampled(pixels.astype(float).transpose(1, 0, 2), width, name).round().clip(0, 255)
    return resampled(across.transpose(1, 0, 2), height, name)


def test_edm_is_the_centre_square_by_lanczos():
    image = picture(50, 38)
    wanted = both(np.asarray(image)[:, 6:44], 16, 16, "lanczos")
    assert np.abs(np.asarray(edm(image, 16)) - wanted).max() <= 1.5


def test_area_is_the_centre_square_by_means():
    image = picture(48, 67)
    wanted = np.asarray(image)[9:57].reshape(16, 3, 16, 3, 3).mean((1, 3))
    assert np.abs(np.asarray(area(image, 16)) - wanted).max() <= 1


def test_adm_halves_by_boxes_then_is_bicubic_and_takes_the_centre():
    image = picture(150, 90)  # 90 -> 45 -> 22 at 11; 150 -> 75 -> 37
    halved = np.asarray(image).reshape(45, 2, 75, 2, 3).mean((1, 3)).round()
    assert np.abs(np.asarray(adm(image, 45))[:, :] - halved[:, 15:60]).max() <= 1, "a step to its own size"
    wide = both(np.asarray(image), 60, 100, "bicubic")[:, 20:80]
    assert np.abs(np.asarray(adm(image, 60)) - wide.clip(0, 255)).max() <= 1.5


def test_the_three_are_three_and_none_of_them_changes_what_has_the_size():
    image, small = picture(300, 200), picture(16, 16)
    made = {name: prepare(image, 16, 3, name).astype(float) for name in ("adm", "edm", "area")}
    assert all(one.shape == (3, 16, 16) for one in made.values())
    assert min(np.abs(made[a] - made[b]).mean() for a, b in (("adm", "edm"), ("adm", "area"), ("edm", "area"))) > 1
    for name in ("adm", "edm", "area", "none"):
        assert np.array_equal(prepare(small, 16, 3, name), np.asarray(small).transpose(2, 0, 1))


def test_what_does_not_fit_is_named():
    grey = picture(20, 20).convert("L")
    for image, channels, name, words in (
        (picture(20, 15), 3, "adm", "is 20 x 15, smaller than 16 x 16"),
        (picture(20, 20), 3, "none", "is 20 x 20, not 16 x 16: name a preprocessing"),
        (grey, 3, "adm", r"is grey, not RGB \(3 channels\)"),
        (picture(20, 20), 1, "edm", r"is of mode RGB, not L \(1 channel\)"),
        (picture(20, 20).convert("RGBA"), 3, "area", "mode RGBA"),
    ):
        with pytest.raises(Unfit, match=words):
            prepare(image, 16, channels, name)
    assert len(set(prepare(grey, 16, 3, "edm", convert=True).reshape(3, -1).T[0])) == 1, "grey in three channels"
    assert prepare(picture(20, 20), 16, 1, "edm", convert=True).shape == (1, 16, 16)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_8_bits_are_refused_since_pil_would_cut_them_off(mode):
    deep = Image.fromarray(np.linspace(0, 65535, 256).reshape(16, 16).astype({"I;16": "u2", "I": "i4", "F": "f4"}[mode]))
    assert deep.mode == mode
    for channels in (1, 3):
        with pytest.raises(Unfit, match=r"more than 8 bits a pixel"):
            prepare(deep, 16, channels, "none", convert=True)
