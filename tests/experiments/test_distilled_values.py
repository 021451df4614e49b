"""Students as values: what they are made of, what a study refuses, and losses that are zero at their ideals alone."""

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from students_made import FIT, ROUNDS, STUDENT, TEACHER
from tiny import tiny_study

from experiments.distilled import planned
from experiments.graph.run import everything
from experiments.graph.value import encode
from experiments.networks import Timm
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.problems import Problem
from experiments.settings import override
from experiments.studies.sweep import Curve, Sweep
from experiments.tasks.power_ema import Averages
from experiments.tasks.students import guided_student, halved
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians
from experiments.worlds.paired import Paired
from experiments.worlds.world import Labelled, clip_of
from guidance import METHODS, SAMPLERS, CosineLogSNR, Mixture
from guidance.diffusion import from_x, v_of
from guidance.distillation import guided_x, two_step_x
from guidance.grids import Nested
from guidance.trained_strength import ExactlyTrained
from guidance.weightings import ELBO


def test_a_round_is_a_task_whose_teacher_is_its_parent():
    assert [task.title for task in everything([ROUNDS[4]])] == [
        "denoiser 0",
        "guided-distillation 0",
        "progressive-distillation to 8 steps 0",
        "progressive-distillation to 4 steps 0",
    ]
    assert ROUNDS[4].parents == (ROUNDS[8],) and ROUNDS[8].parents == (STUDENT,) and STUDENT.parents == (TEACHER,)
    other = halved(guided_student(replace(TEACHER, fit=replace(FIT, steps=13)), FIT), FIT, 16, 4)[4]
    assert other.address != ROUNDS[4].address, "another teacher, however far back, is another student"


def test_a_further_seed_is_one_of_every_teacher_too_and_a_density_that_of_the_first():
    density = CosineLogSNR(-8, 8)
    seeded = ROUNDS[4].of_seed(3, density)
    assert [task.seed for task in everything([seeded])] == [3, 3, 3, 3]
    assert seeded.objective.density == density and TEACHER.of_seed(3, density) in [*everything([seeded])]


def test_a_student_survives_json_inside_a_study_and_a_recipe():
    again = Train(**{name: held for name, held in encode(ROUNDS[4], expand=True).items() if name != "is"})
    assert again == ROUNDS[4] and again.address == ROUNDS[4].address


@pytest.mark.parametrize(("start", "end"), [(12, 5), (24, 4), (4, 4), (8, 1), (2, 4)])
def test_steps_that_are_no_halves_of_each_other_are_refused(start, end):
    with pytest.raises(ValueError, match="times a power of two"):
        halved(STUDENT, FIT, start, end)


def test_rounds_take_over_the_grid_of_their_teacher_and_that_it_knows_no_null_label():
    teacher = replace(
        TEACHER, objective=Denoising(p_uncond=0.0, target="v"), fit=replace(FIT, snapshots=(4,), averages=Averages(every=4))
    )
    for settings in ([], ["objective.p_uncond=0"], ["objective.grid=strided"]):
        *_, last = planned(teacher, 16, 4, settings)
        assert last.objective.p_uncond == 0 and last.objective.steps == 4 and last.objective.teacher.objective.steps == 8
        assert last.fit.snapshots == () and last.fit.averages is None
        assert (last.objective.grid == Nested()) == (settings != ["objective.grid=strided"])
    with pytest.raises(Problem, match="which says nothing of x in few steps: train it with target v or x"):
        [*planned(TEACHER, 8, None, [])]
    with pytest.raises(Problem, match="a evaluator is no denoiser"):
        [*planned(Train(world=Digits(), network=Timm(), objective=CrossEntropy(), fit=FIT), 8, 4, [])]


def test_the_steps_of_the_last_student_are_nothing_without_those_of_the_teacher():
    with pytest.raises(Problem, match="--to 4: .*give --from too, as --from 32"):
        [*planned(TEACHER, None, 4, [])]
    assert [task.objective.steps for task in planned(STUDENT, 16, None, [])] == [8, 4]


def test_the_teacher_s_x_is_clipped_where_that_of_its_world_is():
    for world, clip in ((Digits(), 1.0), (DigitsExact(), 3.0), (Paired(base=DigitsExact()), 3.0)):
        student = guided_student(replace(TEACHER, world=world), FIT)
        rounds = halved(student, FIT, 8, 4)
        assert student.objective.clip == clip == rounds[4].objective.clip
        assert [task.objective.clip for task in planned(student.objective.teacher, None, None, [])] == [clip]
    assert guided_student(TEACHER, FIT, clip=None).objective.clip is None is clip_of(Gaussians())


