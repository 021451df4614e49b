"""The study of distillation: who is sampled at how many steps, who teaches whom, and what its report says of the steps."""

from dataclasses import replace

import pytest
from tiny import make_here, results_of, tiny_study

from analysis.findings import found as found_of
from experiments.registry import lookup
from experiments.studies.distillation import distillation

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


@pytest.mark.slow
def test_the_study_runs_from_end_to_end_and_every_step_is_counted(tmp_path):
    base = replace(tiny_study("digits", {"model.fit.steps": 2}), judges=(), sample_seeds=(0, 1))
    study = distillation(base, "tiny-distillation", 2, 1, (0.0, 1.0))
    make_here(study, tmp_path)
    found = results_of(study, tmp_path)
    calls = found.summary[(found.summary["metric"] == "nfe_denoiser_forward") & (found.summary["w"] == 1)]
    counted = {(one.method, one.steps): one.value for one in calls.itertuples()}
    assert counted == {("classifier-free", steps): 2 * steps for steps in STEPS} | {
        (f"distilled ({steps} steps)", steps): steps for steps in STEPS
    }
    words = " ".join(found_of(found))
    assert all(f"With distilled ({steps} steps), {steps} evaluations a sample" in words for steps in STEPS[1:])
