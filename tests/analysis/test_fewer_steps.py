"""Students of few steps beside plain guidance at the same w: what is compared, counted, drawn, and told of known numbers."""

from dataclasses import replace

import pandas as pd
import pytest
from made import CARD, pictures, results

from analysis.figures.steps import against_evaluations
from analysis.findings import found, steps
from analysis.reports import REPORTS
from analysis.reports.common import conditional_model
from analysis.results import WorldFacts
from analysis.statistics.fewer_steps import fewer_steps, of_other_steps
from analysis.table import COLUMNS, summarise

WS = (0.0, 0.5, 1.0)
PLAIN = {0.0: 2.0, 0.5: 3.0, 1.0: 6.0}  # of 8 steps; of 4 it is 4 more; the student of 4 steps is 0.01 off that of 8
CELLS = {
    ("classifier-free", 8): 0.0,
    ("classifier-free", 4): 4.0,
    ("distilled (8 steps)", 8): 0.0,
    ("distilled (4 steps)", 4): 0.01,
}


def table(cells=CELLS, runs=6):
    rows = []
    for (method, own), shift in cells.items():
        for w in WS:
            for run in range(runs):
                noise = 0.5 * run + 0.001 * (run % 3) * (own == 4) * (1 + w)  # the first is shared by the methods of a run
                price = own * (2 if w and method == "classifier-free" else 1)
                values = {"fid_digits": PLAIN[w] + shift + noise, "is_digits": 9 - w, "nfe_denoiser_forward": price}
                place = ("digits", run // 2, method, w, "ddim", own, run % 2, 100)
                rows += [(*place, name, float(value)) for name, value in values.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def made(frame):
    return results(frame, [WorldFacts("digits", 10, (1, 8, 8), CARD, exact=False, train_size=50)], pictures(80))


def test_each_is_compared_at_its_own_w_with_as_many_steps_and_with_those_of_the_main_sweep():
    told = fewer_steps(table(), "fid_digits", 8).set_index(["w", "reference_steps"])
    assert set(told["method"]) == {"distilled (4 steps)"} and list(told.index) == [(w, steps) for w in WS for steps in (4, 8)]
    assert told["difference"].tolist() == pytest.approx([-3.99, 0.01] * 3, abs=0.004)
    assert told["value"].tolist() == pytest.approx([value + 1.26 for value in (2, 2, 3, 3, 6, 6)], abs=0.01)
    assert told["evaluations"].tolist() == [4] * 6 and told["reference_evaluations"].tolist() == [4, 8, 8, 16, 8, 16]
    assert told["verdict"].tolist() == ["better", "equivalent", "", "", "better", "equivalent"], (
        "w = 0.5 is no test of the family"
    )
    assert (
        told["margin"].iloc[0] == pytest.approx(0.4)
        and set(told["units"]) == {3}
        and set(told["over"]) == {"trainings x 2 sampling seeds"}
    )


def test_a_method_of_the_main_sweep_or_of_steps_that_plain_guidance_has_not_is_not_one_of_them():
    assert of_other_steps(table(), 8) == ["distilled (4 steps)"] and of_other_steps(table(), 4) == ["distilled (8 steps)"]
    assert of_other_steps(table({("classifier-free", 8): 0, ("distilled (4 steps)", 4): 0}), 8) == []
    with pytest.raises(ValueError, match="one run"):
        fewer_steps(table(runs=1), "fid_digits", 8)
    assert steps.sentences(made(table(runs=1))) == []


def test_what_was_found_begins_with_them():
    text, *_ = found(made(table()))
    assert text.startswith(
        "With distilled (4 steps), 4 evaluations a sample, the Fréchet distance on digits features is 3.26 at w = 0"
    )
    assert "lower than 7.25 of classifier-free in 4 steps (4 evaluations; difference -3.99" in text
    assert "7.26 at w = 1, lower than 11.3 of classifier-free in 4 steps (8 evaluations" in text
    assert "equivalent to 7.25 of classifier-free in 8 steps (16 evaluations; difference 0.0120" in text
    assert steps.sentences(made(table({("classifier-free", 8): 0.0, ("apg", 8): 1.0}))) == []


def test_students_of_all_steps_are_one_line_against_what_a_sample_costs():
    figure = against_evaluations(summarise(table()), "fid_digits", sampler="ddim")
    panel = figure.axes[WS.index(1.0)]
    lines = {container.get_label(): container.lines[0].get_xdata().tolist() for container in panel.containers}
    assert lines == {"classifier-free": [8, 16], "distilled": [4, 8]}
    assert {text.get_text() for text in panel.texts} >= {"T = 4", "T = 8"}
    bare = table()
    with pytest.raises(ValueError, match="no evaluations were counted with ddim"):
        against_evaluations(summarise(bare[~bare["metric"].str.startswith("nfe")]), "fid_digits", sampler="ddim")


@pytest.mark.slow
def test_a_report_has_a_section_of_them_and_says_that_networks_differ():
    networks = pd.DataFrame({"network": ["denoiser", "denoiser (4 steps)"]}).assign(
        world="digits", train_seed=0, metric="x", logsnr=0.0
    )
    whole = replace(made(table()), tables={"networks": networks.assign(value=1.0)})
    report = REPORTS["trade-off"](whole)
    (fewer,) = [section for section in report.sections if section.heading == "Fewer steps"]
    assert {figure.name for figure in fewer.figures} == {"fid_digits_by_steps"} and len(fewer.tables) == 1 and not fewer.notes
    assert "on one diffusion model of digits or, where words in brackets say so, on another" in report.intro
    own = replace(whole, cells=[replace(cell, sha256=cell.method) for cell in whole.cells])
    assert "Each of these has a w = 0 of its own: 8 steps, 4 steps." in conditional_model(own).text
    plain = REPORTS["trade-off"](made(table({("classifier-free", 8): 0.0, ("apg", 8): 1.0})))
    assert (
        "Fewer steps" not in [section.heading for section in plain.sections]
        and "on one diffusion model of digits," in plain.intro
    )
