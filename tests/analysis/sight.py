"""How bright a colour is, and how far two are apart to normal and to colour-blind eyes."""

import re

import numpy as np
from matplotlib.colors import to_rgb

EYES = {  # Machado, Oliveira & Fernandes 2009, severity 1; they act on linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_CONES = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip  # noqa: E501
TO_LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip  # noqa: E501


def seen(shade: str, eyes: str) -> np.ndarray:
    """OKLab (Ottosson 2020) of a colour as these eyes see it."""
    channels = np.array(to_rgb(shade))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.array(TO_LAB) @ np.cbrt(np.array(TO_CONES) @ np.clip(np.array(EYES[eyes]) @ linear, 0, 1))


def apart(one: str, other: str) -> float:
    """The least distance over all eyes."""
    return min(float(np.linalg.norm(seen(one, eyes) - seen(other, eyes))) for eyes in EYES)


def luminance(shade):
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", shade)[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
