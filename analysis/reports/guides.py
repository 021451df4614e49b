"""Classifiers that guide: quality at every lambda, behaviour as guides, and transfer accuracy of their samples."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures import classifiers as figures
from analysis.figures.methods import image_gallery
from analysis.figures.pictures import as_bytes
from analysis.metrics import comparison, metric
from analysis.reports import common
from analysis.reports.explore import by_comparison, explorer
from analysis.reports.html import Section
from analysis.reports.parts import Missing, Table, by_world, picture, section, table
from analysis.reports.report import Report
from analysis.results import Results
from analysis.statistics.guides import attack_gap, costs

GALLERY_SIZE = 10  # samples of a guide in the gallery, one per class
INTRO = """\
How much trouble is the classifier, and are its better scores an adversarial attack? Classifiers of noisy images, of clean ones,
and inside generative models: quality at every lambda, behaviour as guides, and transfer accuracy of their samples."""
BY_LAMBDA = (
    ("by_lambda", ("accuracy", "nll", "calibration_error"), "Accuracy, likelihood and calibration by lambda"),
    ("robust", ("robust_accuracy",), "Accuracy after an attack on z, by lambda"),
    (
        "against_exact",
        ("kl_exact", "gradient_cosine", "gradient_ratio"),
        "Distance from the exact classifier and its gradient, by lambda",
    ),
)
CLEAN_METRICS = ("accuracy", "nll", "calibration_error")
LONG = {  # the csv of each long table: its columns
    "by_level": ["world", "train_seed", "classifier", "metric", "logsnr", "value"],
    "jacobian": ["world", "train_seed", "of", "field", "logsnr", "value", "sd"],
    "networks": ["world", "train_seed", "network", "metric", "value"],
}
PRINTED = ["world", "guided", "w", "guide", "evaluators", "gap", "baseline"]


def report(results: Results) -> Report:
    """The report: table, summary, by_level, jacobian, networks and attack.csv, and the sections of every world."""
    tables, text = {"table": results.table, "summary": results.summary}, "no sample was classified"
    for name, columns in LONG.items():
        rows = results.tables.get(name)
        if rows is not None and len(rows):
            tables[name] = (at_the_highest_lambda(rows) if name == "networks" else rows)[columns]
    parts = [results.of(world) for world in results.worlds]
    gaps = [table(f"Accuracy under the guide and under the evaluators. {_drawn(part)}.", _gaps, part) for part in parts]
    if known := [block.frame for block in gaps if isinstance(block, Table)]:
        tables["attack"] = pd.concat(known)
        with pd.option_context("display.width", None, "display.max_columns", None, "display.max_rows", None):
            text = tables["attack"][PRINTED].round(3).to_string(index=False)
    plot = explorer(results, by_comparison, "{world}_quality")
    sections = [*common.failed(results), *plot, *(block for part, gap in zip(parts, gaps) for block in _sections(part, gap))]
    sections += by_world(results, lambda part: [common.provenance(part)])
    found = common.told(results)
    text = common.beginning(found, text + common.failed_text(results))
    return Report(results.title, INTRO, [*sections, *common.closing(results)], tables, text, found)


def at_the_highest_lambda(networks: pd.DataFrame) -> pd.DataFrame:
    """Of every classifier's metric one row, of a noise-aware one that at the highest lambda; denoisers are left out."""
    networks = networks.reset_index(drop=True)
    denoisers = set(networks.loc[networks["metric"].str.startswith("eps_loss"), "network"])
    networks = networks[~networks["network"].isin(denoisers)]
    level = networks["logsnr"].fillna(float("-inf"))
    keys = [networks[name] for name in ("world", "train_seed", "network", "metric")]
    return networks.loc[level.groupby(keys, sort=False).idxmax()]


def _drawn(results: Results) -> str:
    trainings = max(1, len(results.train_seeds))
    return (
        f"{results.world.name}, {results.sampler}, T = {results.steps}, n = {results.n[results.world.name]}, "
        f"{trainings} x {len(results.sample_seeds)} seeds of training and sampling"
    )


def _gaps(results: Results) -> pd.DataFrame:
    """`attack_gap` of the labels that were sampled. ValueError if no classifier guided any of them."""
    guided = {label: guide for label, guide in results.world.guides.items() if label in results.methods}
    if not any(guided.values()):
        raise ValueError("no classifier guided")
    return attack_gap(results.read, guided, results.world.evaluators)


