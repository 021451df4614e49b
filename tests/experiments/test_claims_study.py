"""The study of claims, tiny: its world, its cells and its page; and what each cell measures against closed forms."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from small import here
from tiny import make_here, results_of

from analysis.table import read_table
from experiments.graph.store import Store
from experiments.graph.verify import verify_run
from experiments.problems import Problem
from experiments.settings import override
from experiments.studies.claims import FULL, QUICK
from experiments.studies.decode import read_study
from experiments.tasks.round_classes import GuidanceField, Moved, round_classes_of
from experiments.worlds.chosen import world_of
from experiments.worlds.mixture import MixtureWorld
from experiments.worlds.world import data

TINY = {"dimensions": [4], "class_counts": [2, 3], "world.classes": 3, "world.dimension": 4, "ws": [0, 2], "steps": 6,
        "fewer": [2], "sample_seeds": [0, 1], "n": 96, "exponential": [1, 2], "beyond": [64]}  # fmt: skip
SETTINGS = [f"{name}={json.dumps(value)}" for name, value in TINY.items()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The tiny study and the folder of its report."""
    study = override(QUICK, SETTINGS)
    return study, make_here(study, tmp_path_factory.mktemp("runs"))


def test_the_world_is_named_with_its_dimension_and_classes():
    world = world_of("mixture", ["dimension=5", "classes=3"])
    assert world == MixtureWorld(dimension=5, classes=3) and world.label == "mixture-d5-k3" and data(world).oracle.classes == 3
    assert world_of("mixture", ["growth=0", "draw=2"]).label == "mixture-d8-k8-growth0-draw2"
    with pytest.raises(Problem, match="classes"):
        world_of("mixture", ["classes=1"])


@pytest.mark.parametrize("growth", [0.0, 1.0])
def test_classes_are_as_far_apart_as_the_world_says(growth):
    two = MixtureWorld(dimension=9, classes=2, growth=growth, radius=0.5).means()
    assert float((two[0] - two[1]).square().sum()) == pytest.approx(2 * 0.25 * 9**growth)
    many = MixtureWorld(dimension=400, classes=40, growth=growth).means()
    squares = (many[:, None] - many).square().sum(-1)[~np.eye(40, dtype=bool)]
    assert float(squares.mean()) == pytest.approx(2 * 400**growth, rel=0.05)
    assert not MixtureWorld(draw=1).means().equal(MixtureWorld(draw=0).means())


def test_a_sample_of_the_world_is_drawn_on_the_command_line(tmp_path, capsys):
    words = [
        "sample",
        "--world",
        "mixture",
        "--set",
        "world.dimension=2",
        "--set",
        "world.classes=3",
        "--method",
        "cfg",
        "--w",
        "1",
    ]
    done = here([*words, "--n", "6", "--steps", "4", "--out", str(tmp_path / "x.npz")], capsys)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "x.npz") as arrays:
        assert any(array.shape == (6, 2) for array in arrays.values())


@pytest.mark.slow
def test_every_claim_has_its_cells_its_figure_and_its_table(made):
    study, folder = made
    table = read_table(folder / "table.csv")
    assert {"classifier-mean", "classifier-at-mean", "classifier-free", "classifier", "classifier-unconditional"} <= set(
        table["method"]
    )
    of_c, of_b = {"mixture-d4-k2", "mixture-d4-k2-growth0", "mixture-d1-k2-radius8"}, {"mixture-d1-k2", "mixture-d2-k4"}
    assert of_c | of_b | {"mixture-d4-k3"} == set(table["world"]) and set(table["steps"]) == {2, 6}
    samplers = table.groupby("sampler")["method"].unique().map(set)
    assert samplers["ddim(eta=1.0)"] == {"classifier-mean", "classifier-at-mean", "classifier-free"}, "a alone"
    assert samplers["dpm-solver++ on logsnr"] == {"classifier-free"}
    assert {"at_mean", "by_classes", "with_dimension", "from_boundaries"} == {
        path.stem for path in (folder / "figures").iterdir()
    }
    assert {"at_mean.csv", "classes.csv", "windows.csv", "dimension.csv", "boundary.csv", "field.csv"} <= {
        p.name for p in folder.iterdir()
    }
    assert "cannot be told" not in (folder / "summary.txt").read_text() and read_study(folder) == study
    verify_run(folder)


@pytest.mark.slow
def test_guidance_that_turns_is_told_beside_plain_guidance(made):
    _, folder = made
    windows = pd.read_csv(folder / "windows.csv").set_index(["method", "w"])
    turned = windows[windows.index.get_level_values("method").str.startswith("negative-window")]
    assert {*turned.index.get_level_values("w")} == {1.0, 4.0} and len(turned) == 15
    told = [text for text in (folder / "summary.txt").read_text().splitlines() if " lambdas where w = " in text]
    assert len(told) == 3 and "where plain guidance" not in "".join(told), "not sampled at these w here"
    half = turned[turned["to"] == -1.0].xs(4.0, level="w")
    nearest = half.loc[half["variance_along"].abs().idxmin(), "turn"]
    assert sum(f"Of 5 lambdas where w = 4 turns to -1, {nearest:g} leaves" in text for text in told) == 1
    assert sum("where w = 1 turns to -0.5," in text for text in told) == sum("w = 1 turns to -1," in text for text in told) == 1


