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
from experiments.worlds import WORLDS
from experiments.provenance import device_name
from experiments.runs import read_json
from experiments.sample import load_samples

if TYPE_CHECKING:
    from experiments.study import Cell, StudyConfig, Trained

SHOWN_CLASS, SHOWN_ROWS = 3, 6
PAPER = "Ho & Salimans, Classifier-Free Diffusion Guidance (arXiv 2207.12598)"
NAMES = {
    "held_out_eps_loss_conditional": "denoiser: MSE of eps, conditional",
    "held_out_eps_loss_null": "denoiser: MSE of eps, unconditional",
    "held_out_accuracy": "classifier: accuracy",
    "held_out_nll": "classifier: NLL (nats)",
}


def write_report(
    config: "StudyConfig",
    device: str,
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
    sections = [*_trade_off(config, summary), _samples(config, cells), *_samplers(config, summary), _minimum(config, table)]
    sections += [_twins(cells), _networks(evaluator, trained), *_cost(config, device, summary, cells), _made(config, cells[0])]
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html(f"Guidance on {config.world}", _intro(config), sections))


def announce(config: "StudyConfig", device: str, workers: int, runs: Path) -> str:
    """What is about to happen, for the terminal."""
    cells = len(config.methods) * sum(len(sweep.ws) for sweep in config.sweeps)
    cells *= len(config.train_seeds) * len(config.sample_seeds)
    where = f"{device} ({device_name(device)}), {workers} process{'es' if workers > 1 else ''}"
    return f"study of {config.world}: {_seeds(config)}, {cells} cells of {config.n} samples\non {where}; runs in {runs}"


def at_a_glance(folder: Path, config: "StudyConfig") -> str:
    """The main table of a finished study, for the terminal."""
    summary, main = summarise(read_table(folder / "table.csv")), config.sweeps[0].sampler
    metrics = [f"fid_{config.world}", f"is_{config.world}", "accuracy_evaluator", f"diversity_{config.world}"]
    wide = headline(summary, sampler=main.name, steps=main.steps, n=config.n, metrics=metrics)
    return f"{main.name} sampler, T = {main.steps}, n = {config.n}\n{wide.to_string()}\n"


def _seeds(config: "StudyConfig") -> str:
    def plural(n: int, what: str) -> str:
        return f"{n} {what} seed{'s' if n > 1 else ''}"

    return f"{plural(len(config.train_seeds), 'training')}, {plural(len(config.sample_seeds), 'sampling')}"


def _intro(config: "StudyConfig") -> str:
    several = len(config.train_seeds) * len(config.sample_seeds) > 1
    spread = (
        "Values are means over runs, bars and ± one standard deviation over runs."
        if several
        else "This is one run: its spread cannot be estimated; `--full` has three trainings and three sampling seeds."
    )
    return (
        f"Classifier guidance and classifier-free guidance on one diffusion model of the {config.world}, from the same "
        f"noise, with the same sampler, at a counted cost: the trade-off of {PAPER}. A cell is one method at one w, one "
        f"sampler, one number of steps T, one training seed and one sampling seed: {config.n} samples. {_seeds(config)}. "
        f"{spread}\n\nFréchet distance, Inception score, precision and recall rest on the features of a small evaluator "
        f"trained on the {config.world}, hence fid_{config.world} and is_{config.world}: they compare with each other and with "
        f"nothing else. fid_pixels needs no network."
    )


