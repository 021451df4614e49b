"""Tables of the exact worlds made by hand, and what their figures hold."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from analysis.figures.style import GREY
from analysis.table import COLUMNS

W, STEPS, RUNS = (0.0, 1.0, 4.0), (16, 64, 256), 3


SAMPLERS = {"ancestral": 1.0, "ddim": 2.0}


def kl(sampler, steps, w, method="classifier-free"):
    return SAMPLERS[sampler] * (0.1 + w) * (1 + 8 / steps) * (1.5 if method == "temperature" else 1)


def floor(w):
    return 0.02 + 0.001 * w


def rows_of(world, method, w, sampler, steps, metric, value, seeds=range(RUNS), train_seed=-1, n=3000):
    """Run s lies 5 % of the value above run s - 1."""
    return [(world, train_seed, method, w, sampler, steps, s, n, metric, value * (1 + 0.05 * s)) for s in seeds]


def plane(metric="kl_tilted"):
    rows = []
    for w in W:
        rows += rows_of("gaussians", "tilted draws", w, "", 0, metric, floor(w))
        rows += rows_of("gaussians", "tilted draws", w, "", 0, metric, 9.0, n=50)  # of another n: beside no curve
        for sampler in SAMPLERS:
            for steps in STEPS:
                rows += rows_of("gaussians", "classifier-free", w, sampler, steps, metric, kl(sampler, steps, w))
        rows += rows_of("gaussians", "classifier-free", w, "ddim", 16, metric, 7.0, n=50)
        rows += rows_of("gaussians", "temperature", w, "ancestral", 64, metric, kl("ancestral", 64, w, "temperature"))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def named(axes):
    """The names at the ends of curves, by colour."""
    return {text.get_text(): to_hex(text.get_color()) for text in axes.texts}


def dashed(axes):
    (line,) = [line for line in axes.lines if to_hex(line.get_color()) == GREY]
    return np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
