"""Students as tasks: where they begin, how they resume, how they are sampled, and what that costs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from small import here
from students_made import FIT, LISTED, ROUNDS, STUDENT, TEACHER

from experiments.checkpoints.exported import export, load
from experiments.graph.files import read_json
from experiments.graph.run import everything
from experiments.graph.store import FOUND, Store
from experiments.objectives.denoising import Denoising
from experiments.pricing.counting import counted
from experiments.pricing.sampling import price_sample
from experiments.pricing.training import price_training
from experiments.pricing.untrained import untrained
from experiments.problems import Problem
from experiments.sample_command import trained
from experiments.sampling import Sampling, samples
from experiments.tasks.sample import Sample
from experiments.tasks.students import guided_student, halved
from experiments.worlds.digits import Digits
from experiments.worlds.world import data
from guidance import METHODS, SAMPLERS, CosineLogSNR
from guidance.grids import EvenInU, Nested

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """A teacher of eps, a student of v conditioned on w, and two rounds of half the steps."""
    store = Store(tmp_path_factory.mktemp("distillation") / "runs")
    for task in everything([ROUNDS[4]]):
        store.make(task, "cpu")
    return store


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


def test_a_student_of_an_odd_number_of_steps_is_sampled_and_priced(store, tmp_path):
    """The grid of two levels has u = 1/2, which that of three lacks."""
    three = halved(STUDENT, FIT, 6, 3)[3]
    store.make(three, "cpu")
    task = replace(few_samples(), model=three, steps=3)
    store.make(task, "cpu")
    assert task.prices(store)["nfe_denoiser_forward"] == 3
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
