"""The trainings of a distillation as values: the student of guidance, and then one for every halving of the steps."""

from dataclasses import replace
from typing import Any

from experiments.objectives.guided_distillation import GuidedDistillation
from experiments.objectives.progressive_distillation import ProgressiveDistillation
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds.world import clip_of

LAST = 4  # steps of the last student, if nothing else is said


def guided_student(teacher: Train, fit: Fit, seed: int | None = None, **options: Any) -> Train:
    """The student of stage one: the teacher's network conditioned on w. seed: the teacher's if None; options: of the objective,
    whose clip is the world's. ValueError for a teacher that cannot be guided, and for a network that has no option `strength`.
    """
    if not hasattr(teacher.network, "strength"):
        raise ValueError(f"network: {teacher.network.name} cannot be conditioned on a strength")
    return Train(
        world=teacher.world,
        network=replace(teacher.network, strength=True),
        objective=GuidedDistillation(**{"teacher": teacher, "clip": clip_of(teacher.world), **options}),
        fit=fit,
        seed=teacher.seed if seed is None else seed,
        n_test=teacher.n_test,
    )


def of_few_steps(training: Train) -> bool:
    """Whether it is the training of a student that knows the lambdas of its own few steps and no others."""
    return hasattr(training.objective, "steps")


def halved(teacher: Train, fit: Fit, start: int, end: int = LAST, **options: Any) -> dict[int, Train]:
    """The students of half as many steps, and half as many again, by their steps, start / 2 to end, each the next one's teacher.

    start: steps of the teacher's own sampling, `end` times a power of two; a teacher of few steps has that many. options: of
    the objective; without them a student predicts what its teacher does, on the grid of its teacher's steps, and drops no labels
    where its teacher knows no null label. ValueError for another start, and for a teacher that predicts eps (the objective says
    why): its student of guidance, which learns v, is one that can be halved.
    """
    students: dict[int, Train] = {}
    if end < 2 or start <= end or start % end or (start // end).bit_count() != 1:
        raise ValueError(f"start, end: start is end, 2 or more, times a power of two, as 32 and 4, not {start} and {end}")
    steps = start
    while steps > end:
        steps //= 2
        given = {"teacher": teacher, "steps": steps, "clip": clip_of(teacher.world)}
        objective = ProgressiveDistillation(**given | _inherited(teacher.objective) | options)
        teacher = students[steps] = replace(teacher, objective=objective, fit=fit, begin=None)
    return students


def _inherited(theirs: Any) -> dict[str, Any]:
    """The options of a student of few steps that are those of its teacher's objective."""
    found = {name: getattr(theirs, name) for name in ("target", "grid") if hasattr(theirs, name)}
    return found | ({"p_uncond": 0.0} if getattr(theirs, "p_uncond", None) == 0 else {})
