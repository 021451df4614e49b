"""One look a method, whoever is beside it, that colour-blind readers can tell apart."""

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from sight import apart

from analysis.figures.colours import GREY, SHADES, colour, contrast, ink, look, looks
from analysis.figures.curves import EVALUATOR, GUIDE, fid_by_sampler, metric_against_w
from analysis.figures.fid_is import fid_is_curve
from guidance.methods import METHODS

ROOT = Path(__file__).parent.parent.parent
STUDIES = ["one-forward-full-cpu", "fashion-full-cpu", "weak-models-digits-cpu", "dropout-digits-cpu"]
STUDIES += ["distillation-digits-cpu", "two-conditions-digits-cpu"]
SHAPES = dict.fromkeys("o8hHp", "round") | dict.fromkeys("Dd", "diamond")  # small markers that are alike
ALIKE = ("autoguidance(weak=1)", "autoguidance(weak=17)")
TOGETHER = ("classifier-free", "classifier", "apg", "autoguidance", "limited-interval", "cfg++", "temperature", "shrunk-noise")


def test_every_two_shades_can_be_told_apart_by_all_eyes():
    assert min(apart(one, other) for one, other in combinations(SHADES, 2)) > 0.1
    assert apart("#029e73", "#de8f05") < 0.1, "two of the palette that was here before could not"
    assert min(apart(one, other) for one in (EVALUATOR, GUIDE) for other in SHADES) > 0.08 and apart(EVALUATOR, GUIDE) > 0.1


def test_methods_that_share_a_figure_have_eight_shades():
    assert {colour(name) for name in TOGETHER} == set(SHADES)


def test_every_method_is_in_the_table_and_no_two_look_the_same():
    looks = {name: look(name) for name in METHODS}
    assert len(set(looks.values())) == len(METHODS)
    assert {name for name, own in looks.items() if own.colour == colour("classifier-free")} == {"classifier-free"}
    made_up = {look(f"nobody's method {place}") for place in range(200)}
    assert len(made_up) > 40, "the looks of unknown names are spread"
    from analysis.figures.colours import _LOOKS

    assert set(METHODS) <= set(_LOOKS), "a method without a row: add its name to its family in analysis/figures/colours.py"


def test_a_variant_has_the_colour_of_its_base():
    assert colour("apg(eta=0.5)") == colour("apg") == colour("apg (exact)") == colour("apg on logsnr")
    assert look("plain, softplus").colour == look("plain").colour
    assert look("plain, softplus") != look("plain, normalised")
    assert look("mine") == look("mine") and look("mine").colour in SHADES


@pytest.mark.parametrize("study", STUDIES)
def test_methods_of_one_study_are_told_apart_by_shade_or_by_shape(study):
    table = pd.read_parquet(ROOT / "docs" / "results" / study / "table.parquet", columns=["method", "steps"])
    drawn = looks(table.loc[table["steps"] > 0, "method"].unique())
    assert drawn == {name: look(name) for name in drawn}, "a figure of some of them draws them as one of all"
    alike = [
        (one, other)
        for (one, (a, mark)), (other, (b, beside)) in combinations(drawn.items(), 2)
        if apart(a, b) <= 0.1 and SHAPES.get(mark, mark) == SHAPES.get(beside, beside)
    ]
    assert len(drawn) > 2 and alike == []


@pytest.mark.parametrize("shade", [*SHADES, GREY, "black"])
def test_letters_have_the_contrast_that_small_text_needs(shade):
    from matplotlib.colors import to_rgb

    assert contrast(list(to_rgb(shade))) >= 3
    assert contrast(list(to_rgb(ink(shade)))) >= 4.45
    assert contrast([1.0, 1.0, 1.0]) == pytest.approx(1) and contrast([0.0, 0.0, 0.0]) == pytest.approx(21)


def test_variants_that_share_a_figure_have_markers_of_their_own():
    variants = list(ALIKE)
    assert look(variants[0]) == look(variants[1]), "one checksum: the case that is tested"
    drawn = looks(["apg", *variants, "autoguidance"])
    assert list(drawn) == ["apg", *variants, "autoguidance"] and len(set(drawn.values())) == 4
    assert drawn[variants[0]] == look(variants[0]) and drawn["autoguidance"] == look("autoguidance")
    assert {drawn[name].colour for name in variants} == {colour("autoguidance")}
    assert drawn == looks(["autoguidance", *variants[::-1], "apg"]), "whatever the order"
    assert set(looks(f"apg({place})" for place in range(200)).values()) == {look(f"apg({place})") for place in range(200)}


def test_a_figure_tells_variants_apart_by_their_markers():
    variants = list(ALIKE)
    cell = {"world": "digits", "sampler": "ddim", "steps": 8, "n": 100, "sd": 0.1, "low": 0.9, "high": 1.1}
    measures = ("fid_digits", "inception_score_digits")
    rows = [
        {**cell, "method": name, "w": w, "metric": metric, "value": 1 + w}
        for name in variants
        for w in (0.0, 1.0, 2.0)
        for metric in measures
    ]
    summary = pd.DataFrame(rows)
    figures = [
        metric_against_w(summary, "fid_digits", sampler="ddim", steps=8),
        fid_by_sampler(summary, "fid_digits"),
        fid_is_curve(summary, sampler="ddim", steps=8, fid="fid_digits", score="inception_score_digits"),
    ]
    for figure in figures:
        markers = [line.get_marker() for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 3]
        assert len(set(markers)) == 2, markers
