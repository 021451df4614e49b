"""Small studies as the plain data that reports are made of, of numbers made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
from synthetic import study

from analysis.measures.grid import GridDensity
from analysis.results import Cell, Results, WorldFacts
from analysis.table import COLUMNS

CARD = {"what": "points made by hand", "licence": "<none>"}
CENTRES = np.array([[0.0, 1.0], [-0.9, -0.5], [0.9, -0.5]])
AXIS = np.linspace(-4, 4, 65)
COSTS = {"nfe_denoiser_forward": 8.0, "seconds_per_sample": 0.01, "peak_memory_mib": 400.0}


def density(centre, std):
    return GridDensity(AXIS, AXIS, -((AXIS[None] - centre[0]) ** 2 + (AXIS[:, None] - centre[1]) ** 2) / (2 * std**2))


def pictures(n=8, classes=10, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    return lambda: (rng.integers(0, 256, size=(n, 8, 8, channels), dtype=np.uint8), np.arange(n) % classes)


def points(n=60):
    rng = np.random.default_rng(0)
    label = np.arange(n) % 3
    return lambda: ((CENTRES[label] + 0.4 * rng.normal(size=(n, 2))).astype(np.float32), label)


def cells_of(table, draw):
    keys = ["world", "train_seed", "method", "w", "sampler", "steps", "seed"]
    rows = table[table["steps"] > 0][keys].drop_duplicates()
    hashes = [f"{row.train_seed} {row.seed}" if row.w == 0 else str(row) for row in rows.itertuples(index=False)]
    return [Cell(*row, draw, sha256, "a CPU") for row, sha256 in zip(rows.itertuples(index=False), hashes)]


def results(table, worlds, draw, sampler="ddim", steps=8, n=100, **more):
    return Results(
        name="made",
        title="Made by hand",
        worlds={one.name: one for one in worlds},
        table=table,
        cells=cells_of(table, draw) if len(table) else [],
        sampler=sampler,
        steps=steps,
        n={one.name: n for one in worlds},
        values={"name": "made", "note": "</pre><b>"},
        provenance={"python": "3.11", "packages": {"torch": "2.11"}},
        **more,
    )


def tidy(rows):
    return pd.DataFrame(rows, columns=list(COLUMNS))


def of_images(runs=4, world="digits", **more):
    """The synthetic study of images, with Fréchet distances of pixels; networks of two trainings."""
    table = study(runs=runs)
    pixels = table[table["metric"] == "fid_digits"].assign(metric="fid_pixels")
    table = pd.concat([table, pixels], ignore_index=True)
    table["world"], table["metric"] = world, table["metric"].str.replace("_digits", f"_{world}")
    networks = [(world, 0, "denoiser", "eps_loss_null", level, 0.5) for level in (-10.0, 0.0)]
    networks += [(world, 0, "classifier", "accuracy", level, 0.7) for level in (-10.0, 0.0)]
    networks += [(world, -1, "evaluator", "accuracy", np.nan, 0.98)]
    tables = {"networks": pd.DataFrame(networks, columns=["world", "train_seed", "network", "metric", "logsnr", "value"])}
    facts = WorldFacts(world, 10, (1, 8, 8), CARD, False, 1297)
    return results(table, [facts], pictures(), "ancestral", 32, 1000, part={world: 500}, tables=tables, **more)


def in_the_plane(ws=(0.0, 1.0, 4.0), seeds=(0, 1), collapsed=False, methods=("classifier-free", "temperature"), n=60, **more):
    """A world of three Gaussians, sampled with two samplers; `collapsed`: no sample has a density, none a distance from one."""
    metrics = ["accuracy_exact", "nll_exact", "frechet_exact", "std_within_class"]
    metrics += [] if collapsed else ["kl_tilted", "wasserstein_tilted"]
    rows = []
    for w in ws:
        for seed in seeds:
            rows += [("plane", -1, "tilted draws", w, "", 0, seed, n, metric, 0.01 + 0.001 * seed) for metric in metrics]
            for method, sampler, steps in ((m, s, t) for m in methods for s, t in (("ddim", 8), ("ddim", 4), ("heun", 8))):
                values = {metric: 0.1 + abs(w) + 0.01 * seed + 8 / steps for metric in metrics} | COSTS
                rows += [("plane", -1, method, w, sampler, steps, seed, n, name, value) for name, value in values.items()]
    facts = WorldFacts(
        "plane", 3, (2,), CARD, True, None,
        lambda w: [density(centre, 0.5 / (1 + max(w, 0)) ** 0.5) for centre in CENTRES], lambda: density((0, 0), 0.9),
    )  # fmt: skip
    return results(tidy(rows), [facts], points(n), n=n, **more)


def of_exact_images(**more):
    """A world with an exact oracle, sampled with the exact denoiser and with networks."""
    rows = [("exact", -1, "real", np.nan, "", 0, 0, 100, "frechet_exact", 0.05)]
    for method, training in (("classifier-free (exact)", -1), ("classifier-free", 0), ("classifier-free", 1)):
        for w in (0.0, 1.0, 4.0):
            values = {name: 1.0 + w + training for name in ("frechet_exact", "frechet_class_exact", "std_within_class")}
            values |= {"accuracy_exact": 0.9, "nll_exact": 1 - w, **COSTS}
            rows += [("exact", training, method, w, "ddim", 8, 0, 100, name, value) for name, value in values.items()]
    quantities = ["eps_irreducible", "eps_conditional", "eps_null", "difference_size", "difference", "kl_classifier"]
    quantities += ["calibration", "difference_cosine", "gradient_cosine", "accuracy_classifier", "accuracy_exact"]
    errors = [("exact", t, q, level, 0.1 + t + abs(level)) for t in (0, 1) for q in quantities for level in (-2.0, 0.0, 2.0)]
    tables = {"network_error": pd.DataFrame(errors, columns=["world", "train_seed", "quantity", "logsnr", "value"])}
    facts = WorldFacts("exact", 10, (1, 8, 8), CARD, True, 50_000)
    return results(tidy(rows), [facts], pictures(), tables=tables, **more)


def of_methods(worlds=("plane", "moons"), seeds=(0, 1), methods=("classifier-free", "apg", "pag(scale=2)"), **more):
    """Methods in worlds; a world in the plane is exact, any other is of images."""
    kinds = {
        "plane": ("kl_tilted", "std_within_class", "nll_exact"),
        "moons": ("fid_moons", "diversity_moons", "is_moons", "fid_pixels"),
    }
    rows = []
    for world in worlds:
        for place, method in enumerate(methods):
            for w, steps, seed in ((w, t, s) for w in (0.0, 1.0, 4.0) for t in (8, 16) for s in seeds):
                if w or method == "classifier-free":
                    values = {metric: 3 + w - 0.3 * place + 0.02 * seed for metric in kinds[world]}
                    values[kinds[world][1]] = 3 - w / 4 + 0.02 * seed
                    values |= COSTS | {"nfe_denoiser_forward": 2.0 * steps, "effective_w": w}
                    rows += [(world, -1, method, w, "ddim", steps, seed, 100, name, value) for name, value in values.items()]
    plane = in_the_plane().world
    facts = [plane if world == "plane" else WorldFacts(world, 10, (1, 8, 8), CARD, False, 500) for world in worlds]
    made = results(tidy(rows), facts, points(), families={"apg": "correction", "pag": "weak branch"}, **more)
    draws = {"plane": points(), "moons": pictures()}
    return replace(made, cells=[replace(cell, draw=draws[cell.world]) for cell in made.cells])


def of_guides(**more):
    """Guides of images: one by a noise-aware classifier, one by none; two evaluators, a joint energy model."""
    metrics = ("fid_digits", "diversity_digits", "is_digits")
    names = ("plain", "clean", "one", "two")
    rows = [("digits", -1, "real", np.nan, "", 0, -1, 100, name, 0.5) for name in metrics]
    for label, w, seed in ((label, w, seed) for label in ("plain", "free") for w in (0.0, 4.0) for seed in (0, 1)):
        values = {name: 1 + w / 2 + 0.1 * seed for name in metrics}
        values |= {f"accuracy_by_{name}": 0.9 - 0.1 * place for place, name in enumerate(names)}
        rows += [("digits", 0, label, w, "ddim", 8, seed, 100, name, value) for name, value in (values | COSTS).items()]
    levels = [
        ("digits", 0, name, metric, level, 0.5 + 0.01 * level)
        for name in ("plain", "implicit")
        for metric in ("accuracy", "nll", "calibration_error", "robust_accuracy")
        for level in (-4.0, 0.0, 4.0)
    ]
    networks = [("digits", 0, "denoiser", "eps_loss_null", level, 0.5) for level in (-10.0, 10.0)]
    for metric in ("accuracy", "nll"):
        networks += [("digits", 0, "plain", metric, level, 0.5 + 0.04 * level) for level in (-10.0, 10.0)]
    networks += [("digits", 0, "clean", "accuracy", np.nan, 0.95)]
    fields = [("digits", 0, "networks", "guided", level, 0.1, 0.01) for level in (-2.0, 2.0)]
    tables = {
        "by_level": pd.DataFrame(levels, columns=["world", "train_seed", "classifier", "metric", "logsnr", "value"]),
        "networks": pd.DataFrame(networks, columns=["world", "train_seed", "network", "metric", "logsnr", "value"]),
        "jacobian": pd.DataFrame(fields, columns=["world", "train_seed", "of", "field", "logsnr", "value", "sd"]),
    }
    guides = {"plain": "plain", "free": None}
    facts = WorldFacts(
        "digits", 10, (1, 8, 8), CARD, False, 1297, None, None, guides, ("one", "two"), ("plain", "clean"), 500, 100
    )  # fmt: skip
    others = {("digits", "joint energy"): pictures(seed=1)}
    return results(tidy(rows), [facts], pictures(), tables=tables, others=others, **more)
