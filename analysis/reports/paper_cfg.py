"""The page of `guidance-bench paper cfg`: Figures 1 to 5 and Tables 1 and 2 of Ho & Salimans, arXiv 2207.12598."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from analysis import reference
from analysis.figures import pictures
from analysis.figures import plane as plane_figures
from analysis.findings.beside_paper import over_w
from analysis.findings.p_unconds import sentences
from analysis.paper import curves as paper_curves
from analysis.paper import tables as paper_tables
from analysis.paper.conditions import CFG_TABLE1, CFG_TABLE2, column_of, conditions, verdict
from analysis.paper.p_unconds import beside_usual, usual
from analysis.paper.samples import sheets
from analysis.reports import common
from analysis.reports.html import Section
from analysis.reports.parts import Missing, Table, picture, section, seeds, spread_words, table
from analysis.reports.report import Report
from analysis.results import Cell, Results

PAPER = "Ho & Salimans, Classifier-Free Diffusion Guidance (arXiv 2207.12598)"
OF_P = re.compile(r" \(p_uncond = ([0-9.]+)\)$")  # ends a method's name in the table
UNKNOWN = paper_curves.UNKNOWN
SHOWN_CLASS, SHOWN_ROWS, SHEET = 3, 6, 5  # the class and the rows of Figure 1, the columns of Figure 3
STRONG = 3.0  # w of Figure 3


def report(results: Results) -> Report:
    """The page and its tables: every figure's and table's numbers as CSV too, figure_4.csv, table_1.csv, ..."""
    world = next(iter(results.worlds))
    images, planes = results.of(world), [results.of(name) for name in results.worlds if name != world]
    mine, paper = conditions(images), reference.table("cfg_table1_imagenet64")
    by_t = reference.table("cfg_table2_imagenet128")
    first, second = _by_p(images), _by_steps(images)
    notes = verdict(replace(mine, steps=(images.steps,)), CFG_TABLE1), verdict(mine, CFG_TABLE2)
    tables = {"table": results.table, "summary": results.summary}
    tables |= _tables(first, paper, "p_uncond", ("figure_4", "table_1"))
    tables |= _tables(second, by_t, "steps", ("figure_5", "table_2"))
    compared = table(
        "Each p_uncond at its own best w, chosen on one half of the sampling seeds and reported on the other.",
        beside_usual,
        images,
        _methods(images),
    )
    found = over_w(first, paper, "p_uncond") if isinstance(first, pd.DataFrame) else []
    if isinstance(compared, Table):
        tables["by_p_uncond"] = compared.frame
        found += sentences(compared.frame, usual(_methods(images)))
    found += over_w(second, by_t, "steps") if isinstance(second, pd.DataFrame) else []
    said = (f"{mine.said}, {images.sampler}", CFG_TABLE1.said, CFG_TABLE2.said)
    sections = [
        *common.failed(results),
        _samples(images),
        _plane(planes),
        _curves("Figure 4 and Table 1: by p_uncond", first, paper, "p_uncond", (4, 1), said[:2], notes[0], _lone(images)),
        *([] if _lone(images) else [section("p_uncond", "", compared)]),
        _curves("Figure 5 and Table 2: by number of steps T", second, by_t, "steps", (5, 2), said[::2], notes[1], TABLE_2),
        *common.networks(images),
        common.provenance(images),
        *common.closing(results),
    ]
    text = "\n".join([*found, notes[0] if isinstance(first, pd.DataFrame) else f"no curve: {first.why}"])
    return Report(results.title, _intro(images), sections, tables, text + common.failed_text(results), found)


TABLE_2 = "The paper does not say which p_uncond the model of Table 2 was trained with."


def _intro(results: Results) -> str:
    return (
        f"What {PAPER} shows, of {results.world.name}: one network for the conditional and the unconditional model, guided with "
        f"strength w; w = 0 is the conditional model. {results.n[results.world.name]:,} samples a cell, {seeds(results)}."
        f"{spread_words(results)}\n\nPublished numbers are those of the paper's tables, from CSV files of this package. Under "
        "every figure and table stands whether a number could be equal to the paper's, or only the shape be alike. FID and "
        f"Inception score of the study rest on the features of {conditions(results).features}."
    )


def _by_p(results: Results) -> pd.DataFrame | Missing:
    """Curves of the main sweep by p_uncond; of a model whose p_uncond is not known, one under UNKNOWN."""
    found = {p: _curve(results, method, results.steps) for p, method in _methods(results).items()}
    return _joined(found, "p_uncond")


def _by_steps(results: Results) -> pd.DataFrame | Missing:
    """Curves by T, of the one model that was sampled at several."""
    held = results.sampled[results.sampled["sampler"] == results.sampler]
    method = _base(results)
    steps = sorted({int(count) for count in held.loc[held["method"] == method, "steps"]})
    if len(steps) == 1:
        return Missing("curves by T", f"the study was sampled at one number of steps, T = {steps[0]}")
    return _joined({count: _curve(results, method, count) for count in steps}, "steps")


def _curve(results: Results, method: str, steps: int) -> pd.DataFrame | str:
    fid, score = (column_of(name, results) for name in ("fid", "is"))
    try:
        return paper_curves.curve(results.summary, method, results.sampler, steps, fid, score)
    except ValueError as error:
        return str(error)


def _joined(found: dict, key: str) -> pd.DataFrame | Missing:
    made = {value: frame for value, frame in found.items() if isinstance(frame, pd.DataFrame)}
    if made:
        return paper_curves.curves(made, key)
    return Missing(f"curves by {key}", next(iter(found.values()), "no cell was sampled"))


def _methods(results: Results) -> dict[float | int, str]:
    """The methods by p_uncond; one that does not tell it under UNKNOWN."""
    return {float(said[1]) if (said := OF_P.search(method)) else UNKNOWN: method for method in results.methods}


def _lone(results: Results) -> str:
    if set(_methods(results)) != {UNKNOWN}:
        return ""
    return (
        "One curve: the model of this study is a checkpoint, and p_uncond belongs to a training. Take the full form, or a world "
        "whose study trains its model."
    )


def _curves(
    heading: str,
    ours: pd.DataFrame | Missing,
    paper: pd.DataFrame,
    key: str,
    numbers: tuple[int, int],
    said: tuple[str, str],
    note: str,
    more: str,
) -> Section:
    """Both panels, both in one plane, and the table."""
    if isinstance(ours, Missing):
        return section(heading, more, ours)
    figure, number = numbers
    words = f"FID against Inception score by {'T' if key == 'steps' else key}"
    caption = f"Figure {figure} of the paper. {words}. {note}"
    plane = f"{words}, this study and the paper in one plane"
    return section(
        heading,
        more,
        picture(f"figure_{figure}", words, caption, paper_curves.fid_against_is, ours, paper, key, said, note),
        picture(f"figure_{figure}_one_plane", plane, f"{plane}. {note}", paper_curves.one_plane, ours, paper, key, note),
        table(
            f"Table {number} of the paper, the study's numbers beside it. Paper: {said[1]}. Study: {said[0]}. {note}",
            lambda: paper_tables.shown(paper_tables.by_w(ours, paper, key)),
        ),
    )


def _tables(ours: pd.DataFrame | Missing, paper: pd.DataFrame, key: str, names: tuple[str, str]) -> dict[str, pd.DataFrame]:
    """What becomes CSV of a figure and a table."""
    if isinstance(ours, Missing):
        return {}
    both = [ours.assign(source=paper_tables.STUDY), paper.assign(source=paper_tables.PAPER)]
    return {names[0]: pd.concat(both, ignore_index=True), names[1]: paper_tables.by_w(ours, paper, key).reset_index()}


def _samples(results: Results) -> Section:
    """Figures 1 and 3, of the model that is the base."""
    heading, text = "Figures 1 and 3: samples against w", "The same noise at every place. Shape only: other data."
    main = [cell for cell in results.cells if (cell.sampler, cell.steps) == (results.sampler, results.steps)]
    if not main:
        return section(heading, text, Missing("samples", "no cell of the main sampler was sampled"))
    first = [cell for cell in main if cell.method == _base(results)] or main
    cells = [
        cell
        for cell in first
        if (cell.method, cell.train_seed, cell.seed) == (first[0].method, first[0].train_seed, first[0].seed)
    ]
    label = min(SHOWN_CLASS, results.world.classes - 1)
    one = f"Class {label}, w growing from left to right"
    many = f"Samples of every class without guidance and with w = {_strong(cells).w:g}"
    drawn = f"{results.sampler} sampler, T = {results.steps}"
    return section(
        heading,
        text,
        picture("figure_1", one, f"Figure 1 of the paper: one class. {one}; {drawn}.", _one_class, cells, label),
        picture("figure_3", many, f"Figure 3 of the paper: many classes. {many}; {drawn}.", _many_classes, cells),
    )


def _base(results: Results) -> str:
    """The method that was sampled at most numbers of steps: that of the base; of several that of the usual p_uncond."""
    counts = results.sampled[results.sampled["sampler"] == results.sampler].groupby("method", sort=False)["steps"].nunique()
    named = {p: method for p, method in _methods(results).items() if counts.get(method) == counts.max()}
    return named[usual(named)] if named else ""


def _strong(cells: Sequence[Cell]) -> Cell:
    """That of the w nearest to Figure 3's."""
    return min(cells, key=lambda cell: abs(cell.w - STRONG))


