"""`guidance-bench sample` and the function beside it: a study's own samples, written whole or not at all."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from safetensors.torch import save_file
from small import here

from analysis.figures.pictures import png_of, tiled
from experiments import sample_files
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.sampling import Sampling, samples
from experiments.studies.digits import QUICK
from experiments.tasks.sample import Sample, load_samples
from experiments.tasks.sources import Exact
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians
from guidance import METHODS, SAMPLERS, CosineLogSNR

WORLD = DigitsExact()
OWN = {"world": WORLD, "model": Exact(world=WORLD), "method": METHODS["apg"](w=2.0), "sampler": SAMPLERS["ddim"](), "steps": 6}


def test_they_are_the_samples_of_a_study(tmp_path):
    """The same numbers as the task's, whatever the batch, and the cost that the method declares."""
    task = Sample(**OWN, seed=3, n=25, clip=1.5, density=CosineLogSNR())
    store = Store(tmp_path)
    store.make(task, "cpu")
    drawn = samples(Sampling(**OWN, seed=3, n=25, clip=1.5, batch=7))
    x, label = load_samples(store.open(task))
    assert np.allclose(drawn.x.numpy(), x, atol=1e-5) and drawn.label.tolist() == label.tolist()
    assert drawn.nfe.denoiser_forward == 12 and drawn.nfe.classifier_forward == 0
    assert drawn.made["method"]["w"] == 2.0 and len(drawn.made["logsnrs"]) == 6 and drawn.made["is"] == "sampling"
    json.dumps(drawn.made, allow_nan=False)


