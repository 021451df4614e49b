"""A study reconstructed from its run, and its networks, loaded for sampling."""

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from torch import nn

from experiments.benchmark.cells import MethodCells
from experiments.graph.manifest import check_config, read_manifest
from experiments.graph.store import Store
from experiments.graph.value import name_of_class
from experiments.problems import Problem
from experiments.registry import STUDIES
from experiments.settings import explain
from experiments.studies.by_world import ByWorld
from experiments.studies.claims import Claims
from experiments.studies.classifiers import Classifiers
from experiments.studies.comparison import Comparison
from experiments.studies.guides import Guides
from experiments.studies.paper_adm import ADMPaper
from experiments.studies.paper_cfg import CFGPaper
from experiments.studies.paper_parts import OfParts
from experiments.studies.several import Several
from experiments.studies.study import Study
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.train import Train
from guidance.denoiser import Denoiser

KINDS = {
    kind.__name__: kind for kind in (TradeOff, Comparison, Guides, Classifiers, CFGPaper, ADMPaper, Claims, Several, MethodCells)
}


class Trained(NamedTuple):
    """What a study trained with one seed: roles of the methods, and what samples look like.

    schedule: the density of lambda it was trained on; `schedule.grid(32)` is the paper's grid.
    """

    model: Denoiser
    classifier: nn.Module
    schedule: Any
    shape: tuple[int, ...]
    classes: int


def read_study(folder: Path, renamed: bool = False) -> Study:
    """The study that a folder is the run of. Problem where it is none; renamed: a committed copy, under another name."""
    folder = Path(folder)
    if not (folder / "manifest.json").is_file():
        if not folder.exists():
            raise Problem(f"there is no {folder}: name the folder that `guidance-bench study` prints")
        known = any((folder / name).is_file() for name in ("table.csv", "table.parquet"))
        advice = "run its study, as `guidance-bench study digits`, and name the folder that it prints"
        raise Problem(
            f"{folder} is a result of an earlier version, without its networks: {advice}"
            if known
            else f"{folder} is no run of a study: it has no manifest.json; {advice}"
        )
    try:
        read_manifest(folder)
        given = check_config(folder, renamed)["values"].get("study")
    except Problem as problem:
        raise Problem(f"{folder} is no run of a study of this version: {problem}") from problem
    if not isinstance(given, dict) or not isinstance(name := given.get("is"), str):
        raise Problem(f"{folder} is the run of something else than a study")
    kind = KINDS.get(name) or _of_others(name)
    if kind is None:
        raise Problem(f"{folder} is the run of {name!r}, which is none of {', '.join(KINDS)}, and of no study that is installed")
    try:
        return kind(**{key: held for key, held in given.items() if key != "is"})
    except ValidationError as error:
        raise Problem(f"{folder}: its study is none of this version: {explain(error)}") from error


def _of_others(name: str) -> type | None:
    """The class of this name among the studies that other packages bring."""
    entries = [STUDIES[entry] for entry in STUDIES if entry not in STUDIES.own]
    kinds = [type(one) for entry in entries for one in (entry.values() if isinstance(entry, dict) else [entry])]
    return next((kind for kind in kinds if name_of_class(kind) == name), None)


def load_trained(folder: str | Path, seed: int | None = None, device: str = "cpu", world: str | None = None) -> Trained:
    """The denoiser and the classifier of a finished study, of its first training seed or of `seed`.

    world: of a study of several. Problem if there is no such study, seed or world, if the study trained nothing, or if its
    networks are not there or were altered: a committed result has none.
    """
    folder = Path(folder)
    study = read_study(folder, renamed=True)
    if isinstance(study, ByWorld):
        if world not in study.worlds:
            raise Problem(
                f"{folder} has the worlds {', '.join(study.worlds)}: say which, as in world={next(iter(study.worlds))!r}"
            )
        study = study.worlds[world]
    if isinstance(study, OfParts):
        study = study.base
    if not isinstance(getattr(study, "model", None), Train):
        raise Problem(f"{folder} trained no network")
    seed = study.train_seeds[0] if seed is None else seed
    if seed not in study.train_seeds:
        raise Problem(f"{folder} has no training seed {seed}: it has {', '.join(map(str, study.train_seeds))}")
    if isinstance(study, Guides):
        trained = study.trainings(seed)
        model, guide = trained["denoiser"], trained[next(iter(study.guides))]
    else:
        model, guide = study.network("model", seed), study.network("classifier", seed)
    store = Store(folder.parent)
    if not store.path(model).is_dir():
        command = f"guidance-bench study {study.name}"
        raise Problem(f"{folder} is there without its networks, as a committed result is: run `{command}`, and load that")
    denoiser = model.play("model", {}, store, device, rows=250)["model"]
    classifier = guide.play("classifier", {}, store, device)["classifier"]
    return Trained(denoiser, classifier, study.density, tuple(study.world.shape), study.world.classes)
