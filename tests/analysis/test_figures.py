"""What is drawn is what the table holds: the data of lines, bars and images are read back from the figure."""

import numpy as np
import pandas
import pytest
from matplotlib.colors import to_hex
from read_off import CELL, TRADE, drawn, mean
from synthetic import METHODS, W, study

from analysis.figures.colours import colour, ink
from analysis.figures.curves import EVALUATOR, GUIDE, accuracy_against_w, fid_by_sampler, metric_against_w
from analysis.figures.fid_is import fid_is_curve
from analysis.figures.labels import overlapping
from analysis.figures.style import REAL_LINE, panels, scale_log, scale_shares
from analysis.metrics import metric
from analysis.paper.beside import beside_paper
from analysis.table import summarise


@pytest.fixture(scope="module")
def summary():
    return summarise(study())


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("metric", ["fid_digits", "is_digits"])
def test_curves_hold_the_means_and_bands_the_deviations(summary, metric):
    (axes,) = metric_against_w(summary, metric, **CELL).axes
    for method in METHODS:
        x, y = drawn(axes, colour(method))
        np.testing.assert_allclose(x, W)
        np.testing.assert_allclose(y, mean(metric, method))
    sd = np.std([0.01, 0.05], ddof=1)  # of two trainings of two runs
    band = axes.collections[0].get_paths()[0].vertices
    heights = band[np.isclose(band[:, 0], 4.0), 1]
    first = summary.query("metric == @metric and sampler == 'ancestral' and n == 1000")["method"].iloc[0]
    top = mean(metric, first)[-1]
    assert heights.min() == pytest.approx(top - sd) and heights.max() == pytest.approx(top + sd)


def test_real_data_stands_beside_samples_of_its_own_n(summary):
    figure = metric_against_w(summary, "fid_digits", **CELL)
    (axes,) = figure.axes
    for method in METHODS:
        np.testing.assert_allclose(drawn(axes, colour(method), "--")[1], mean("fid_digits", method, n=500))
    real = [line for line in axes.lines if line.get_label() == "real"]
    assert len(real) == 1 and set(real[0].get_ydata()) == {0.37}
    assert "real test set\ndigits (n = 500)" in texts(figure) and any("dashed: n = 500" in text for text in texts(figure))


def test_a_study_without_parts_or_real_data_is_drawn_without_them(summary):
    figure = metric_against_w(summary[summary["n"] == 1000], "fid_digits", **CELL)
    assert len(figure.axes[0].lines) == 2 and not any("real" in text or "dashed" in text for text in texts(figure))


@pytest.mark.parametrize(("moved", "seen"), [(0.005, False), (0.05, True)])
def test_the_curve_at_the_other_n_is_drawn_where_it_can_be_seen(moved, seen):
    """The synthetic curve spans 1.15 and its n = 500 twin lies `moved` above it, in one cell only."""
    table = study(runs=1)
    table.loc[table["n"] == 500, "value"] -= 0.1 * (table.loc[table["n"] == 500, "method"] != "real")
    table.loc[(table["n"] == 500) & (table["w"] == 0.5) & (table["method"] == "classifier"), "value"] += moved
    figure = metric_against_w(summarise(table), "fid_digits", **CELL)
    assert sum(line.get_linestyle() == "--" for line in figure.axes[0].lines if line.get_label() != "real") == 2 * seen
    said = texts(figure)
    assert any("solid: n = 1,000, dashed: n = 500" in text for text in said) == seen
    assert any(text.endswith("; n = 1,000") for text in said) != seen
    assert "real test set\ndigits (n = 500)" in said


def test_the_line_of_real_data_is_no_dashed_curve(summary):
    (axes,) = metric_against_w(summary, "fid_digits", **CELL).axes
    dashes = {line.get_label(): line._unscaled_dash_pattern[1] for line in axes.lines if line.get_linestyle() == "--"}
    assert len(REAL_LINE["linestyle"][1]) == 4 and list(dashes["real"]) == list(REAL_LINE["linestyle"][1])  # dash, gap, dot, gap
    assert all(len(dash) == 2 for name, dash in dashes.items() if name != "real")


def test_a_saved_picture_says_what_it_shows(summary):
    (axes,) = metric_against_w(summary, "fid_digits", **CELL).axes
    assert axes.get_ylabel().replace("\n", " ") == "Fréchet distance on digits features (lower is better)"
    assert axes.get_title(loc="left") == "Fréchet distance on digits features"
    assert metric("is_moons").heading == "Inception score (higher is better)"
    assert metric("is_moons").label == "Inception score on moons features (higher is better)"
    assert metric("precision_x").heading.startswith("precision (") and "k =" not in metric("precision_x").heading
    assert metric("recall_x").heading.startswith("recall (")
    assert metric("fid_pixels").heading != metric("fid_digits").heading
    assert metric("novel").heading == metric("novel").label == "novel"
    figures = [accuracy_against_w(summary, **CELL), fid_by_sampler(summary, "fid_digits"), beside_paper(summary, **TRADE)]
    assert all(figure.axes[0].get_ylabel() for figure in figures) and all(axes.get_ylabel() for axes in figures[2].axes)


