"""The studies of cifar10-jpeg at a size of seconds, on colour images of the tests' own: from parquet files to the report."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import encoded
from PIL import Image
from small import here
from tiny import make_here, results_of, sets

from analysis.measures.some_rows import some_rows
from experiments.features.efficientnet_lite0 import PACKAGE
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.registry import lookup
from experiments.settings import override
from experiments.tasks.images import as_bytes
from experiments.tasks.sample import Sample
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.world import data

arrow = pytest.importorskip("pyarrow")
import pyarrow.parquet as parquet  # noqa: E402

FIT = {"steps": 3, "batch": 8}
TIMM = {"is": "timm", "arch": "test_resnet", "random": True, "size": 32}
TINY = {
    "world.fingerprint": None,
    "world.at_most": [50, 20],
    "model.fit": FIT,
    "classifier.fit": FIT,
    "evaluator.fit": FIT,
    "judges.0.classifier.fit": FIT,
    "n": 20,
    "part": 20,
    "sweeps": [{"sampler": {"is": "ancestral", "v": None}, "steps": 3, "ws": [0, 4]}],
    **({} if find_spec(PACKAGE) else {"features": [TIMM], "references": {}}),
}
SMALL = {"cifar10-jpeg": {"model.network.width": 8}, "cifar10-jpeg-dit": {"model.network.depth": 1}}


def picture(seed: int, label: int) -> bytes:
    """Noise around the colour of a class, as JPEG."""
    random, colour = np.random.default_rng(seed), 200 * np.eye(3, dtype=int)[label % 3]
    return encoded(Image.fromarray((colour + random.integers(0, 50, (32, 32, 3))).astype(np.uint8)), "JPEG")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Two parquet files as the real ones are, with 80 and 30 images."""
    place = tmp_path_factory.mktemp("somewhere") / "images"
    place.mkdir()
    for part, n in (("train", 80), ("test", 30)):
        label = [i % 10 for i in range(n)]
        images = [{"bytes": picture(1000 * (part == "test") + i, c), "path": None} for i, c in enumerate(label)]
        struct = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
        parquet.write_table(
            arrow.table({"img": arrow.array(images, struct), "label": label}), place / f"cifar10-jpeg-{part}.parquet"
        )
    return place


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def tiny(name: str, place: Path):
    return override(lookup("studies", name)["quick"], sets({"world.path": str(place), **TINY, **SMALL[name]}))


@pytest.mark.slow  # ten seconds of training each
@pytest.mark.parametrize("name", SMALL)
def test_it_trains_samples_measures_and_draws_in_colour(name, place, tmp_path):
    study = tiny(name, place)
    folder = make_here(study, tmp_path)
    results = results_of(study, tmp_path)
    table, (world,) = results.table, set(results.table["world"])
    assert world == "cifar10-jpeg-50" and not results.failed
    for suffix in (world, study.features[0].label):
        for metric in ("fid", "is", "precision", "recall", "diversity"):
            rows = table[table["metric"] == f"{metric}_{suffix}"]
            assert set(rows["method"]) == {"real", "classifier", "classifier-free"} and np.isfinite(rows["value"]).all()
    assert {"accuracy_guide", "accuracy_evaluator", "nfe_classifier_backward"} <= set(table["metric"])
    for method in ("classifier", "classifier-free"):
        sheet = np.asarray(Image.open(folder / "figures" / f"samples_{method}.png").convert("RGB")).astype(int)
        assert (np.ptp(sheet, axis=2) > 60).mean() > 0.05, "colours, and not greys"
    page = (folder / "report.html").read_text()
    assert page.count("<img") > 10 and "32 x 32, RGB" in page and study.features[0].label in page


@pytest.mark.parametrize("name", SMALL)
def test_the_variance_that_was_learned_is_the_one_that_samples_are_drawn_with(name, place, tmp_path):
    study, store = tiny(name, place), Store(tmp_path)
    samples = [placed.task.samples for placed in study.cells() if isinstance(getattr(placed.task, "samples", None), Sample)]
    unguided = next(task for task in samples if task.method.w == 0)
    store.make(unguided.model, "cpu")
    denoiser = unguided.model.play("model", {}, store, "cpu")["model"]
    z = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    fraction = denoiser(z, z.new_zeros(2), z.new_zeros(2).long()).variance_fraction
    assert fraction.shape == z.shape and fraction.std() > 1e-6, "it was moved off the half that it begins at, pixel by pixel"


