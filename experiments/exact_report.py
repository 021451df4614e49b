"""What a study of an exact world leaves: table, summary, figures, report, and the networks' errors where some were trained."""

from pathlib import Path

import pandas as pd

from analysis import exact_figures as figures
from analysis.files import write_atomically
from analysis.headline import headline
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.plane_report import plane_sections
from experiments.report_parts import GLANCE, Done, cost, made, networks, samples, seeds, twins
from experiments.worlds import WORLDS

SHARE = """\
The Fréchet distance is taken to the exact moments, so that one of its two sides has no sampling noise; the grey line is what as
many exact draws read. What is there with the exact denoiser is the method's and the sampler's doing; the rest the networks'."""
ERRORS = {  # name of the figure: its title, what is drawn, whether its axis is logarithmic
    "denoiser_error": (
        "Mean squared error of eps",
        {
            "eps_irreducible": "of the exact denoiser,\nagainst the noise",
            "eps_conditional": "network, conditional,\nagainst the exact",
            "eps_null": "network, unconditional,\nagainst the exact",
        },
        True,
    ),
    "difference_error": (
        "Guided difference eps_cond − eps_null, mean square",
        {"difference_size": "exact difference", "difference": "the network's\nerror of it"},
        True,
    ),
    "classifier_error": (
        "Noise-aware classifier against the exact p(c|z)",
        {"kl_classifier": "KL(exact || network),\nnats", "calibration": "calibration error"},
        True,
    ),
    "agreement": (
        "Cosine with the exact direction",
        {"difference_cosine": "eps_cond − eps_null", "gradient_cosine": "grad log p(c|z)"},
        False,
    ),
    "accuracy": (
        "Accuracy of the noise-aware classifier",
        {"accuracy_classifier": "network", "accuracy_exact": "exact p(c|z)"},
        False,
    ),
}


def write_exact_report(done: Done, errors: dict[int, Path], folder: Path) -> None:
    """Fills `folder` with table.csv, summary.csv, figures/*.png, report.html and, for trained networks, network_error.csv.

    errors: the runs of network_error by training seed.
    """
    config = done.config
    table = read_table(write_table(done.table, folder / "table.csv"))
    summary = summarise(table)
    write_atomically(folder / "summary.csv", summary.to_csv(index=False).encode())
    if WORLDS[config.world]().shape == (2,):
        sections = plane_sections(config, summary, done.cells, _glance(done, summary))
    else:
        sections = [_share(done, summary), samples(config, done.cells)]
    if errors:
        found = pd.concat([pd.read_csv(path / "errors.csv").assign(train_seed=seed) for seed, path in sorted(errors.items())])
        write_atomically(folder / "network_error.csv", found.to_csv(index=False).encode())
        sections += [_errors(found), networks(done.evaluator, done.trained)]
    sections += [twins(done.cells), *cost(config, done.device, summary, done.cells), made(config, done.cells[0])]
    for picture in (picture for section in sections for picture in section.figures):
        save(picture.figure, folder / "figures" / f"{picture.name}.png")
    write(folder / "report.html", html(f"Guidance in the world {config.world}", _intro(done), sections))


def _intro(done: Done) -> str:
    config = done.config
    methods = ", ".join(method.name for method in config.methods)
    twice = " Every cell is there twice: with the exact denoiser and classifier, and with trained networks."
    return (
        f"{methods} in a world whose density, score, denoiser and classifier are known in closed form, so that what is sampled "
        f"can be compared with what is claimed.{twice if config.denoiser else ''} A cell is one method at one w, one sampler, "
        f"one number of levels T and one seed: {config.n} samples. {seeds(config)}. Values are means over runs, bands and ± one "
        "standard deviation."
    )


def _glance(done: Done, summary: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The main table and its caption."""
    main, n = done.config.sweeps[0].sampler, done.config.n
    metrics = [name for name in (*GLANCE, "mmd_tilted", "spread") if name in set(summary["metric"])]
    wide = headline(summary, sampler=main.label, steps=main.steps, n=n, metrics=metrics)
    return f"{main.label} sampler, T = {main.steps}, n = {n}.", wide


def _share(done: Done, summary: pd.DataFrame) -> Section:
    """How much of the distance is the method's and how much the networks'."""
    main, shown = done.config.sweeps[0].sampler, []
    at = {"sampler": main.label, "steps": main.steps}
    for method in [method.at(0.0).label for method in done.config.methods] if done.config.denoiser else []:
        for metric in ("frechet_exact", "frechet_class_exact"):
            words = f"{figures.WORDS[metric]}, {method}: the method's part and the networks'"
            shown.append(Picture(figures.share_of_network(summary, metric, method, **at), f"{metric}_{method}", words, words))
    words = "Accuracy, log density and spread against w, with the exact denoiser and with networks"
    figure = figures.methods_against_w(summary, ["accuracy_exact", "nll_exact", "spread"], **at)
    shown.append(Picture(figure, "accuracy_nll_spread", words, f"{words}; by the exact classifier and density."))
    return Section("The method's part and the networks'", SHARE, shown, [_glance(done, summary)])


def _errors(found: pd.DataFrame) -> Section:
    shown = [
        Picture(figures.error_against_logsnr(found, words, title, log=log), name, title, f"{title}, against lambda.")
        for name, (title, words, log) in ERRORS.items()
    ]
    return Section("The networks' error against lambda", "On held-out draws, where the exact values are known.", shown)
