"""What the tests of figures read off them."""

import numpy as np
from synthetic import W, value

CELL = {"sampler": "ancestral", "steps": 32}


TRADE = {**CELL, "fid": "fid_digits", "score": "is_digits"}


def mean(metric, method, n=1000):
    return [np.mean([value(metric, method, w, n, run) for run in range(4)]) for w in W]


def drawn(axes, shade, style="-"):
    """The one line of this colour and style, as (x, y)."""
    lines = [line for line in axes.lines if line.get_color() == shade and line.get_linestyle() == style]
    assert len(lines) == 1
    return lines[0].get_xdata(orig=False), lines[0].get_ydata(orig=False)
