"""Reports of whole studies: every table, figure and section is there, and each file holds what was computed."""

import json
import re
from dataclasses import replace

import pandas as pd
import pytest
from made import in_the_plane, of_exact_images, of_guides, of_images, of_methods

from analysis.metrics import comparison
from analysis.reports import REPORTS
from analysis.reports.common import by_method, conditional_model, main_caption, main_table
from analysis.reports.tradeoff import report
from analysis.statistics.guides import attack_gap
from analysis.statistics.verdicts import verdicts
from analysis.table import read_table, summarise

STUDIES = {
    "images": ("trade-off", of_images),
    "plane": ("exact", in_the_plane),
    "exact": ("exact", of_exact_images),
    "methods": ("comparison", of_methods),
    "guides": ("guides", of_guides),
}
FIGURES = {
    "images": """accuracy_against_w cost diversity_against_w diversity_pixels_against_w fid_against_w fid_by_sampler fid_is_curve
        fid_pixels_against_w fid_pixels_by_sampler is_against_w precision_against_w recall_against_w
        samples_by_class samples_classifier samples_classifier-free""",
    "plane": """cost drawn_and_claimed figure2 kl_tilted_against_steps_w0 kl_tilted_against_steps_w4 kl_tilted_against_w methods
        wasserstein_tilted_against_w""",
    "exact": """accuracy accuracy_nll_spread agreement classifier_error cost denoiser_error difference_error
        frechet_class_exact_classifier-free frechet_exact_classifier-free samples_by_class samples_classifier-free
        samples_classifier-free_exact""",
    "methods": " ".join(
        f"{world}_{name}" for world in ("moons", "plane")
        for name in ("curves_at_equal_nfe", "curves_at_equal_seconds", "equal_nfe", "equal_seconds", "gallery", "matched_scale",
                     "quality_diversity")
    ),
    "guides": """digits_asymmetry digits_attack digits_by_lambda digits_gallery digits_quality digits_robust digits_transfer""",
}  # fmt: skip
TABLES = {
    "images": "summary table",
    "plane": "summary table",
    "exact": "network_error summary table",
    "methods": "cheapest compared fronts matched summary table",
    "guides": "attack by_level jacobian networks summary table",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Of each study its results, its report and the folder that it fills, made once."""
    made = {}

    def of(name):
        if name not in made:
            kind, build = STUDIES[name]
            results = build()
            report, folder = REPORTS[kind](results), tmp_path_factory.mktemp(name)
            assert report.write(folder) == folder / "report.html"
            made[name] = results, report, folder
        return made[name]

    return of


@pytest.mark.parametrize("name", STUDIES)
def test_every_table_and_figure_is_written_and_nothing_is_left_out(written, name):
    _, report, folder = written(name)
    assert sorted(path.stem for path in folder.glob("*.csv")) == TABLES[name].split()
    assert sorted(path.stem for path in (folder / "figures").iterdir()) == FIGURES[name].split()
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert html.count("<img ") == len(FIGURES[name].split()) and "Left out" not in html and "Failed cells" not in html
    assert not any(section.notes for section in report.sections)


@pytest.mark.parametrize("name", STUDIES)
def test_table_and_summary_are_the_studys(written, name):
    results, _, folder = written(name)
    pd.testing.assert_frame_equal(read_table(folder / "table.csv"), results.read)
    assert (folder / "summary.csv").read_text() == summarise(read_table(folder / "table.csv")).to_csv(index=False)


@pytest.mark.parametrize("name", STUDIES)
def test_the_terminal_sees_the_main_numbers(written, name):
    results, report, _ = written(name)
    others = {"methods": ["moons", "apg", "verdict"], "guides": ["baseline", "plain"]}
    for text in others.get(name, [f"{results.sampler} sampler, T = {results.steps}, n = ", "classifier-free", "±"]):
        assert text in report.summary_text, text


@pytest.mark.slow
def test_a_main_table_says_what_it_is_and_over_how_many_runs():
    exact = of_exact_images()
    again = replace(exact, table=pd.concat([exact.table, exact.table[exact.table["steps"] > 0].assign(seed=1)]))
    one = replace(of_images(), table=of_images().table.query("train_seed < 1"))
    spread = "mean ± standard deviation over 2"
    said = {
        f", ancestral sampler, T = 32, n = 1,000, {spread} trainings of 2 sampling seeds each.": of_images(),
        ", ancestral sampler, T = 32, n = 1,000.": of_images(runs=1),
        f", ancestral sampler, T = 32, n = 1,000, {spread} sampling seeds.": one,
        f", ddim sampler, T = 8, n = 60, {spread} sampling seeds.": in_the_plane(),
        f", ddim sampler, T = 8, n = 100, {spread} trainings.": exact,
        f", ddim sampler, T = 8, n = 100, {spread} trainings of 2 sampling seeds each, of what was not trained over 2 sampling "
        "seeds.": again,
    }
    assert [main_table(made).caption for made in said.values()] == [f"Every method at every w{words}" for words in said]
    captions = [caption for section in report(of_images()).sections for caption, _ in section.tables]
    assert captions[:2] == [main_table(of_images()).caption, main_caption(of_images(), 500, " and real test images")]


def test_each_world_is_compared_by_its_own_metrics(written):
    results, _, folder = written("methods")
    found = pd.read_csv(folder / "compared.csv")
    assert list(found.columns[:3]) == ["world", "method", "family"] and list(dict.fromkeys(found["world"])) == ["plane", "moons"]
    assert dict(zip(found["method"], found["family"])) == {"apg": "correction", "pag(scale=2)": "weak branch"}
    for world, own in found.groupby("world"):
        quality, diversity, alike = comparison(results.of(world).columns)
        table = read_table(folder / "table.csv")
        again = verdicts(table[(table["world"] == world) & (table["steps"].isin([0, 8]))], alike, quality, diversity)
        assert own["verdict"].tolist() == again["verdict"].tolist()
        assert own["largest"].to_numpy() == pytest.approx(again["largest"], nan_ok=True)


def test_the_gap_of_guides_and_their_networks_are_written(written):
    results, _, folder = written("guides")
    gaps = attack_gap(results.read, {"plain": "plain", "free": None}, ["one", "two"])
    assert (folder / "attack.csv").read_text() == gaps.to_csv(index=False)
    networks = pd.read_csv(folder / "networks.csv")
    assert networks.to_numpy().tolist() == [
        ["digits", 0, "plain", "accuracy", 0.9], ["digits", 0, "plain", "nll", 0.9], ["digits", 0, "clean", "accuracy", 0.95],
    ]  # fmt: skip
    assert list(pd.read_csv(folder / "jacobian.csv")) == ["world", "train_seed", "of", "field", "logsnr", "value", "sd"]


def test_the_errors_of_networks_have_the_columns_they_had(written):
    _, _, folder = written("exact")
    assert list(pd.read_csv(folder / "network_error.csv")) == ["quantity", "logsnr", "value", "train_seed"]


def test_the_report_says_what_was_done_with_what(written):
    html = {name: (written(name)[2] / "report.html").read_text(encoding="utf-8") for name in STUDIES}
    html = {name: re.sub(r"\s+", " ", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)) for name, text in html.items()}
    assert "2 training seeds, 2 sampling seeds" in html["images"] and "the 1,297 training images" in html["images"]
    assert "classifier: accuracy" in html["images"] and "evaluator: accuracy 0.980" in html["images"]
    assert "every cell is there twice" in html["exact"].lower() and "every cell is there twice" not in html["plane"].lower()
    assert "In 8 of 8 groups of cells at w = 0" in html["images"] and "points made by hand" in html["plane"]
    configuration = json.dumps({"name": "made", "note": "</pre><b>"}, indent=1)
    assert all("&lt;/pre&gt;&lt;b&gt;" in text and "<b>" not in text for text in html.values()) and "note" in configuration
    assert all("2.11" in text and "Data and provenance" in text for text in html.values())


@pytest.mark.slow
def test_snapshots_are_no_counterexample_at_w_0_and_have_a_best_w_of_their_own(written, undrawn):
    made, early = of_images(), "classifier-free (after 10 steps)"
    table = made.table[made.table["method"] == "classifier-free"].assign(method=early)
    cells = [
        replace(cell, method=early, sha256=f"early {cell.sha256}") for cell in made.cells if cell.method == "classifier-free"
    ]
    both = replace(made, table=pd.concat([made.table, table], ignore_index=True), cells=[*made.cells, *cells])
    sections = {section.heading: section for section in report(both).sections}
    assert "In 8 of 8 groups" in sections["w = 0 is the conditional model"].text
    for _, frame in sections["Where FID is smallest"].tables:
        assert {early, "classifier-free", "classifier"} == set(frame.index.get_level_values("method"))
    assert "As training goes on" in sections
    assert "As training goes on" not in {one.heading for one in written("images")[1].sections}


def of_other_networks(own: dict[str, bool]):
    """of_images and classifier-free under further words in brackets; own: whether each has samples of its own at w = 0."""
    made = of_images()
    plain = [cell for cell in made.cells if cell.method == "classifier-free"]
    rows = made.table[made.table["method"] == "classifier-free"]
    names = {words: f"classifier-free ({words})" for words in own}
    tables = [rows.assign(method=name) for name in names.values()]
    cells = [replace(cell, method=names[words], sha256=cell.sha256 + words * own[words]) for words in own for cell in plain]
    return replace(made, table=pd.concat([made.table, *tables], ignore_index=True), cells=[*made.cells, *cells])


def test_the_w_0_of_another_network_is_its_own_and_that_of_another_weak_one_is_not():
    """Of the section alone: that it stands in a report is seen above."""

    def told(results):
        section = conditional_model(results)
        assert section.heading == "w = 0 is the conditional model"
        return section.text

    same = "the samples of all methods are equal bit for bit in float32."
    assert told(of_other_networks({"average": False})) == told(of_images()) == f"In 8 of 8 groups of cells at w = 0 {same}"
    both = of_other_networks({"two trainings": True, "average": False, "fine-tuned": True})
    assert told(both) == (
        "In 8 of 8 groups of cells at w = 0 the samples of all methods of one network are equal bit for bit in float32. "
        "Each of these has a w = 0 of its own: two trainings, fine-tuned."
    )
    lone = replace(both, cells=[cell for cell in both.cells if "classifier-free" in cell.method and "average" not in cell.method])
    assert told(lone).startswith("No two methods of one network were sampled at w = 0. Each of these")
    broken = [replace(cell, sha256=f"{cell} broken") if cell.method == "classifier" else cell for cell in both.cells]
    assert told(replace(both, cells=broken)).startswith("In 0 of 8 groups"), "a name without words has no excuse"


@pytest.mark.slow
def test_a_report_of_several_networks_does_not_speak_of_one(written, undrawn):
    one, several = written("images")[1], report(of_other_networks({"fine-tuned": True}))
    assert "on one diffusion model of digits, from the same noise" in one.intro
    assert "of digits or, where words in brackets say so, on another or beside another weak one, from" in several.intro
    texts = [next(part.text for part in made.sections if part.heading == "The networks") for made in (one, several)]
    assert "not" not in texts[0] and texts[1].endswith("snapshots, and other averages of a training's weights, are not.")


@pytest.mark.slow
def test_without_a_classifier_that_is_measured_the_evaluators_accuracy_is_still_drawn(undrawn):
    made = of_images()
    bare = replace(made, table=made.table[made.table["metric"] != "accuracy_guide"])
    (section,) = (one for one in report(bare).sections if one.heading.startswith("Classification accuracy"))
    assert len(section.figures) == 1 and not section.notes and "noise-aware" not in section.text


@pytest.mark.slow
def test_a_measure_that_parts_are_too_small_for_takes_no_table_away(undrawn):
    made = of_images()
    short = made.table[~((made.table["metric"] == "recall_digits") & (made.table["n"] == 500))]
    (section,) = (one for one in report(replace(made, table=short)).sections if one.heading == "Fidelity against w")
    whole, part = (frame for _, frame in section.tables)
    assert len(whole.columns) == len(part.columns) + 1 and "real" in str(part.index[-1]) and not section.notes


def test_of_autoguidance_guidance_is_said_once():
    assert [by_method(name) for name in ("autoguidance (a third)", "apg")] == ["autoguidance (a third)", "apg guidance"]
