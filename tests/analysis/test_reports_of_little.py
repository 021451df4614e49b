"""A report is written of whatever there is: what cannot be drawn is one sentence in its section, and no exception."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from made import in_the_plane, of_exact_images, of_guides, of_images, of_methods, results, tidy

from analysis.figures.style import png
from analysis.reports import REPORTS
from analysis.reports import html as writer
from analysis.reports.common import failed_text
from analysis.reports.plane import middle
from analysis.results import WorldFacts


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Small pictures: here it only matters whether they can be drawn, where they are others than those of test_reports.py."""
    monkeypatch.setattr(writer, "png", partial(png, dpi=30))


def drawn(kind, results, folder):
    """The notes of every section that has some, by its heading; and the names of the figures."""
    report = REPORTS[kind](results)
    report.write(folder)
    assert (folder / "report.html").is_file() and (folder / "table.csv").is_file() and report.summary_text
    notes = {section.heading: section.notes for section in report.sections if section.notes}
    return notes, {path.stem for path in (folder / "figures").glob("*.png")}


@pytest.mark.slow
def test_only_the_conditional_model_in_the_plane(tmp_path):
    notes, figures = drawn("exact", in_the_plane(ws=(0.0,)), tmp_path)
    assert not notes
    assert {"figure2", "drawn_and_claimed", "kl_tilted_against_w", "kl_tilted_against_steps_w0", "methods"} < figures


@pytest.mark.slow
def test_only_negative_strengths_in_the_plane(tmp_path):
    notes, figures = drawn("exact", in_the_plane(ws=(-1.0, -0.5)), tmp_path)
    assert {"figure2", "drawn_and_claimed", "kl_tilted_against_steps_w-0.5"} < figures
    assert "kl_tilted_against_steps_w0" not in figures
    assert "w = 0 (no cell of classifier-free has w = 0: it has -1, -0.5)" in notes["Distance from the claim"]
    assert [middle(ws) for ws in ([], [0.0], [-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0, 2.0, 3.0])] == [0.0, 0.0, -1.0, 2.0]


def test_samples_that_collapsed_have_no_distance_from_what_is_claimed(tmp_path):
    notes, figures = drawn("exact", in_the_plane(collapsed=True), tmp_path)
    assert {"figure2", "drawn_and_claimed", "methods", "cost"} == figures
    assert list(notes) == ["Distance from the claim"]
    kl, wasserstein = re.findall(r"Left out: .*?\)\.(?=\n\n|$)", notes["Distance from the claim"], re.DOTALL)
    assert "the table has no kl_tilted" in kl and kl.count(";") == 2, "one sentence for what one reason keeps away"
    assert "the table has no wasserstein_tilted" in wasserstein


def test_three_samples_and_one_run(tmp_path):
    notes, figures = drawn("exact", in_the_plane(n=3, seeds=(0,), collapsed=True), tmp_path)
    assert {"figure2", "drawn_and_claimed", "methods", "cost"} <= figures and "Distance from the claim" in notes


@pytest.mark.slow
def test_cells_that_failed_are_named_and_the_others_are_drawn(tmp_path):
    whole = in_the_plane()
    lost = (whole.table["method"] == "classifier-free") & (whole.table["w"] == 4.0)
    cells = [cell for cell in whole.cells if (cell.method, cell.w) != ("classifier-free", 4.0)]
    why = {"classifier-free w=4 ddim T=8": "3 of 60 samples are not finite: <lower> w"}
    notes, figures = drawn("exact", replace(whole, table=whole.table[~lost], cells=cells, failed=why), tmp_path)
    assert {"figure2", "methods", "kl_tilted_against_w", "kl_tilted_against_steps_w0"} < figures
    assert "classifier-free was not sampled at w = 4" in notes["What is really drawn"]
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h2>Failed cells</h2>" in html and "3 of 60 samples are not finite: &lt;lower&gt; w" in html
    assert "1 cell failed: classifier-free w=4" in failed_text(replace(whole, failed=why))


@pytest.mark.parametrize("kind", REPORTS)
@pytest.mark.parametrize("shape", [(2,), (1, 8, 8)])
def test_every_cell_failed(kind, shape, tmp_path):
    facts = WorldFacts("moons", 3, shape, {}, shape == (2,))
    notes, figures = drawn(kind, results(pd.DataFrame(), [facts], None, failed={"a cell": "it burned"}), tmp_path)
    assert notes and not figures and "it burned" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.glob("*.csv")} == {"table.csv", "summary.csv"}


@pytest.mark.parametrize("kind", REPORTS)
def test_only_real_data_was_measured(kind, tmp_path):
    facts = WorldFacts("moons", 3, (1, 8, 8), {}, False)
    table = tidy([("moons", -1, "real", np.nan, "", 0, -1, 100, "fid_moons", 1.0)])
    assert drawn(kind, results(table, [facts], None), tmp_path)[0]


