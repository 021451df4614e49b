"""A grid of two scales of known numbers: its cells, what is drawn and tabled, what is told, and where there is no grid."""

import pandas as pd
import pytest
from made import CARD, pictures, results

from analysis import metrics
from analysis.figures.two_scales import heat_maps
from analysis.findings import found, two_scales
from analysis.pages import filled
from analysis.reports import REPORTS
from analysis.results import WorldFacts
from analysis.statistics.two_scales import grids, means, measures
from analysis.table import COLUMNS

CURVES = {"a": (1.0, 0.0), "b": (1.0, 2.1), "c": (0.0, 0.7), "d": (0.1, 1.0)}  # name: fine, coarse
WS = {"a": (0.0, 1.0), "b": (0.0, 1.0), "c": (0.0, 3.0), "d": (0.0,)}
CELLS = {(1.0, 1.0), (2.0, 1.0), (2.0, 3.1), (1.0, 3.1)}  # 1 + 0.7 * 3 is no 3.1 in floats
METRICS = ["fid_digits", "fid_other", "accuracy_evaluator", "second_label", "diversity_digits", "diversity_other"]
SHOWN = ["fid_digits", "accuracy_evaluator", "second_label", "diversity_digits"]


@pytest.fixture(autouse=True)
def described(monkeypatch):
    """As the study's package describes it, which analysis does not know."""
    words = "share of samples with the second label asked for"
    monkeypatch.setitem(metrics._BY_NAME, "second_label", metrics.Metric("second_label", words, "", True, shown=2))


def value(metric, one, two, run):
    """The distance is smallest at (2, 3.1); the second label rises by 0.21 at every run, accuracy falls by what its run says."""
    far, noise = abs(one - 2) + abs(two - 3.1), 0.04 * run
    by_kind = {
        "fid": 1 + far + noise,
        "second": 0.5 + (two - 1) / 10 + 0.01 * run,
        "accuracy": 0.9 - (two - 1) * (run - 2.4) / 10,
    }
    return by_kind.get(metric.split("_")[0], 0.4 - 0.1 * one + noise)