def _one_class(cells: Sequence[Cell], label: int) -> Figure:
    drawn = {float(cell.w): cell.draw() for cell in cells}
    images = {w: pictures.as_bytes(x[labels == label][:SHOWN_ROWS]) for w, (x, labels) in drawn.items()}
    return pictures.samples_against_w(images, f"One class, {cells[0].method}")


def _many_classes(cells: Sequence[Cell]) -> Figure:
    plain = next((cell for cell in cells if cell.w == 0), None)
    if plain is None:
        raise ValueError("the study has no w = 0")
    pair = {f"w = {cell.w:g}": pictures.as_bytes(cell.draw()[0][: SHEET * SHEET]) for cell in (plain, _strong(cells))}
    return sheets(pair, SHEET, f"Many classes, {cells[0].method}")


def _plane(planes: Sequence[Results]) -> Section:
    """Figure 2: what guidance is said to sample of three Gaussians, with what it samples drawn over it."""
    heading = "Figure 2: a mixture of three Gaussians"
    text = (
        "Left the marginal density, then the density p(x|c) p(c|x)^w of every class, normalised on a grid: the figure of the "
        "paper up to the places of its Gaussians, which it does not print. Points are samples of the exact guided model: what a "
        "sampler really draws is not that density."
    )
    if not planes:
        return section(heading, text, Missing("Figure 2", "the study was made without its plane"))
    words = "Three Gaussians under guidance, w growing from left to right"
    return section(heading, text, picture("figure_2", words, f"Figure 2 of the paper. {words}.", _gaussians, planes[0]))


def _gaussians(results: Results) -> Figure:
    cells = {cell.w: cell for cell in results.cells if cell.seed == results.cells[0].seed}
    tilted = {w: results.world.densities(w) for w in cells}
    return plane_figures.figure2(results.world.marginal(), tilted, {w: cell.draw() for w, cell in cells.items()})