@pytest.mark.slow
def test_one_run_of_images_is_shown_and_said_to_be_one_below_its_tables(tmp_path):
    notes, figures = drawn("trade-off", of_images(runs=1), tmp_path)
    assert notes["Where FID is smallest"] == "One sampling seed: no w can be chosen on some seeds and tested on others."
    assert "its spread cannot be estimated" in notes["Fidelity against w"] and "Left out" not in " ".join(notes.values())
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    last = html[html.index("<h2>Where FID is smallest</h2>") :]
    said = last.index("<p>One sampling seed: no w")
    assert last.index("The w with the smallest mean fid_digits.") < last.index("<td>0.1</td>") < said
    assert "fid_by_sampler" in figures


@pytest.mark.slow
def test_images_without_evaluator_or_classifier(tmp_path):
    whole = of_images()
    kept = whole.table["metric"].isin(["fid_pixels", "diversity_pixels", "seconds_per_sample"])
    notes, figures = drawn("trade-off", replace(whole, table=whole.table[kept], tables={}), tmp_path)
    assert {"fid_pixels_against_w", "diversity_pixels_against_w", "fid_pixels_by_sampler", "cost"} < figures
    assert list(notes) == ["Classification accuracy of the samples"]


@pytest.mark.slow
def test_samples_of_two_channels_are_not_drawn(tmp_path, undrawn):
    whole = of_images()
    draw = lambda: (np.zeros((10, 8, 8, 2), dtype=np.uint8), np.arange(10))  # noqa: E731
    made = replace(whole, cells=[replace(cell, draw=draw) for cell in whole.cells])
    notes, figures = drawn("trade-off", made, tmp_path)
    assert "no images of one or three channels" in notes["Samples as w grows"] and "fid_against_w" in figures


def test_samples_that_are_gone_leave_the_rest(tmp_path, undrawn):
    def gone():
        raise FileNotFoundError("samples.npz is gone")

    whole = of_exact_images()
    notes, figures = drawn("exact", replace(whole, cells=[replace(cell, draw=gone) for cell in whole.cells]), tmp_path)
    assert "(FileNotFoundError: samples.npz is gone)" in notes["Samples as w grows"] and list(notes) == ["Samples as w grows"]
    assert "denoiser_error" in figures


def test_a_quantity_that_was_not_compared_leaves_its_figure_out(tmp_path, undrawn):
    whole = of_exact_images()
    errors = whole.tables["network_error"]
    made = replace(whole, tables={"network_error": errors[errors["quantity"] != "calibration"]})
    notes, figures = drawn("exact", made, tmp_path)
    assert "errors has no calibration" in notes["The networks' error against lambda"] and "classifier_error" not in figures


@pytest.mark.slow
def test_methods_of_one_run_cannot_be_compared_and_are_drawn(tmp_path):
    notes, figures = drawn("comparison", of_methods(worlds=("moons",), seeds=(0,)), tmp_path)
    assert "one run: no difference can be tested" in notes["World moons"] and {"moons_gallery", "moons_equal_nfe"} < figures
    assert not (tmp_path / "compared.csv").exists()


@pytest.mark.slow
def test_methods_without_the_reference_or_without_others(tmp_path):
    notes, figures = drawn("comparison", of_methods(worlds=("moons",), methods=("apg",)), tmp_path / "others")
    assert "no cell is classifier-free at w = 0" in notes["World moons"] and figures == {"moons_gallery"}
    notes, _ = drawn("comparison", of_methods(worlds=("moons",), methods=("classifier-free",)), tmp_path / "alone")
    assert "no method but classifier-free was sampled" in notes["World moons"]


@pytest.mark.slow
def test_one_world_of_two_without_results(tmp_path, undrawn):
    whole = of_methods()
    table, cells = whole.table[whole.table["world"] == "moons"], [cell for cell in whole.cells if cell.world == "moons"]
    lost = replace(whole, table=table, cells=cells)
    notes, figures = drawn("comparison", lost, tmp_path)
    assert "World plane" in notes and "moons_quality_diversity" in figures
    assert set(pd.read_csv(tmp_path / "compared.csv")["world"]) == {"moons"}


@pytest.mark.slow
def test_guides_without_tables_by_lambda(tmp_path):
    notes, figures = drawn("guides", replace(of_guides(), tables={}), tmp_path)
    assert figures == {"digits_attack", "digits_transfer", "digits_quality", "digits_gallery"}
    assert {"digits: what classifiers know", "digits: is the guided field a gradient?"} == set(notes)


@pytest.mark.slow
def test_several_worlds_in_one_report_are_told_apart(tmp_path, undrawn):
    plane, images = in_the_plane(ws=(0.0, 1.0), methods=("classifier-free",)), of_exact_images()
    both = replace(
        images, worlds=dict(plane.worlds) | dict(images.worlds), table=pd.concat([plane.table, images.table], ignore_index=True),
        cells=[*plane.cells, *images.cells], n={"plane": 60, "exact": 100},
    )  # fmt: skip
    notes, figures = drawn("exact", both, tmp_path)
    assert {"plane_figure2", "plane_cost", "exact_cost", "exact_denoiser_error"} < figures and not notes
    headings = re.findall("<h2>(.*?)</h2>", (tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "plane: Cost" in headings and "exact: Cost" in headings and len(set(headings)) == len(headings)
    assert pd.read_csv(tmp_path / "network_error.csv").columns[0] == "world"
