"""Tables of a comparison of methods beside its verdicts: what quality costs, fronts, and errors against the exact field."""

from collections.abc import Callable
from functools import partial

import pandas as pd

from analysis.metrics import comparison, metric
from analysis.results import Results
from analysis.statistics.cheapest import cheapest
from analysis.statistics.matched import at_equal_cost, at_matched_w, at_own_best
from analysis.statistics.pareto import areas

MATCHED = """\
Every method beside plain guidance in the quality alone, at its own best w (chosen on one half of the sampling seeds, reported on
the other), at equal cost, and at matched effective w. Equivalent is shown to be within the margin;
undecided is inside the noise; "no guidance" is best at w = 0, as plain guidance is."""
CHEAPEST = """\
What the quality of plain guidance at its best w costs: every method at its own best w, its evaluations and seconds as
multiples of those of the unguided model (seconds of the fastest cell). What is equivalent or better has that quality; undecided
is inside the noise."""
CHEAPEST_GIVEN = """\
The same of these networks alone: what is independent are not the trainings, but the sampling seeds that all of them have."""
GUIDED_ERROR = """\
Error of the guided prediction against the exact guided one, along the trajectories of each method that aims at it: the mean over
lambda of the squared error of eps, and of the exact update."""
DENOISING_LOSS = """\
Mean squared error of eps on test images, the mean over the lambdas that were trained on, with the label and without; its ratio
to the plain network's, trained with the same seed."""
FRONTS = """\
Areas under fronts, in units of that of w = 0; beside each that of plain guidance at as many strengths."""


def parts_of() -> dict[str, tuple[str, Callable[[Results], pd.DataFrame]]]:
    """Further tables of a world by the name of their file, with what is said of them."""
    return {
        "matched": (MATCHED, matched),
        "cheapest": (CHEAPEST, cheapest_of),
        "cheapest_given": (CHEAPEST_GIVEN, cheapest_given),
        "fronts": (FRONTS, fronts),
        "guided_error": (GUIDED_ERROR, guided_error),
        "denoising_loss": (DENOISING_LOSS, denoising_loss),
    }


def matched(results: Results) -> pd.DataFrame:
    """Of one world every method beside plain guidance, as `analysis.statistics.matched` compares them, without what cannot be.

    ValueError where nothing can.
    """
    quality, why = comparison(results.columns).quality, ValueError("nothing was sampled twice")
    rows = results.sampled[results.sampled["sampler"] == results.sampler]
    parts = {
        "own best w": lambda: at_own_best(rows, quality, results.steps),
        "equal evaluations, own best w": lambda: at_equal_cost(rows, quality, "nfe", results.steps),
        "equal seconds, own best w": lambda: at_equal_cost(rows, quality, "seconds_per_sample", results.steps),
        "matched effective w": lambda: at_matched_w(rows, quality, results.steps),
    }
    return _joined(results, parts, "compared at", why)


def cheapest_of(results: Results, given: bool = False) -> pd.DataFrame:
    """Of one world what the quality of plain guidance costs, method by method. ValueError where nothing can be compared."""
    rows, quality = results.sampled[results.sampled["sampler"] == results.sampler], comparison(results.columns).quality
    return _joined(results, {"": partial(cheapest, rows, quality, results.steps, given)}, "", ValueError())


def cheapest_given(results: Results) -> pd.DataFrame:
    """The same of these networks alone. ValueError for one training too, of which all is told so."""
    if len(results.train_seeds) < 2:
        raise ValueError("there is one training")
    return cheapest_of(results, given=True)


def guided_error(results: Results) -> pd.DataFrame:
    """Of one exact world how far guided predictions are from the exact ones. ValueError where that was not measured."""
    errors = results.tables.get("guided_error", pd.DataFrame())
    if errors.empty or results.world.name not in set(errors["world"]):
        raise ValueError("no guided prediction was compared with an exact one")
    errors = errors[errors["world"] == results.world.name]
    of_run = errors.groupby(["method", "w", "train_seed", "seed", "quantity"], sort=False)["value"].mean().unstack("quantity")
    told = of_run.groupby(["method", "w"], sort=False).agg(["mean", "std"])
    told.columns = [name if kind == "mean" else f"{name}_sd" for name, kind in told.columns]
    return told[["error", "error_sd", "size"]].reset_index().assign(world=results.world.name)


def denoising_loss(results: Results) -> pd.DataFrame:
    """Of one world the loss of every trained model on test images. ValueError where that was not measured."""
    losses = results.tables.get("denoising_loss", pd.DataFrame())
    if losses.empty or results.world.name not in set(losses["world"]):
        raise ValueError("no loss was measured on test images")
    losses = losses[losses["world"] == results.world.name]
    of_run = losses.groupby(["network", "train_seed", "branch"], sort=False)["value"].mean().unstack("branch")
    plain = of_run.loc["plain", "conditional"]
    of_run["ratio"] = [loss / plain[seed] for (_, seed), loss in of_run["conditional"].items()]
    told = of_run.groupby("network", sort=False)[["conditional", "unconditional", "ratio"]].agg(["mean", "std"])
    told.columns = [name if kind == "mean" else f"{name}_sd" for name, kind in told.columns]
    return told.rename_axis(index="method").reset_index().assign(world=results.world.name)


def fronts(results: Results) -> pd.DataFrame:
    """Of one world the areas under the fronts of quality against diversity, evaluations and seconds; else as `matched`."""
    quality, diversity, _ = comparison(results.columns)
    rows = results.sampled[results.sampled["sampler"] == results.sampler]
    parts = {
        metric(other).title: partial(areas, rows, quality, other, results.steps)
        for other in (diversity, "nfe", "seconds_per_sample")
    }
    return _joined(results, parts, "front against", ValueError("nothing was sampled twice"))


def _joined(results: Results, parts: dict[str, Callable[[], pd.DataFrame]], name: str, why: ValueError) -> pd.DataFrame:
    frames = []
    for words, make in parts.items():
        try:
            frame = make()
        except ValueError as error:
            why = error
            continue
        if len(frame):
            if name:
                frame.insert(0, name, words)
            frames.append(frame)
    if not frames:
        raise why
    frame = pd.concat(frames, ignore_index=True)
    frame.insert(0, "world", results.world.name)
    return frame
