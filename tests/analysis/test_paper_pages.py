"""The papers' figures and tables beside a study's: numbers stand where the paper has them, and what may be equal is said."""

from dataclasses import replace
from functools import cache
from html import unescape
from itertools import product

import numpy as np
import pandas as pd
import pytest
from made import CARD, pictures, results

from analysis import reference
from analysis.paper import curves as paper_curves
from analysis.paper import scales as paper_scales
from analysis.paper import tables as paper_tables
from analysis.paper.conditions import ADM_TABLE4, CFG_TABLE1, CFG_TABLE2, column_of, conditions, differences, features_of, verdict
from analysis.paper.samples import sheets
from analysis.reports import REPORTS
from analysis.reports.html import html
from analysis.results import WorldFacts
from analysis.table import COLUMNS

WS, P_UNCONDS, STEPS = (0.0, 0.5, 4.0), (0.1, 0.5), (8, 4)
FID = {0.0: 2.0, 0.5: 1.0, 4.0: 3.0}
TABLE1, TABLE4 = reference.table("cfg_table1_imagenet64"), reference.table("adm_table4_imagenet256")


def rows(method, w, steps, shift=0.0, seed=0):
    values = {"fid_digits": FID.get(w, 2.0 + w) + shift, "is_digits": 5.0 + w - shift}
    values |= {"precision_digits": 0.5 + 0.01 * w, "recall_digits": 0.6 - 0.01 * w}
    return [("digits", 0, method, w, "ancestral", steps, seed, 100, name, value) for name, value in values.items()]


def cfg(p_unconds=P_UNCONDS, classes=10, **more):
    """p_uncond adds itself to FID and takes itself from the score; T = 4 adds 1; T = 4 is sampled of the first alone."""
    names = {p: f"classifier-free (p_uncond = {p:g})" if p else "classifier-free" for p in p_unconds}
    table = [row for p, name in names.items() for w in WS for row in rows(name, w, 8, p)]
    table += [row for w in WS for row in rows(names[p_unconds[0]], w, 4, p_unconds[0] + 1)]
    frame = pd.DataFrame(table, columns=list(COLUMNS))
    world = WorldFacts("digits", classes, (1, 8, 8), CARD, exact=False, train_size=50)
    return results(frame, [world], pictures(80), sampler="ancestral", **more)


def adm(scales=(0.0, 1.0, 10.0)):
    """On the unconditional base w = s - 1, and FID is 5 more."""
    table = [row for s in scales for row in rows("classifier-mean", s, 8)]
    unconditional = [row for s in scales for row in rows("classifier-mean (unconditional base)", s, 8, 5.0)]
    table += [(*row[:3], row[3] - 1, *row[4:]) for row in unconditional]
    world = WorldFacts("digits", 10, (1, 8, 8), CARD, exact=False, train_size=50)
    return results(pd.DataFrame(table, columns=list(COLUMNS)), [world], pictures(80), sampler="ancestral")


@cache
def cfg_report():
    return REPORTS["paper-cfg"](cfg())


@cache
def adm_report():
    return REPORTS["paper-adm"](adm())


@pytest.mark.slow
def test_table_1_has_the_paper_s_numbers_and_the_study_s_side_by_side():
    report = cfg_report()
    table = report.tables["table_1"].set_index("w")
    assert table.loc[0.5, "FID ↓ p_uncond = 0.1 paper"] == 5.74 and table.loc[0.5, "FID ↓ p_uncond = 0.1 study"] == 1.1
    assert table.loc[4.0, "IS ↑ p_uncond = 0.5 paper"] == 225.1 and table.loc[4.0, "IS ↑ p_uncond = 0.5 study"] == 8.5
    assert np.isnan(table.loc[0.3, "FID ↓ p_uncond = 0.1 study"]) and len(table) == 14
    assert "FID ↓ p_uncond = 0.2 study" not in table and (table["FID ↓ p_uncond = 0.2 paper"].notna()).all()


