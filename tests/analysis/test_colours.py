"""One look a method, whoever is beside it, that colour-blind readers can tell apart."""

from itertools import combinations

import pytest
from sight import apart

from analysis.figures.colours import GREY, SHADES, colour, contrast, family_look, ink, look
from analysis.figures.curves import EVALUATOR, GUIDE
from guidance.methods import METHODS

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


def test_a_variant_has_the_colour_of_its_base_and_a_family_that_of_its_first():
    assert colour("apg(eta=0.5)") == colour("apg") == colour("apg (exact)") == colour("apg on logsnr")
    assert look("plain, softplus").colour == look("plain").colour
    assert look("plain, softplus") != look("plain, normalised")
    assert look("mine") == look("mine") and look("mine").colour in SHADES
    families = {METHODS[name].family for name in METHODS}
    assert len({family_look(family) for family in families}) == len(families) == 6
    assert all(family_look(METHODS[name].family) == look(name) for name in ("classifier", "apg", "autoguidance", "cfg++"))


@pytest.mark.parametrize("shade", [*SHADES, GREY, "black"])
def test_letters_have_the_contrast_that_small_text_needs(shade):
    from matplotlib.colors import to_rgb

    assert contrast(list(to_rgb(shade))) >= 3
    assert contrast(list(to_rgb(ink(shade)))) >= 4.45
    assert contrast([1.0, 1.0, 1.0]) == pytest.approx(1) and contrast([0.0, 0.0, 0.0]) == pytest.approx(21)
