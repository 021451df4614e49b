"""Guidance in one forward, and then in ever fewer steps: `guidance-bench study distillation-digits`.

A teacher that predicts v is sampled by DDIM with classifier-free guidance at 32, 16, 8 and 4 steps. Beside it stand its student
of guidance (Meng et al., arXiv 2210.03142) at 32 steps, and the students of 16, 8 and 4 (Salimans & Ho, arXiv 2202.00512), each
taught by the one before it and sampled at its own steps. A student's step costs one forward, the teacher's two.
"""

from dataclasses import replace

from experiments.objectives.denoising import Denoising
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.several import Several
from experiments.studies.sweep import Sweep
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.students import guided_student, halved
from guidance.grids import Nested
from guidance.samplers.ddim import DDIM

START, END = 32, 4  # steps of the student of guidance, and of the last of its students
WS, FEWER = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0), (0.0, 0.5, 1.0, 4.0)


def distillation(base: TradeOff, name: str, steps: int, student_steps: int, ws: tuple[float, ...]) -> Several:
    """The teacher, trained for `steps`, and its four students, for `student_steps` each, over the same w."""
    fit = replace(base.model.fit, steps=steps)
    objective = Denoising(target="v", density=base.model.objective.density)  # eps says nothing of x where a few steps are noisy
    teacher = replace(base.model, objective=objective, fit=fit)
    first = guided_student(teacher, replace(fit, steps=student_steps), high=max(ws))
    students = {START: first} | halved(first, first.fit, START, END)

    def sweep(steps: int) -> Sweep:
        return Sweep(sampler=DDIM(), steps=steps, ws=ws, grid=Nested())

    own = {"name": name, "classifier": None, "model": teacher, "methods": ("classifier-free",)}
    plain = replace(base, **own, sweeps=tuple(sweep(steps) for steps in students))
    others = {
        f"{steps} steps": replace(plain, model=student, methods=("distilled",), sweeps=(sweep(steps),))
        for steps, student in students.items()
    }
    return Several(name=name, base=plain, others=others)


SMALL = replace(DIGITS, n=500, sample_seeds=(0, 1, 2, 3))
LARGE = replace(SMALL, train_seeds=(0, 1, 2))
STUDIES = {
    "quick": distillation(SMALL, "distillation-digits", 1000, 500, FEWER),
    "full": distillation(LARGE, "distillation-digits", 2500, 1000, WS),
}
