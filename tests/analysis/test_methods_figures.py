"""Figures of many methods: every method is drawn in its family's panel, the reference in each, galleries hold every name."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import FillBetweenPolyCollection
from matplotlib.colors import to_rgba
from matplotlib.markers import MarkerStyle

from analysis.figures.colours import OF_REFERENCE, colour, look
from analysis.figures.methods import by_family, cost, image_gallery, plane_gallery
from analysis.figures.style import png
from analysis.statistics.compare import wide
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


def panels_of(figure):
    """The axes of each method, by the name over them."""
    shown = {text.get_text(): axes for axes in figure.axes for text in axes.texts if text.get_fontweight() == "bold"}
    return {name: axes for name, axes in shown.items() if axes.axison}


def test_every_method_has_a_panel_with_its_curve_and_the_references(cells):
    figure = by_family(cells, "div", "fid", FAMILY | {"elsewhere": "weak branch", "nowhere": "control"})
    panels = panels_of(figure)
    assert list(panels) == list(FAMILY), "no method of another world, and none twice"
    assert [axes._left_title.get_text() for axes in panels.values()] == ["correction", "", "weak branch"]
    plain = [[3.005, 1.005], [2.505, 2.005], [2.005, 3.005]]
    for place, (name, axes) in enumerate(panels.items(), start=1):
        grey, *own = [line for line in axes.lines if len(line.get_xydata()) == 3 and line.get_linestyle() == "-"]
        assert grey.get_color() == OF_REFERENCE and np.allclose(grey.get_xydata(), plain)
        assert [line.get_color() for line in own] == [colour(name)] and own[0].get_marker() == look(name).marker
        assert np.allclose(own[0].get_xydata(), [[3.005, 1.005], [2.505, 2.005 + place], [2.005, 3.005 + place]])
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in panels.values()}
    assert len(limits) == 1, "all panels have the same axes"
    with pytest.raises(ValueError, match="no method but classifier-free has"):
        by_family(cells, "div", "fid", {"elsewhere": "weak branch"})


def test_a_panel_says_which_w_it_holds_and_the_verdict(cells):
    wild = cells.assign(fid=cells["fid"].where((cells["method"] != "pag") | (cells["w"] != 2), 1e3))
    figure = by_family(wild, "div", "fid", FAMILY, {"pag": "another w"})
    written = {name: {text.get_text() for text in axes.texts} for name, axes in panels_of(figure).items()}
    assert {"w = 1 to 2, 1 of 2 outside", "another w", "1"} <= written["pag"] and "2" not in written["pag"]
    assert {"w = 1 to 2", "1", "2"} <= written["apg"] and "another w" not in written["apg"]


def test_a_curve_of_another_network_begins_where_that_does(cells):
    own = cells[(cells["method"] == "classifier-free") & (cells["w"] == 0)].assign(method="pag", fid=9.0)
    panels = panels_of(by_family(pd.concat([cells, own]), "div", "fid", FAMILY))
    first = {
        name: next(line for line in axes.lines if line.get_color() == colour(name)).get_ydata()[0]
        for name, axes in panels.items()
    }
    assert first == {"apg": 1.005, "tcfg": 1.005, "pag": 9.0}


def test_panels_and_galleries_fill_the_column_of_a_page_and_no_more(cells):
    images = {str(place): np.zeros((10, 8, 8), np.uint8) for place in range(7)}
    points = {str(place): (np.zeros((5, 2)), np.zeros(5, int)) for place in range(7)}
    many = pd.concat([cells, *(cells[cells["method"] == "pag"].assign(method=f"pag({i})") for i in range(20))])
    figures = [by_family(cells, "div", "fid", FAMILY), image_gallery(images), plane_gallery([], points)]
    figures += [by_family(many, "div", "fid", dict.fromkeys(many["method"].unique()[1:], "weak branch"))]
    assert all(7 < figure.get_figwidth() < 9.7 for figure in figures), "at 100 px an inch"
    assert [figure.axes[0].get_subplotspec().get_geometry()[1] for figure in figures] == [3, 2, 5, 4]


def test_at_equal_cost_every_method_has_its_own_look(cells):
    axes = cost(cells, "nfe", "fid").axes[0]
    for name in (*FAMILY, "classifier-free"):
        (own,) = (drawn for drawn in axes.collections if drawn.get_label() == name)
        assert np.allclose(own.get_facecolor(), [to_rgba(look(name).colour)])
        shape = MarkerStyle(look(name).marker)
        assert np.allclose(own.get_paths()[0].vertices, shape.get_path().transformed(shape.get_transform()).vertices)


def test_few_ways_are_all_named_and_all_in_sight(cells):
    figure = cost(cells.assign(fid=cells["fid"].mask(cells["method"] == "pag", 90.0)), "nfe", "fid")
    assert {*FAMILY, "classifier-free"} <= texts(figure) and figure.axes[0].get_ylim()[1] > 90


def test_of_many_ways_at_one_price_the_best_is_named(cells, monkeypatch):
    monkeypatch.setattr("analysis.figures.methods.NAMED", 2)
    cheap = cells.assign(fid=cells["fid"].mask(cells["method"] == "apg", 0.5).mask(cells["method"] == "pag", 0.4), nfe=16.0)
    figure = cost(cheap, "nfe", "fid")
    assert {"pag"} == texts(figure) & {*FAMILY, "classifier-free"}
    assert {text.get_text() for text in figure.axes[0].get_legend().get_texts()} == {"pag", "w = 0"}


def test_the_front_of_cost_names_the_best(cells):
    figure = cost(cells, "nfe", "fid")
    assert "classifier-free" in texts(figure), "the cheapest and best"
    (axes,) = figure.axes
    assert axes.get_xlabel() == "network evaluations per sample, over the unguided 8"
    (zero,) = (drawn for drawn in axes.collections if drawn.get_label() == "w = 0")
    assert zero.get_offsets().tolist() == [[1.0, 1.005]]


def test_the_areas_under_the_front_are_shaded_and_told(cells):
    """In shares w = 0 is (1, 2). What is 1 better at twice the price, (1.5, 1), adds a quarter."""

    def told(figure):
        return next(" ".join(text.split()) for text in texts(figure) if text.startswith("line: "))

    assert told(cost(cells, "nfe", "fid")).endswith("1.00 of plain guidance, 1.00 with all others")
    better = cells.assign(fid=cells["fid"].mask(cells["method"] == "apg", 0.005))
    figure = cost(better, "nfe", "fid")
    assert told(figure).endswith("1.00 of plain guidance, 1.25 with all others")
    shaded = [drawn for drawn in figure.axes[0].collections if isinstance(drawn, FillBetweenPolyCollection)]
    lowest = [drawn.get_paths()[0].vertices[:, 1].min() for drawn in shaded]
    assert lowest == [pytest.approx(0.005), pytest.approx(1.005)], "all, and plain guidance alone"


def test_galleries_hold_every_name_and_can_be_drawn():
    rows = {name: np.full((3, 8, 8), 40 * place, dtype=np.uint8) for place, name in enumerate(("a", "b", "c", "d"))}
    figure = image_gallery(rows, columns=2)
    assert {"a", "b", "c", "d"} <= texts(figure) and png(figure, dpi=40)
    points = {"some, w = 1": (np.zeros((5, 2)), np.zeros(5, dtype=int))}
    assert "some\nw = 1" in {axes.get_title() for axes in plane_gallery([], points).axes}
    with pytest.raises(ValueError, match="images is empty"):
        image_gallery({})