def test_labels_are_those_that_are_asked_for():
    assert Sampling(**OWN, n=12).label.tolist() == [*range(10), 0, 1]
    drawn = samples(Sampling(**OWN, n=5, labels=(3, 8)))
    assert drawn.label.tolist() == [3, 8, 3, 8, 3]
    exact = WORLD.load().oracle
    said = exact.class_logits(drawn.x.double(), torch.full((5,), 8.0).double()).argmax(-1)
    assert said.tolist() == drawn.label.tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": (3, 10)}, "has the classes 0 to 9, not 10"),
        ({"labels": ()}, "every class in turn"),
        ({"method": METHODS["cfg++"](), "sampler": SAMPLERS["heun"]()}, "is defined for: ddim"),
        ({"others": {"judge": Exact(world=WORLD)}}, "no role 'judge'"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Sampling(**{**OWN, **change})


def test_a_method_that_the_model_cannot_serve_and_numbers_that_are_none_are_one_line():
    with pytest.raises(Problem, match="pag"):
        samples(Sampling(**{**OWN, "method": METHODS["pag"]()}))
    with pytest.raises(Problem, match="not finite: lower w"):
        samples(Sampling(**{**OWN, "method": METHODS["cfg"](w=1e30)}, clip=None, n=2))
    beyond = CosineLogSNR(-25.0, 20.0)
    with pytest.raises(Problem, match="reaches beyond the model's lambdas"):
        samples(Sampling(**OWN, density=beyond))


def words(out, *more):
    return ["sample", "--out", str(out), "--device", "cpu", "--steps", "4", *more]


def test_a_grid_has_a_column_for_each_class_and_says_what_made_it(tmp_path, capsys):
    out = tmp_path / "grid.png"
    done = here(words(out, "--world", "digits-exact", "--method", "cfg", "--w", "1.5", "--n", "25"), capsys)
    assert done.returncode == 0 and done.stdout.startswith("25 samples, 8F per sample, ") and len(done.stdout.splitlines()) == 1
    image = imread(out)
    drawn = samples(Sampling(**{**OWN, "method": METHODS["cfg"](w=1.5), "steps": 4}, n=25, clip=None))
    assert image.shape == (3 * 34 - 2, 10 * 34 - 2)
    thirteenth = (drawn.x[13, 0].clamp(-1, 1) + 1) / 2
    assert np.abs(image[34:66:4, 3 * 34 : 3 * 34 + 32 : 4] - thirteenth.numpy()).max() < 0.01
    assert b'"w": 1.5' in out.read_bytes() and list(tmp_path.iterdir()) == [out]
    again = here(words(out, "--world", "digits-exact", "--n", "25"), capsys)
    assert again.returncode == 2 and "--force to replace it" in again.stderr
    before = out.read_bytes()
    assert here(words(out, "--world", "digits-exact", "--n", "25", "--seed", "1", "--force"), capsys).returncode == 0
    assert out.read_bytes() != before


def test_a_folder_has_a_png_for_each_sample(tmp_path, capsys):
    out = tmp_path / "deep" / "folder"
    line = words(out, "--world", "digits-exact", "--n", "4", "--labels", "3,7", "--set", "method.w=2")
    assert here(line, capsys).returncode == 0
    names = ["00000_3.png", "00001_7.png", "00002_3.png", "00003_7.png", "made.json"]
    assert sorted(path.name for path in out.iterdir()) == names and sorted(out.parent.iterdir()) == [out]
    assert imread(out / names[0]).shape == (8, 8) and json.loads((out / "made.json").read_text())["method"]["w"] == 2
    assert here([*line, "--force", "--n", "2"], capsys).returncode == 0 and len(list(out.iterdir())) == 3
    (out / "thesis.tex").write_text("years of work")
    refused = here([*line, "--force"], capsys)
    assert refused.returncode == 2 and "thesis.tex" in refused.stderr and (out / "thesis.tex").exists()


def test_an_npz_is_what_adms_evaluator_takes(tmp_path, capsys):
    out = tmp_path / "samples.npz"
    assert here(words(out, "--world", "digits-exact", "--n", "6", "--label", "4", "--method", "apg"), capsys).returncode == 0
    with np.load(out, allow_pickle=False) as held:
        assert held["arr_0"].shape == (6, 8, 8, 1) and held["arr_0"].dtype == np.uint8 and held["label"].tolist() == [4] * 6
        assert json.loads(str(held["made"]))["method"]["is"] == "apg"


def test_points_in_the_plane_are_a_scatter_or_numbers(tmp_path, capsys):
    assert here(words(tmp_path / "a.png", "--world", "gaussians"), capsys).returncode == 0
    assert here(words(tmp_path / "a.npz", "--world", "gaussians"), capsys).returncode == 0
    with np.load(tmp_path / "a.npz") as held:
        assert held["arr_0"].shape == (64, 2) and held["arr_0"].dtype == np.float32
    refused = here(words(tmp_path / "folder", "--world", "gaussians"), capsys)
    assert refused.returncode == 2 and "give a .npz or a .png" in refused.stderr and imread(tmp_path / "a.png").ndim == 3


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A denoiser and a classifier of the digits, trained for two steps."""
    store = Store(tmp_path_factory.mktemp("runs"))
    found = {}
    for name in ("model", "classifier"):
        task = getattr(QUICK, name)
        task = replace(task, fit=replace(task.fit, steps=2))
        store.make(task, "cpu")
        found[name] = str(store.path(task))
    return found


@pytest.mark.slow
def test_a_training_is_sampled_from_with_its_classifier(tmp_path, capsys, run):
    out = tmp_path / "a.png"
    line = words(out, "--run", run["model"], "--n", "4", "--method", "classifier", "--role", f"classifier={run['classifier']}")
    done = here(line, capsys)
    assert done.returncode == 0, done.stderr
    assert "4F + 4f + 4b per sample" in done.stdout and out.is_file()


def test_a_checkpoint_is_sampled_from_on_its_own_chain(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"weight": torch.zeros(2)}, "weights.safetensors")
    line = ["--checkpoint", "weights.safetensors", "--adapter", "exact_foreign:right", "--world", "digits-exact", "--n", "3"]
    assert here(words("a.npz", *line), capsys).returncode == 0
    with np.load("a.npz") as held:
        made = json.loads(str(held["made"]))
    assert len(made["model"]["sha256"]) == 64 and -10.2 < made["logsnrs"][0] < -10 and 9 < made["logsnrs"][-1] < 9.3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["--world", "digits-exact", "--method", "apgg"], "did you mean 'apg'"),
        (["--world", "digits-exact", "--sampler", "ddmi"], "no sampler 'ddmi'"),
        (["--world", "digits-exact", "--sampler", "heun", "--method", "cfg++"], "heun is none"),
        (["--world", "digits"], "has no exact model, and none ships: give --run FOLDER"),
        (["--world", "digit"], "no world 'digit'"),
        (["--world", "digits-exact", "--checkpoint", "a.pt"], "--adapter is missing"),
        (["--world", "digits-exact", "--adapter", "a"], "--checkpoint is missing"),
        (["--checkpoint", "a.pt", "--adapter", "exact_foreign:right"], "--world is missing"),
        (["--checkpoint", "a.pt", "--adapter", "exact_foreign:right", "--world", "digits-exact"], "a.pt cannot be read"),
        (["--run", "nowhere"], "nowhere is no run"),
        (["--world", "digits-exact", "--label", "10"], "has the classes 0 to 9"),
        (["--world", "digits-exact", "--labels", "1,x"], "--labels wants classes"),
        (["--world", "digits-exact", "--label", "1", "--labels", "1,2"], "give one of them"),
        (["--world", "digits-exact", "--set", "method.etta=1"], "no 'etta'"),
        (["--world", "digits-exact", "--clip", "much"], "clip"),
        (["--world", "digits-exact", "--role", "weak"], "--role wants role=folder"),
        (["--world", "digits-exact", "--method", "pag"], "pag"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(tmp_path, capsys, monkeypatch, line, said):
    monkeypatch.chdir(tmp_path)
    done = here(words("a.png", *line), capsys)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert said in done.stderr.strip().splitlines()[-1], done.stderr
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(tmp_path, capsys, monkeypatch, run):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for name, said in (
        ("a.jpg", "give a .png"),
        ("file", "is a file"),
        ("folder.png", "is a folder"),
        ("file/a.png", "no folder"),
    ):
        done = here(words(tmp_path / name, "--world", "digits-exact"), capsys)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    done = here(words(tmp_path / "a.png", "--run", run["model"], "--world", "gaussians"), capsys)
    assert done.returncode == 2 and "is a training on digits" in done.stderr
    done = here(words(tmp_path / "a.png", "--run", str(tmp_path)), capsys)
    assert done.returncode == 2 and "is no run" in done.stderr


@pytest.mark.parametrize("name", ["a.png", "a.npz", "folder"])
def test_an_interruption_while_writing_leaves_nothing(tmp_path, capsys, monkeypatch, name):
    def stopped(*given, **options):
        raise KeyboardInterrupt

    for place in ("png_of", "np.savez"):
        module, _, attribute = place.rpartition(".")
        monkeypatch.setattr(sample_files.np if module else sample_files, attribute, stopped)
    done = here(words(tmp_path / name, "--world", "digits-exact", "--n", "3"), capsys)
    assert done.returncode == 130 and "nothing was written" in done.stderr and not list(tmp_path.iterdir())


def test_a_png_is_read_as_it_was_written():
    for shape in ((5, 7), (5, 7, 3)):
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        read = imread(io.BytesIO(png_of(image, {"guidance-bench": "text"})))
        assert np.array_equal(np.round(read * 255).astype(np.uint8), image)
    tiles = tiled(np.arange(5, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2), 3)
    assert tiles.tolist() == [
        [0, 0, 255, 1, 1, 255, 2, 2],
        [0, 0, 255, 1, 1, 255, 2, 2],
        [255] * 8,
        [3, 3, 255, 4, 4, 255, 255, 255],
        [3, 3, 255, 4, 4, 255, 255, 255],
    ]


def test_a_world_of_points_has_no_clip_by_default(tmp_path, capsys):
    out = tmp_path / "a.npz"
    assert here(words(out, "--world", "gaussians", "--n", "200"), capsys).returncode == 0
    with np.load(out) as held:
        assert np.abs(held["arr_0"]).max() > 1 and json.loads(str(held["made"]))["clip"] is None
    assert Gaussians().exact
