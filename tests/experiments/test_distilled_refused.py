"""Teachers that cannot teach a student, and settings that take it from its teacher: refused in one line, before any work."""

from dataclasses import replace

import pytest
from pydantic import ValidationError
from students_made import FIT, ROUNDS, STUDENT, TEACHER

from experiments.networks import DiT, Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.guided_distillation import GuidedDistillation
from experiments.objectives.paired_denoising import PairedDenoising
from experiments.objectives.progressive_distillation import ProgressiveDistillation
from experiments.problems import Problem
from experiments.settings import override
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.paired import Paired
from guidance.grids import EvenInU

REFUSED = {
    "world": (DigitsExact(), STUDENT.network, STUDENT.objective, "it is of the world digits, and the student of digits-exact"),
    "width": (Digits(), UNet(width=16, strength=True), STUDENT.objective, "its network is another, of width 8, not 16"),
    "kind": (Digits(), DiT(patch=2, strength=True), STUDENT.objective, "its network is another, unet, not dit"),
    "strength": (Digits(), UNet(width=8, multipliers=(1,), attention=()), STUDENT.objective, "set network.strength=true"),
    "target": (
        Digits(),
        STUDENT.network,
        ProgressiveDistillation(teacher=STUDENT, target="eps", steps=8),
        "it predicts v, and the student, which begins as it, eps",
    ),
    "eps": (
        Digits(),
        TEACHER.network,
        ProgressiveDistillation(teacher=TEACHER, target="eps", steps=8),
        "it predicts eps, which says nothing of x in few steps: train it with target v or x",
    ),
    "unconditioned": (
        Digits(),
        UNet(width=8, multipliers=(1,), attention=()),
        ProgressiveDistillation(teacher=STUDENT, steps=8),
        "conditioned on a strength, and the teacher's is not, or the other way",
    ),
    "steps": (
        Digits(),
        STUDENT.network,
        ProgressiveDistillation(teacher=ROUNDS[8], steps=8),
        "it makes 8 steps, and that of a student of 8 makes 16",
    ),
    "grid": (
        Digits(),
        STUDENT.network,
        ProgressiveDistillation(teacher=STUDENT, steps=8, grid=EvenInU()),
        "grid: u of 16 levels skips those of 8",
    ),
    "groups": (
        Digits(),
        STUDENT.network,
        GuidedDistillation(teacher=replace(TEACHER, objective=Denoising(groups=2))),
        "learned its variance or groups",
    ),
    "no conditional model": (
        Digits(),
        STUDENT.network,
        GuidedDistillation(teacher=replace(TEACHER, objective=Denoising(p_uncond=1.0))),
        "it knows no label but the null one, so that it cannot be guided",
    ),
    "few steps": (
        Digits(),
        STUDENT.network,
        GuidedDistillation(teacher=ROUNDS[8]),
        "it knows the levels of its own few steps alone",
    ),
    "pairs": (
        Paired(),
        STUDENT.network,
        GuidedDistillation(teacher=replace(TEACHER, world=Paired(), objective=PairedDenoising())),
        "it learned pairs of labels, which no student does",
    ),
    "classifier": (
        Digits(),
        STUDENT.network,
        GuidedDistillation(teacher=Train(world=Digits(), network=Timm(), objective=CrossEntropy(), fit=FIT)),
        "a evaluator is no denoiser",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_teacher_of_something_else_is_refused_before_any_work_in_one_line(case):
    world, network, objective, why = REFUSED[case]
    with pytest.raises(ValidationError) as refused:
        Train(world=world, network=network, objective=objective, fit=FIT)
    (error,) = refused.value.errors()
    assert why in error["msg"] and "\n" not in error["msg"]


def test_a_setting_that_takes_a_student_from_its_teacher_is_a_problem_of_one_line():
    with pytest.raises(Problem, match=r"objective.teacher: its network is another, of width 8, not 12$"):
        override(STUDENT, ["network.width=12"])
    with pytest.raises(Problem, match="begin: a student begins with the weights of its teacher"):
        override(STUDENT, ["begin=timm"])
    with pytest.raises(Problem, match=r"objective\.high.*greater than 0"):
        override(STUDENT, ["objective.high=0"])
    wider = override(STUDENT, ["network.width=12", "objective.teacher.network.width=12"])
    assert wider.objective.teacher.network.width == 12