@pytest.mark.slow
def test_table_2_is_by_number_of_steps_of_the_one_model_that_was_sampled_at_several():
    table = cfg_report().tables["table_2"].set_index("w")
    assert table.loc[0.5, "FID ↓ T = 8 study"] == 1.1 and table.loc[0.5, "FID ↓ T = 4 study"] == 2.1
    assert table.loc[0.3, "FID ↓ T = 256 paper"] == 2.43


def test_a_checkpoint_has_one_curve_and_the_page_says_why(undrawn):
    report = REPORTS["paper-cfg"](cfg(p_unconds=(0,)))
    curves = report.tables["figure_4"]
    assert set(curves.loc[curves["source"] == "study", "p_uncond"]) == {paper_curves.UNKNOWN}
    page = unescape(html(report.title, report.intro, report.sections))
    assert "is a checkpoint, and p_uncond belongs to a training" in page and "the checkpoint's p_uncond" in page
    assert "is a checkpoint" not in html("", "", cfg_report().sections)


def by_p_uncond(p_unconds=(0.05, 0.1, 0.5), seeds=4):
    """A study of one number of steps; p_uncond = 0.05 adds 0.05 to FID, 0.1 adds 0.1, 0.5 adds 2."""
    shifts, table = {0.05: 0.05, 0.1: 0.1, 0.5: 2.0}, []
    for p, w, seed in product(p_unconds, WS, range(seeds)):
        noise = 0.01 * np.sin(7 * seed + 100 * p)
        table += rows(f"classifier-free (p_uncond = {p:g})", w, 8, shifts[p] + noise, seed)
    world = WorldFacts("digits", 10, (1, 8, 8), CARD, exact=False, train_size=50)
    return results(pd.DataFrame(table, columns=list(COLUMNS)), [world], pictures(80), sampler="ancestral")


@pytest.mark.slow
def test_p_unconds_are_compared_run_by_run_with_the_usual_one_that_the_figures_are_of(monkeypatch):
    assert not any("beside p_uncond" in text for text in cfg_report().found), "of one run nothing is compared"
    sampled = []
    monkeypatch.setattr("analysis.reports.paper_cfg._one_class", lambda cells, label: sampled.extend(cells))
    report = REPORTS["paper-cfg"](by_p_uncond())
    frame = report.tables["by_p_uncond"].set_index("p_uncond")
    assert list(frame.index) == [0.05, 0.5] and dict(frame["verdict"]) == {0.05: "equivalent", 0.5: "worse"}
    assert frame.loc[0.5, "difference"] == pytest.approx(1.9, abs=0.05) and set(frame["units"]) == {2}
    (sentence,) = (text for text in report.found if "beside p_uncond" in text)
    assert sentence in report.summary_text
    assert "beside p_uncond = 0.1: 0.05 equivalent" in report.summary_text and "0.5 higher (1.9" in report.summary_text
    assert {cell.method for cell in sampled} == {"classifier-free (p_uncond = 0.1)"} and len(sampled) == len(WS)
    one = REPORTS["paper-cfg"](by_p_uncond(p_unconds=(0.5,)))
    assert "by_p_uncond" not in one.tables and "one p_uncond was trained" in unescape(html("", "", one.sections))


def test_a_figure_by_t_needs_several_t(undrawn):
    report = REPORTS["paper-cfg"](by_p_uncond())
    drawn = {picture.name for section in report.sections for picture in section.figures}
    assert "figure_4" in drawn and not {"figure_5", "figure_5_one_plane"} & drawn and "table_2" not in report.tables
    assert "the study was sampled at one number of steps, T = 8" in unescape(html("", "", report.sections))


