"""Labels, names and cards that others wrote are text in a report and harmless in the names of files."""

from dataclasses import replace
from functools import partial

import matplotlib
import pytest
from made import in_the_plane, of_guides, of_images

from analysis.figures.style import panels, png
from analysis.reports import REPORTS
from analysis.reports import html as writer
from analysis.reports.html import Picture, Section
from analysis.reports.report import Report, file_name
from analysis.table import read_table

BAD = 'a/b"<x>'


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(writer, "png", partial(png, dpi=30))


def renamed(made, column, old, new):
    """Results in which one label of the table and of the cells is another."""
    cells = [replace(cell, **{column: new}) if getattr(cell, column) == old else cell for cell in made.cells]
    return replace(made, table=made.table.replace({column: {old: new}}), cells=cells)


def written(kind, made, folder):
    report = REPORTS[kind](made)
    report.write(folder / "deep" / "run")
    return (folder / "deep" / "run" / "report.html").read_text(encoding="utf-8")


def only_in(folder):
    """The files below `folder`, all of which lie where a report belongs."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.relative_to(folder).as_posix() for path in paths} <= {"deep/run", "deep/run/figures"}
    return {path.name for path in paths}


@pytest.mark.slow
def test_a_method_may_be_called_anything(tmp_path):
    made = renamed(of_images(), "method", "classifier", BAD)
    made = renamed(made, "sampler", "ddim", "../../d<dim>")
    html = written("trade-off", made, tmp_path)
    names = only_in(tmp_path)
    assert "samples_a-b--x-.png" in names and "samples_classifier-free.png" in names
    assert "<x>" not in html and "<dim>" not in html and "a/b&quot;&lt;x&gt;" in html and "Left out" not in html
    assert BAD in set(read_table(tmp_path / "deep" / "run" / "table.csv")["method"])


@pytest.mark.slow
def test_a_world_its_card_and_what_failed_may_hold_anything(tmp_path):
    made = in_the_plane(ws=(0.0, 1.0), methods=("classifier-free",))
    world = replace(made.world, card={"<script>alert(1)</script>": "<img src=x onerror=y>"})
    others = {"failed": {"<cell>": "</table><b>"}, "provenance": {"<p>": ["</td>"]}}
    made = replace(made, worlds={"plane": world}, title="<title>", **others)
    html = written("exact", made, tmp_path)
    for bad in ("<script>alert", "<img src=x", "<cell>", "</table><b>", "<p>&", '</td>"]'):
        assert bad not in html, bad
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html and "&lt;title&gt;" in html and "&lt;/table&gt;&lt;b&gt;" in html


@pytest.mark.slow
def test_the_name_of_a_world_leads_nowhere(tmp_path):
    made, name = of_guides(), "../../<w>"
    table = made.table.assign(world=name, metric=made.table["metric"].str.replace("_digits", f"_{name}"))
    tables = {key: frame.assign(world=name) for key, frame in made.tables.items()}
    cells = [replace(cell, world=name) for cell in made.cells]
    worlds, (draw,) = {name: replace(made.world, name=name)}, made.others.values()
    own = {"worlds": worlds, "table": table, "tables": tables, "cells": cells, "n": {name: 100}, "others": {(name, BAD): draw}}
    html = written("guides", replace(made, **own), tmp_path)
    assert "-..--w-_attack.png" in only_in(tmp_path) and "<w>" not in html and "Left out" not in html


@pytest.mark.slow
def test_a_label_that_is_no_mathematics_leaves_a_figure_out_and_no_more(tmp_path):
    html = written("exact", renamed(in_the_plane(ws=(0.0, 1.0)), "method", "temperature", "$\\frac{$"), tmp_path)
    assert "Left out" in html and {"figure2.png", "drawn_and_claimed.png"} < only_in(tmp_path)
    assert matplotlib.rcParams["text.parse_math"] is True


def test_names_of_files_are_plain_and_none_is_taken_twice(tmp_path):
    for text, name in {
        "apg(eta=0.5, r=1)": "apg(eta=0.5,-r=1)",
        "../../etc/passwd": "-..-etc-passwd",
        "..": "figure",
        "": "figure",
        "w-0.5": "w-0.5",
        "CON\n\0é": "CON---",
    }.items():
        assert file_name(text) == name
    assert len(file_name("x" * 999)) == 150
    figures = [Picture(panels(1, 1, (1.0, 1.0))[0], name, "alt") for name in ("a/b", "a:b", "A:B", "a-b-2")]
    Report("t", "", [Section("s", figures=figures)], {}, "").write(tmp_path)
    assert len({path.name.lower() for path in (tmp_path / "figures").iterdir()}) == 4
