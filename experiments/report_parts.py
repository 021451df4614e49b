"""The parts of a report that every study has: what it was, the samples as pictures, the networks, the cost, the data."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import torch

from analysis import pictures, prices
from analysis.headline import headline
from analysis.report import Picture, Section
from analysis.table import read_table, summarise
from experiments.images import to_uint8
from experiments.provenance import device_name
from experiments.runs import read_json
from experiments.sample import load_samples
from experiments.worlds import WORLDS

if TYPE_CHECKING:
    from experiments.cells import Cell, Trained
    from experiments.study_config import StudyConfig

SHOWN_CLASS, SHOWN_ROWS = 3, 6
GLANCE = ("kl_tilted", "wasserstein_tilted", "frechet_exact", "is_exact", "accuracy_exact", "nll_exact")
NAMES = {
    "held_out_eps_loss_conditional": "denoiser: MSE of eps, conditional",
    "held_out_eps_loss_null": "denoiser: MSE of eps, unconditional",
    "held_out_accuracy": "classifier: accuracy",
    "held_out_nll": "classifier: NLL (nats)",
    "held_out_calibration_error": "classifier: calibration error",
}


class Done(NamedTuple):
    """All that a report is made of: the study's configuration, where it ran, its table, its trainings and its cells."""

    config: "StudyConfig"
    device: str
    table: pd.DataFrame
    evaluator: Path | None
    trained: "Sequence[Trained]"
    cells: "Sequence[Cell]"


def announce(config: "StudyConfig", device: str, workers: int, runs: Path) -> str:
    """What is about to happen, for the terminal."""
    cells = sum(len(sweep.cells(config.methods)) for sweep in config.sweeps)
    cells *= (config.exact + (len(config.train_seeds) if config.denoiser else 0)) * len(config.sample_seeds)
    where = f"{device} ({device_name(device)}), {workers} process{'es' if workers > 1 else ''}"
    what = f"study {config.name} of {config.world}: {seeds(config)}, {cells} cells of {config.n} samples"
    return f"{what}\non {where}; runs in {runs}"


def at_a_glance(folder: Path, config: "StudyConfig") -> str:
    """The main table of a finished study, for the terminal."""
    summary, main = summarise(read_table(folder / "table.csv")), config.sweeps[0].sampler
    metrics = [f"fid_{config.world}", f"is_{config.world}", "accuracy_evaluator", f"diversity_{config.world}"]
    if config.exact:
        metrics = [name for name in GLANCE if name in set(summary["metric"])]
    wide = headline(summary, sampler=main.label, steps=main.steps, n=config.n, metrics=metrics)
    return f"{main.label} sampler, T = {main.steps}, n = {config.n}\n{wide.to_string()}\n"


def seeds(config: "StudyConfig") -> str:
    """How many, in words."""

    def plural(n: int, what: str) -> str:
        return f"{n} {what} seed{'s' if n > 1 else ''}"

    trained = f"{plural(len(config.train_seeds), 'training')}, " if config.denoiser else ""
    return trained + plural(len(config.sample_seeds), "sampling")


def samples(config: "StudyConfig", cells: Sequence["Cell"]) -> Section:
    """One class, w growing from left to right, the same noise in every row (Figures 1 and 3 of the paper)."""
    main, shown = config.sweeps[0].sampler, []
    for method in dict.fromkeys(cell.method for cell in cells):
        own = [cell for cell in cells if cell.method == method and cell.config.sampler == main]
        own = [cell for cell in own if (cell.train_seed, cell.config.seed) == (own[0].train_seed, own[0].config.seed)]
        images = {}
        for cell in own:
            found, label = load_samples(cell.samples)
            found = found[label == min(SHOWN_CLASS, label.max())][:SHOWN_ROWS]
            found = to_uint8(torch.from_numpy(found)) if found.dtype.kind == "f" else found
            images[float(cell.config.method.w)] = found[..., 0] if found.shape[-1] == 1 else found
        if images:
            text = f"Class {SHOWN_CLASS} by {method} guidance, w growing from left to right"
            figure = pictures.samples_against_w(images, f"{method} guidance, class {SHOWN_CLASS}")
            name = f"samples_{method.replace(' (exact)', '_exact')}"
            shown.append(Picture(figure, name, text, f"{text}; {main.label} sampler, T = {main.steps}."))
    return Section("Samples as w grows", "Each row starts from the same noise in every column and in every picture.", shown)


