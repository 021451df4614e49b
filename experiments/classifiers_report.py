"""What the study of classifiers leaves: four tables, the figures, and a report that asks the paper's two questions."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch

from analysis import classifier_figures as figures
from analysis.files import write_atomically
from analysis.guides import attack_gap, costs
from analysis.methods_figures import image_gallery
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.images import to_uint8
from experiments.judged import EXACT
from experiments.sample import load_samples
from experiments.worlds import WORLDS
from guidance import METHODS

if TYPE_CHECKING:
    from experiments.classifiers_config import GuidesConfig
    from experiments.classifiers_study import Gathered

SHOWN = 10  # samples of a guide in the gallery, one a class
QUALITY = {"digits": ("fid_digits", "diversity_digits"), "digits-exact": ("frechet_exact", "spread")}


def write_classifiers_report(gathered: "dict[str, Gathered]", folder: Path) -> None:
    """Fills `folder` with table.csv, summary.csv, by_level.csv, jacobian.csv, networks.csv, attack.csv, figures, report.html."""
    table = read_table(write_table(pd.concat([one.table for one in gathered.values()]), folder / "table.csv"))
    summary = summarise(table)
    long = {name: pd.concat([getattr(one, name) for one in gathered.values()]) for name in ("levels", "jacobian", "networks")}
    gaps = pd.concat([attack_gap(table[table["world"] == world], *believers(one.config)) for world, one in gathered.items()])
    written = {
        "summary": summary,
        "by_level": long["levels"],
        "jacobian": long["jacobian"],
        "networks": long["networks"],
        "attack": gaps,
    }
    for name, frame in written.items():
        write_atomically(folder / f"{name}.csv", frame.to_csv(index=False).encode())
    sections = [section for world, one in gathered.items() for section in _world(summary, gaps, world, one)]
    sections += [
        Section(f"Configuration, {world}", details=one.config.model_dump_json(indent=1)) for world, one in gathered.items()
    ]
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html("Classifiers that guide", INTRO, sections))


INTRO = """\
How much trouble is the classifier, and are its better scores an adversarial attack? Classifiers of noisy images, of clean ones,
and inside generative models: what they know at every lambda, what they do as guides, and who believes the samples."""


def believers(config: "GuidesConfig") -> tuple[dict[str, str | None], list[str]]:
    """By guided label the name of the classifier that guided (None: another network did); and the judges, that never guided."""
    guides = {
        label: one.classifier or ("clean" if "clean" in METHODS[one.method].roles else None)
        for label, one in config.guided.items()
    }
    return guides, list(config.judges) or [EXACT]


def _world(summary: pd.DataFrame, gaps: pd.DataFrame, world: str, done: "Gathered") -> list[Section]:
    config, own = done.config, summary[summary["world"] == world]
    drawn = (
        f"{world}, {config.sampler.label}, T = {config.sampler.steps}, n = {config.n}, "
        f"{len(config.train_seeds)} x {len(config.sample_seeds)} seeds of training and sampling"
    )
    asked = f"{config.n_levels} held-out images of {world}, {config.n_implicit} for implicit classifiers"
    guided = list(config.guided)
    quality, diversity = QUALITY[world]
    labelled, judges = believers(config)
    known = ["kl_exact", "gradient_cosine", "gradient_ratio"] if WORLDS[world]().exact is not None else []
    by_lambda = [
        Picture(figures.by_lambda(done.levels, metrics), f"{world}_{name}", words, f"{words}. {asked}.")
        for name, metrics, words in (
            ("by_lambda", ["accuracy", "nll", "calibration_error"], "Accuracy, likelihood and calibration by lambda"),
            ("robust", ["robust_accuracy"], "Accuracy after an attack on z, by lambda"),
            *([("against_exact", known, "Distance from the exact classifier and its gradient, by lambda")] if known else []),
        )
    ]
    attacked = [
        Picture(
            figures.attack(own, labelled, judges),
            f"{world}_attack",
            "Share of samples given another label, by the guide and by independent judges, against w",
            f"Solid: the guide on its own samples; dashed: judges that never guided. {drawn}.",
        ),
        Picture(
            figures.transfer(own, guided, [*config.guides, "clean", *judges]),
            f"{world}_transfer",
            "Heat map of who gives whose samples their label, at the largest w",
            f"Transfer between classifiers. {drawn}.",
        ),
    ]
    steered = [
        Picture(
            figures.quality(own, diversity, quality, guided),
            f"{world}_quality",
            f"{quality} against {diversity}, a curve a guide",
            f"w grows along each curve; the last one is written at its end. {drawn}.",
        ),
        _gallery(world, done),
    ]
    field = Picture(
        figures.asymmetry(done.jacobian),
        f"{world}_asymmetry",
        "Relative size of the antisymmetric part of the Jacobians by lambda",
        "Hutchinson probes on noisy held-out images; dashed: the exact world in float64, whose fields are gradients.",
    )
    shown = gaps[gaps["world"] == world].drop(columns="world").set_index(["guided", "w"]).round(4)
    return [
        Section(f"{world}: what classifiers know", "", by_lambda, [("On clean held-out images.", _networks(done))]),
        Section(f"{world}: guides and judges", "", attacked, [(f"The guide's accuracy beside that of judges. {drawn}.", shown)]),
        Section(
            f"{world}: quality and cost",
            "",
            steered,
            [(f"At the best w, and the price where it guides. {drawn}.", costs(own, guided, (quality, diversity)).round(4))],
        ),
        Section(f"{world}: is the guided field a gradient?", "", [field]),
    ]


def _networks(done: "Gathered") -> pd.DataFrame:
    wanted = done.networks[done.networks["metric"].isin(["accuracy", "nll", "calibration_error"])]
    return wanted.pivot_table(index="network", columns="metric", values="value", sort=False).round(4)


def _gallery(world: str, done: "Gathered") -> Picture:
    """The first samples of every guide at its largest w, from the same noise, and those of a joint energy model."""
    config, chosen = done.config, {}
    for label, one in config.guided.items():
        cell = next(cell for cell, _ in done.cells if cell.method == label and cell.config.method.w == max(one.ws))
        chosen[f"{label}, w = {max(one.ws):g}"] = load_samples(cell.samples)[0][:SHOWN]
    plain = next(cell for cell, _ in done.cells if cell.config.method.w == 0)
    chosen = {"conditional, w = 0": load_samples(plain.samples)[0][:SHOWN], **chosen}
    chosen |= {label: load_samples(path)[0][:SHOWN] for label, path in done.joint.items()}
    images = {name: x if x.dtype == "uint8" else to_uint8(torch.from_numpy(x).clamp(-1, 1)) for name, x in chosen.items()}
    words = "A row a guide at its largest w, a column a class, from the same noise"
    return Picture(
        image_gallery(images), f"{world}_gallery", words, f"{words}. {config.sampler.label}, T = {config.sampler.steps}."
    )


def at_a_glance(folder: Path) -> str:
    """The two questions' numbers of a finished study, for the terminal."""
    gaps = pd.read_csv(folder / "attack.csv")
    with pd.option_context("display.width", None, "display.max_columns", None, "display.max_rows", None):
        return gaps[["world", "guided", "w", "guide", "judges", "gap", "baseline"]].round(3).to_string(index=False)
