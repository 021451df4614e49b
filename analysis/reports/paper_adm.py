"""The page of `guidance-bench paper adm`: Table 4 and Figures 3 to 5 of Dhariwal & Nichol, arXiv 2105.05233."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from analysis import reference
from analysis.figures import pictures
from analysis.findings.beside_paper import over_scales
from analysis.paper import scales as paper_scales
from analysis.paper import tables as paper_tables
from analysis.paper.conditions import ADM_TABLE4, column_of, conditions, verdict
from analysis.paper.samples import sheets
from analysis.reports import common
from analysis.reports.html import Section
from analysis.reports.parts import Missing, picture, section, seeds, spread_words, table
from analysis.reports.report import Report
from analysis.results import Cell, Results

PAPER = "Dhariwal & Nichol, Diffusion Models Beat GANs on Image Synthesis (arXiv 2105.05233)"
SHOWN_CLASS, SHEET = 3, 5
SHOWN_SCALES = (1.0, 10.0)  # of Figure 3 and Table 4
FIGURES = "Figures 4 and 5: fidelity and diversity against the scale"
NO_NUMBERS = (
    "The paper draws Figures 4 and 5 of ImageNet 128x128 and prints no numbers of them, so beside the study's curves stand the "
    "three scales of its Table 4, of ImageNet 256x256."
)
TABLE = (
    "An unconditional base knows nothing of the class but what the classifier says: with an exact classifier scale s there is "
    "the same target as w = s - 1 of a conditional base. Scale 1 of the unconditional base aims at the conditional model."
)


def report(results: Results) -> Report:
    """The page and its tables, table_4.csv and figure_4.csv."""
    paper, mine = reference.table("adm_table4_imagenet256"), conditions(results)
    note, said = verdict(mine, ADM_TABLE4), (f"{mine.said}, {results.sampler}, T = {results.steps}", ADM_TABLE4.said)
    tables, found = {"table": results.table, "summary": results.summary}, []
    measures = {name: column_of(name, results) for name in paper_scales.MEASURES}
    try:
        ours = paper_scales.by_scale(results.summary, measures, results.sampler, results.steps)
    except ValueError as error:
        parts = [section("Table 4", "", Missing("Table 4", str(error)))]
        text = f"no number: {error}"
    else:
        tables["figure_4"] = pd.concat([ours.assign(source=paper_tables.STUDY), paper.assign(source=paper_tables.PAPER)])
        tables["table_4"] = paper_tables.table_4(ours, paper)
        parts, found = [_table(tables["table_4"], said, note), _curves(ours, paper, said, note)], over_scales(ours, paper)
        text = f"{paper_tables.shown(tables['table_4']).to_string(index=False)}\n{note}"
    sections = [*common.failed(results), *parts, _samples(results), *common.networks(results), common.provenance(results)]
    sections += common.closing(results)
    return Report(results.title, _intro(results), sections, tables, text + common.failed_text(results), found)


def _intro(results: Results) -> str:
    return (
        f"What {PAPER} shows of classifier guidance, of {results.world.name}: {_method(results)} with scale s on the conditional "
        "model and on the same model asked without a label (or on an unconditional network, if the study has one). "
        f"{results.n[results.world.name]:,} samples a cell, {seeds(results)}.{spread_words(results)}\n\nPublished numbers are "
        "those of the paper's Table 4. Under every figure and table stands whether a number could be equal to the paper's, or "
        f"only the shape be alike. FID and its like rest on the features of {conditions(results).features}."
    )


def _method(results: Results) -> str:
    """The name of the one method, without what it says of its base."""
    names = [method.removesuffix(paper_scales.UNCONDITIONAL) for method in results.methods]
    return next((name for name in names if name != "classifier-free"), "classifier guidance")


def _table(frame: pd.DataFrame, said: tuple[str, str], note: str) -> Section:
    caption = f"Table 4 of the paper, the study's numbers beside it. Paper: {said[1]}. Study: {said[0]}. {note}"
    shown = paper_tables.shown(frame).set_index(["conditional", "guidance"])
    return section("Table 4: classifier guidance on both bases", TABLE, table(caption, lambda: shown))


def _curves(ours: pd.DataFrame, paper: pd.DataFrame, said: tuple[str, str], note: str) -> Section:
    against, across = "Measures against the classifier scale, on both bases", "FID against IS, and precision against recall"
    about = (f"this study, {said[0]}", f"Table 4 of the paper, {said[1]}")
    return section(
        FIGURES,
        NO_NUMBERS,
        picture("figure_4", against, f"{against}. {note}", paper_scales.against_scale, ours, paper, about, note),
        picture("figure_5", across, f"{across}, the scale growing along each line. {note}", paper_scales.trade_offs, ours, paper,
                about, note),
    )  # fmt: skip


def _samples(results: Results) -> Section:
    label = min(SHOWN_CLASS, results.world.classes - 1)
    words = f"Class {label} from the unconditional base with scale {SHOWN_SCALES[0]:g} and {SHOWN_SCALES[1]:g}"
    cells = [cell for cell in results.cells if cell.method.endswith(paper_scales.UNCONDITIONAL)]
    return section(
        "Figure 3: samples of an unconditional base",
        "The same noise at every place. Shape only: other data.",
        picture("figure_3", words, f"Figure 3 of the paper. {words}.", _sheets, cells, label),
    )


def _sheets(cells: Sequence[Cell], label: int) -> Figure:
    drawn = {}
    for scale in SHOWN_SCALES:
        cell = next((cell for cell in cells if cell.w == scale - 1), None)
        if cell is None:
            raise ValueError(f"the study has no scale {scale:g} on the unconditional base")
        x, labels = cell.draw()
        drawn[f"scale {scale:g}"] = pictures.as_bytes(x[labels == label][: SHEET * SHEET])
    return sheets(drawn, SHEET, f"Class {label}, unconditional base")