@pytest.mark.slow
def test_every_figure_is_drawn_and_every_one_that_holds_published_numbers_says_what_may_be_equal():
    for report, figures in (
        (cfg_report(), {"figure_1", "figure_3", "figure_4", "figure_4_one_plane", "figure_5", "figure_5_one_plane"}),
        (adm_report(), {"figure_3", "figure_4", "figure_5"}),
    ):
        drawn = {picture.name: picture for section in report.sections for picture in section.figures}
        assert set(drawn) == figures
        for key, picture in drawn.items():
            if key not in ("figure_1", "figure_3"):
                (note,) = [text.get_text() for text in picture.figure.texts if "Shape only" in text.get_text()]
                assert "Inception-v3" in note and "50,000" in note.replace("\n", " "), key
        captions = [caption for section in report.sections for caption, _ in section.tables if "of the paper" in caption]
        assert captions and all("Shape only, no number can be equal" in caption for caption in captions)


def test_the_two_panels_of_figure_4_hold_what_was_measured_and_what_was_printed():
    mine = cfg_report().tables["figure_4"].query("source == 'study'")
    figure = paper_curves.fid_against_is(mine, TABLE1, "p_uncond", ("here", "there"), "note")
    ours, theirs = figure.axes
    first = next(line for line in theirs.lines if len(line.get_xdata()) == 14)
    printed = TABLE1[TABLE1["p_uncond"] == 0.1]
    assert list(first.get_xdata()) == list(printed["is"]) and list(first.get_ydata()) == list(printed["fid"])
    assert any(list(line.get_ydata()) == [2.1, 1.1, 3.1] for line in ours.lines)
    colours = [{line.get_color() for line in axes.lines if len(line.get_xdata()) > 1} for axes in (ours, theirs)]
    assert colours[0] < colours[1], "one p_uncond has one colour"


def test_in_one_plane_every_line_reaches_from_0_to_1_on_both_axes():
    mine = cfg_report().tables["figure_4"].query("source == 'study'")
    (axes,) = paper_curves.one_plane(mine, TABLE1, "p_uncond", "note").axes
    assert len(axes.lines) == 2 + 3
    for line in axes.lines:
        for values in (line.get_xdata(), line.get_ydata()):
            assert (min(values), max(values)) == (0, 1)
    with pytest.raises(ValueError, match="the same at every w"):
        paper_curves.one_plane(mine.assign(fid=1.0), TABLE1, "p_uncond", "note")


@pytest.mark.slow
def test_table_4_puts_a_scale_at_w_on_one_base_and_at_w_plus_1_on_the_other():
    report = adm_report()
    table = report.tables["table_4"]
    assert report.summary_text.startswith("\n".join(report.found) + "\n\n") and "in the paper" in report.found[0]
    at = {(row["conditional"], row["scale s"]): row for _, row in table.iterrows()}
    assert at["no", "1"]["w"] == 0 and at["no", "10"]["w"] == 9 and at["yes", "10"]["w"] == 10 and at["no", ""]["w"] == -1
    assert at["no", "1"]["FID ↓ study"] == FID.get(1.0, 3.0) + 5 and at["yes", "1"]["FID ↓ study"] == FID.get(1.0, 3.0)
    assert at["no", "1"]["FID ↓ paper"] == 33.03 and at["yes", "10"]["IS ↑ paper"] == 283.92
    assert "sFID ↓ study" not in table and "sFID ↓ paper" in table


def test_what_a_study_lacks_is_said_and_the_rest_is_drawn(undrawn):
    bare = replace(adm(), table=adm().table.query("metric != 'recall_digits' and metric != 'precision_digits'"))
    report = REPORTS["paper-adm"](bare)
    assert {"figure_4", "figure_5"} <= {picture.name for section in report.sections for picture in section.figures}
    nothing = replace(adm(), table=adm().table.assign(metric="seconds_per_sample").drop_duplicates(["method", "w"]))
    page = html("", "", REPORTS["paper-adm"](nothing).sections)
    assert "Left out: Table 4 (none of fid_digits" in page
    empty = replace(cfg(), table=cfg().table.query("metric == 'precision_digits'"))
    assert "Left out: curves by p_uncond (the table has no fid_digits" in html("", "", REPORTS["paper-cfg"](empty).sections)


