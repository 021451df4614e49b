"""The interactive plot's data: the numbers of the summary, samples of the first run, colours that can be seen, a budget."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from made import in_the_plane, of_images, of_methods
from PIL import Image

import analysis.citation as citation
from analysis.figures.colours import _LOOKS, colour, looks
from analysis.figures.labels import _GLYPHS
from analysis.figures.pictures import png_of, tiled
from analysis.reports import REPORTS, common, explore, html, samples
from analysis.reports.colours import DARK, LIGHT, contrast, on_ground
from analysis.reports.explore import by_comparison, explorer
from analysis.reports.shrink import BUDGET, fitting

ROOT = Path(__file__).parent.parent.parent


def draw(images):
    return images, np.arange(len(images))


def worlds(made):
    (section,) = explorer(made, by_comparison)
    return section.plot["worlds"]


def test_every_cell_has_the_numbers_of_the_summary():
    made = of_images()
    (world,) = worlds(made)
    names = [metric["name"] for metric in world["metrics"]]
    summary = made.summary[made.summary["steps"] > 0]
    seen = 0
    for method, place, runs, _, values, deviations in world["cells"]:
        words = world["settings"][place]
        label, w = world["methods"][method]["name"], values[0]
        own = summary[(summary["method"] == label) & (summary["w"] == w)]
        own = own[[f"{r.sampler}, T = {r.steps}, n = {r.n:,}" == words for r in own.itertuples()]]
        assert len(own) and runs == own["runs"].max()
        for row in own.itertuples():
            at = names.index(row.metric)
            assert values[at] == pytest.approx(row.value, rel=1e-4)
            assert deviations[at] == (pytest.approx(row.sd, rel=0.05) if row.sd == row.sd else None)
            seen += 1
    assert seen == len(summary) and names[0] == "w"
    assert world["settings"][0] == "ancestral, T = 32, n = 1,000"
    (chosen,) = (metric for metric in world["metrics"] if metric["name"] == "fid_digits")
    assert chosen["better"] == -1 and chosen["title"] == "Fréchet distance on digits features" and chosen["log"]
    assert (names[world["x"]], names[world["y"]]) == ("diversity_digits", "fid_digits")
    real = {(world["settings"][place].split("n = ")[1], names[at]): value for place, at, value in world["real"]}
    assert real["500", "fid_digits"] == 0.37 and not any(n == "1,000" for n, _ in real)


def test_samples_are_the_first_of_the_first_run_at_their_own_size():
    made = of_images()
    of_run = {(cell.train_seed, cell.seed): np.full((9, 8, 8, 1), 7, np.uint8) for cell in made.cells}
    first = made.cells[0]
    images = np.arange(9 * 64, dtype=np.uint32).astype(np.uint8).reshape(9, 8, 8, 1)
    of_run[first.train_seed, first.seed] = images
    cells = [replace(cell, draw=partial(draw, of_run[cell.train_seed, cell.seed])) for cell in made.cells]
    (world,) = worlds(replace(made, cells=cells))
    place = world["cells"][0][3]
    picture = Image.open(io.BytesIO(base64.b64decode(world["samples"][place]["image"].partition(",")[2])))
    assert np.array_equal(np.asarray(picture), tiled(images[:8, ..., 0], 4)) and world["samples"][place]["count"] == 8
    assert {cell[3] for cell in world["cells"]} == {place}, "equal samples are there once, and those of later runs not at all"


def test_points_keep_their_places_and_labels():
    made = in_the_plane()
    x, label = made.cells[0].draw()
    (world,) = worlds(replace(made, cells=[replace(cell, draw=lambda: (x, label)) for cell in made.cells]))
    rows = np.frombuffer(base64.b64decode(world["samples"][0]["points"]), np.uint8).reshape(-1, 3)
    assert rows[:, 2].tolist() == label.tolist()
    reach = 1.05 * np.quantile(np.tile(np.abs(x), 99), 0.995)
    scaled = (rows[:, :2].astype(float) / 127.5 - 1) * reach
    assert np.abs(scaled - x).max() < 0.3 and np.median(np.abs(scaled - x)) < 0.02


def test_large_images_are_averaged_and_samples_have_a_budget():
    made = of_images()
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, 256, size=(8, 130, 130, 3), dtype=np.uint8) for _ in made.cells[:6]]
    draws[0][:] = 7
    cells = [replace(cell, draw=lambda x=x: (x, np.arange(8))) for cell, x in zip(made.cells, draws)]
    entries, places = samples.samples_of(cells)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(entries[0]["image"].partition(",")[2]))))
    assert picture.shape == (2 * 43 + 2, 4 * 43 + 3 * 2, 3) and (picture[:43, :43] == 7).all()
    assert len(places) == 6
    fewer, places = samples.samples_of(cells, budget=len(entries[0]["image"]) + len(entries[1]["image"]) + 5)
    assert fewer == entries[:2] and places == {0: 0, 1: 1}


def test_worlds_share_the_budget_of_a_page_and_of_each_cell_one_run_is_shown(monkeypatch):
    made = of_methods()
    apart = [world["samples"] for world in worlds(made)]
    keys = [{(c.method, c.w, c.sampler, c.steps) for c in made.cells if c.world == world} for world in made.worlds]
    assert [len(entries) for entries in apart] == [len(own) for own in keys]
    each = 2 * max(len(entry.get("image") or entry["points"]) for entries in apart for entry in entries)
    monkeypatch.setattr(explore, "BUDGET", 2 * each)
    for world in worlds(made):
        sizes = [len(entry.get("image") or entry["points"]) for entry in world["samples"]]
        assert 0 < sum(sizes) <= each and {cell[3] for cell in world["cells"]} == {*range(len(sizes)), None}


def test_samples_that_are_gone_leave_the_numbers():
    def gone():
        raise FileNotFoundError("gone")

    made = of_images()
    (world,) = worlds(replace(made, cells=[replace(cell, draw=gone) for cell in made.cells]))
    assert world["samples"] == [] and {cell[3] for cell in world["cells"]} == {None} and len(world["cells"]) == 32


def test_few_methods_are_all_on_and_of_many_the_reference_and_one_of_each_family():
    assert all(method["on"] for world in worlds(of_methods()) for method in world["methods"])
    names = ("classifier-free", *(f"apg(eta={i})" for i in range(6)), *(f"pag(scale={i})" for i in range(6)))
    (world,) = worlds(of_methods(worlds=("moons",), methods=names))
    assert [method["name"] for method in world["methods"] if method["on"]] == ["classifier-free", "apg(eta=0)", "pag(scale=0)"]
    marks = {method["name"]: (method["light"], method["symbol"]) for method in world["methods"]}
    drawn = looks(names)
    assert marks == {name: (on_ground(drawn[name].colour)[0], drawn[name].marker) for name in names}, "as in every other figure"
    page = (html.PAGE / "explore.js").read_text(encoding="utf-8")
    known = re.findall(r'"?([\w^<>*])"?: \["([\w-]+)", "(.)"\]', page)
    assert {mark for mark, *_ in known} >= {own.marker for own in _LOOKS.values()}
    assert [letter for mark, _, letter in known] == [_GLYPHS[mark] for mark, *_ in known]


def test_a_curve_can_be_seen_on_both_grounds():
    assert contrast("#000000", "#ffffff") == pytest.approx(21) and contrast("#777777", "#777777") == 1
    names = [f"method {i}" for i in range(20)] + ["classifier-free", "apg", "cfg++"]
    for shade in ["#ece133", "#56b4e9", "#0173b2", "#000000", "#ffffff", *(colour(name, names) for name in names)]:
        light, dark = on_ground(shade)
        assert contrast(light, LIGHT) >= 3 and contrast(dark, DARK) >= 3
    assert on_ground("#d55e00") == ("#d55e00", "#d55e00"), "what can be seen stays as it is"
    style = (html.PAGE / "page.css").read_text(encoding="utf-8")
    assert f"--ground:light-dark({LIGHT},{DARK})" in style
    inks = re.findall(r"--(?:ink|soft|link):light-dark\((#\w+),(#\w+)\)", style)
    assert len(inks) == 3 and all(contrast(a, LIGHT) >= 4.5 and contrast(b, DARK) >= 4.5 for a, b in inks)


def test_no_number_no_plot():
    made = of_images()
    assert explorer(replace(made, table=made.table[made.table["steps"] == 0], cells=[]), by_comparison) == []


def test_figures_are_as_they_are_until_they_are_too_many():
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(300), np.arange(400))[..., None] * np.array([1, 2, 3])
    images = [png_of(((smooth + i) % 256).astype(np.uint8)) for i in range(3)]
    noise = png_of(rng.integers(0, 256, size=(64, 64, 3), dtype=np.uint8))
    assert fitting([*images, noise], BUDGET) == [*images, noise]
    for part in (0.8, 0.3):
        budget = int(part * sum(map(len, [*images, noise])))
        fewer = fitting([*images, noise], budget)
        assert sum(map(len, fewer)) <= budget and fewer == fitting([*images, noise], budget)
        assert all(Image.open(io.BytesIO(image)).size[0] <= size for image, size in zip(fewer, (400, 400, 400, 64)))


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(tmp_path):
    made = [in_the_plane(ws=(0.0, 1.0), methods=("classifier-free",)) for _ in range(2)]
    pages = [REPORTS["exact"](one).write(tmp_path / str(i)).read_bytes() for i, one in enumerate(made)]
    assert pages[0] == pages[1] and len(pages[0]) > 1_000_000


def test_the_library_is_the_one_that_is_stated():
    folder = html.PAGE / "vendor"
    stated = (folder / "README.md").read_text(encoding="utf-8")
    data = (html.PAGE / html.PLOTLY).read_bytes()
    assert hashlib.sha256(data).hexdigest() in stated and Path(html.PLOTLY).name in stated
    assert b"MIT" in data[:300] and "MIT" in (folder / "LICENSE.plotly").read_text(encoding="utf-8")


def test_the_citation_is_that_of_the_file():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    found = (
        re.search(rf'^{key}: "?([^"\n]*)"?$', text, re.MULTILINE)[1] for key in ("title", "version", "date-released", "license")
    )
    known = (citation.TITLE, citation.VERSION, citation.RELEASED, citation.LICENCE)
    assert tuple(found) == known and f'name: "{citation.AUTHORS}"' in text
    entry = citation.bibtex("digits", {"packages": {"guidance-bench": "9.9"}, "revision": "abc"})
    assert "version = {9.9}" in entry and "commit abc" in entry and entry.count("{") == entry.count("}")


@pytest.mark.parametrize("command, revision", [*product(("guidance-bench study digits --set n=300", ""), ("abc+", "abc", None))])
def test_the_commands_that_make_it_again(command, revision):
    made = of_images(command=command)
    again, cite, _ = common.closing(replace(made, provenance={"revision": revision}))
    *lines, (_, other) = again.code
    assert [text for _, text in lines] == (["\n".join(["git checkout abc"] * bool(revision) + [command])] if command else [])
    assert other == "guidance-bench verify --remake ." and ("uncommitted" in again.text) == (revision == "abc+")
    assert json.dumps(cite.code).count("@software") == 1