def test_a_study_takes_a_student_as_its_model_and_refuses_what_it_cannot_be_asked():
    few = {"model": STUDENT, "methods": (Curve(method=METHODS["distilled"](), ws=(0.0, 1.0)),)}
    sweep = Sweep(sampler=SAMPLERS["ddim"](), steps=4, ws=(1.0,), grid=Nested())
    study = replace(tiny_study("digits"), sweeps=(sweep,), **few)
    assert STUDENT in [*everything([placed.task for placed in study.cells()])]
    assert replace(study, model=ROUNDS[4]).cells()
    null = (Curve(method=METHODS["distilled"](), ws=(-1.0, 0.0)),)  # the null label, which students are trained on
    assert all(replace(study, model=model, methods=null).cells() for model in (STUDENT, ROUNDS[4]))
    for changes, why in (
        ({"model": TEACHER}, "methods: distilled needs a network trained for it"),
        ({"methods": (Curve(method=METHODS["distilled"](), ws=(5.0,)),)}, r"sweeps: distilled: w = 5 lies outside the \[0, 4\]"),
        ({"model": ROUNDS[8]}, "sweeps: the model was distilled to ddim of 8 steps on nested"),
        ({"model": override(STUDENT, ["objective.p_uncond=0"]), "methods": null}, "sweeps: distilled: w = -1 is the null label"),
    ):
        with pytest.raises(ValidationError, match=why):
            replace(study, **changes)


WORLD = Mixture(
    torch.tensor([[0.0, 1.2], [-1.0, -0.6], [1.0, -0.6]], dtype=torch.float64),
    0.2 * torch.eye(2, dtype=torch.float64).repeat(3, 1, 1),
    torch.ones(3, dtype=torch.float64),
    torch.arange(3),
)


def rows_of(objective, n=40):
    """A batch of points for an objective, in float64: what its `draw` gives, of three classes."""
    images = Labelled(torch.randn(n, 2, generator=torch.Generator().manual_seed(3)), torch.arange(n) % 3, False)
    drawn = replace(objective, p_uncond=0.0).draw(images, DigitsExact(), n, torch.Generator().manual_seed(4))
    return [row.double() if row.is_floating_point() else row for row in drawn]


def says(x_of):
    """A network of target v whose x is x_of(z, logsnr, label, strength)."""

    def network(z, logsnr, label, strength=None):
        x = x_of(z, logsnr, label, strength)
        return v_of(x, from_x(z, x, logsnr).eps, logsnr)

    return network


@pytest.mark.parametrize("clip", [None, 0.5])
def test_the_loss_of_stage_one_is_zero_at_the_guided_field_of_each_rows_w_and_nowhere_else(clip):
    objective, ends = replace(STUDENT.objective, clip=clip), (-(clip or 100), clip or 100)
    ideal, half, unbound = (
        objective.losses_by(WORLD, says(x_of), *rows_of(objective))
        for x_of in (
            lambda z, logsnr, label, w: guided_x(WORLD, z, logsnr, label, w).clamp(*ends),
            lambda z, logsnr, label, w: guided_x(WORLD, z, logsnr, label, w / 2).clamp(*ends),
            lambda z, logsnr, label, w: 1.01 * guided_x(WORLD, z, logsnr, label, w),
        )
    )
    assert ideal.max() < 1e-7 < 1e-3 < half.max() and unbound.mean() > 1e-5


def test_the_loss_of_a_round_is_zero_at_two_steps_of_its_teacher_at_each_rows_w_and_nowhere_else():
    objective, teacher = replace(ROUNDS[8].objective, clip=None), ExactlyTrained(WORLD, METHODS["distilled"])
    batch = rows_of(objective)
    _, _, _, middle, end, *_ = batch
    assert end.isinf().any() and end.isfinite().any()

    def two_steps(z, logsnr, label, w):
        return two_step_x(lambda z, logsnr, label: teacher(z, logsnr, label, w), z, logsnr, middle, end, label)

    ideal = objective.losses_by(teacher, says(two_steps), *batch)
    of_no_w = objective.losses_by(teacher, says(lambda z, logsnr, label, w: two_steps(z, logsnr, label, 0 * w)), *batch)
    of_one_step = objective.losses_by(teacher, says(lambda *given: teacher(*given).x), *batch)
    assert ideal.max() < 1e-7 and of_no_w.max() > 1e-3 and of_one_step.max() > 1e-3


def test_of_itself_an_error_is_weighted_as_the_paper_has_it_and_of_a_student_of_eps_as_that_of_eps():
    logsnr, error = torch.tensor([-20.0, -2.0, 0.0, 3.0]), torch.full((4,), 0.25)
    assert STUDENT.objective.target == "v"
    torch.testing.assert_close(STUDENT.objective.weighted(error, logsnr), error * logsnr.exp().clamp(min=1))
    torch.testing.assert_close(replace(STUDENT.objective, target="eps").weighted(error, logsnr), error * logsnr.exp())


def test_a_weighting_that_knows_the_density_is_given_the_teachers():
    objective = replace(STUDENT.objective, weighting=ELBO())
    logsnr = torch.tensor([0.0, 3.0])
    wanted = torch.exp(logsnr) / (2 * TEACHER.objective.density.density(logsnr))
    torch.testing.assert_close(objective.weighted(torch.ones(2), logsnr), wanted)
