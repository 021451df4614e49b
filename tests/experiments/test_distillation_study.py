"""The study of distillation: who is sampled at how many steps, who teaches whom, and what its report says of the steps."""

import pytest

from experiments.registry import lookup

STEPS = (32, 16, 8, 4)


@pytest.mark.parametrize("form", ["quick", "full"])
def test_at_every_number_of_steps_the_teacher_stands_beside_the_student_of_so_many(form):
    study = lookup("studies", "distillation-digits")[form]
    table = {(one.place["method"], one.place["steps"]) for one in study.cells() if one.place.get("steps")}
    assert table == {("classifier-free", steps) for steps in STEPS} | {(f"distilled ({steps} steps)", steps) for steps in STEPS}
    teacher, *students = [study.base.model, *(other.model for other in study.others.values())]
    assert [student.objective.teacher for student in students] == [teacher, *students[:-1]]
    assert teacher.objective.target == "v" and teacher.fit.steps > students[0].fit.steps
    assert all(max(other.sweeps[0].ws) <= students[0].objective.high for other in study.others.values())
