"""The interactive plot in a browser: what is folded on a phone, the line of real images, methods that are not to be seen."""

from dataclasses import replace

import pytest
from browser import chromium, executable
from made import of_images

from analysis.reports import Report
from analysis.reports.explore import by_comparison, explorer

pytestmark = pytest.mark.skipif(executable() is None, reason="there is no chromium")
CURVES = "document.querySelectorAll('.plot .scatterlayer .trace').length"
PANEL = "document.querySelector('.panel')"
FOLDED = f"{PANEL}.querySelector('details')"
NAMES = "[...document.querySelectorAll('.methods label')].map(label => label.lastChild.innerText.trim())"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Of a study in which the classifier guided by one of two samplers, and of which the diversity is not known."""
    table = of_images().table
    table = table[(table["method"] != "classifier") | ((table["steps"] == 32) & (table["metric"] != "diversity_digits"))]
    made = replace(of_images(), table=table)
    return Report("Short", "", explorer(made, by_comparison), {}, "").write(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def opened(tab, page, width):
    tab.size(width)
    tab.open(page)
    tab.wait("document.querySelector('.panel h3') !== null")
    return tab


def choose(tab, label, place):
    control = f"[...document.querySelectorAll('.controls label')].find(one => one.firstChild.data === '{label}').lastChild"
    tab.run(f"(() => {{const one = {control}; one.selectedIndex = {place}; one.onchange()}})()")


@pytest.mark.parametrize("width", [420, 1280])
def test_on_a_phone_the_measures_that_are_not_on_the_axes_are_folded(page, browser, width):
    tab = opened(browser, page, width)
    shown = tab.run(f"[...{PANEL}.querySelectorAll(':scope > table tr')].map(row => row.className)")
    assert shown == ["axis", "axis"] and tab.run(f"{FOLDED}.open") == (width > 900)
    few, summary = tab.run(f"{PANEL}.getBoundingClientRect().height"), f"{FOLDED}.firstChild"
    assert tab.run(f"{summary}.textContent") == f"{tab.run(f'{FOLDED}.querySelectorAll(`tr`).length')} more measures"
    if width == 420:
        assert few < 900
        tab.run(f"{summary}.focus()")
        for kind in ("keyDown", "keyUp"):  # a key that a browser answers by itself
            tab.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", text="\r", windowsVirtualKeyCode=13)
        tab.wait(f"{FOLDED}.open && {PANEL}.getBoundingClientRect().height > {few + 40}")
        tab.run("document.querySelector('.plot').focus()")
        tab.press("ArrowRight")
        assert tab.run(f"{FOLDED}.open"), "at the next cell as it was left"


def test_the_line_of_real_images_has_its_name(page, browser):
    tab = opened(browser, page, 1280)
    named = "[...document.querySelectorAll('.plot .shapelayer text')].map(text => text.textContent)"
    for setting, names in ((0, []), (1, ["real test set"])):  # it was measured at the n of the second alone
        choose(tab, "Sampling", setting)
        assert tab.run(named) == names and tab.run("document.querySelectorAll('.plot .shapelayer path').length") == len(names)
        assert ("Dash-dotted: real test set, " in tab.run(f"{PANEL}.innerText")) == bool(names)


def test_a_method_that_is_on_and_not_to_be_seen_says_why(page, browser):
    tab = opened(browser, page, 1280)
    assert "classifier not measured on both axes" in tab.run(NAMES) and "classifier-free" in tab.run(NAMES)
    choose(tab, "Across", 0)
    tab.wait(f"{CURVES} === 2")
    assert tab.run(NAMES) == ["classifier-free", "classifier"]
    choose(tab, "Sampling", 2)
    assert tab.run(NAMES) == ["classifier-free", "classifier not sampled by ddim, T = 16, n = 1,000"]
    assert tab.run(CURVES) == 1 and tab.errors == []