def test_two_classes_of_many_dimensions_are_a_problem_on_a_line():
    """The denoiser of d = 9 along the means is that of one dimension whose means are as far apart."""
    many, line = (
        MixtureWorld(dimension=9, classes=2),
        next(w for w, d in override(QUICK, ["beyond=[9]"]).worlds["c"] if d == 9 > w.dimension),
    )
    assert float((many.means()[0] - many.means()[1]).norm()) == pytest.approx(float((line.means()[0] - line.means()[1]).norm()))
    z, unit = (
        torch.randn(5, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64),
        torch.full((9, 1), 1 / 3).double(),
    )
    level, label = torch.linspace(-4, 4, 5, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    for own in (label, None):
        whole = data(many).oracle.double().branches(z, level, [own])[0].eps
        alone = data(line).oracle.double().branches(z @ unit, level, [own])[0].eps
        assert torch.allclose(whole @ unit, alone)


@pytest.mark.slow
def test_unguided_samples_of_a_gaussian_are_the_gaussian(made):
    """At w = 0 the flow of one class is linear, and the values are those of the class up to six steps and 96 draws."""
    _, folder = made
    table = read_table(folder / "table.csv")
    plain = table[(table["w"] == 0) & (table["steps"] == 6) & (table["metric"] == "shift_along")]["value"]
    assert abs(plain.mean()) < 0.05 and plain.abs().max() < 0.4


@pytest.mark.slow
def test_guidance_moves_outwards_and_the_two_kinds_are_one(made):
    study, folder = made
    table = read_table(folder / "table.csv").set_index(["world", "method", "w", "sampler", "steps", "seed", "metric"])["value"]
    at = ("dpm-solver++-sde on logsnr", 6, 0)
    shift = {w: table[("mixture-d4-k2", "classifier-free", w, *at, "shift_along")] for w in (0.0, 2.0)}
    assert shift[2.0] > shift[0.0] + 0.2
    kinds = [
        table[("mixture-d4-k3", name, 2.0, *at, "boundary_distance")] for name in ("classifier-free", "classifier-unconditional")
    ]
    assert kinds[0] == pytest.approx(kinds[1], abs=1e-3)
    moved = results_of(study, folder.parent).tables["moved"]
    assert moved[(moved["of"] == "classifier-free") & (moved["bin"] == "largest")]["moved"].max() < 1e-2


@pytest.mark.slow
def test_unguided_samples_are_as_far_from_the_boundary_as_the_distance_of_the_two_means_says(made):
    frame = results_of(made[0], made[1].parent).table
    frame = frame[(frame["metric"] == "boundary_distance") & (frame["w"] == 0)]
    of = frame[(frame["sampler"] == "dpm-solver++ on logsnr") & (frame["steps"] == 6)].groupby("world")["value"].mean()
    assert of["mixture-d4-k2-growth0"] == pytest.approx(2**-0.5, abs=0.2)
    assert of["mixture-d4-k2"] == pytest.approx(2**0.5, abs=0.2)


def test_the_guidance_field_is_that_of_an_integral(tmp_path):
    """Two classes on a line: posterior and difference are integrals over one normal number."""
    world, store = MixtureWorld(dimension=1, classes=2, std=0.6), Store(tmp_path)
    task = GuidanceField(world=world, n=20_000, levels=(-4.0, 0.0, 3.0))
    store.make(task, "cpu")
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    for row in task.rows(store):
        alpha, sigma = 1 / np.sqrt(1 + np.exp(-row["logsnr"])), 1 / np.sqrt(1 + np.exp(row["logsnr"]))
        m, total = 2**-0.5, alpha**2 * 0.36 + sigma**2
        own = 1 / (1 + np.exp(-2 * alpha * m * (alpha * m + np.sqrt(total) * nodes) / total))
        assert row["posterior"] == pytest.approx((weights * own).sum(), abs=0.01)
        assert row["difference"] == pytest.approx((weights * (2 * sigma * alpha * m * (1 - own) / total) ** 2).sum(), rel=0.05)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("world=gaussians", "world"),
        ("ws=[1]", "ws: 0"),
        ("fewer=[128]", "fewer"),
        ("n=100", "n: at least four"),
        ("ancestral=ddim", "ancestral: classifier-mean"),
        ("exponential=[9]", "four samples of each of 512"),
        ("windows=[\"limited-interval\"]", "strengths of its own"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(setting, words):
    with pytest.raises(Problem, match=words) as raised:
        override(QUICK, [setting])
    assert "\n" not in str(raised.value)


def test_only_samples_of_one_noise_are_compared_one_by_one():
    cells = [placed.task for placed in QUICK.cells() if placed.table == "moved"]
    one, other = cells[0].samples, next(task.samples for task in cells if task.samples.seed != cells[0].samples.seed)
    with pytest.raises(ValueError, match="seed"):
        Moved(samples=one, others=other)
    with pytest.raises(ValueError, match="round classes"):
        round_classes_of(world_of("gaussians"))
    assert FULL.sample_seeds == tuple(range(10)) and FULL.n > QUICK.n
