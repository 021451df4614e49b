"""One method under a protocol of the benchmark: its measures over w, each figure with the protocol's hash on it."""

from dataclasses import replace

from matplotlib.figure import Figure

from analysis.figures import style
from analysis.metrics import main_columns, metric
from analysis.reports import common
from analysis.reports.html import Picture, Section
from analysis.reports.parts import by_world, picture, section, seeds
from analysis.reports.report import Report
from analysis.results import Results


def report(results: Results) -> Report:
    """The report: table, summary, one figure per world, and the configuration, which holds the whole protocol."""
    label = str(results.values.get("label", ""))
    drawn = [stamped(part, label) for part in by_world(results, _sections)]
    sizes = ", ".join(f"{world}: {n:,} samples per cell, {seeds(results.of(world))}" for world, n in results.n.items())
    intro = f"Made under {label}, which BENCHMARK.md describes. {sizes}."
    sections = [*common.failed(results), *drawn, *common.closing(results)]
    tables = {"table": results.table, "summary": results.summary}
    return Report(results.title, intro, sections, tables, common.summary_text(results))


def stamped(part: Section, text: str) -> Section:
    """The section with a line of small grey text at the foot of every figure: what its numbers were made under."""
    pictures = []
    for shown in part.figures:
        foot = 0.16 / shown.figure.get_size_inches()[1]  # of an inch
        shown.figure.get_layout_engine().set(rect=(0, foot, 1, 1 - foot))
        shown.figure.text(0.995, foot / 4, text, ha="right", va="bottom", fontsize=7, color=style.GREY)
        pictures.append(Picture(shown.figure, shown.name, shown.alt, shown.caption))
    return replace(part, figures=pictures)


def _sections(results: Results) -> list[Section]:
    name = results.world.name
    words = f"Measures in {name} against w, {results.sampler}, T = {results.steps}, n = {results.n[name]}"
    drawn = picture("against_w", words, f"{words}; bars: one standard deviation between seeds.", _against_w, results)
    return [section(f"Over w, {name}", "", drawn, common.main_table(results)), common.cost(results), common.provenance(results)]


def _against_w(results: Results) -> Figure:
    columns = main_columns(results.columns)[:4]
    figure, panels = style.panels(1, len(columns), (3.6 * len(columns), 3.4))
    methods = results.methods
    for axes, column in zip(panels, columns):
        for method in methods:
            own = results.summary
            own = own[(own["method"] == method) & (own["metric"] == column) & (own["steps"] > 0)].sort_values("w")
            shade = style.colour(method, methods)
            axes.errorbar(own["w"], own["value"], own["sd"].fillna(0), color=shade, marker="o", markersize=4, capsize=2)
        style.scale_w(axes, own["w"])
        axes.set_title(metric(column).title, loc="left", fontsize=9, wrap=True)
    return figure