def table(words="", runs=6, curves=CURVES):
    rows = []
    for method in curves:
        fine, coarse = CURVES[method]
        for w, run, metric in ((w, run, metric) for w in WS[method] for run in range(runs) for metric in METRICS):
            place = ("digits", run // 2, method + words, w, "ddim", 8, run % 2, 100, metric)
            rows.append((*place, value(metric, 1 + fine * w, 1 + coarse * w, run)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def shares(words=""):
    return pd.DataFrame(
        [("digits", name + words, *own) for name, own in CURVES.items()], columns=["world", "method", "fine", "coarse"]
    )


def made(frame, **tables):
    return results(frame, [WorldFacts("digits", 10, (1, 8, 8), CARD, False, 100)], pictures(), tables=tables)


def test_a_cell_has_each_run_once_however_many_curves_meet_in_it():
    grid = grids(table(), shares())[""]
    rows = grid[grid["metric"] == "fid_digits"]
    assert set(zip(rows["class_scale"], rows["second_scale"])) == CELLS and len(rows) == 6 * len(CELLS)
    cell = means(grid, "fid_digits").loc[(2.0, 3.1)]
    assert cell["value"] == pytest.approx(1.1) and cell["sd"] == pytest.approx(0.08)  # of the three trainings' means
    with pytest.raises(ValueError, match="no cell of two scales has kid"):
        means(grid, "kid")
    both = pd.concat([table(), table(" (exact)")]), pd.concat([shares(), shares(" (exact)")])
    assert list(grids(*both)) == ["", " (exact)"]


@pytest.mark.slow
def test_one_curve_or_no_shares_are_no_grid(undrawn):
    assert grids(table(), None) == grids(table(), shares()[:0]) == grids(table(curves=("b",)), shares()) == {}
    for frame, tables in ((table(), {}), (table(curves=("b",)), {"scales": shares()})):
        plain = made(frame, **tables)
        assert two_scales.sentences(plain) == []
        assert "Two scales" not in [section.heading for section in REPORTS["trade-off"](plain).sections]


def test_what_is_shown_are_the_main_features_alone():
    assert measures(METRICS) == SHOWN
    exact = ["accuracy_exact", "std_within_class", "frechet_exact"]
    assert measures(exact) == ["frechet_exact", "accuracy_exact", "std_within_class"] and measures(["is_digits"]) == []


def test_the_heat_maps_write_each_mean_in_its_cell_and_make_better_ones_darker():
    figure = heat_maps(grids(table(), shares())[""], SHOWN, "ddim")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert len(panels) == len(SHOWN)
    for axes, metric in zip(panels, SHOWN):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "3.1"]
        assert [text.get_text() for text in axes.get_yticklabels()] == ["1", "2"]
        written = [float(text.get_text()) for text in axes.texts if text.get_text().replace(".", "").isdigit()]
        known = [sum(value(metric, one, two, run) for run in range(6)) / 6 for one, two in sorted(CELLS)]
        assert written == pytest.approx(known, abs=0.01)
        mesh = axes.collections[0]
        light = mesh.to_rgba(mesh.get_array().ravel())[:, :3].sum(1)
        order = sorted(range(4), key=lambda cell: known[cell], reverse=not metric.startswith("fid"))
        assert light[order[0]] < light[order[-1]]


@pytest.mark.slow
def test_the_section_has_a_table_of_each_measure_with_class_scales_down():
    (section,) = [one for one in REPORTS["trade-off"](made(table(), scales=shares())).sections if one.heading == "Two scales"]
    assert [figure.name for figure in section.figures] == ["two_scales"] and not section.notes
    assert len(section.tables) == len(SHOWN) and "accuracy asks for the pair" in section.text
    frame = section.tables[0][1]
    assert list(frame.index) == ["1", "2"] and list(frame.columns) == ["second scale 1", "second scale 3.1"]
    assert frame.loc["2", "second scale 3.1"] == "1.100 ± 0.080"


def test_the_findings_begin_with_the_second_scale_alone_and_the_lowest_pair():
    alone, _, lowest = found(made(table(), scales=shares()))[:3]
    assert alone.startswith("With two scales, at class scale 1, from second scale 1 to 3.1 the share of samples with")
    assert (
        "rises from 0.525 to 0.735 (difference 0.210, 95 % interval 0.210 to 0.210 over 3 trainings x 2 sampling seeds)" in alone
    )
    assert "the accuracy, independent evaluator does not measurably move from 0.900 to 0.879" in alone
    assert "the Fréchet distance on digits features falls from 4.20 to 2.10" in alone
    assert (
        "Of 4 pairs of scales the Fréchet distance on digits features is lowest at class scale 2 and second scale 3.1" in lowest
    )
    assert "1.10, beside 4.20 without guidance" in lowest
    one = found(made(table(runs=1), scales=shares()))[0]
    assert "falls from 4.10 to 2.00 (one run: no interval)" in one


def test_the_step_of_the_second_scale_is_told_where_the_class_is_guided_too():
    rows = table()
    corner = (rows["method"] == "b") & (rows["w"] == 1)
    rows["value"] += 0.5 * (corner & (rows["metric"] == "fid_digits"))
    rows["value"] += 0.01 * (rows["train_seed"] - 1) * (corner & (rows["metric"] == "second_label"))
    _, both, lowest = two_scales.sentences(made(rows, scales=shares()))
    assert both.startswith("At class scale 2 the step from second scale 1 to 3.1 moves the share of samples with the second")
    assert "by 0.210 instead of 0.210 (not measurably another: difference " in both
    assert "the Fréchet distance on digits features by -1.60 instead of -2.10 (difference 0.500, 95 % interval 0.500" in both
    assert "lowest" in lowest
    one = two_scales.sentences(made(table(runs=1), scales=shares()))[1]
    assert "by -2.10 instead of -2.10 (one run: no interval)" in one
    edges = table()[lambda own: ~((own["method"] == "b") & (own["w"] == 1))]
    assert len(two_scales.sentences(made(edges, scales=shares()))) == 2, "without the corner there is no step to compare"


def test_a_comparison_of_many_begins_with_them_too():
    names = [f"{name}{i}" for i in range(2) for name in CURVES]
    frames = [table(curves=(name[0],)).assign(method=name) for name in names]
    kinds = pd.concat([shares().assign(method=shares()["method"] + str(i)) for i in range(2)])
    told = found(made(pd.concat(frames), scales=kinds))
    assert told[0].startswith("With two scales, at class scale 1")


@pytest.mark.slow
def test_a_page_shows_the_grid_of_a_committed_table(tmp_path, undrawn):
    made_table = REPORTS["trade-off"](made(table(), scales=shares())).tables["two_scales"]
    assert set(made_table["metric"]) == set(METRICS) and len(made_table) == len(METRICS) * len(CELLS)
    assert "two_scales" not in REPORTS["trade-off"](made(table())).tables
    (tmp_path / "pairs").mkdir()
    made_table.to_csv(tmp_path / "pairs" / "two_scales.csv", index=False)
    page = filled("<!-- table scales pairs metric=fid_digits -->\n<!-- end -->", tmp_path)
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert lines[0].endswith("class scale | second scale 1 | second scale 3.1 |") and len(lines) == 4
    assert lines[2].startswith("| 1 | 4.200 ± 0.080 |") and "| 1.100 ± 0.080 |" in lines[3]
    with pytest.raises(ValueError, match="no cell of two scales has kid_digits"):
        filled("<!-- table scales pairs metric=kid_digits -->\n<!-- end -->", tmp_path)
