"""Methods compared with plain classifier-free guidance, world by world: at equal diversity, at equal strength, at equal cost."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import methods as figures
from analysis.figures.pictures import as_bytes
from analysis.metrics import comparison, metric
from analysis.reports import common
from analysis.reports.comparison_tables import parts_of
from analysis.reports.explore import by_comparison, explorer, family
from analysis.reports.html import Picture, Section
from analysis.reports.parts import Missing, Table, by_world, picture, section, seeds, spread_words, table
from analysis.reports.report import Report
from analysis.results import Results
from analysis.statistics.compare import REFERENCE, equal_cost, wide
from analysis.statistics.verdicts import MARGIN, verdicts

GALLERY_SIZE = 10  # samples of a method in the gallery
PRINTED = ["world", "family", "method", "alike", "different", "undecided", "largest", "detectable", "verdict"]


def report(results: Results) -> Report:
    """The report of a comparison of methods: table, summary, compared (a row per method and world), matched and fronts.csv."""
    parts = [results.of(world) for world in results.worlds]
    verdicts_of = [table(f"Every method compared with {REFERENCE} guidance. {_drawn(part)}.", _verdicts, part) for part in parts]
    frames = [compared.frame for compared in verdicts_of if isinstance(compared, Table)]
    others = [[table(f"{words} {_drawn(part)}.", make, part) for words, make in parts_of().values()] for part in parts]
    plot = explorer(results, by_comparison, "{world}_quality_diversity")
    worlds = (_world(part, verdict, own) for part, verdict, own in zip(parts, verdicts_of, others))
    sections = [*common.failed(results), *plot, *worlds]
    sections += by_world(results, lambda part: [*common.networks(part), common.provenance(part)])
    tables, text = {"table": results.table, "summary": results.summary}, "no method could be compared"
    if frames:
        tables["compared"] = pd.concat(frames)
        with pd.option_context("display.width", None, "display.max_columns", None, "display.max_rows", None):
            text = tables["compared"][PRINTED].round(2).to_string(index=False)
    for name, blocks in zip(parts_of(), zip(*others)):
        if known := [block.frame for block in blocks if isinstance(block, Table)]:
            tables[name] = pd.concat(known)
    found = common.told(results)
    text = common.beginning(found, text + common.failed_text(results))
    return Report(results.title, _intro(results), [*sections, *common.closing(results)], tables, text, found)


def _intro(results: Results) -> str:
    drawn = ", ".join(dict.fromkeys([results.sampler, *results.samplers.values()]))
    sizes = ", ".join(f"{world}: {n} samples per cell, {seeds(results.of(world))}" for world, n in results.n.items())
    return (
        f"{len(results.methods)} methods over their own strengths, from the same noise, one sampler ({drawn}, T = "
        f"{results.steps}; at other T where a method costs more or less than two evaluations per step). {sizes}."
        f"{spread_words(results)} Whether a method is plain classifier-free guidance with another w is "
        "tested run by run, at the nearest point of its curve: alike is a difference below "
        f"{MARGIN:.0%} of the span of that curve in every measure, by two one-sided tests; different is one that is not zero "
        "after Holm over all methods and strengths of the world; what is neither is undecided."
    )


def _drawn(results: Results) -> str:
    return f"{results.world.name}, {results.sampler}, T = {results.steps}, n = {results.n[results.world.name]}, {seeds(results)}"


def _verdicts(results: Results) -> pd.DataFrame:
    """One row per method. ValueError if there is nothing to compare with, or no second run."""
    quality, diversity, alike = comparison(results.columns)
    rows = results.read[(results.read["sampler"] == results.sampler) & (results.read["steps"] == results.steps)]
    rows = rows[rows["n"] == rows["n"].max()]
    frame = verdicts(rows, alike, quality, diversity)
    if frame.empty:
        raise ValueError(f"no method but {REFERENCE} was sampled")
    several = len(results.train_seeds) > 1
    frame["of these networks"] = (verdicts(rows, alike, quality, diversity, given=True) if several else frame)["verdict"]
    frame.insert(0, "world", results.world.name)
    frame.insert(2, "family", [family(results, label) for label in frame["method"]])
    return frame


def _world(results: Results, verdict: Table | Missing, others: Sequence[Table | Missing]) -> Section:
    """The figures of one world, its verdicts and the other tables."""
    world, heading = results.world.name, f"World {results.world.name}"
    try:
        quality, diversity, _ = comparison(results.columns)
        cells = wide(results.summary, world=world, sampler=results.sampler, steps=results.steps)
        every = wide(results.summary, world=world, sampler=results.sampler)
    except ValueError as error:
        return section(heading, "", _gallery(results), Missing("figures and verdicts", str(error)))
    if isinstance(verdict, Table):
        verdict = Table(verdict.caption, verdict.frame.drop(columns="world").set_index("method").round(2))
    others = [
        Table(one.caption, one.frame.drop(columns="world").set_index("method").round(4))
        for one in others
        if isinstance(one, Table)
    ]
    shown, high, wide_words = _drawn(results), metric(quality).axis, metric(diversity).axis
    families = {label: family(results, label) for label in cells["method"].unique() if label != REFERENCE}

    def equal(price: str) -> Figure:
        return figures.by_family(equal_cost(every, price, results.steps), diversity, quality, families)

    parts = [
        picture(
            f"{world}_quality_diversity",
            f"{high} against {wide_words}, by family of methods, {REFERENCE} guidance in grey",
            f"Whole curves, w growing along each; grey: {REFERENCE} guidance. {shown}.",
            figures.by_family, cells, diversity, quality, families,
        ),
        picture(
            f"{world}_matched_scale",
            f"{high} against the effective w, by family of methods",
            f"At matched effective strength: the part of the update along that of {REFERENCE} guidance. {shown}.",
            figures.by_family, cells, "effective_w", quality, families,
        ),
        *(
            picture(
                f"{world}_curves_at_equal_{name}",
                f"{high} against {wide_words} at equal {words}, by family of methods",
                f"Whole curves at equal {words}: each method at the number of levels at which it costs what {REFERENCE} guidance "
                f"costs at T = {results.steps}, or nearest to that. {shown}.",
                equal, price,
            )
            for price, name, words in (("nfe", "nfe", "network evaluations"), ("seconds_per_sample", "seconds", "seconds"))
            if every["steps"].nunique() > 1  # else the curves are those above
        ),
        picture(
            f"{world}_equal_nfe",
            f"{high} against network evaluations per sample",
            f"The best w of each method against its evaluations, at T = {results.steps} and at equal cost. {shown}.",
            figures.cost, every, "nfe", quality,
        ),
        picture(
            f"{world}_equal_seconds",
            f"{high} against seconds per sample",
            f"The same against wall seconds of one thread, with other processes running. {shown}.",
            figures.cost, every, "seconds_per_sample", quality,
        ),
        _gallery(results),
    ]  # fmt: skip
    return section(heading, "", *parts, verdict, *others)


def _gallery(results: Results) -> Picture | Missing:
    """The first samples of every method at the middle strength of its own range, from the same noise."""
    plane = results.world.in_the_plane
    words = (
        "Contours: the density tilted with w = 1" if plane else "One row per method, one column per class, from the same noise"
    )
    caption = f"{words}; the middle strength of each. {results.sampler}, T = {results.steps}."
    alt = "Samples of every method at the middle strength of each"
    return picture(f"{results.world.name}_gallery", alt, caption, _gallery_figure, results)


def _gallery_figure(results: Results) -> Figure:
    cells = [cell for cell in results.cells if (cell.sampler, cell.steps) == (results.sampler, results.steps)]
    if not cells:
        raise ValueError("no cell of the main sampler was sampled")
    cells = [cell for cell in cells if cell.seed == cells[0].seed]
    chosen = {f"conditional, w = {cell.w:g}": cell for cell in cells[::-1] if cell.w == 0}
    for name in dict.fromkeys(cell.method for cell in cells):
        guided = [cell for cell in cells if cell.method == name and cell.w]
        guided = sorted((cell for cell in guided if cell.train_seed == guided[0].train_seed), key=lambda cell: cell.w)
        if guided:
            middle = guided[(len(guided) - 1) // 2]
            chosen[f"{name}, w = {middle.w:g}"] = middle
    samples = {name: cell.draw() for name, cell in chosen.items()}
    if results.world.in_the_plane:
        densities = results.world.densities(1.0) if results.world.densities else []
        return figures.plane_gallery(densities, samples)
    return figures.image_gallery({name: as_bytes(x[:GALLERY_SIZE]) for name, (x, _) in samples.items()})
