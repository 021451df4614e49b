"""The page of a report in a browser: the plot answers, tables sort and filter, two themes, a phone, and nothing is fetched."""

import base64
import gzip
import json
import re
from dataclasses import replace
from functools import partial
from itertools import product

import pytest
from browser import chromium, executable
from made import in_the_plane, of_images, of_methods
from sight import luminance

from analysis.figures.style import png
from analysis.reports import REPORTS, Report, common
from analysis.reports import html as writer
from analysis.reports.explore import by_comparison, explorer
from analysis.reports.parts import section

pytestmark = pytest.mark.skipif(executable() is None, reason="there is no chromium")
STUDIES = {"images": of_images, "plane": in_the_plane, "methods": of_methods}
SAID = "document.querySelector('.panel').innerText"
CURVES = "document.querySelectorAll('.plot .scatterlayer .trace').length"


def short(made):
    """The report without its figures: plot, main table, commands and citation."""
    tables = [common.main_table(made.of(world)) for world in made.worlds]
    return Report("Short", "", [*explorer(made, by_comparison), section("Numbers", "", *tables), *common.closing(made)], {}, "")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The whole page of a study of images, with coarse figures, and short ones of other kinds."""
    folders = {name: tmp_path_factory.mktemp(name) for name in STUDIES}
    made = {name: short(build()) for name, build in STUDIES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "png", partial(png, dpi=30))
        made["images"] = REPORTS["trade-off"](of_images(command="guidance-bench study made"))
        return {name: replace(report, found=["It is 3 %."]).write(folders[name]) for name, report in made.items()}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def tab(browser):
    """A tab of 1,400 px in a light system, which is offline: what a page asks for would fail, and be an error of its console."""
    browser.size(1400)
    browser.scheme("light")
    browser.offline()
    return browser


def data(page):
    packed = re.search(r'id="cells">(.*?)</script>', page.read_text(encoding="utf-8"))[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def opened(tab, page):
    """A page of which the plots have been unpacked."""
    tab.open(page)
    tab.wait("[...document.querySelectorAll('.explore')].every(box => box.querySelector('.methods'))")


@pytest.mark.parametrize("name", STUDIES)
def test_no_request_leaves_the_page_and_its_console_is_silent(pages, tab, name):
    opened(tab, pages[name])
    tab.run("document.querySelectorAll('button, select, input').forEach(one => one.click())")
    tab.run("window.dispatchEvent(new Event('resize'))")
    tab.wait(f"{CURVES} >= 0")
    asked = [address for address in tab.requests if not address.startswith(("data:", "blob:"))]
    assert asked == [pages[name].absolute().as_uri()] and tab.errors == []
    assert pages[name].stat().st_size < 5e6


def test_pointing_at_a_cell_shows_its_method_its_numbers_and_its_samples(pages, tab):
    opened(tab, pages["images"])
    world = data(pages["images"])["worlds"][0]
    tab.wait(f"{CURVES} === 2")
    for curve, point in ((0, 3), (1, 1)):
        own = [[cell for cell in world["cells"] if cell[0] == method and cell[1] == 0] for method in (0, 1)]
        cell = own[curve][point]
        tab.move(5, 5)
        tab.point(".plot .scatterlayer .point", curve * len(own[0]) + point)
        said = tab.wait(f"{SAID}.includes('{world['methods'][curve]['name']}, w = {cell[4][0]:g}') && {SAID}")
        assert "± " in said and "4 runs" in said
        at = world["metrics"].index(next(one for one in world["metrics"] if one["name"] == "fid_digits"))
        assert f"{cell[4][at]:.3f} ± {cell[5][at]:.3f}" in said
    image = tab.run("(({src, alt, naturalWidth}) => [src, alt, naturalWidth])(document.querySelector('.panel img'))")
    assert image[0] == world["samples"][cell[3]]["image"] and image[2] == 4 * 9 - 1 and "first 8 samples" in image[1]
    assert tab.run("getComputedStyle(document.querySelector('.panel img')).imageRendering") == "pixelated"


def test_points_of_the_plane_are_drawn_as_points(pages, tab):
    opened(tab, pages["plane"])
    assert tab.wait("document.querySelectorAll('.panel svg circle').length") == 60
    assert tab.run("new Set([...document.querySelectorAll('.panel circle')].map(dot => dot.getAttribute('fill'))).size") == 3


def test_the_keyboard_goes_through_the_cells(pages, tab):
    opened(tab, pages["images"])
    tab.wait(f"{CURVES} === 2")
    tab.run("document.querySelector('.plot').focus()")
    first = tab.run(SAID).splitlines()[0]
    tab.press("ArrowRight")
    second = tab.run(SAID).splitlines()[0]
    tab.press("ArrowDown")
    third = tab.run(SAID).splitlines()[0]
    assert [title.split(", w = ")[1] for title in (first, second, third)] == ["0", "0.1", "0.1"]
    assert second.split(",")[0] == first.split(",")[0] != third.split(",")[0]


def test_methods_are_switched_on_and_off_and_axes_are_chosen(pages, tab):
    opened(tab, pages["images"])
    tab.wait(f"{CURVES} === 2")
    tab.run("document.querySelectorAll('.methods input')[0].click()")
    tab.wait(f"{CURVES} === 1")
    tab.run("document.querySelectorAll('.methods button')[1].click()")
    tab.wait(f"{CURVES} === 0")
    assert "No cell" in tab.run(SAID) and "No cell has both" in tab.run("document.querySelector('.plot').textContent")
    tab.run("document.querySelectorAll('.methods button')[0].click()")
    tab.wait(f"{CURVES} === 2")
    title = "document.querySelector('.plot .xtitle').textContent"
    assert tab.run(title) == "Inception score on digits features ↑"
    tab.run("(() => {const x = document.querySelector('.controls select:not([hidden] *)'); x.selectedIndex = 0; x.onchange()})()")
    tab.run("(() => {const x = document.querySelectorAll('.controls select')[1]; x.selectedIndex = 0; x.onchange()})()")
    assert tab.wait(f"{title}.startsWith('Guidance') && {title}") == "Guidance strength w"
    ticks = tab.run("[...document.querySelectorAll('.plot .xtick')].map(tick => tick.textContent)")
    assert ticks == ["0", "0.1", "0.5", "4"]


def test_another_world_has_its_own_axes(pages, tab):
    opened(tab, pages["methods"])
    tab.wait(f"{CURVES} > 0")
    assert "KL" in tab.run("document.querySelector('.plot .ytitle').textContent")
    tab.run("(() => {const world = document.querySelector('.controls select'); world.selectedIndex = 1; world.onchange()})()")
    assert tab.wait("/Fréchet/.test(document.querySelector('.plot .ytitle').textContent)")
    assert tab.wait("document.querySelector('.panel img') !== null")


ROWS = "[...document.querySelectorAll('.scroll')].find(box => box.querySelector('tbody').rows.length > 6)"
FIRST = f"[...{ROWS}.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.cells[COLUMN].textContent)"


def test_tables_are_sorted_by_a_click_both_ways(pages, tab):
    opened(tab, pages["images"])
    head = f"{ROWS}.querySelectorAll('thead th')[2]"
    column = FIRST.replace("COLUMN", "2")
    assert "fid_digits" in tab.run(f"{head}.textContent")
    tab.run(f"{head}.querySelector('button').click()")
    rising = [float(text.split()[0]) for text in tab.run(column)]
    assert rising == sorted(rising) and len(set(rising)) > 3 and tab.run(f"{head}.ariaSort") == "ascending"
    tab.run(f"{head}.querySelector('button').click()")
    assert [float(text.split()[0]) for text in tab.run(column)] == rising[::-1]
    assert tab.run(f"{head}.ariaSort") == "descending" and tab.run(f"{ROWS}.querySelectorAll('[aria-sort]').length") == 1


def test_tables_are_filtered_by_words_and_by_a_key(pages, tab):
    opened(tab, pages["images"])
    tools, names = f"{ROWS}.previousElementSibling", FIRST.replace("COLUMN", "0")
    whole = tab.run(names)
    tab.run(f"(() => {{const words = {tools}.querySelector('input'); words.value = 'FREE'; words.oninput()}})()")
    assert set(tab.run(names)) == {"classifier-free"} and len(tab.run(names)) == len(whole) // 2
    assert tab.run(f"{tools}.querySelector('[role=status]').textContent") == f"{len(whole) // 2} of {len(whole)} rows"
    tab.run(f"(() => {{const w = {tools}.querySelectorAll('select')[1]; w.value = '0.5'; w.onchange()}})()")
    assert tab.run(FIRST.replace("COLUMN", "1")) == ["0.5"]


def test_two_themes_that_of_the_system_and_the_one_that_is_chosen(pages, tab):
    opened(tab, pages["images"])
    ground, ink = ("getComputedStyle(document.body).backgroundColor", "getComputedStyle(document.body).color")
    shade = "document.querySelector('.plot .trace path.js-line').style.stroke"
    assert luminance(tab.run(ground)) > 0.9 > 0.3 > luminance(tab.run(ink))
    written = "getComputedStyle(document.querySelector('.plot .xtitle')).fill"
    assert luminance(tab.run(written)) < 0.3
    tab.run("document.getElementById('theme').click()")
    assert luminance(tab.run(ground)) < 0.1 < 0.7 < luminance(tab.run(ink))
    tab.wait(f"{written} === {ink}")
    dark = data(pages["images"])["worlds"][0]["methods"][0]["dark"]
    red, green, blue = (int(dark[i : i + 2], 16) for i in (1, 3, 5))
    assert tab.run(shade) == f"rgb({red}, {green}, {blue})"
    assert tab.run("getComputedStyle(document.querySelector('.image')).backgroundColor") == "rgb(255, 255, 255)"
    tab.scheme("dark")
    opened(tab, pages["images"])
    assert luminance(tab.run(ground)) < 0.1
    tab.run("document.getElementById('theme').click()")
    assert luminance(tab.run(ground)) > 0.9


@pytest.mark.parametrize(("name", "width"), [*product(STUDIES, (360, 420, 1280))])
def test_nothing_but_boxes_scrolls_sideways_however_long_the_choices(pages, tab, name, width):
    tab.size(width, 740)
    opened(tab, pages[name])
    tab.wait(f"{CURVES} >= 0")
    tab.run("for (const one of document.querySelectorAll('option')) one.textContent += ', and some words more'.repeat(9)")
    assert tab.run("[document.documentElement.scrollWidth <= innerWidth, innerWidth]") == [True, width]
    assert tab.run("document.querySelector('nav details').open") == (width > 1100)


@pytest.mark.parametrize("width", [360, 1400])
def test_the_first_column_of_a_table_stays_while_the_others_scroll(pages, tab, width):
    tab.size(width)
    opened(tab, pages["images"])
    moved, box, first, second = tab.run(
        f"(() => {{const box = {ROWS}; box.scrollLeft = 200; const row = box.querySelector('tbody tr');"
        "return [box.scrollLeft, box.getBoundingClientRect().left, row.cells[0].getBoundingClientRect().left,"
        "row.cells[1].getBoundingClientRect().left]})()"
    )
    assert moved == 200 and abs(first - box) < 3 and second < box + 60


def test_on_paper_nothing_is_cut_and_what_is_folded_is_there(pages, tab):
    tab.size(1040, 760)
    opened(tab, pages["images"])
    tab.media("print")
    wide = "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
    assert tab.run(f"{wide}.map(e => e.tagName + ' ' + e.className)") == []
    shown = "e => e.lastElementChild.checkVisibility({contentVisibilityAuto: true})"
    assert set(tab.run(f"[...document.querySelectorAll('main details:not([open])')].map({shown})")) == {True}


def test_readers_of_the_screen_find_landmarks_names_and_captions(pages, tab):
    opened(tab, pages["images"])
    nodes = [node for node in tab.call("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
    roles = {node["role"]["value"] for node in nodes if "role" in node}
    assert {"main", "navigation", "banner", "heading", "table", "columnheader", "rowheader", "application", "group"} <= roles
    for role in ("image", "button", "checkbox", "combobox", "searchbox", "region", "application"):
        named = [node.get("name", {}).get("value") for node in nodes if node.get("role", {}).get("value") == role]
        assert named and all(named), role
    tab.run("document.activeElement.blur()")
    tab.press("Tab")
    assert tab.run("document.activeElement.textContent") == "Skip to the report"
    assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_hostile_name_is_text_in_the_plot_too(tab, tmp_path):
    bad = '</script><img src=x onerror="window.bad=1"><b>'
    made = of_images()
    made = replace(made, table=made.table.replace({"method": {"classifier": bad}}))
    made = replace(made, cells=[replace(cell, method=bad) if cell.method == "classifier" else cell for cell in made.cells])
    opened(tab, short(made).write(tmp_path))
    tab.wait(f"{CURVES} === 2")
    assert tab.run("window.bad === undefined && document.querySelector('main img[src=x]') === null") and tab.errors == []
    assert bad in tab.run("document.querySelector('.methods').textContent")