def _trade_off(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    world, main = config.world, config.sweeps[0].sampler
    at = {"sampler": main.name, "steps": main.steps}
    fid, score, diversity = f"fid_{world}", f"is_{world}", f"diversity_{world}"
    precision, recall = f"precision_{world}", f"recall_{world}"
    columns = [fid, "fid_pixels", score, precision, recall, "accuracy_evaluator", "accuracy_guide", diversity, "diversity_pixels"]
    drawn = f"{main.name} sampler, T = {main.steps}, {config.n} samples a cell; {_seeds(config)}."

    def picture(metric: str, name: str, what: str, log: bool = False) -> Picture:
        figure = figures.metric_against_w(summary, metric, **at, log=log)
        return Picture(figure, name, f"{what} against w", f"{what} against w; {drawn}")

    curve = figures.fid_is_curve(summary, **at, fid=fid, score=score)
    accuracy = figures.accuracy_against_w(summary, **at)
    return [
        Section(
            "Fidelity against w",
            f"FID is the Fréchet distance to the {len(WORLDS[world]().train.x):,} training images. FID and recall depend on the "
            f"number of images, so the held-out real images, {config.part} of them, are compared with the same samples cut "
            f"into parts of {config.part} (dashed curves, second table).",
            [
                picture(fid, "fid_against_w", "Fréchet distance on the evaluator's features", log=True),
                picture("fid_pixels", "fid_pixels_against_w", "Fréchet distance on pixels", log=True),
                picture(score, "is_against_w", "Inception score of the evaluator"),
                Picture(
                    curve, "fid_is_curve", "FID against Inception score", f"One point per w, as in the paper's Figure 4; {drawn}"
                ),
            ],
            [
                (f"At n = {config.n}.", headline(summary, **at, n=config.n, metrics=columns)),
                (f"At n = {config.part}, beside held-out real images.", headline(summary, **at, n=config.part, metrics=columns)),
            ],
        ),
        Section(
            "Diversity against w",
            "Diversity is the mean distance between two samples of one class: cosine distance of the evaluator's features, or "
            "root mean square difference of pixels. Recall is the share of training images with a sample near them.",
            [
                picture(diversity, "diversity_against_w", "Diversity on the evaluator's features"),
                picture("diversity_pixels", "diversity_pixels_against_w", "Diversity on pixels"),
                picture(precision, "precision_against_w", "Precision (k = 3)"),
                picture(recall, "recall_against_w", "Recall (k = 3)"),
            ],
        ),
        Section(
            "Classification accuracy of the samples",
            "The share of samples recognised as the class asked for, by the evaluator (which never guides) and by the "
            f"noise-aware classifier (which guides in classifier guidance alone). One image is {1 / config.n:g}.",
            [Picture(accuracy, "accuracy_against_w", "Accuracy of two classifiers against w", drawn)],
        ),
    ]


def _samples(config: "StudyConfig", cells: Sequence["Cell"]) -> Section:
    """One class, w growing from left to right, the same noise in every row (Figures 1 and 3 of the paper)."""
    main, shown = config.sweeps[0].sampler, []
    for method in (method.at(0.0).label for method in config.methods):
        images = {}
        for cell in cells:
            own = cell.config
            first = own.seed == config.sample_seeds[0] and cell.train_seed == config.train_seeds[0]
            if first and own.method.label == method and own.sampler == main:
                found, label = load_samples(cell.samples)
                found = found[label == min(SHOWN_CLASS, label.max())][:SHOWN_ROWS]
                images[float(own.method.w)] = found[..., 0] if found.shape[-1] == 1 else found
        figure = pictures.samples_against_w(images, f"{method} guidance, class {SHOWN_CLASS}")
        text = f"Class {SHOWN_CLASS} by {method} guidance, w growing from left to right"
        shown.append(Picture(figure, f"samples_{method}", text, f"{text}; {main.name} sampler, T = {main.steps}."))
    return Section("Samples as w grows", "Each row starts from the same noise in every column and in every picture.", shown)


def _samplers(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    if len(config.sweeps) < 2:
        return []
    shown = []
    for metric, name in ((f"fid_{config.world}", "fid_by_sampler"), ("fid_pixels", "fid_pixels_by_sampler")):
        text = f"{metric} against w for every sampler and number of steps; rings mark the minima"
        shown.append(Picture(figures.fid_by_sampler(summary, metric), name, text, f"{text}; n = {config.n}, {_seeds(config)}."))
    return [Section("Samplers and numbers of steps", figures=shown)]


def _minimum(config: "StudyConfig", table: pd.DataFrame) -> Section:
    at_n, tables = table[table["n"] == config.n], []
    for metric in (f"fid_{config.world}", "fid_pixels"):
        best = best_against_plain(at_n, metric)
        if len(best):
            best = best.drop(columns=["world", "n"]).set_index(["method", "sampler", "steps"])
            tables.append((f"The w with the smallest mean {metric}, and its difference from w = 0.", best.round(4)))
    text = "Runs are paired: same networks, same noise."
    return Section("Where FID is smallest", text if tables else "One run: no difference from w = 0 can be judged.", tables=tables)


def _twins(cells: Sequence["Cell"]) -> Section:
    """Whether w = 0 is the same samples for every method: the sha256 of their float32 values."""
    plain: dict[tuple, list[str]] = {}
    for cell in cells:
        own = cell.config
        if own.method.w == 0:
            hashes = plain.setdefault((cell.train_seed, own.seed, own.sampler.name, own.sampler.steps), [])
            hashes.append(read_json(cell.samples / "cost.json")["float32_sha256"])
    groups = [hashes for hashes in plain.values() if len(hashes) > 1]
    same = sum(len(set(hashes)) == 1 for hashes in groups)
    text = f"In {same} of {len(groups)} groups of cells at w = 0 the samples of all methods are equal bit for bit in float32."
    return Section("w = 0 is the conditional model", text)


def _networks(evaluator: Path, trained: Sequence["Trained"]) -> Section:
    judge = read_json(evaluator / "metrics.json")
    rows = {}
    for one in trained:
        for name, values in (read_json(one.denoiser / "metrics.json") | read_json(one.classifier / "metrics.json")).items():
            rows[(NAMES[name], one.seed)] = {f"lambda {level}": f"{value:.3f}" for level, value in values.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(table.index, names=["on held-out images", "training seed"])
    text = (
        f"The evaluator, on clean held-out images: accuracy {judge['held_out_accuracy']:.3f}, NLL {judge['held_out_nll']:.3f} "
        f"nats. The denoiser and the noise-aware classifier, by the noise level lambda (chance is one over the classes):"
    )
    return Section("The networks", text, tables=[("By lambda = log SNR.", table.sort_index())])


def _cost(config: "StudyConfig", device: str, summary: pd.DataFrame, cells: Sequence["Cell"]) -> list[Section]:
    main = config.sweeps[0].sampler
    at = {"sampler": main.name, "steps": main.steps}
    devices = ", ".join(sorted({read_json(cell.samples / "provenance.json")["device"] for cell in cells}))
    at |= {"memory": "peak allocated memory (MiB)"} if device.startswith("cuda") else {}
    text = (
        "Network evaluations are counted at the networks. Seconds on a CPU are wall seconds of one thread, beside the other "
        "processes of the study and of the machine: compare the counts first. Noise is drawn on the CPU, per sample."
    )
    figure = prices.cost(summary, **at, device=devices)
    alt = "Network evaluations, time and memory per sample by method"
    caption = f"Cost per sample, {main.name} sampler, T = {main.steps}; whiskers: fastest and slowest cell. {devices}."
    return [
        Section("Cost", text, [Picture(figure, "cost", alt, caption)], [(caption, prices.cost_table(summary, **at).round(3))])
    ]


def _made(config: "StudyConfig", cell: "Cell") -> Section:
    card = {f"data: {name}": value for name, value in WORLDS[config.world]().card.items()}
    made = {name: value for name, value in read_json(cell.samples / "provenance.json").items() if name != "parents"}
    made = {name: value if isinstance(value, str) else json.dumps(value) for name, value in made.items()}
    table = pd.DataFrame({"value": card | made})
    text = "Provenance is that of the first cell; every run has its own."
    return Section(
        "Data and provenance", text, tables=[("Data set and environment.", table)], details=config.model_dump_json(indent=1)
    )
