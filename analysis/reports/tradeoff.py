"""The trade-off of fidelity and diversity against w, of images measured on an evaluator's features."""

from dataclasses import replace

import pandas as pd

from analysis.figures import curves as figures
from analysis.figures.fid_is import fid_is_curve
from analysis.figures.training import against_training, by_training, whole
from analysis.headline import headline
from analysis.metrics import columns_of, main_columns, metric
from analysis.paper.beside import beside_paper
from analysis.reports import common
from analysis.reports.explore import explorer
from analysis.reports.html import Section
from analysis.reports.parts import Missing, by_world, capital, listed, picture, section, seeds, spread_words, table
from analysis.reports.report import Report
from analysis.reports.steps import few_steps
from analysis.reports.two_scales import grid_of_all, two_scales
from analysis.results import Results
from analysis.statistics.best import best, best_against_plain
from analysis.table import SUMMARY, in_brackets

PAPER = "Ho & Salimans, Classifier-Free Diffusion Guidance (arXiv 2207.12598)"
FIDELITY, DIVERSITY = ("fid", "fid_pixels", "is"), ("diversity", "diversity_pixels", "precision", "recall")
ONE_RUN = "One run: its spread cannot be estimated, and no difference from w = 0 can be tested."


def report(results: Results) -> Report:
    """The report of a study of images: table and summary, fidelity, diversity, accuracy, samplers, minima, samples, cost."""
    plot = explorer(results, _axes, "fid_is_curve" if len(results.worlds) == 1 else "{world}_fid_is_curve")
    sections = [*common.failed(results), *plot, *by_world(results, _sections), *common.closing(results)]
    tables = {"table": results.table, "summary": results.summary, **grid_of_all(results)}
    found = common.told(results)
    text = common.beginning(found, common.summary_text(results))
    return Report(results.title, _intro(results), sections, tables, text, found)


def _intro(results: Results) -> str:
    methods = listed([method for method in results.methods if whole(method)])
    worlds, sizes = listed(list(results.worlds)), " and ".join(str(n) for n in dict.fromkeys(results.n.values()))
    spread, brackets = spread_words(results), {in_brackets(method) for method in results.methods if whole(method)}
    features = listed(sorted({metric(column).of for column in columns_of("fid", results.columns)} or {"the evaluator"}))
    several = len({metric(column).of for column in columns_of("fid", results.columns)}) > len(results.worlds)
    network = "a small evaluator, or of a pretrained network that the world's card describes" if several else "a small evaluator"
    own = " or, where words in brackets say so, on another or beside another weak one" if len(brackets) > 1 else ""
    return (
        f"{methods} on one diffusion model of {worlds}{own}, from the same noise, with the same sampler, at a "
        f"counted cost: the trade-off of {PAPER}. A cell is one method at one w, one sampler, one number of steps T, one "
        f"training seed and one sampling seed: {sizes} samples. {seeds(results)}.{spread}\n\nFréchet distance, Inception score, "
        f"precision and recall rest on the features of {network}, which the end of their names says: {features}. They "
        "compare with each other and with nothing else. fid_pixels needs no network."
    )


def _axes(results: Results) -> tuple[str, str]:
    """The Fréchet distance against the Inception score of the same features, as in the paper's Figure 4."""
    pairs = ((fid.replace("fid", "is", 1), fid) for fid in columns_of("fid", results.columns))
    return next((pair for pair in pairs if pair[0] in results.columns), ("w", main_columns(results.columns, report=True)[0]))


def _sections(everything: Results) -> list[Section]:
    """Snapshots of the training have a section of their own, and are in no other figure; their best w stand with the others."""
    table, cells = everything.table, [cell for cell in everything.cells if whole(cell.method)]
    results = everything if table.empty else replace(everything, table=table[table["method"].map(whole)], cells=cells)
    sections = [
        *_against_w(results),
        *two_scales(results),
        *few_steps(results),
        *_training(everything),
        common.samples(results),
        *_samplers(results),
        _minimum(everything),
    ]
    sections += [common.conditional_model(results), *common.networks(results), common.cost(results), common.provenance(results)]
    return sections