def _sections(results: Results, gaps: Table | Missing) -> list[Section]:
    world, drawn, summary = results.world.name, _drawn(results), results.summary
    labels = [label for label in results.world.guides if label in results.methods]
    classified = f"{results.world.n_levels} test images of {world}, {results.world.n_implicit} for implicit classifiers"
    levels, fields = (results.tables.get(name, pd.DataFrame(columns=LONG[name])) for name in ("by_level", "jacobian"))
    clean = results.tables.get("networks", pd.DataFrame(columns=[*LONG["networks"], "logsnr"]))
    by_lambda = [
        picture(f"{world}_{name}", words, f"{words}. {classified}.", figures.by_lambda, levels, metrics)
        for name, metrics, words in BY_LAMBDA
        if results.world.exact or "oracle" not in metric(metrics[0]).needs
    ]
    attacked = [
        picture(
            f"{world}_attack",
            "Share of samples given another label, by the guide and by independent evaluators, against w",
            f"Solid: the guide on its own samples; dashed: evaluators that never guide. {drawn}.",
            figures.attack, summary, {label: results.world.guides[label] for label in labels}, results.world.evaluators,
        ),
        picture(
            f"{world}_transfer",
            "Heat map of transfer accuracy, by guide and classifier, at the largest w",
            f"Transfer between classifiers. {drawn}.",
            figures.transfer, summary, labels, [*results.world.classifiers, *results.world.evaluators],
        ),
    ]  # fmt: skip
    gallery = "One row per guide at its largest w, one column per class, from the same noise"
    words = f"{gallery}. {results.sampler}, T = {results.steps}."
    best = f"At the best w, and the price where it guides. {drawn}."
    try:
        high, low, _ = comparison(results.columns)
        alt = f"{metric(high).axis} against {metric(low).axis}, one curve per guide"
        caption = f"w grows along each curve; the last one is written at its end. {drawn}."
        curves = picture(f"{world}_quality", alt, caption, figures.quality, summary, low, high, labels)
        priced = table(best, lambda: costs(summary, labels, (high, low)).round(4))
    except ValueError as error:
        curves, priced = Missing("quality against diversity, and prices", str(error)), None
    if isinstance(gaps, Table):
        gaps = Table(gaps.caption, gaps.frame.drop(columns="world").set_index(["guided", "w"]).round(4))
    field = picture(
        f"{world}_asymmetry",
        "Relative size of the antisymmetric part of the Jacobians by lambda",
        "Hutchinson probes on noisy test images; dashed: the exact world in float64, whose fields are gradients.",
        figures.asymmetry, fields,
    )  # fmt: skip
    return [
        section(f"{world}: what classifiers know", "", *by_lambda, table("On clean test images.", _clean, clean)),
        section(f"{world}: guides and evaluators", "", *attacked, gaps),
        section(
            f"{world}: quality and cost",
            "",
            curves,
            picture(f"{world}_gallery", "Samples of every guide at its largest w", words, _gallery, results, labels),
            *([priced] if priced else []),
        ),
        section(f"{world}: is the guided field a gradient?", "", field),
    ]


def _clean(networks: pd.DataFrame) -> pd.DataFrame:
    wanted = at_the_highest_lambda(networks)
    wanted = wanted[wanted["metric"].isin(CLEAN_METRICS)]
    return wanted.pivot_table(index="network", columns="metric", values="value", sort=False).round(4)


def _gallery(results: Results, labels: list[str]) -> Figure:
    """The first samples of every guide at its largest w, from the same noise, and those of no method."""
    main = [cell for cell in results.cells if (cell.sampler, cell.steps) == (results.sampler, results.steps)]
    if not main:
        raise ValueError("no cell of the main sampler was sampled")
    chosen = {f"conditional, w = {cell.w:g}": cell.draw for cell in main[::-1] if cell.w == 0}
    for label in labels:
        cells = [cell for cell in main if cell.method == label]
        if cells:
            strongest = max(cells, key=lambda cell: cell.w)  # the first of several
            chosen[f"{label}, w = {strongest.w:g}"] = strongest.draw
    chosen |= {label: draw for (_, label), draw in results.others.items()}
    return image_gallery({name: as_bytes(draw()[0][:GALLERY_SIZE]) for name, draw in chosen.items()})