def test_the_value_at_zero_and_the_minimum_can_be_read(summary):
    (axes,) = metric_against_w(summary, "fid_digits", **CELL, log=True).axes
    assert axes.get_yscale() == "log"
    written = {text.get_text(): text.xy for text in axes.texts if hasattr(text, "xy")}
    for method, least, plain in (("classifier-free", "0.28", "0.33"), ("classifier", "0.3", "0.35")):
        np.testing.assert_allclose(written[least], (0.1, mean("fid_digits", method)[1]))
        np.testing.assert_allclose(written[plain], (0, mean("fid_digits", method)[0]))


def test_a_point_that_methods_share_is_labelled_once():
    table = study(runs=1)
    table.loc[table["w"] == 0, "value"] = 0.3
    for figure, text in (
        (metric_against_w(summarise(table), "fid_digits", **CELL, log=True), "0.3"),
        (fid_is_curve(summarise(table), **TRADE), "0"),
    ):
        assert sum(found.get_text() == text for found in figure.axes[0].texts) == 1


def ticks(axes):
    axes.figure.draw_without_rendering()
    low, high = axes.get_ylim()
    return [text.get_text() for y, text in zip(axes.get_yticks(), axes.get_yticklabels()) if low <= y <= high]


def test_less_than_a_decade_has_ticks_enough_and_less_than_four_is_linear():
    for values, scale in (([2.2, 6.3], "linear"), ([1.6, 8.0], "log"), ([0.2, 90.0], "log"), ([-0.01, 5.0], "linear")):
        _, (axes,) = panels(1, 1, (5.0, 4.0))
        axes.plot([0, 1], values)
        scale_log(axes)
        assert axes.get_yscale() == scale and len(ticks(axes)) >= 5, values
        assert not any("10^" in text for text in ticks(axes))


def test_each_metric_has_a_panel_and_each_w_a_tick(summary):
    figure = metric_against_w(summary, ["precision_digits", "recall_digits"], **CELL)
    assert [axes.get_ylabel().split()[0] for axes in figure.axes] == ["precision", "recall"]
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "0.1", "0.5", "4"]
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:]))


def test_names_beside_curves_do_not_cover_each_other(summary):
    figure = metric_against_w(summary, "recall_digits", **CELL)
    figure.draw_without_rendering()
    names = [text for text in figure.axes[0].texts if text.get_text() in METHODS or "real" in text.get_text()]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 3
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_trade_off_has_score_to_the_right_and_fid_upwards(summary):
    figure = fid_is_curve(summary, **TRADE)
    (axes,) = figure.axes
    for method in METHODS:
        x, y = drawn(axes, colour(method))
        np.testing.assert_allclose(x, mean("is_digits", method))
        np.testing.assert_allclose(y, mean("fid_digits", method))
        numbers = [text for text in axes.texts[1:] if text.get_text() in {f"{w:g}" for w in W}]
        named = {text.get_text(): text.xy for text in numbers if text.get_color() == ink(colour(method))}
        assert sorted(named, key=float) == [f"{w:g}" for w in W]  # every point bears its own w
        np.testing.assert_allclose([named[f"{w:g}"] for w in W], np.transpose([x, y]))
    assert axes.get_title(loc="left") == "FID against Inception score, on digits features"
    assert axes.get_xlabel() == "Inception score on digits features (higher is better)"
    assert axes.get_ylabel().replace("\n", " ") == "Fréchet distance on digits features (lower is better)"


def test_what_is_worse_than_no_guidance_leaves_the_others_a_panel_of_their_own(summary):
    """In the trade-off: the far method is named and numbered in the first panel, the others in the second, each point once."""
    far = summary[(summary["method"] == "classifier") & (summary["w"] > 0)].replace({"method": {"classifier": "apg"}})
    far.loc[far["metric"] == "fid_digits", "value"] *= 50
    figure = fid_is_curve(pandas.concat([summary, far]), **TRADE)
    shown = [{text.get_text() for text in axes.texts} for axes in figure.axes]
    assert "apg" in shown[0] and not {"classifier", "0"} & shown[0]
    assert {*METHODS, "0"} <= shown[1] and "apg" not in shown[1] and any("without apg" in text for text in shown[1])
    for axes in figure.axes:  # but all are drawn in the first
        np.testing.assert_allclose(drawn(axes, colour("classifier"))[1], mean("fid_digits", "classifier"))
    assert len(drawn(figure.axes[0], colour("apg"))[1]) == 3 and overlapping(figure) == []
    near = far.assign(value=far["value"] / 50)
    assert len(fid_is_curve(pandas.concat([summary, near]), **TRADE).axes) == 1, "no method is far from the others"