def _against_w(results: Results) -> list[Section]:
    summary, columns, world = results.summary, results.columns, results.world
    at = {"sampler": results.sampler, "steps": results.steps}
    n = results.n[world.name]
    part = results.part.get(world.name, n)
    drawn = f"{results.sampler} sampler, T = {results.steps}, {n} samples per cell; {seeds(results)}."

    def pictures(names: tuple[str, ...]) -> list:
        parts = []
        for described in (metric(column) for name in names for column in columns_of(name, columns)):
            text, file = f"{capital(described.axis)} against w", f"{named(described.column, world.name)}_against_w"
            options = {**at, "log": described.log}
            parts.append(picture(file, text, f"{text}; {drawn}", figures.metric_against_w, summary, described.column, **options))
        return parts or [Missing(", ".join(names), "nothing of the kind was measured")]

    def main(size: int, caption: str):
        taken = set(summary.loc[summary["n"] == size, "metric"])  # some measures need more images than a part has
        shown = [column for column in main_columns(columns, report=True) if column in taken]
        return table(caption, headline, summary, **at, n=size, metrics=shown)

    images = f"the {world.train_size:,} training images" if world.train_size else "the training images"
    images += (
        ", or on a pretrained network to what the card says" if any(name.startswith("features ") for name in world.card) else ""
    )
    curves = []
    for fid in columns_of("fid", columns):
        if fid.replace("fid", "is", 1) not in columns:  # features of a network without a head
            continue
        alt = f"FID against Inception score on {metric(fid).of} features"
        caption = f"One point per w, as in the paper's Figure 4; {drawn}"
        score = fid.replace("fid", "is", 1)
        file = named(fid, world.name).replace("fid", "fid_is_curve", 1)
        curves.append(picture(file, alt, caption, fid_is_curve, summary, **at, fid=fid, score=score))
    tables = [main(n, common.main_caption(results, n))]
    tables += [main(part, common.main_caption(results, part, " and real test images"))] if part != n else []
    guide = "accuracy_guide" in columns  # of a classifier that is somebody's checkpoint it is not measured
    accuracy = f"Accuracy of {'two classifiers' if guide else 'the evaluator'} against w"
    beside = " and by the noise-aware classifier (which guides in classifier guidance alone)" if guide else ""
    parts = f", with the same samples cut into parts of {part} (dashed curves, second table)" if part != n else ""
    return [
        section(
            "Fidelity against w",
            f"FID is the Fréchet distance to {images}. FID and recall depend on the number of images, so real test images are "
            f"measured in parts of {part}{parts}.",
            *pictures(FIDELITY),
            *curves,
            *tables,
            notes=ONE_RUN if results.runs == 1 else "",
        ),
        section(
            "Diversity against w",
            "Diversity is the mean distance between two samples of one class: cosine distance of the evaluator's features, or "
            "root mean square difference of pixels. Recall is the share of training images with a sample near them.",
            *pictures(DIVERSITY),
        ),
        section(
            "Classification accuracy of the samples",
            "The share of samples recognised as the intended class, by the evaluator (which never guides)"
            f"{beside}. One image is {1 / n:g}.",
            picture("accuracy_against_w", accuracy, drawn, figures.accuracy_against_w, summary, **at),
        ),
    ]


def _training(results: Results) -> list[Section]:
    """What guidance does to a model that was trained for less."""
    at, parts = {"sampler": results.sampler, "steps": results.steps}, []
    for method, names in by_training(results.methods).items():
        for column in (column for name in ("fid", "is", "recall") for column in columns_of(name, results.columns)):
            about = metric(column)
            text = f"{capital(about.axis)} against w by {method}, after parts of the training"
            options = {**at, "log": about.log}
            name = f"{named(column, results.world.name)}_by_training"
            parts.append(picture(name, text, f"{text}.", against_training, results.summary, column, names, **options))
        fid, score = (f"{name}_{results.world.name}" for name in ("fid", "is"))
        text = "The same curves beside those of the paper: shapes compare, numbers do not"
        parts.append(picture("beside_paper", text, f"{text}.", beside_paper, results.summary, fid=fid, score=score, **at))
    text = "A snapshot is the average of the weights after so many steps, when the learning rate had not yet come to zero."
    return [section("As training goes on", text, *parts)] if parts else []


def _samplers(results: Results) -> list[Section]:
    if len(results.sampled[["sampler", "steps"]].drop_duplicates()) < 2:
        return []
    parts = []
    for column in (column for name in ("fid", "fid_pixels") for column in columns_of(name, results.columns)):
        text = f"{column} against w for every sampler and number of steps; rings mark the minima"
        caption = f"{text}; n = {results.n[results.world.name]}, {seeds(results)}."
        file = f"{named(column, results.world.name)}_by_sampler"
        parts.append(picture(file, text, caption, figures.fid_by_sampler, results.summary, column))
    return [section("Samplers and numbers of steps", "", *parts)]


def named(column: str, world: str) -> str:
    """A column as part of a file's name: without its features where they are those of the world's evaluator."""
    return metric(column).name if metric(column).of == world else column


def _minimum(results: Results) -> Section:
    """The best w of every method, chosen on one half of the sampling seeds and compared with w = 0 on the other."""
    at_n = results.read[results.read["n"] == results.n[results.world.name]]
    tables, lone = [], False
    for column in (column for name in ("fid", "fid_pixels") for column in columns_of(name, results.columns)):
        paired = best_against_plain(at_n, column)
        lone |= paired.empty
        chosen = "" if paired.empty else " on one half of the sampling seeds, and its difference from w = 0 on the other"
        words = f"The w with the smallest mean {column}{chosen}."
        tables.append(table(words, _tidy, paired if len(paired) else best(results.summary, column), results))
    text = (
        "Runs are paired: same networks, same noise. low and high are the 95 % interval of the difference, over what is "
        "independent; detectable is the smallest difference that so many units find four times in five."
    )
    notes = "One sampling seed: no w can be chosen on some seeds and tested on others." if lone else ""
    return section("Where FID is smallest", "" if lone or not tables else text, *tables, notes=notes)


def _tidy(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    rows = frame[frame["n"] == results.n[results.world.name]].set_index(["method", "sampler", "steps"])
    return rows.drop(columns=["world", "n", *(["metric", *SUMMARY[1:]] if "metric" in rows else ["p"])]).round(4)
