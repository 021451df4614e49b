"""What a study of an exact world leaves: table, densities with samples over them, distances from the claim, report."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis import exact_figures as figures
from analysis.files import write_atomically
from analysis.headline import headline
from analysis.report import Picture, Section, html, write
from analysis.style import save
from analysis.table import read_table, summarise, write_table
from experiments.exact import marginal, tilted
from experiments.report_parts import GLANCE, Done, cost, made, networks, samples, seeds, twins
from experiments.sample import load_samples
from experiments.worlds import WORLDS

SHOWN_POINTS = 600
EPS = {
    "eps_irreducible": "exact denoiser against the noise",
    "eps_conditional": "network, conditional",
    "eps_null": "network, unconditional",
}
DIFFERENCE = {"difference_size": "exact difference", "difference": "network's error of it"}
CLASSIFIER = {"kl_classifier": "KL(exact || network), nats", "calibration": "calibration error"}
AGREEMENT = {
    "difference_cosine": "eps_cond − eps_null",
    "gradient_cosine": "grad log p(c|z)",
    "accuracy_classifier": "accuracy, network",
    "accuracy_exact": "accuracy, exact",
}


def write_exact_report(done: Done, errors: dict[int, Path], folder: Path) -> None:
    """Fills `folder` with table.csv, summary.csv, figures/*.png, report.html and, for trained networks, network_error.csv.

    errors: the runs of network_error by training seed.
    """
    config = done.config
    table = read_table(write_table(done.table, folder / "table.csv"))
    summary = summarise(table)
    write_atomically(folder / "summary.csv", summary.to_csv(index=False).encode())
    planar = WORLDS[config.world]().shape == (2,)
    sections = _plane(done, summary) if planar else [_share(done, summary), samples(config, done.cells)]
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
    twice = " Every cell is there twice: with the exact denoiser and classifier, and with trained networks."
    trained = twice if config.denoiser else ""
    return (
        f"{', '.join(method.name for method in config.methods)} in a world whose density, score, denoiser and classifier are "
        f"known in closed form, so that what is sampled can be compared with what is claimed.{trained} A cell is one method at one w, one "
        f"sampler, one number of levels T and one seed: {config.n} samples. {seeds(config)}. Values are means over runs, bands and "
        f"± one standard deviation."
    )


def _glance(done: Done, summary: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    main, config = done.config.sweeps[0].sampler, done.config
    metrics = [name for name in (*GLANCE, "mmd_tilted", "spread") if name in set(summary["metric"])]
    caption = f"{main.label} sampler, T = {main.steps}, n = {config.n}."
    return caption, headline(summary, sampler=main.label, steps=main.steps, n=config.n, metrics=metrics)


def _plane(done: Done, summary: pd.DataFrame) -> list[Section]:
    """The figures of a world in the plane."""
    config, main = done.config, done.config.sweeps[0].sampler
    at = {"sampler": main.label, "steps": main.steps}
    last = max(w for sweep in config.sweeps for w in sweep.ws)
    middle = sorted({w for sweep in config.sweeps for w in sweep.ws if w > 0})
    middle = middle[len(middle) // 2]

    def picture(figure: Figure, name: str, caption: str) -> Picture:
        return Picture(figure, name, caption, f"{caption}; n = {config.n}, {seeds(config)}.")

    drawn, notes = _drawn(done, summary, middle)
    densities = [tilted(config.world, c, middle) for c in range(WORLDS[config.world]().classes)]
    kl = "KL(sampled || tilted)"
    methods = figures.methods_against_w(summary, ["kl_tilted", "spread"], **at)
    return [
        Section(
            "Figure 2 of the paper",
            "Ho & Salimans show what guidance is said to sample: p(x|c) p(c|x)^w, normalised. Contours hold half and nine tenths of "
            f"the mass of each class; the points are samples of classifier-free guidance, {main.label}, T = {main.steps}.",
            [Picture(_figure2(done), "figure2", "Marginal density and guided conditionals for growing w, samples over them")],
        ),
        Section(
            "What is really drawn",
            f"Shaded: what the samplers draw at w = {middle:g}. Contours: the tilted density. Neither more steps nor a better sampler "
            "brings the two together: the score of the tilted density, diffused, is not the tilted score. Langevin corrections do, "
            "since they sample the tilted density of the level that they are at (Bradley & Nakkiran, arXiv 2408.09000).",
            [picture(figures.drawn_and_claimed(densities, drawn, notes), "drawn_and_claimed", f"Drawn and claimed at w = {middle:g}")],
            [_glance(done, summary)],
        ),
        Section(
            "Distance from the claim",
            "The dashed line is the same estimate for exact draws of the tilted density: the floor of its noise and bias.",
            [
                picture(figures.distance_against_w(summary, "kl_tilted"), "kl_against_w", f"{kl} against w"),
                picture(figures.distance_against_w(summary, "wasserstein_tilted"), "wasserstein_against_w", "Wasserstein against w"),
                *(
                    picture(figures.distance_against_steps(summary, "kl_tilted", w=w), name, f"{kl} against T at w = {w:g}")
                    for w, name in ((middle, "kl_against_steps"), (0.0, "kl_against_steps_plain"))
                ),
            ],
        ),
        Section(
            "Controls",
            "temperature scales the conditional score by 1 + w; shrunk-noise divides the sampler's noise by 1 + w. Both make samples "
            f"tighter around their own mean and neither draws from the tilted density (w up to {last:g}).",
            [picture(methods, "methods", f"{kl} and spread of every method against w")],
        ),
    ]


def _figure2(done: Done) -> Figure:
    config, main = done.config, done.config.sweeps[0]
    points = {}
    for cell in done.cells:
        own = cell.config
        if own.method.name == "classifier-free" and own.sampler == main.sampler and own.seed == config.sample_seeds[0]:
            x, label = load_samples(cell.samples)
            points[own.method.w] = x[:SHOWN_POINTS], label[:SHOWN_POINTS]
    classes = range(WORLDS[config.world]().classes)
    return figures.figure2(marginal(config.world), {w: [tilted(config.world, c, w) for c in classes] for w in points}, points)


def _drawn(done: Done, summary: pd.DataFrame, w: float) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, str]]:
    """The samples of classifier-free guidance at w for every sampler at its largest T, and their KL."""
    drawn, notes = {}, {}
    cells = [cell for cell in done.cells if cell.config.method.name == "classifier-free" and cell.config.method.w == w]
    for sampler in dict.fromkeys(cell.config.sampler.label for cell in cells):
        most = max(cell.config.sampler.steps for cell in cells if cell.config.sampler.label == sampler)
        own = [cell for cell in cells if (cell.config.sampler.label, cell.config.sampler.steps) == (sampler, most)]
        parts = [load_samples(cell.samples) for cell in own]
        name = f"{sampler}, T = {most}"
        drawn[name] = tuple(np.concatenate(part) for part in zip(*parts))
        at = summary[(summary["metric"] == "kl_tilted") & (summary["method"] == "classifier-free") & (summary["w"] == w)]
        at = at[(at["sampler"] == sampler) & (at["steps"] == most)]
        notes[name] = f"KL = {at['value'].iloc[0]:.3f}"
    return drawn, notes


def _share(done: Done, summary: pd.DataFrame) -> Section:
    """How much of the distance is the method's and how much the networks'."""
    main, shown = done.config.sweeps[0].sampler, []
    at = {"sampler": main.label, "steps": main.steps}
    learned = done.config.denoiser is not None
    for method in [method.at(0.0).label for method in done.config.methods] if learned else []:
        for metric in ("frechet_exact", "frechet_class_exact"):
            words = f"{figures.WORDS[metric]}, {method}: the method's part and the networks'"
            shown.append(Picture(figures.share_of_network(summary, metric, method, **at), f"{metric}_{method}", words, words))
    shown.append(
        Picture(
            figures.methods_against_w(summary, ["accuracy_exact", "nll_exact", "spread"], **at),
            "accuracy_nll_spread",
            "Accuracy, log density and spread against w, with the exact denoiser and with networks",
            "By the exact classifier and density; dashed: with the exact denoiser and classifier.",
        )
    )
    text = (
        "The Fréchet distance is taken to the exact moments, so that one of its two sides has no sampling noise; the grey line is "
        "what as many exact draws read. What is there with the exact denoiser is the method's and the sampler's doing; the rest "
        "the networks'."
    )
    return Section("The method's part and the networks'", text, shown, [_glance(done, summary)])


def _errors(found: pd.DataFrame) -> Section:
    pictures = [
        ("denoiser_error", EPS, "Mean squared error of eps against the exact one", True),
        ("difference_error", DIFFERENCE, "Guided difference eps_cond − eps_null, mean square", True),
        ("classifier_error", CLASSIFIER, "Noise-aware classifier against the exact p(c|z)", True),
        ("agreement", AGREEMENT, "Cosine with the exact direction; accuracy", False),
    ]
    shown = [
        Picture(figures.error_against_logsnr(found, words, title, log=log), name, title, title)
        for name, words, title, log in pictures
    ]
    return Section("The networks' error against lambda", "On held-out draws, where the exact values are known.", shown)
