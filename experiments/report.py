"""What a study leaves for people: the tidy table, its summary, the figures, and a report that opens offline."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis import figures, pictures, prices
from analysis.best import best_against_plain
from analysis.files import write_atomically
from analysis.headline import headline
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.data import WORLDS
from experiments.provenance import device_name, provenance
from experiments.runs import read_json
from experiments.sample import load_samples

if TYPE_CHECKING:
    from experiments.study import Cell, StudyConfig, Trained

SHOWN_CLASS, SHOWN_ROWS = 3, 6
PAPER = "Ho & Salimans, Classifier-Free Diffusion Guidance (arXiv 2207.12598)"


def write_report(
    config: "StudyConfig",
    table: pd.DataFrame,
    evaluator: Path,
    trained: Sequence["Trained"],
    cells: Sequence["Cell"],
    folder: Path,
) -> None:
    """Fills `folder` with table.csv, summary.csv, figures/*.png and report.html."""
    table = read_table(write_table(table, folder / "table.csv"))
    summary = summarise(table)
    write_atomically(folder / "summary.csv", summary.to_csv(index=False).encode())
    sections = [
        *_trade_off(config, summary),
        _samples(config, cells),
        *_samplers(config, summary),
        _minimum(config, table),
    ]
    sections += [_twins(cells), _networks(evaluator, trained), *_prices(config, summary), _made(config)]
    (folder / "figures").mkdir()
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html(f"Guidance on {config.world}", _intro(config), sections))


def at_a_glance(folder: Path, config: "StudyConfig") -> str:
    """The main table of a finished study, for the terminal."""
    summary, main = summarise(read_table(folder / "table.csv")), config.sweeps[0].sampler
    metrics = [f"fid_{config.world}", f"is_{config.world}", "accuracy_evaluator", f"diversity_{config.world}"]
    wide = headline(summary, sampler=main.name, steps=main.steps, n=config.n, metrics=metrics)
    return f"{main.name} sampler, T = {main.steps}, n = {config.n}\n{wide.to_string()}\n"


def _intro(config: "StudyConfig") -> str:
    return (
        f"Classifier guidance and classifier-free guidance on one diffusion model of the {config.world}, from the same "
        f"noise, with the same sampler, at a counted cost: the trade-off of {PAPER}.\n\n"
        f"{len(config.train_seeds)} training and {len(config.sample_seeds)} sampling seeds, {config.n} samples to a cell. "
        f"Where there are several runs, values are means and the spread is one standard deviation over runs. "
        f"Frechet distance and Inception score are taken on the features of a small evaluator trained on the "
        f"{config.world}, hence fid_{config.world} and is_{config.world}: they compare with each other and with nothing else."
    )


def _trade_off(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    world, main = config.world, config.sweeps[0].sampler
    at = {"sampler": main.name, "steps": main.steps}
    fid, score, diversity = f"fid_{world}", f"is_{world}", f"diversity_{world}"
    precision, recall = f"precision_{world}", f"recall_{world}"
    columns = [fid, score, precision, recall, "accuracy_evaluator", "accuracy_guide", diversity]

    def picture(metrics: str | list[str], name: str, alt: str, log: bool = False) -> Picture:
        return Picture(figures.metric_against_w(summary, metrics, **at, log=log), name, alt)

    curve = figures.fid_is_curve(summary, **at, fid=fid, score=score)
    return [
        Section(
            "Fidelity against w",
            "FID and IS of the samples as guidance grows. Dashed: the same cells in parts as large as the held-out set, to "
            "compare with the line of held-out real images, because both measures move with the number of images.",
            [
                picture(fid, "fid_against_w", "FID against w for both methods", log=True),
                picture(score, "is_against_w", "Inception score against w for both methods"),
                Picture(curve, "fid_is_curve", "FID against Inception score, one point per w (Figure 4 of the paper)"),
            ],
            headline(summary, **at, n=config.n, metrics=columns),
        ),
        Section(
            "Diversity against w",
            "Mean distance between samples of one class (cosine, on the evaluator's features; root mean square, on pixels), "
            "and precision and recall of the set.",
            [
                picture([diversity, "diversity_pixels"], "diversity_against_w", "Diversity against w"),
                picture([precision, recall], "precision_recall_against_w", "Precision and recall against w"),
            ],
        ),
        Section(
            "Who recognises the samples",
            "Accuracy of the independent evaluator, which never guides, and of the classifier that guides. Where the second "
            "rises above the first, guidance pleases its own classifier more than it makes digits.",
            [
                Picture(
                    figures.accuracy_against_w(summary, **at),
                    "accuracy_against_w",
                    "Accuracy of two classifiers against w",
                )
            ],
        ),
    ]


def _samples(config: "StudyConfig", cells: Sequence["Cell"]) -> Section:
    """One class, w growing from left to right, the same noise in every row (Figures 1 and 3 of the paper)."""
    main, shown = config.sweeps[0].sampler, []
    for method in config.methods:
        images = {}
        for cell in cells:
            own = cell.config
            first = own.seed == config.sample_seeds[0] and cell.train_seed == config.train_seeds[0]
            if first and own.method.name == method and own.sampler == main:
                found, label = load_samples(cell.samples)
                found = found[label == min(SHOWN_CLASS, label.max())][:SHOWN_ROWS]
                images[float(own.method.w)] = found[..., 0] if found.shape[-1] == 1 else found
        figure = pictures.samples_against_w(images, f"{method}: one class, w growing")
        alt = f"Samples of class {SHOWN_CLASS} by {method} guidance, w growing from left to right"
        shown.append(Picture(figure, f"samples_{method}", alt))
    text = f"Class {SHOWN_CLASS}; every row starts from the same noise in every column and in both pictures."
    return Section("Samples as w grows", text, shown)


def _samplers(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    if len({(sweep.sampler.name, sweep.sampler.steps) for sweep in config.sweeps}) < 2:
        return []
    figure = figures.fid_by_sampler(summary, f"fid_{config.world}")
    picture = Picture(figure, "fid_by_sampler", "FID against w in a panel for every sampler and number of steps")
    return [Section("Other samplers and numbers of steps", figures=[picture])]


def _minimum(config: "StudyConfig", table: pd.DataFrame) -> Section:
    best = best_against_plain(table[table["n"] == config.n], f"fid_{config.world}")
    text = (
        "The w with the smallest mean FID, set against w = 0 run by run (same networks, same noise). p is a two-sided sign "
        "test times the number of w's that stood for election; with few runs it cannot become small."
    )
    return Section("Where FID is smallest", text, table=best.drop(columns="world").set_index(["method", "sampler", "steps"]))


def _twins(cells: Sequence["Cell"]) -> Section:
    """Whether w = 0 is the same samples for every method: the sha256 of their float32 values."""
    plain: dict[tuple, set[str]] = {}
    for cell in cells:
        own = cell.config
        if own.method.w == 0:
            hashes = plain.setdefault((cell.train_seed, own.seed, own.sampler.name, own.sampler.steps), set())
            hashes.add(read_json(cell.samples / "cost.json")["float32_sha256"])
    same = sum(len(hashes) == 1 for hashes in plain.values())
    text = f"In {same} of {len(plain)} pairs of cells the samples of all methods at w = 0 are equal bit for bit in float32."
    return Section("w = 0 is the conditional model", text)


def _networks(evaluator: Path, trained: Sequence["Trained"]) -> Section:
    judge = read_json(evaluator / "metrics.json")
    rows = {}
    for one in trained:
        for name, values in (read_json(one.denoiser / "metrics.json") | read_json(one.classifier / "metrics.json")).items():
            rows[(name, one.seed)] = {f"lambda {level}": f"{value:.3f}" for level, value in values.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["held out", "seed"])
    text = (
        f"On held-out images, by lambda: the denoising loss of the conditional and the unconditional model, likelihood (nats) "
        f"and accuracy of the noise-aware classifier. The evaluator, on clean images: accuracy "
        f"{judge['held_out_accuracy']:.3f}, {judge['held_out_nll']:.3f} nats."
    )
    return Section("The networks", text, table=table.sort_index())


def _prices(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    main = config.sweeps[0].sampler
    at = {"sampler": main.name, "steps": main.steps}
    text = (
        f"Counted at the networks, per sample, {main.name} with T = {main.steps}. Device: {device_name()}. On a CPU, seconds are "
        f"wall seconds of a process that shares the machine with others, and memory is all of the process's."
    )
    picture = Picture(prices.cost(summary, **at), "cost", "Network evaluations, seconds and memory per sample by method")
    return [Section("The price", text, [picture], prices.cost_table(summary, **at))]


def _made(config: "StudyConfig") -> Section:
    card = {f"data: {name}": value for name, value in WORLDS[config.world]().card.items()}
    made = {name: value if isinstance(value, str) else json.dumps(value) for name, value in provenance([]).items()}
    facts = card | made | {"configuration": json.dumps(config.model_dump(mode="json"))}
    return Section("Data and provenance", table=pd.DataFrame({"": facts}))
