"""The study of a paper's figures that a command names: of a world that has one, or of any study of images."""

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

from experiments.graph.files import content_sha256
from experiments.problems import Problem
from experiments.registry import STUDIES, lookup
from experiments.settings import override
from experiments.studies import paper_adm, paper_cfg
from experiments.studies.paper_parts import OfParts
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.sources import Checkpoint

PAPERS: dict[str, ModuleType] = {"cfg": paper_cfg, "adm": paper_adm}


def chosen_paper(
    paper: str, world: str, full: bool, settings: list[str], checkpoint: Path | None = None, adapter: str | None = None
) -> OfParts:
    """The study, with settings; checkpoint: the model is this file or folder of weights, which its adapter reads.

    Problem, in one line, for a paper, world or study that there is not, one that the paper's figures cannot be drawn of, and a
    checkpoint without its adapter.
    """
    if paper not in PAPERS:
        raise Problem(f"there is no paper {paper!r}: choose one of {', '.join(PAPERS)}")
    if (checkpoint is None) != (adapter is None):
        raise Problem("--checkpoint and --adapter go together: the file of weights, and what reads it")
    study = _registered(paper, world, full)
    if checkpoint is not None:
        study = _of_checkpoint(study, checkpoint, str(adapter))
    return override(study, settings)


def _registered(paper: str, world: str, full: bool) -> OfParts:
    name = f"paper-{paper}-{world}"
    known = [entry.removeprefix(f"paper-{paper}-") for entry in STUDIES if entry.startswith(f"paper-{paper}-")]
    if world in known:
        return _form(lookup("studies", name), world, full)
    if ":" not in world and world not in STUDIES:
        raise Problem(
            f"--world: {world!r} has no study: give one of {', '.join(known)}, the name of a study, or package.module:Name"
        )
    base = _form(lookup("studies", world), world, full)
    if isinstance(base, OfParts):
        return _of_this_paper(base, paper, world)
    if not isinstance(base, TradeOff):
        raise Problem(f"--world: {world} is no study of one world with methods over w: the papers' figures cannot be drawn of it")
    try:
        return PAPERS[paper].paper_of(base)
    except ValueError as error:
        raise Problem(f"--world {world}: {_reason(error)}") from error


def _of_this_paper(study: OfParts, paper: str, world: str) -> OfParts:
    """The study, if it is this paper's: another's would be run in its place."""
    whose = study.report.removeprefix("paper-")
    if whose == paper or whose not in PAPERS:
        return study
    raise Problem(f"--world: {world} is a study of the paper {whose}, not {paper}: give `paper {whose}`, or another world")


def _form(entry: Any, world: str, full: bool) -> Any:
    forms = entry if isinstance(entry, dict) else {"quick": entry}
    if full and "full" not in forms:
        raise Problem(f"{world} has no full form")
    return forms["full" if full else "quick"]


def _of_checkpoint(study: OfParts, checkpoint: Path, adapter: str) -> OfParts:
    """The same of somebody's weights as the model: of one p_uncond, which is not known."""
    if not checkpoint.exists():
        raise Problem(f"--checkpoint: there is no {checkpoint}")
    lookup("checkpoints", adapter)
    world = study.base.world
    model = Checkpoint(world=world, file=str(checkpoint), sha256=content_sha256(checkpoint), adapter=adapter)
    lone = {"p_unconds": ()} if hasattr(study, "p_unconds") else {}
    try:
        return dataclasses.replace(study, base=dataclasses.replace(study.base, model=model), **lone)
    except ValueError as error:
        raise Problem(f"--checkpoint: {_reason(error)}") from error


def _reason(error: ValueError) -> str:
    """What is wrong, in one line."""
    from pydantic import ValidationError

    from experiments.settings import explain

    return explain(error) if isinstance(error, ValidationError) else str(error)
