"""Figures of many methods: every method is drawn in its family's panel, the reference in each, galleries hold every name."""

import numpy as np
import pandas as pd
import pytest

from analysis.compare import wide
from analysis.methods_figures import by_family, cost, image_gallery, plane_gallery
from analysis.style import png
from analysis.table import summarise

FAMILY = {"apg": "correction", "tcfg": "correction", "pag": "weak branch"}


@pytest.fixture(scope="module")
def cells():
    rows = []
    for place, method in enumerate(("classifier-free", *FAMILY)):
        for w in (0.0, 1.0, 2.0) if method == "classifier-free" else (1.0, 2.0):
            for seed in (0, 1):
                here = {
                    "world": "moons",
                    "train_seed": 0,
                    "method": method,
                    "w": w,
                    "sampler": "ddim",
                    "steps": 8,
                    "seed": seed,
                    "n": 9,
                }
                values = {
                    "fid": 1 + w + place + 0.01 * seed,
                    "div": 3 - w / 2 + 0.01 * seed,
                    "nfe_denoiser_forward": 8 * (1 + (w > 0)),
                }
                rows += [{**here, "metric": name, "value": value} for name, value in values.items()]
    return wide(summarise(pd.DataFrame(rows)), world="moons", sampler="ddim")


def texts(figure):
    return {text.get_text() for axes in figure.axes for text in (*axes.texts, axes.title, axes._left_title) if text.get_text()}


def test_every_method_has_its_curve_beside_the_reference(cells):
    figure = by_family(cells, "div", "fid", FAMILY | {"elsewhere": "weak branch", "nowhere": "control"})
    assert {"correction", "weak branch", *FAMILY} <= texts(figure)
    assert not {"elsewhere", "nowhere", "control"} & texts(figure), "methods of another world"
    correction = next(axes for axes in figure.axes if axes._left_title.get_text() == "correction")
    curves = [line.get_xydata() for line in correction.lines if len(line.get_xydata()) == 3]
    assert any(np.allclose(curve, [[3.005, 1.005], [2.505, 2.005], [2.005, 3.005]]) for curve in curves), "the reference"
    starts = [curve[0] for curve in curves]
    assert len(curves) == 3 and np.allclose(starts, starts[0]), "every curve begins at the conditional model"


def test_the_front_of_cost_names_the_best(cells):
    figure = cost(cells, "nfe", "fid", FAMILY)
    assert "classifier-free" in texts(figure), "the cheapest and best"
    assert figure.axes[0].get_xlabel() == "network evaluations per sample"


def test_galleries_hold_every_name_and_can_be_drawn():
    rows = {name: np.full((3, 8, 8), 40 * place, dtype=np.uint8) for place, name in enumerate(("a", "b", "c", "d"))}
    figure = image_gallery(rows, columns=2)
    assert {"a", "b", "c", "d"} <= texts(figure) and png(figure, dpi=40)
    points = {"some, w = 1": (np.zeros((5, 2)), np.zeros(5, dtype=int))}
    assert "some\nw = 1" in {axes.get_title() for axes in plane_gallery([], points).axes}
    with pytest.raises(ValueError, match="images is empty"):
        image_gallery({})