def test_a_part_of_the_training_images_is_read_where_it_is_sliced(place):
    study = tiny("cifar10-jpeg", place)
    (own,) = study.references.values() if study.references else [None]
    world = study.world
    images, label = TrainingSet(world=world, n=30).images(None)
    rows = some_rows(50, 30)
    train = data(world).train
    assert images.shape == (30, 32, 32, 3) and len(images) == 30 and images.dtype == np.uint8 and images.ndim == 4
    assert np.array_equal(images[5:9], as_bytes(train.x.subset(rows))[5:9]) and label.tolist() == train.label[rows].tolist()
    assert own is None or own.features.samples.world == world


def worlds_of(study) -> list:
    references = [reference.features.samples.world for reference in study.references.values()]
    judges = [judge.classifier.world for judge in study.judges]
    return [study.world, *(getattr(study, role).world for role in ("model", "classifier", "evaluator")), *judges, *references]


def test_one_setting_of_the_world_is_that_of_everything_in_the_study():
    quick = lookup("studies", "cifar10-jpeg")["quick"]
    assert len(worlds_of(quick)) == 6 and {world.path for world in worlds_of(quick)} == {"cifar10-jpeg"}
    moved = override(quick, ["world.path=elsewhere", "n=300", "world.at_most=[500,100]"])
    assert {world.path for world in worlds_of(moved)} == {"elsewhere"} and moved.n == 300
    assert {world.label for world in worlds_of(moved)} == {"cifar10-jpeg-500"}
    assert override(quick, ["world.path=elsewhere"]).model.address == quick.model.address, "where it lies is no part of it"
    with pytest.raises(Problem, match=r"unknown configuration key 'world\.pat': .* did you mean 'path'"):
        override(quick, ["world.pat=elsewhere"])
    with pytest.raises(Problem, match=r"world\.size: Input should be 32"):
        override(quick, ["world.size=16"])
    with pytest.raises(Problem, match="classifier: its images lie elsewhere than the study's"):
        override(quick, ["classifier.world.path=elsewhere"])


def test_in_full_no_two_of_guide_evaluator_and_judge_are_of_one_kind():
    full = lookup("studies", "cifar10-jpeg")["full"]
    (judge,) = full.judges
    trainings = [full.classifier, full.evaluator, judge.classifier]
    assert len({training.network.arch for training in trainings}) == len({training.seed for training in trainings}) == 3
    assert full.real.evaluator == full.evaluator and judge.real.evaluator == judge.classifier
    assert full.features[0].label in full.references, "and pretrained features, which none of them has seen"
    moved = override(full, ["world.path=elsewhere"])
    worlds = [*worlds_of(moved), moved.real.evaluator.world, moved.judges[0].real.evaluator.world]
    assert {(world.path, world.at_most) for world in worlds} == {("elsewhere", None)}, "all of the images"


def test_in_full_every_method_is_sampled_by_a_sampler_that_has_plain_guidance_too():
    full = lookup("studies", "cifar10-jpeg")["full"]
    samples = [placed.task.samples for placed in full.cells() if isinstance(getattr(placed.task, "samples", None), Sample)]
    by_sampler = {}
    for task in samples:
        by_sampler.setdefault((task.sampler_label, task.steps), set()).add(task.method.name)
    assert len(by_sampler) == 2 and set.union(*by_sampler.values()) == {curve.method.name for curve in full.methods}
    assert all("classifier-free" in names for names in by_sampler.values())
    assert {task.compute.precision for task in samples} == {"tf32", "float32"}


def test_without_the_images_it_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    done = here(["study", "cifar10-jpeg", "--runs", "runs", "--device", "cpu", "--workers", "1"], capsys)
    assert done.returncode == 2 and "no file or folder cifar10-jpeg" in done.stderr and "world.path" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and not list(Path("runs").glob("[!.]*"))
    shown = here(["study", "cifar10-jpeg", "--show-config"], capsys)
    assert json.loads(shown.stdout)["world"]["path"] == "cifar10-jpeg", "it can be read without them"
    shown = here(["study", "cifar10-jpeg", "--full", "--show-config"], capsys)
    assert json.loads(shown.stdout)["world"]["at_most"] is None and not shown.returncode
