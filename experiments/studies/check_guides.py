"""What must fit together in a study of classifiers: one sentence, before any work, that names the fields."""

from typing import Any

from experiments.studies.check import arch
from guidance.schedules import CosineLogSNR


def check_guides(study: Any) -> None:
    """ValueError for networks of another world, evaluators that guide, or guides that are missing."""
    trainings = {
        "model": study.model,
        "clean": study.clean,
        **{f"guides.{name}": entry for name, entry in study.guides.items()},
        **{f"evaluators.{name}": entry for name, entry in study.evaluators.items()},
        **({"joint": study.joint} if study.joint is not None else {}),
    }
    for where, entry in trainings.items():
        if entry.world != study.world:
            raise ValueError(f"{where}: it is of the world {entry.world.label}, and the study of {study.world.label}")
    for where in ("model", *(f"guides.{name}" for name in study.guides)):
        entry = trainings[where]
        if entry.seed or entry.objective.density not in (CosineLogSNR(), study.density):
            raise ValueError(f"{where}: its seed and density are set by train_seeds and density: change those")
    if not study.world.exact and len(study.evaluators) < 2:
        raise ValueError("evaluators: two at least, for a world without an exact oracle")
    if study.world.exact and (study.evaluators or study.joint is not None):
        raise ValueError(f"evaluators, joint: {study.world.label} has an exact oracle, which evaluates; leave both out")
    guiding = {arch(entry) for entry in (study.clean, *study.guides.values())}
    evaluating = [arch(entry) for entry in study.evaluators.values()]
    if (both := guiding & set(evaluating)) or len(set(evaluating)) < len(evaluating):
        raise ValueError(f"evaluators: each of an architecture of its own that no guide has, not {', '.join(both) or 'the same'}")
    if strange := {entry.classifier for entry in study.guided.values() if entry.classifier} - set(study.guides):
        raise ValueError(f"guided: {sorted(strange)[0]!r} is none of the guides, {', '.join(study.guides)}")
    if (least := 2 * study.world.classes) > study.n:
        raise ValueError(f"n must be at least {least}, two samples of each class, not {study.n}")
    for name, entry in study.guided.items():
        for w in entry.ws:
            if why := entry.method.refuses(study.sampler):
                raise ValueError(f"guided.{name}: w = {w:g}: {why}")
        if lacking := {"attention", "embedding", "groups", "strength", "internal"} & set(entry.method.requires_model):
            raise ValueError(f"guided.{name}: {entry.method.name} needs {sorted(lacking)[0]}, which this study's models have not")
