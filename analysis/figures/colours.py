"""One colour and one marker for each name, in every figure: of a method, a sampler, a guide. The colour never depends on who is
beside it, the marker only where two variants would look the same.

The eight shades were searched for: any two are 0.10 or more apart in OKLab (Ottosson 2020), to normal eyes and through the
matrices of Machado et al. (2009) for protanopia, deuteranopia and tritanopia, and each has a contrast of 3 or more with white.
Blue is the reference's alone among methods. No two methods have both the same shade and the same marker.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple
from zlib import crc32

from matplotlib.colors import to_hex, to_rgb

SHADES = ("#1e69a5", "#d2693c", "#2da596", "#a51e4b", "#b478e1", "#5a0f0f", "#9600ff", "#3c0096")
GREY = "#5f6368"
OF_REFERENCE = "#b5b5b5"  # the reference where one other method is followed
_FIRST, _OTHERS = SHADES[0], SHADES[1:]
_METHODS = {  # family: markers, and its methods, the first being those that are shown together most often; | another marker's
    "gradient": ("sP >", "classifier classifier-mean classifier-unconditional clean-classifier discriminator dps freedom "
                 "gradient-free image-loss lgd-mc mpgd tfg universal nonrobust-classifier | classifier-at-mean"),
    "correction": ("^X", "apg adg cfg-zero-star dynamic-threshold ep-cfg fdg higs mambo-g recfg rescale static-threshold tcfg "
                   "momentum"),
    "weak branch": ("Dp d", "autoguidance block-drop icg pag sag seg self-guidance skip-layer tsg erg tpg | reg-autoguidance"),
    "classifier-free": ("v* 8", "limited-interval adaptive cached beta-cfg cads composed feedback negative null-from-classes "
                        "perp-neg scheduled two-conditions two-networks reg | c2fg power-law negative-window"),
    "with the sampler": ("<h", "cfg++ characteristic fk-steering fkc gibbs particle-guidance pcg restart self-recurrence tds "
                         "z-sampling"),
    "control": (">p", "temperature shrunk-noise"),
    "trained": ("dHd>", "guidance-free model-guidance distilled internal"),  # of families whose looks are used up
}  # fmt: skip
_BESIDE = {  # figures of other things than methods, by the shade that the first has
    0: "ancestral ddim dpm-solver++ langevin-pc ddpm heun annealed-langevin dpm-solver++-sde",  # samplers
    1: "plain robust half-unet clean implicit film untold vit early byobnet convnext joint",  # classifiers
    2: "conditional guided difference",  # fields
}
_MARKERS = "osD^vP<>Xph*"
_VARIANTS = {  # markers of those that stand together in a study, where checksums give the same one, or two alike
    "autoguidance (an eighth of the steps)": "^",
    "autoguidance (a third of the width)": "s",
    "classifier-free (after 250 steps)": "s",
    "distilled (16 steps)": "^",
    "two-conditions(coarse=2.0)": "P",
    "two-conditions(coarse=4.0)": "D",
    "two-conditions(coarse=8.0)": "^",
    "two-conditions(coarse=1.0, fine=0.0)": "X",
}


class Look(NamedTuple):
    """How a name is drawn."""

    colour: str
    marker: str


def look(name: str) -> Look:
    """The look of a name. A variant, "apg(eta=0.5)" or "plain, softplus", has the colour of its base and a marker of its own; a
    name that is not known here, of somebody else's method, one of each by a checksum of the name.
    """
    if name in _LOOKS:
        return _LOOKS[name]
    base = _base(name)
    own = crc32(name.encode())
    shade = _LOOKS[base].colour if base in _LOOKS else _OTHERS[crc32(base.encode()) % len(_OTHERS)]
    return Look(shade, _MARKERS[own % len(_MARKERS)])


def looks(names: Iterable[str]) -> dict[str, Look]:
    """The looks of what shares a figure, in the order given: of two variants that would look the same the later by name has the
    next marker that nobody beside it has in this colour. The names of the tables above keep their own.
    """
    names = list(dict.fromkeys(names))
    found: dict[str, Look] = {}
    for name in sorted(names, key=lambda name: (name not in _LOOKS, name)):
        shade, marker = look(name)
        taken = {own.marker for own in found.values() if own.colour == shade}
        free = (other for other in (marker, *_MARKERS) if other not in taken)
        found[name] = Look(shade, next(free, marker))
    return {name: found[name] for name in names}


def colour(method: str, among: object = None) -> str:
    """The method's own colour; `among`, who else is in the figure, does not matter."""
    return look(method).colour


def ink(shade: str, least: float = 4.5) -> str:
    """The shade, darkened until letters in it have this contrast with white (WCAG 2.2, 1.4.3)."""
    channels = list(to_rgb(shade))
    while contrast(channels) < least:
        channels = [0.95 * channel for channel in channels]
    return to_hex(channels)


def contrast(channels: list[float]) -> float:
    """The contrast of an sRGB colour, channels from 0 to 1, with white (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def _looks() -> dict[str, Look]:
    looks = {"classifier-free": Look(_FIRST, "o"), "exact": Look(GREY, "o")}
    for first, (markers, names) in enumerate(_METHODS.values()):
        for own, group in zip(markers.split(), names.split("|")):
            for place, name in enumerate(group.split()):
                looks[name] = Look(_OTHERS[(first + place) % len(_OTHERS)], own[place % len(own)])
    for first, names in _BESIDE.items():
        for place, name in enumerate(names.split()):
            looks[name] = Look(SHADES[(first + place) % len(SHADES)], _MARKERS[place])
    return looks | {name: Look(looks[_base(name)].colour, marker) for name, marker in _VARIANTS.items()}


def _base(name: str) -> str:
    return re.split(r"[(,]| on ", name)[0].strip()


_LOOKS = _looks()
