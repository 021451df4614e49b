"""Students as tasks: who teaches whom, what is refused, where they begin, how they resume, and how they are sampled."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from small import here
from tiny import tiny_study

from experiments.checkpoints.exported import export, load
from experiments.graph.files import read_json
from experiments.graph.run import everything
from experiments.graph.store import FOUND, Store
from experiments.graph.value import encode
from experiments.networks import DiT, Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.guided_distillation import GuidedDistillation
from experiments.objectives.progressive_distillation import ProgressiveDistillation
from experiments.pricing.counting import counted
from experiments.pricing.devices import DEVICES
from experiments.pricing.machine import Listed
from experiments.pricing.sampling import price_sample
from experiments.pricing.training import price_training
from experiments.pricing.untrained import untrained
from experiments.problems import Problem
from experiments.sample_command import trained
from experiments.sampling import Sampling, samples
from experiments.settings import override
from experiments.studies.sweep import Curve, Sweep
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.students import guided_student, halved
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.world import Labelled, data
from guidance import METHODS, SAMPLERS, CosineLogSNR, Mixture
from guidance.diffusion import from_x, v_of
from guidance.distillation import guided_x, two_step_x
from guidance.grids import EvenInU, Nested
from guidance.trained_strength import ExactlyTrained
from guidance.weightings import ELBO

FIT = Fit(steps=12, batch=16, lr=2e-3, warmup=2, checkpoint_every=4, ema=0.5)
TEACHER = Train(world=Digits(), network=UNet(width=8, multipliers=(1,), attention=()), objective=Denoising(), fit=FIT)
STUDENT = guided_student(TEACHER, FIT)
ROUNDS = halved(STUDENT, FIT, 16, 4)
LISTED = Listed(DEVICES["h100"], utilisation=0.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A teacher of eps, a student of v conditioned on w, and two rounds of half the steps."""
    store = Store(tmp_path_factory.mktemp("distillation") / "runs")
    for task in everything([ROUNDS[4]]):
        store.make(task, "cpu")
    return store


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
    with pytest.raises(Problem, match=r"low, high: w = 0, the plain model, lies between them, not in \[1, 4\]"):
        override(STUDENT, ["objective.low=1"])
    wider = override(STUDENT, ["network.width=12", "objective.teacher.network.width=12"])
    assert wider.objective.teacher.network.width == 12


@pytest.mark.parametrize(("start", "end"), [(12, 5), (24, 4), (4, 4), (8, 1), (2, 4)])
def test_steps_that_are_no_halves_of_each_other_are_refused(start, end):
    with pytest.raises(ValueError, match="times a power of two"):
        halved(STUDENT, FIT, start, end)


def test_a_student_begins_as_its_teacher_at_every_strength(store):
    """In the outputs of the network; what an output means is the student's own target."""
    module, opened = STUDENT.module().eval(), STUDENT.opened(store, "cpu")
    opened.begin(module)
    z, logsnr, label = torch.randn(4, 1, 8, 8), torch.linspace(-5, 5, 4), torch.tensor([0, 3, 9, 10])
    with torch.no_grad():
        theirs = TEACHER.load(store, "cpu")(z, logsnr, label)
        for w in (0.0, 3.0):
            assert torch.equal(module(z, logsnr, label, strength=torch.full((4,), w)), theirs)
    assert theirs.abs().max() > 0


def test_training_brings_a_student_nearer_to_its_teacher(tmp_path):
    """Than the same student before its first step: the error of x on test images, over all lambdas and w."""
    store, fit = Store(tmp_path / "runs"), replace(FIT, steps=40, lr=1e-3, ema=0.9)
    teacher = replace(TEACHER, objective=Denoising(target="v"), fit=replace(fit, steps=60, lr=3e-3))
    for task, share in ((guided_student(teacher, fit), 0.95), (halved(teacher, fit, 8, 4)[4], 0.8)):
        for each in everything([task]):
            store.make(each, "cpu")
        module, opened = task.module().eval(), task.opened(store, "cpu")
        opened.begin(module)
        with torch.no_grad():
            before = opened.test_metrics(module, data(Digits()), task.world, "cpu")
        after = read_json(store.open(task) / "metrics.json")
        first, last = (sum(sum(by_level.values()) for by_level in found.values()) for found in (before, after))
        assert last < share * first