def test_numbers_could_be_equal_only_where_nothing_differs():
    for paper in (CFG_TABLE1, CFG_TABLE2, ADM_TABLE4):
        assert verdict(replace(paper, words=("", "")), paper).startswith("These numbers could be equal")
        changes = [{"data": "x"}, {"features": "x"}, {"protocol": "ours"}, {"n": 5}, {"sampler": "x"}, {"steps": (3,)}]
        changes += [{"density": "x"}] if paper.density else [{"clip": None}]
        for change in changes:
            assert len(differences(replace(paper, **change), paper)) == 1, change
            assert verdict(replace(paper, **change), paper).startswith("Shape only")
    assert "networks are not public" in verdict(CFG_TABLE1, CFG_TABLE1)
    assert "with the paper's networks" in verdict(ADM_TABLE4, ADM_TABLE4)


def also_on(made, *suffixes):
    """The same with the columns of further feature networks, in which every number is 7 more."""
    own = made.table.assign(value=made.table["value"] + 7)
    more = [own.assign(metric=own["metric"].str.replace("digits", suffix)) for suffix in suffixes]
    return replace(made, table=pd.concat([made.table, *more]))


@pytest.mark.parametrize("suffix", ["inception", "inception-adm"])
def test_inception_s_features_are_taken_where_the_study_has_them(suffix, undrawn):
    report = REPORTS["paper-cfg"](also_on(cfg(), suffix))
    assert report.tables["table_1"].set_index("w").loc[0.5, "FID ↓ p_uncond = 0.1 study"] == pytest.approx(8.1)
    (caption,) = [caption for section in report.sections for caption, _ in section.tables if caption.startswith("Table 1 of")]
    assert "features (" not in caption and "data (digits, not ImageNet 64x64)" in caption
    assert ("evaluation (ours, not adm)" in caption) == (suffix == "inception")
    assert "rest on the features of inception." in report.intro


@pytest.mark.slow
def test_sfid_is_that_of_inception_s_spatial_layer(undrawn):
    report = REPORTS["paper-adm"](also_on(adm(), "inception-adm", "inception-spatial-adm"))
    table, figures = report.tables["table_4"], {one.name: one.figure for part in report.sections for one in part.figures}
    assert table["sFID ↓ study"].tolist() == table["FID ↓ study"].tolist() and table["sFID ↓ study"].notna().any()
    assert table["sFID ↓ paper"].notna().all() and len(figures["figure_4"].axes) == 2 * 5
    assert column_of("sfid", also_on(adm(), "inception", "inception-spatial-adm")) == "fid_inception-spatial", "of one protocol"
    assert column_of("sfid", adm()) not in adm().columns


def test_the_evaluation_of_the_paper_is_preferred_to_ours():
    both = also_on(cfg(), "inception", "inception-adm")
    assert features_of(both) == "inception-adm"
    assert (conditions(both).features, conditions(both).protocol) == ("inception", "adm")


def test_sheets_need_as_many_images_each():
    x = np.zeros((6, 4, 4), np.uint8)
    assert len(sheets({"a": x, "b": x}, 3, "title").axes) == 2
    with pytest.raises(ValueError, match="differ"):
        sheets({"a": x, "b": x[:5]}, 3, "title")


def test_a_table_as_people_read_it_has_no_nan():
    shown = paper_tables.shown(cfg_report().tables["table_1"])
    assert not shown.astype(str).isin(["nan"]).any().any() and shown["w"].tolist()[:3] == ["0", "0.1", "0.2"]


def test_scales_are_those_of_the_authors_code():
    found = paper_scales.by_scale(adm().summary, {"fid": "fid_digits"}, "ancestral", 8)
    assert sorted(found["scale"].unique()) == [0, 1, 10] and set(found.groupby("scale").size()) == {2}
