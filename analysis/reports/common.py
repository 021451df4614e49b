"""The sections that several reports have: samples as pictures, w = 0, networks, cost, what failed, data and provenance."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.citation import bibtex
from analysis.costs import ALLOCATED
from analysis.figures import pictures, prices
from analysis.figures.training import whole
from analysis.findings import found
from analysis.headline import headline
from analysis.metrics import main_columns, metric
from analysis.reports.html import Section
from analysis.reports.parts import Missing, Table, over_runs, picture, section, table
from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.table import in_brackets

SHOWN_CLASS, SHOWN_ROWS = 3, 6
COST = """\
Network evaluations are counted at the networks. Seconds on a CPU are wall seconds of one thread, beside the other processes of
the study and of the machine: compare the counts first. Noise is drawn on the CPU, per sample."""


def main_table(results: Results, *, report: bool = True) -> Table | Missing:
    """The main table with a caption that says what it is of; of a single run it holds no deviations."""
    n = results.n[results.world.name]
    columns = main_columns(results.columns, report=report)
    return table(
        main_caption(results, n), headline, results.summary, sampler=results.sampler, steps=results.steps, n=n, metrics=columns
    )


def main_caption(results: Results, n: int, beside: str = "") -> str:
    """What the main table of cells of n samples is; beside: what else it holds."""
    return f"Every method at every w{beside}, {results.sampler} sampler, T = {results.steps}, n = {n:,}{over_runs(results)}."


def told(results: Results) -> list[str]:
    """What was found, sentence by sentence; or why it cannot be told, since nothing amiss in it may lose the report."""
    try:
        return found(results)
    except Exception as error:
        return [f"What was found cannot be told: {type(error).__name__}: {error}"]


def beginning(sentences: Sequence[str], numbers: str) -> str:
    """What the terminal prints: what was found above the numbers."""
    return "\n".join(sentences) + f"\n\n{numbers}"


def summary_text(results: Results) -> str:
    """The main table of every world, for the terminal."""
    texts = []
    for part in (results.of(world) for world in results.worlds):
        main = main_table(part, report=False)
        if isinstance(main, Table):
            texts.append(f"{main.caption.rstrip('.')}\n{main.frame.to_string()}\n")
        else:
            texts.append(f"no main table of {part.world.name}: {main.why}\n")
        texts[-1] = f"{part.world.name}: {texts[-1]}" if len(results.worlds) > 1 else texts[-1]
    return "\n".join(texts) + failed_text(results)


def failed_text(results: Results) -> str:
    """One line about the cells that failed, or nothing."""
    if not results.failed:
        return ""
    return f"\n{len(results.failed)} cell{'s' if len(results.failed) > 1 else ''} failed: {'; '.join(results.failed)}"


def failed(results: Results) -> list[Section]:
    """The cells that failed, each with its reason."""
    if not results.failed:
        return []
    frame = pd.DataFrame({"reason": pd.Series(dict(results.failed), dtype=str)}).rename_axis(index="cell")
    text = "The tables and figures below are those of the other cells."
    return [section("Failed cells", text, Table("Cells that were not sampled or not measured.", frame))]


def samples(results: Results) -> Section:
    """One class, w growing from left to right, the same noise in every row (Figures 1 and 3 of the paper)."""
    main = [cell for cell in results.cells if (cell.sampler, cell.steps) == (results.sampler, results.steps)]
    label = min(SHOWN_CLASS, results.world.classes - 1)
    pictures_by_method = []
    methods = [method for method in dict.fromkeys(cell.method for cell in main) if whole(method)]
    if len(results.world.shape) == 3 and REFERENCE in methods:
        text = f"{SHOWN_ROWS} classes by {REFERENCE} guidance, w growing from left to right"
        own = [cell for cell in main if cell.method == REFERENCE]
        pictures_by_method.append(picture("samples_by_class", text, f"{text}; one sample of each.", _classes, own))
    for method in methods:
        text = f"Class {label} by {by_method(method)}, w growing from left to right"
        caption = f"{text}; {results.sampler} sampler, T = {results.steps}."
        name = f"samples_{method.replace(' (exact)', '_exact')}"
        pictures_by_method.append(picture(name, text, caption, _rows, [cell for cell in main if cell.method == method], label))
    pictures_by_method = pictures_by_method or [Missing("samples", "no cell of the main sampler was sampled")]
    return section(
        "Samples as w grows", "Each row starts from the same noise in every column and in every picture.", *pictures_by_method
    )


def by_method(name: str) -> str:
    """A method as what samples are made by: of autoguidance "guidance" is said once."""
    return name if "guidance" in name else f"{name} guidance"


def _rows(cells: list, shown: int) -> Figure:
    """The images of one class at every w, of the first run."""
    images = {w: found[label == shown][:SHOWN_ROWS] for w, (found, label) in _first_run(cells).items()}
    return pictures.samples_against_w(images, f"{by_method(cells[0].method)}, class {shown}")


def _classes(cells: list) -> Figure:
    """The first image of some classes, evenly spread, at every w, of the first run."""
    by_w = _first_run(cells)
    classes = sorted(set(next(iter(by_w.values()))[1].tolist()))
    shown = [classes[i * len(classes) // SHOWN_ROWS] for i in range(min(SHOWN_ROWS, len(classes)))]
    images = {w: np.stack([found[label == c][0] for c in dict.fromkeys(shown)]) for w, (found, label) in by_w.items()}
    return pictures.samples_against_w(images, f"{cells[0].method} guidance")


def _first_run(cells: list) -> dict[float, tuple[np.ndarray, np.ndarray]]:
    """Images as bytes and labels by w, of the first run."""
    first = [cell for cell in cells if (cell.train_seed, cell.seed) == (cells[0].train_seed, cells[0].seed)]
    drawn = {float(cell.w): cell.draw() for cell in first}
    return {w: (pictures.as_bytes(found), label) for w, (found, label) in drawn.items()}


def conditional_model(results: Results) -> Section:
    """Whether w = 0 is the same samples for every method of one network: the sha256 of their float32 values.

    Words in brackets may be of a weak network alone, which has no part at w = 0: what differs there is of another network.
    """
    at_zero = [cell for cell in results.cells if cell.w == 0 and cell.sha256]
    cells = [(in_brackets(cell.method), (cell.train_seed, cell.seed, cell.sampler, cell.steps), cell.sha256) for cell in at_zero]
    plain = {(run, sha256) for words, run, sha256 in cells if not words}
    alike, runs = {words for words, *cell in cells if tuple(cell) in plain}, {run for run, _ in plain}
    own = list(dict.fromkeys(words for words, run, _ in cells if run in runs and words not in alike))
    found: dict[tuple, list[str]] = {}
    for words, run, sha256 in cells:
        found.setdefault((words if words in own else "", run), []).append(sha256)
    groups, of = [hashes for hashes in found.values() if len(hashes) > 1], " of one network" if own else ""
    same = sum(len(set(hashes)) == 1 for hashes in groups)
    text = f"In {same} of {len(groups)} groups of cells at w = 0 the samples of all methods{of} are equal bit for bit in float32."
    text = text if groups else f"No two methods{of} were sampled at w = 0."
    text += f" Each of these has a w = 0 of its own: {', '.join(words.strip(' ()') for words in own)}." if own else ""
    return section("w = 0 is the conditional model", text)


def networks(results: Results) -> list[Section]:
    """What the networks reach on test images, by lambda or on clean ones; no section where none was trained."""
    found = results.tables.get("networks")
    if found is None or found.empty:
        return []
    clean, noisy = found[found["logsnr"].isna()], found[found["logsnr"].notna()]
    means = clean.groupby(["network", "metric"], sort=False)["value"].mean()
    words = [
        f"{name}: " + ", ".join(f"{metric(column).axis} {value:.3f}" for (_, column), value in values.items())
        for name, values in means.groupby(level="network", sort=False)
    ]
    text = f"On clean test images, {'; '.join(words)}." if words else ""
    text += " By the noise level lambda, chance is one over the classes." if len(noisy) else ""
    if any(map(in_brackets, results.methods)):
        text += " Each is measured as its training ended: snapshots, and other averages of a training's weights, are not."
    parts = [table("By lambda = log SNR, on test images.", _by_lambda, noisy)] if len(noisy) else []
    return [section("The networks", text.strip(), *parts)]


def _by_lambda(noisy: pd.DataFrame) -> pd.DataFrame:
    words = [f"{network}: {metric(column).axis}" for network, column in zip(noisy["network"], noisy["metric"])]
    rows = noisy.assign(words=words, level=[f"lambda {level:g}" for level in noisy["logsnr"]])
    wide = rows.pivot(index=["words", "train_seed"], columns="level", values="value")
    order = rows.sort_values("logsnr")["level"].unique()
    return wide[order].rename_axis(index=["network", "training seed"], columns=None).map("{:.3f}".format).sort_index()


def cost(results: Results) -> Section:
    """Calls, time and memory of a sample, by method."""
    at = {"sampler": results.sampler, "steps": results.steps}
    devices = ", ".join(sorted({cell.device for cell in results.cells if cell.device}))
    at |= {"memory": ALLOCATED} if results.device.startswith("cuda") else {}
    alt = "Network evaluations, time and memory per sample by method"
    caption = f"Cost per sample, {results.sampler} sampler, T = {results.steps}; whiskers: fastest and slowest cell. {devices}."
    figure = picture("cost", alt, caption, prices.cost, results.summary, **at, device=devices)
    return section("Cost", COST, figure, table(caption, lambda: prices.cost_table(results.summary, **at).round(3)))


def provenance(results: Results) -> Section:
    """The data card, the environment of the first cell, and the whole configuration."""
    facts = {f"data: {name}": value for name, value in results.world.card.items()}
    facts |= {name: value for name, value in results.provenance.items() if name != "parents"}
    facts = {name: value if isinstance(value, str) else json.dumps(value, default=str) for name, value in facts.items()}
    text = "Provenance is that of the first cell; every run has its own."
    frame = pd.DataFrame({"value": pd.Series(facts, dtype=object)})
    parts = [Table("Data set and environment.", frame)] if facts else []
    return section("Data and provenance", text, *parts)


def closing(results: Results) -> list[Section]:
    """The commands that make the study again, at its commit; how to cite it; every value of it."""
    revision = str(results.provenance.get("revision") or "")
    text = "In a checkout of guidance-bench, installed as it is (pip install -e .). What is done already is not done again."
    text += " The checkout had uncommitted changes: numbers may differ." if revision.endswith("+") else ""
    checkout = f"git checkout {revision.rstrip('+')}" if revision else ""
    commands = [("Commands", "\n".join(filter(None, (checkout, results.command))))] if results.command else []
    commands.append(
        ("In the folder of this page, from its config.json, the table compared row by row", "guidance-bench verify --remake .")
    )
    words = "The software and this study; the papers of the methods compared are to be cited too."
    return [
        section("Make this again", text, code=commands),
        section("How to cite", words, code=[("BibTeX", bibtex(results.name, results.provenance))]),
        section("Configuration", details=json.dumps(results.values, indent=1, default=str, ensure_ascii=False)),
    ]
