"""No label over another: of made figures at the limit, and of every figure of the studies that are committed."""

from pathlib import Path

import numpy as np
import pytest
from made import of_guides, of_methods
from matplotlib.text import Text

from analysis.figures.curves import accuracy_against_w, fid_by_sampler, metric_against_w
from analysis.figures.fid_is import fid_is_curve
from analysis.figures.labels import _spread, label_points, name_ends, overlapping
from analysis.figures.style import GREY, head, panels
from analysis.reports import REPORTS
from analysis.table import read_table, summarise

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_texts_over_each_other_and_over_the_edge_are_found():
    figure, (axes,) = panels(1, 1, (4.0, 3.0))
    axes.plot([0, 1], [0, 1])
    assert overlapping(figure) == []
    axes.annotate("one", (0.5, 0.5))
    axes.annotate("two", (0.51, 0.5))
    assert overlapping(figure) == [("one", "two")]
    figure.text(0.99, 0.5, "beyond")
    assert ("beyond", "the edge") in overlapping(figure)


def test_a_bar_of_no_length_is_no_hindrance():
    _, (axes,) = panels(1, 1, (4.0, 3.0))
    axes.errorbar([0, 1, 2], [0, 1, 2], xerr=[0.1, np.nan, 0.1], yerr=[0.1, np.nan, 0.1])
    assert label_points(axes, [(1.0, 1.0, "one", "#1e69a5")]) == []


@pytest.mark.parametrize("count", [3, 9, 24])
def test_names_of_curves_that_end_together_are_written_apart(count):
    figure, (axes,) = panels(1, 1, (5.0, 3.0))
    axes.plot([0, 1], [0, 1])
    names = [f"method {place}" for place in range(count)]
    name_ends(axes, [(0.9 + 0.001 * place, name, "#1e69a5", "o") for place, name in enumerate(names)])
    assert overlapping(figure) == []
    heights = {text.get_text(): Text.get_window_extent(text).y0 for text in axes.texts}
    assert sorted(names, key=heights.get) == names, "in the order of the curves"


def test_intervals_are_spread_no_further_than_they_must():
    apart = _spread(np.array([10.0, 50.0, 90.0]), np.full(3, 8.0), 100.0)
    assert list(apart) == [10, 50, 90]
    together = _spread(np.array([48.0, 50.0, 52.0]), np.full(3, 8.0), 100.0)
    assert list(together) == [42, 50, 58]
    at_the_top = _spread(np.array([99.0, 99.5, 20.0][:2]), np.full(2, 8.0), 100.0)
    assert list(at_the_top) == [88, 96]


def test_numbers_of_a_crowd_find_room_or_are_left_out_and_named():
    figure, (axes,) = panels(1, 1, (5.0, 4.0))
    angle = np.linspace(0, 5.5, 14)
    x, y = 0.5 + 0.04 * np.cos(angle), 0.5 + 0.04 * np.sin(angle)
    axes.plot(x, y, marker="o")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    points = [(*at, f"{place / 8:g}", "#a51e4b") for place, at in enumerate(zip(x, y))]
    assert label_points(axes, points) == []
    assert overlapping(figure) == []
    assert sum(text.arrow_patch is not None for text in axes.texts) > 5, "some have a line to their point"
    same = label_points(axes, [(0.5, 0.5, "a label as long as this one", "#a51e4b")] * 60)
    assert 0 < len(same) < 60 and overlapping(figure) == []


@pytest.mark.slow
@pytest.mark.parametrize(("study", "sampler", "steps"), [("fashion", "dpm-solver++ on logsnr", 10), ("digits", "ancestral", 32)])
def test_the_curves_of_a_committed_study_have_no_text_over_another(study, sampler, steps):
    summary = summarise(read_table(RESULTS / f"{study}-full-cpu" / "table.csv"))
    summary = summary[~summary["method"].str.contains("after")]
    at = {"sampler": sampler, "steps": steps}
    curve = fid_is_curve(summary, **at, fid=f"fid_{study}", score=f"is_{study}")
    written = [text.get_text() for axes in curve.axes for text in axes.texts]
    ws = summary[(summary["metric"] == f"is_{study}") & (summary["steps"] == steps) & (summary["sampler"] == sampler)]["w"]
    assert {f"{w:g}" for w in ws} <= set(written), "every w is written, at small w too"
    figures = [curve, accuracy_against_w(summary, **at), fid_by_sampler(summary, f"fid_{study}")]
    figures += [metric_against_w(summary, f"{name}_{study}", **at, log=True) for name in ("fid", "is")]
    assert [overlapping(figure) for figure in figures] == [[]] * len(figures)


@pytest.mark.slow
@pytest.mark.parametrize(("report", "results"), [("comparison", of_methods), ("guides", of_guides)])
def test_every_figure_of_a_report_has_no_text_over_another(report, results, monkeypatch):
    monkeypatch.setattr("analysis.reports.html.png", lambda figure: b"")  # what is looked at are the figures, laid out, not files
    pictures = [picture for section in REPORTS[report](results()).sections for picture in section.figures]
    assert len(pictures) > 5 and {picture.name: overlapping(picture.figure) for picture in pictures} == {
        picture.name: [] for picture in pictures
    }


def test_names_have_the_room_that_the_layout_leaves():
    """Letters are as small as the axes need that stand below a title and above a label, not those of an empty figure."""
    figure, (axes,) = panels(1, 1, (5, 3))
    axes.plot([0, 1], [0, 1])
    head(axes, "A title of many words " * 4, "and what stands below it " * 8)
    axes.set_xlabel("one\ntwo\nthree\nfour")
    name_ends(axes, [(k / 20, f"name {k}", GREY) for k in range(12)])
    assert not overlapping(figure)
