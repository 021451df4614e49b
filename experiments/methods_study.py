"""All methods in several worlds: each world's cells as in any study, then one table, one comparison and one gallery."""

import shutil
from functools import partial
from pathlib import Path

import pandas as pd

from analysis import methods_figures as figures
from analysis.compare import MEASURES, equal_cost, verdicts, wide
from analysis.files import write_atomically
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.exact import tilted
from experiments.images import to_uint8
from experiments.methods_config import MethodsConfig
from experiments.report_parts import Done, made, networks, seeds
from experiments.runs import Store
from experiments.sample import load_samples
from experiments.study import finished, gather, rehearse
from experiments.worlds import WORLDS
from guidance import METHODS

SHOWN = 10  # samples of a method in the gallery, one a class


def methods_study(store: Store, config: MethodsConfig, workers: int, redraw: bool = False) -> Path:
    """The run of the comparison: table.csv, summary.csv, compared.csv, figures/, report.html. What is done is not done again."""
    if found := finished(store, config.name, config, redraw):
        return found
    for one in config.worlds.values():
        rehearse(one)
    gathered = {world: gather(store, one, workers) for world, one in config.worlds.items()}
    shutil.rmtree(store.path(config.name, config), ignore_errors=True)
    write_all = partial(_write, {world: done for world, (done, _) in gathered.items()})
    return store.make(config.name, config, write_all, [run for _, runs in gathered.values() for run in runs])


def _write(done: dict[str, Done], folder: Path) -> None:
    table = read_table(write_table(pd.concat([one.table for one in done.values()]), folder / "table.csv"))
    summary = summarise(table)
    write_atomically(folder / "summary.csv", summary.to_csv(index=False).encode())
    compared, sections = [], []
    for world, one in done.items():
        found, section = _world(summary, world, one)
        compared.append(found)
        sections.append(section)
    write_atomically(folder / "compared.csv", pd.concat(compared).to_csv(index=False).encode())
    for one in done.values():
        sections += [networks(one.evaluator, one.trained)] if one.config.denoiser else []
        sections.append(made(one.config, one.cells[0]))
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html("Guidance methods beside plain classifier-free guidance", _intro(done), sections))


def _intro(done: dict[str, Done]) -> str:
    first = next(iter(done.values())).config
    main = first.sweeps[0].sampler
    sizes = ", ".join(f"{world}: {one.config.n} samples a cell, {seeds(one.config)}" for world, one in done.items())
    return (
        f"{len(METHODS)} methods over their own strengths, from the same noise, one sampler ({main.label}, T = {main.steps}; "
        f"at other T where a method costs more or less than two evaluations a step). {sizes}. Values are means over runs, ± one "
        "standard deviation. Whether a method is plain classifier-free guidance with another w is judged by the nearest point of "
        "its curve; whether it is better, at equal diversity."
    )


def _world(summary: pd.DataFrame, world: str, done: Done) -> tuple[pd.DataFrame, Section]:
    """The comparison in one world: a row a method, and the figures."""
    config, (quality, diversity, alike) = done.config, MEASURES[world]
    main = config.sweeps[0].sampler
    cells = wide(summary, world=world, sampler=main.label, steps=main.steps)
    found = verdicts(cells, alike, quality, diversity)
    found.insert(0, "world", world)
    found.insert(2, "family", [METHODS[label.split("(")[0]].family for label in found["method"]])
    every = wide(summary, world=world, sampler=main.label)
    family = dict(zip(found["method"], found["family"]))
    drawn = f"{world}, {main.label}, T = {main.steps}, n = {config.n}, {seeds(config)}"
    shown = [
        Picture(
            figures.by_family(cells, diversity, quality, family),
            f"{world}_quality_diversity",
            f"{quality} against {diversity}, by family of methods, classifier-free guidance in grey",
            f"Whole curves, w growing along each; grey: classifier-free guidance. {drawn}.",
        ),
        Picture(
            figures.by_family(cells, "effective_w", quality, family),
            f"{world}_matched_scale",
            f"{quality} against the effective w, by family of methods",
            f"At matched effective strength: the part of the update along that of classifier-free guidance. {drawn}.",
        ),
        *(
            Picture(
                figures.by_family(equal_cost(every, price, main.steps), diversity, quality, family),
                f"{world}_curves_at_equal_{name}",
                f"{quality} against {diversity} at equal {name}, by family of methods",
                f"Whole curves at equal {words}: each method at the number of levels at which it costs what classifier-free "
                f"guidance costs at T = {main.steps}, or nearest to that. {drawn}.",
            )
            for price, name, words in (("nfe", "nfe", "network evaluations"), ("seconds_per_sample", "seconds", "seconds"))
        ),
        Picture(
            figures.cost(every, "nfe", quality, family),
            f"{world}_equal_nfe",
            f"{quality} against network evaluations a sample",
            f"The best w of each method against its evaluations, at T = {main.steps} and at equal cost. {drawn}.",
        ),
        Picture(
            figures.cost(every, "seconds_per_sample", quality, family),
            f"{world}_equal_seconds",
            f"{quality} against seconds a sample",
            f"The same against wall seconds of one thread, beside other processes. {drawn}.",
        ),
        _gallery(world, done),
    ]
    caption = f"Every method beside classifier-free guidance. {drawn}."
    return found, Section(f"World {world}", "", shown, [(caption, found.drop(columns="world").set_index("method").round(2))])


def _gallery(world: str, done: Done) -> Picture:
    """The first samples of every method at the middle strength of its own range, from the same noise."""
    config, main = done.config, done.config.sweeps[0].sampler
    cells = [cell for cell in done.cells if cell.config.sampler == main and cell.config.seed == config.sample_seeds[0]]
    chosen = {}
    for name in dict.fromkeys(cell.method for cell in cells):
        own = sorted(
            (cell for cell in cells if cell.method == name and cell.config.method.w), key=lambda cell: cell.config.method.w
        )
        middle = own[(len(own) - 1) // 2]
        chosen[f"{name}, w = {middle.config.method.w:g}"] = load_samples(middle.samples)
    plain = next(cell for cell in cells if cell.config.method.w == 0)
    chosen = {"conditional, w = 0": load_samples(plain.samples), **chosen}
    if WORLDS[world]().shape == (2,):
        densities = [tilted(world, c, 1.0) for c in range(WORLDS[world]().classes)]
        figure = figures.plane_gallery(densities, chosen)
        words = "Contours: the density tilted with w = 1"
    else:
        images = {name: x if x.dtype == "uint8" else to_uint8(_tensor(x)) for name, (x, _) in chosen.items()}
        figure = figures.image_gallery({name: x[:SHOWN] for name, x in images.items()})
        words = "A row a method, a column a class, from the same noise"
    words = f"{words}; the middle strength of each"
    return Picture(figure, f"{world}_gallery", words, f"{words}. {main.label}, T = {main.steps}.")


def _tensor(x):
    import torch

    return torch.from_numpy(x).clamp(-1, 1)


def at_a_glance(folder: Path) -> str:
    """The verdicts of a finished study, for the terminal."""
    found = pd.read_csv(folder / "compared.csv")
    with pd.option_context("display.width", None, "display.max_columns", None, "display.max_rows", None):
        return found[["world", "family", "method", "distance", "better", "worse", "verdict"]].round(2).to_string(index=False)