class Kill(BaseException):
    """Stands in for a SIGKILL: nothing catches it."""


@pytest.mark.parametrize("task", [STUDENT, ROUNDS[8]], ids=["guided", "progressive"])
def test_a_student_that_was_killed_ends_with_the_same_bits(store, tmp_path, monkeypatch, task):
    again = Store(tmp_path / "runs")
    for parent in [*everything([task])][:-1]:
        again.path(parent).parent.mkdir(exist_ok=True)
        again.path(parent).symlink_to(store.path(parent))
    drawn, whole = [], type(task.objective).losses_by

    def cut(self, *given):
        drawn.append(1)
        if len(drawn) == 7:
            raise Kill
        return whole(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(type(task.objective), "losses_by", cut)
        with pytest.raises(Kill):
            again.make(task, "cpu")
    assert again.state(task) != (FOUND,)
    drawn.clear()
    monkeypatch.setattr(type(task.objective), "losses_by", lambda self, *given: drawn.append(1) or whole(self, *given))
    again.make(task, "cpu")
    assert len(drawn) == 8, "it went on from step 4"
    for name in ("log.json", "metrics.json"):
        assert (again.open(task) / name).read_bytes() == (store.open(task) / name).read_bytes()
    mine, theirs = (load_file(one.open(task) / "model.safetensors") for one in (again, store))
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def drawn(store, model, method, steps=6, grid=None, sampler="ddim", **more):
    sampling = Sampling(
        world=Digits(), model=model, method=method, sampler=SAMPLERS[sampler](), steps=steps, grid=grid or EvenInU(), n=10, **more
    )
    return samples(sampling, "cpu", store)


def test_a_student_is_guided_at_one_evaluation_a_step(store):
    distilled = METHODS["distilled"]
    few = drawn(store, ROUNDS[4], distilled(w=2.0), 4, Nested())
    assert few.nfe.denoiser_forward == 4 and sum(vars(few.nfe).values()) == 4
    plain, guided = (drawn(store, STUDENT, distilled(w=w)) for w in (0.0, 4.0))
    assert guided.nfe.denoiser_forward == 6 and not torch.equal(plain.x, guided.x)


def test_a_w_that_the_student_was_not_trained_on_is_refused_in_one_line(store):
    with pytest.raises(ValidationError, match=r"distilled: w = 5 lies outside the \[0, 4\] that the model was trained on"):
        drawn(store, STUDENT, METHODS["distilled"](w=5.0))
    model = STUDENT.play("model", {}, store, "cpu")["model"]
    with pytest.raises(ValueError, match=r"^distilled: w = 5 is the strength 5, and this network was trained from 0 to 4$"):
        METHODS["distilled"](w=5.0)(model)
    with pytest.raises(Problem, match="not conditioned on a strength"):
        drawn(store, TEACHER, METHODS["distilled"](w=1.0))
    with pytest.raises(ValueError, match="rescale needs the conditional prediction, which distilled does not evaluate"):
        METHODS["distilled"](w=1.0, rescale=0.5)


@pytest.mark.parametrize(
    "how",
    [{"steps": 8}, {"grid": EvenInU()}, {"sampler": "heun"}, {"sampler": "ancestral"}],
    ids=["steps", "grid", "heun", "noise"],
)
def test_a_student_of_few_steps_is_sampled_in_these_steps_or_not_at_all(store, how):
    given = {"steps": 4, "grid": Nested(), "sampler": "ddim"} | how
    with pytest.raises(ValidationError, match="the model was distilled to ddim of 4 steps on nested, and cannot be sampled with"):
        drawn(store, ROUNDS[4], METHODS["distilled"](w=1.0), **given)
    with pytest.raises(ValidationError, match="the model was distilled to ddim of 4 steps"):
        few_samples(**how)


def test_a_student_of_few_steps_knows_its_own_lambdas_alone(store):
    model = ROUNDS[4].play("model", {}, store, "cpu")["model"]
    z, label = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    assert model(z, torch.full((2,), ROUNDS[4].objective.levels[2]), label).x.isfinite().all()
    with pytest.raises(ValueError, match=r"distilled to 4 steps, and knows the 4 levels from -20 to 1.763, not lambda = 0.5"):
        model(z, torch.full((2,), 0.5), label)


def few_samples(**how):
    given = {"steps": 4, "grid": Nested(), "sampler": "ddim", "n": 20, "seed": 0, "density": CosineLogSNR()} | how
    given["sampler"] = SAMPLERS[given["sampler"]]()
    return Sample(world=Digits(), model=ROUNDS[4], method=METHODS["distilled"](w=1.0), **given)


def test_samples_of_a_study_are_drawn_and_their_scale_is_known(store):
    sample = few_samples()
    store.make(sample, "cpu")
    assert sample.prices(store)["nfe_denoiser_forward"] == 4 and "effective_w" in sample.prices(store)


@pytest.mark.parametrize("task", [STUDENT, ROUNDS[8]], ids=["guided", "progressive"])
def test_the_price_of_a_student_is_what_its_training_does_its_teachers_evaluations_too(store, tmp_path, task):
    price = price_training(task, LISTED, {})
    done = counted(lambda: task.run(tmp_path, store, "cpu"))
    assert price.flops == pytest.approx(done.flops, rel=1e-3)
    assert price.flops > 1.3 * price_training(TEACHER, LISTED, {}).flops


def test_the_price_of_samples_is_what_they_do(store, tmp_path):
    task = few_samples()
    done = counted(lambda: untrained(task).run(tmp_path, store, "cpu"))
    assert price_sample(task, LISTED, {}).flops == pytest.approx(done.flops, rel=1e-9)


def test_a_run_of_a_student_is_found_by_its_folder_and_exported_with_its_recipe(store, tmp_path):
    assert trained(store.path(ROUNDS[4])) == ROUNDS[4]
    export(ROUNDS[4], store, tmp_path / "student.safetensors")
    model = load(tmp_path / "student.safetensors", "cpu", Digits())
    assert model.levels == ROUNDS[4].objective.levels and model.strengths == ("distilled", 0, 4)


def test_the_command_trains_a_student_and_its_rounds(store, capsys):
    sets = ["--device", "cpu", "--set", "fit.steps=3", "--set", "fit.warmup=1"]
    made = here(["distil", str(store.path(TEACHER)), *sets, "--set", "objective.high=2"], capsys)
    assert made.returncode == 0 and "x_error_w2" in made.stdout, made.stderr
    student = made.stdout.splitlines()[-1].split()[-1]
    made = here(["distil", student, "--from", "16", "--to", "4", *sets], capsys)
    assert made.returncode == 0 and made.stdout.count("run     ") == 2, made.stderr
    assert trained(Path(made.stdout.splitlines()[-1].split()[-1])).objective.strength_range == (0, 2)
    refused = here(["distil", str(store.path(TEACHER)), "--from", "12", "--to", "5"], capsys)
    assert refused.returncode == 2 and len(refused.stderr.strip().splitlines()) == 1 and "Traceback" not in refused.stderr


def test_a_study_takes_a_student_as_its_model_and_refuses_what_it_cannot_be_asked():
    few = {"model": STUDENT, "methods": (Curve(method=METHODS["distilled"](), ws=(0.0, 1.0)),)}
    sweep = Sweep(sampler=SAMPLERS["ddim"](), steps=4, ws=(1.0,), grid=Nested())
    study = replace(tiny_study("digits"), sweeps=(sweep,), **few)
    assert STUDENT in [*everything([placed.task for placed in study.cells()])]
    assert replace(study, model=ROUNDS[4]).cells()
    for changes, why in (
        ({"model": TEACHER}, "methods: distilled needs a network trained for it"),
        ({"methods": (Curve(method=METHODS["distilled"](), ws=(5.0,)),)}, r"sweeps: distilled: w = 5 lies outside the \[0, 4\]"),
        ({"model": ROUNDS[8]}, "sweeps: the model was distilled to ddim of 8 steps on nested"),
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


def test_a_weighting_that_knows_the_density_is_given_the_teachers():
    objective = replace(STUDENT.objective, weighting=ELBO())
    logsnr = torch.tensor([0.0, 3.0])
    wanted = torch.exp(logsnr) / (2 * TEACHER.objective.density.density(logsnr))
    torch.testing.assert_close(objective.weighted(torch.ones(2), logsnr), wanted)
