"""What a study leaves for people: the tidy table, its summary, the figures, and a report that opens offline."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis import figures
from analysis.best import best_against_plain
from analysis.files import write_atomically
from analysis.headline import headline
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.report_parts import Done, cost, made, networks, samples, seeds, twins
from experiments.worlds import WORLDS

if TYPE_CHECKING:
    from experiments.study_config import StudyConfig

PAPER = "Ho & Salimans, Classifier-Free Diffusion Guidance (arXiv 2207.12598)"


def write_report(done: Done, folder: Path) -> None:
    """Fills `folder` with table.csv, summary.csv, figures/*.png and report.html."""
    config, device, table, evaluator, trained, cells = done
    table = read_table(write_table(table, folder / "table.csv"))
    summary = summarise(table)
    write_atomically(folder / "summary.csv", summary.to_csv(index=False).encode())
    sections = [*_trade_off(config, summary), samples(config, cells), *_samplers(config, summary), _minimum(config, table)]
    sections += [twins(cells), networks(evaluator, trained), *cost(config, device, summary, cells), made(config, cells[0])]
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html(f"Guidance on {config.world}", _intro(config), sections))


def _intro(config: "StudyConfig") -> str:
    several = len(config.train_seeds) * len(config.sample_seeds) > 1
    spread = (
        "Values are means over runs, bars and ± one standard deviation over runs."
        if several
        else "This is one run: its spread cannot be estimated; `--full` has three trainings and three sampling seeds."
    )
    return (
        f"{', '.join(method.name for method in config.methods)} on one diffusion model of the {config.world}, from the same "
        f"noise, with the same sampler, at a counted cost: the trade-off of {PAPER}. A cell is one method at one w, one "
        f"sampler, one number of steps T, one training seed and one sampling seed: {config.n} samples. {seeds(config)}. "
        f"{spread}\n\nFréchet distance, Inception score, precision and recall rest on the features of a small evaluator "
        f"trained on the {config.world}, hence fid_{config.world} and is_{config.world}: they compare with each other and with "
        f"nothing else. fid_pixels needs no network."
    )


def _trade_off(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    world, main = config.world, config.sweeps[0].sampler
    at = {"sampler": main.label, "steps": main.steps}
    fid, score, diversity = f"fid_{world}", f"is_{world}", f"diversity_{world}"
    precision, recall = f"precision_{world}", f"recall_{world}"
    columns = [fid, "fid_pixels", score, precision, recall, "accuracy_evaluator", "accuracy_guide", diversity, "diversity_pixels"]
    drawn = f"{main.label} sampler, T = {main.steps}, {config.n} samples a cell; {seeds(config)}."

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


def _samplers(config: "StudyConfig", summary: pd.DataFrame) -> list[Section]:
    if len(config.sweeps) < 2:
        return []
    shown = []
    for metric, name in ((f"fid_{config.world}", "fid_by_sampler"), ("fid_pixels", "fid_pixels_by_sampler")):
        text = f"{metric} against w for every sampler and number of steps; rings mark the minima"
        shown.append(Picture(figures.fid_by_sampler(summary, metric), name, text, f"{text}; n = {config.n}, {seeds(config)}."))
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