def test_accuracy_sets_both_classifiers_beside_each_other(summary):
    figure = accuracy_against_w(summary, **CELL)
    for axes in figure.axes:
        method = axes.get_title(loc="left").removeprefix("Accuracy of ").removesuffix(" samples")
        np.testing.assert_allclose(drawn(axes, EVALUATOR)[1], mean("accuracy_evaluator", method))
        np.testing.assert_allclose(drawn(axes, GUIDE)[1], mean("accuracy_guide", method))


def test_many_methods_are_drawn_two_a_row_as_wide_as_a_page(summary):
    names = {"classifier": "apg", "classifier-free": "cfg++"}
    many = pandas.concat([summary, summary[summary["method"] != "real"].replace({"method": names})])
    figure = accuracy_against_w(many, **CELL)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 4 and figure.get_size_inches()[0] == 5.6 * 2
    assert [bool(axes.get_ylabel()) for axes in shown] == [True, False, True, False]


def test_the_classifier_is_called_guiding_only_where_it_guides(summary):
    def called(table):
        panes = accuracy_against_w(table, **CELL).axes
        return {pane.get_title(loc="left").split()[2]: [text.get_text() for text in pane.texts] for pane in panes}

    names = called(summary)
    assert "guiding\nclassifier" in names["classifier"] and "noise-aware\nclassifier" not in names["classifier"]
    assert "noise-aware\nclassifier" in names["classifier-free"] and "guiding\nclassifier" not in names["classifier-free"]
    unpriced = called(summary[~summary["metric"].str.startswith("nfe")])
    assert "noise-aware\nclassifier" in unpriced["classifier"]  # true of every study, priced or not


def bars(axes, shade):
    """Ends (k, 2) of the vertical error bars of this colour."""
    found = [group for group in axes.collections if hasattr(group, "get_segments") and to_hex(group.get_color()[0]) == shade]
    return np.array([segment[:, 1] for group in found for segment in group.get_segments()])


def test_one_run_has_wilson_intervals_and_several_have_deviations(summary):
    table = study(runs=1)
    table.loc[table["metric"] == "accuracy_evaluator", "value"] = 0.9
    table.loc[(table["metric"] == "accuracy_guide"), "value"] = 1.0
    figure = accuracy_against_w(summarise(table), **CELL)
    for axes in figure.axes:
        ends = bars(axes, EVALUATOR)  # each end is the share of which 0.9 lies 1.96 standard errors away, for n = 1,000
        np.testing.assert_allclose((0.9 - ends) / np.sqrt(ends * (1 - ends) / 1000), [[1.959964, -1.959964]] * len(W), rtol=1e-6)
        np.testing.assert_allclose(bars(axes, GUIDE), [[0.996173, 1.0]] * len(W), atol=1e-6)  # n / (n + z^2)
        assert axes.get_ylim()[0] < ends.min() and axes.get_ylim()[1] < 1.05
    assert any("95 % Wilson" in text for text in texts(figure))
    several = accuracy_against_w(summary, **CELL)
    assert not any("Wilson" in text for text in texts(several)) and len(bars(several.axes[0], EVALUATOR)) == 0


def test_shares_near_one_have_two_decimals_and_no_tick_above_one():
    _, (axes,) = panels(1, 1, (5.0, 4.0))
    axes.plot([0, 1], [0.982, 1.0])
    scale_shares(axes)
    assert ticks(axes) == ["0.98", "0.99", "1.00"]


def test_rings_of_coinciding_minima_are_both_seen():
    table = study(runs=1)
    table.loc[table["w"] == 0.1, "value"] = 0.1
    for axes in fid_by_sampler(summarise(table), "fid_digits").axes:
        rings = [line for line in axes.lines if len(line.get_xdata()) == 1]
        assert len({line.get_markersize() for line in rings}) == 2 and {line.get_ydata()[0] for line in rings} == {0.1}


def test_a_minimum_may_lie_below_zero():
    table = study(runs=1)
    extra = [table[table["w"] == 0.1].assign(w=w, value=lambda t, s=s: t["value"] * s) for w, s in ((-0.5, 1.1), (-0.25, 0.9))]
    figure = fid_by_sampler(summarise(pandas.concat([table, *extra])), "fid_digits")
    assert {line.get_xdata()[0] for axes in figure.axes for line in axes.lines if len(line.get_xdata()) == 1} == {-0.25}
