"""THE tiny studies: every quick study at the size of its frozen tables (golden/), as plain data, for all tests of the room."""

import json
from pathlib import Path

from analysis.results import Results
from experiments.graph.store import Store
from experiments.registry import lookup
from experiments.settings import override
from experiments.studies.running import make
from experiments.studies.study import Study

DIGITS = {
    "model.network.width": 8,
    "model.fit.steps": 30,
    "model.fit.checkpoint_every": 10,
    "classifier.fit.steps": 6,
    "evaluator.fit.steps": 6,
    "judges.0.classifier.fit.steps": 6,
    "n": 40,
    "part": 20,
    "sweeps": [{"sampler": "ancestral", "steps": 4, "ws": [0, 1, 4]}, {"sampler": "ddim", "steps": 3, "ws": [-0.5, 0, 1]}],
}
GAUSSIANS = {
    "n": 240,
    "part": 240,
    "sample_seeds": [0, 1],
    "sweeps": [
        {"sampler": "ancestral", "steps": 64, "ws": [0, 2, 4]},
        {"sampler": "ddim", "steps": 8, "ws": [0, 2], "methods": ["classifier-free", "temperature"]},
    ],
}
DIGITS_EXACT = {
    "model.network.width": 8,
    "model.fit.steps": 20,
    "classifier.fit.steps": 6,
    "n": 60,
    "part": 60,
    "sample_seeds": [0],
    "sweeps": [{"sampler": "ancestral", "steps": 4, "ws": [0, 1]}],
}
CONTROLS = {
    **DIGITS,
    "sample_seeds": [0, 1],
    "sweeps": [{"sampler": {"is": "ancestral", "v": 0.3}, "steps": 4, "ws": [0, 0.5]}],
}
CONTROLS_EXACT = {
    "n": 60,
    "part": 60,
    "sample_seeds": [0, 1],
    "sweeps": [{"sampler": "ancestral", "steps": 4, "ws": [0, 1]}],
}

SIZES = {"gaussians": 90, "digits-exact": 40, "digits": 40}
FEW = [
    {"is": "classifier-free", "ws": [0, 1, 4]},
    {"is": "apg", "ws": [1, 4]},
    {"is": "autoguidance", "ws": [1]},
]
TRAINED = [{"is": name, "ws": [1]} for name in ("pag", "dps", "two-networks", "two-conditions")]
NETWORKS = ("model", "classifier", "evaluator", "clean", "weak", "unconditional")
METHODS = {
    **{f"worlds.{world}.{name}": n for world, n in SIZES.items() for name in ("n", "part")},
    **{f"worlds.{world}.sweeps": [{"sampler": {"is": "ddim", "eta": 1}, "steps": 4, "ws": [1]}] for world in SIZES},
    **{f"worlds.{world}.methods": FEW + (TRAINED if world == "digits" else []) for world in SIZES},
    "worlds.digits.model.network.width": 8,
    **{f"worlds.digits.{role}.fit.steps": 20 for role in (*NETWORKS, "judges.0.classifier")},
}

FIT = {"steps": 6, "batch": 16}
GUIDED = {
    "classifier-free": {"method": "classifier-free", "ws": [0, 4]},
    "plain": {"method": "classifier", "classifier": "plain", "ws": [0, 4]},
    "smooth": {"method": "classifier", "classifier": "plain", "softplus": 3, "temperature": 2, "ws": [0, 4]},
    "clean, of x": {"method": "clean-classifier", "ws": [0, 1]},
}
IMPLICIT = {"implicit": {"method": "classifier", "implicit": True, "levels": 1, "ws": [0, 1]}}


def training(world: str, network: object, objective: object, **more: object) -> dict[str, object]:
    return {"world": world, "network": network, "objective": objective, "fit": FIT, **more}


def guides(world: str, guides: dict, guided: dict, **more: object) -> dict[str, object]:
    own = {"guides": guides, "guided": guided, "model": training(world, {"is": "unet", "width": 8}, "denoising"), "steps": 2}
    own |= {"n": 20, "n_levels": 10, "n_implicit": 5, "levels_implicit": 1, "probes": 1, "clean.fit": FIT, **more}
    return {f"worlds.{world}.{name}": value for name, value in own.items()}


ATTACKED = {"is": "noisy-cross-entropy", "augment": True, "attack_radius": 0.5, "attack_steps": 1}
EARLY = {
    **training("digits", {"is": "timm", "noise_conditioning": "film"}, ATTACKED),
    "fit": {**FIT, "patience": 1, "look_every": 2},
}
EVALUATORS = {
    "one": training("digits", {"is": "timm", "arch": "test_byobnet"}, "cross-entropy", seed=900),
    "two": training("digits", {"is": "timm", "arch": "test_convnext", "size": 32}, "cross-entropy", seed=901),
}
JOINT = training(
    "digits",
    {"is": "half-unet", "width": 8, "multipliers": [1], "attention": []},
    {"is": "joint-energy", "langevin_steps": 2, "chains": 64},
)
CLASSIFIERS = {
    **guides(
        "digits",
        {"plain": training("digits", "timm", "noisy-cross-entropy"), "early": EARLY},
        GUIDED | IMPLICIT,
        evaluators=EVALUATORS,
        joint=JOINT,
    ),
    **guides("digits-exact", {"plain": training("digits-exact", "timm", "noisy-cross-entropy")}, GUIDED),
}

TINY = {
    "digits": DIGITS,
    "gaussians": GAUSSIANS,
    "digits-exact": DIGITS_EXACT,
    "controls": CONTROLS,
    "controls-exact": CONTROLS_EXACT,
    "methods": METHODS,
    "classifiers": CLASSIFIERS,
}


def sets(settings: dict[str, object]) -> list[str]:
    """The settings as `--set` takes them, without the words `--set`."""
    return [f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in settings.items()]


def tiny_study(name: str, settings: dict[str, object] | None = None) -> Study:
    """A tiny study, with further settings."""
    return override(lookup("studies", name)["quick"], sets({**TINY[name], **(settings or {})}))


def make_here(study: Study, runs: Path, workers: int = 1, **more: object) -> Path:
    """The folder of a study, what is missing of it made in this process; nothing may fail."""
    done = make(study, Store(runs), workers, "cpu", **{"tell": lambda line: None, **more})
    assert not done.outcome.failed and not done.outcome.unmade
    return done.folder


def results_of(study: Study, runs: Path) -> Results:
    return study.results(Store(runs))