def twins(cells: Sequence["Cell"]) -> Section:
    """Whether w = 0 is the same samples for every method: the sha256 of their float32 values."""
    plain: dict[tuple, list[str]] = {}
    for cell in cells:
        own = cell.config
        if own.method.w == 0:
            hashes = plain.setdefault((cell.train_seed, own.seed, own.sampler.label, own.sampler.steps), [])
            hashes.append(read_json(cell.samples / "cost.json")["float32_sha256"])
    groups = [hashes for hashes in plain.values() if len(hashes) > 1]
    same = sum(len(set(hashes)) == 1 for hashes in groups)
    text = f"In {same} of {len(groups)} groups of cells at w = 0 the samples of all methods are equal bit for bit in float32."
    return Section("w = 0 is the conditional model", text)


def networks(evaluator: Path | None, trained: Sequence["Trained"]) -> Section:
    """What the networks reach on held-out images."""
    rows = {}
    for one in (t for t in trained if t.denoiser is not None):
        for name, values in (read_json(one.denoiser / "metrics.json") | read_json(one.classifier / "metrics.json")).items():
            rows[(NAMES[name], one.seed)] = {f"lambda {level}": f"{value:.3f}" for level, value in values.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["on held-out images", "training seed"])
    text = "The denoiser and the noise-aware classifier, by the noise level lambda (chance is one over the classes):"
    if evaluator is not None:
        judge = read_json(evaluator / "metrics.json")
        values = f"accuracy {judge['held_out_accuracy']:.3f}, NLL {judge['held_out_nll']:.3f} nats"
        text = f"The evaluator, on clean held-out images: {values}. {text}"
    return Section("The networks", text, tables=[("By lambda = log SNR.", table.sort_index())])


def cost(config: "StudyConfig", device: str, summary: pd.DataFrame, cells: Sequence["Cell"]) -> list[Section]:
    """Calls, time and memory of a sample, by method."""
    main = config.sweeps[0].sampler
    at = {"sampler": main.label, "steps": main.steps}
    devices = ", ".join(sorted({read_json(cell.samples / "provenance.json")["device"] for cell in cells}))
    at |= {"memory": "peak allocated memory (MiB)"} if device.startswith("cuda") else {}
    text = (
        "Network evaluations are counted at the networks. Seconds on a CPU are wall seconds of one thread, beside the other "
        "processes of the study and of the machine: compare the counts first. Noise is drawn on the CPU, per sample."
    )
    figure = prices.cost(summary, **at, device=devices)
    alt = "Network evaluations, time and memory per sample by method"
    caption = f"Cost per sample, {main.label} sampler, T = {main.steps}; whiskers: fastest and slowest cell. {devices}."
    return [
        Section("Cost", text, [Picture(figure, "cost", alt, caption)], [(caption, prices.cost_table(summary, **at).round(3))])
    ]


def made(config: "StudyConfig", cell: "Cell") -> Section:
    """The data card, the environment of the first cell, and the whole configuration."""
    card = {f"data: {name}": value for name, value in WORLDS[config.world]().card.items()}
    made = {name: value for name, value in read_json(cell.samples / "provenance.json").items() if name != "parents"}
    made = {name: value if isinstance(value, str) else json.dumps(value) for name, value in made.items()}
    table = pd.DataFrame({"value": card | made})
    text = "Provenance is that of the first cell; every run has its own."
    return Section(
        "Data and provenance", text, tables=[("Data set and environment.", table)], details=config.model_dump_json(indent=1)
    )
