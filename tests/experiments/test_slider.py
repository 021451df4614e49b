"""Samples of the same seeds at any w, of the networks that ship with the package."""

import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.figures.pictures import as_bytes
from experiments.problems import Problem
from experiments.sample_command import sample
from experiments.slider import EVALUATIONS, SameSeeds
from experiments.slider_widget import picture
from guidance import METHODS

MOVE = 2.0  # CPU seconds that a move of the slider may take


@pytest.fixture(scope="module")
def same():
    return SameSeeds("fashion", n=4)


def test_it_shows_what_the_command_line_draws(same, tmp_path):
    sample(
        tmp_path / "x.npz", "fashion", None, None, None, [], "classifier-free", 2.0, [], "cpu", False, print,
        sampler="dpm-solver++", clip=None, label=8, labels=None, n=4, steps=10, seed=0,
    )  # fmt: skip
    drawn = np.load(tmp_path / "x.npz")["arr_0"]
    assert np.array_equal(as_bytes(drawn), same.images("classifier-free", 2.0, label=8))


def test_the_noise_stays_and_w_moves(same):
    plain = same.images("classifier-free", 0.0)
    assert plain.shape == (4, 28, 28) and plain.dtype == np.uint8
    assert np.array_equal(plain, same.images("classifier", 0.0)), "w = 0 is the conditional model for every method"
    guided = same.images("classifier-free", 3.0)
    assert not np.array_equal(plain, guided)
    other = SameSeeds("fashion", n=4, seed=1).images("classifier-free", 3.0)
    own = np.abs(plain.astype(int) - guided).mean()
    assert own < np.abs(plain.astype(int) - other).mean(), "the same seeds look alike"
    assert len(same.strip("classifier-free", [0, 3], rows=2).axes) == 2


def test_what_was_visited_is_not_made_again(same, monkeypatch):
    first = same.images("apg", 1.0)
    monkeypatch.setattr("experiments.slider.samples", lambda sampling: pytest.fail("it was made before"))
    assert same.images("apg", 1) is first


def test_the_methods_are_those_that_can_be_played_and_quickly(same):
    assert {"classifier-free", "classifier", "autoguidance", "apg", "limited-interval"} <= set(same.methods)
    assert not {"cfg++", "dps", "two-networks", "two-conditions", "recfg"} & set(same.methods)
    assert "null-from-classes" not in same.methods, f"11 evaluations a step are more than {EVALUATIONS}"
    assert set(same.methods) < set(METHODS)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda same: same.images("cfgg", 1.0), "there is no method 'cfgg': these fit: classifier"),
        (lambda same: same.images("classifier-free", 1.0, label=10), "labels: fashion has the classes 0 to 9, not 10"),
        (lambda same: same.images("dps", 1.0), "dps needs the role clean"),
        (lambda same: SameSeeds("digits"), "digits: no network of it ships with the package"),
    ],
)
def test_what_cannot_be_sampled_is_said_in_a_line(same, call, why):
    with pytest.raises(Problem) as error:
        call(same)
    assert why in str(error.value) and "\n" not in str(error.value)


def test_a_move_takes_less_than_two_seconds_of_a_core():
    torch.set_num_threads(1)
    same = SameSeeds("fashion")
    picture(same, "classifier-free", 0.0, None)  # what is imported at the first sample
    for method in ("classifier-free", "classifier", "autoguidance"):
        begun = time.process_time()
        picture(same, method, 1.5, None)
        assert time.process_time() - begun < MOVE
    begun = time.process_time()
    picture(same, "classifier-free", 1.5, None)
    assert time.process_time() - begun < 0.1


@pytest.mark.slow
def test_every_method_that_is_offered_is_quick_enough():
    torch.set_num_threads(1)
    same = SameSeeds("fashion")
    picture(same, "classifier", 0.5, None)
    for method in same.methods:
        begun = time.process_time()
        assert same.images(method, 2.0).shape == (10, 28, 28)
        assert time.process_time() - begun < MOVE, method


def test_the_slider_shows_what_is_chosen(same):
    ipywidgets = pytest.importorskip("ipywidgets")
    box = same.slider(most=4.0)
    (method, label), w, image, said = box.children[0].children, *box.children[1:]
    assert isinstance(w, ipywidgets.FloatSlider) and (w.min, w.max) == (0, 4)
    assert image.value == picture(same, "classifier-free", 0.0, None)
    w.value = 2.0
    assert image.value == picture(same, "classifier-free", 2.0, None) != picture(same, "classifier-free", 0.0, None)
    method.value, label.value = "classifier", 8
    assert image.value == picture(same, "classifier", 2.0, 8) and said.value.startswith("classifier at w = 2")
    before = image.value
    same.kept.clear()
    same.steps, steps = 1, same.steps
    w.value = 3.0
    same.steps = steps
    assert image.value == before and "steps" in said.value, "a problem is said, and the picture stays"


def test_without_ipywidgets_it_says_what_to_install(same, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(Problem, match=r"^the slider needs ipywidgets: pip install guidance-bench\[notebooks\]$"):
        same.slider()


def test_the_cell_of_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "notebooks.md").read_text()
    (cell,) = [cell for cell in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "SameSeeds" in cell]
    exec(cell, names := {})
    assert names["same"].images("classifier-free", 2.0, label=8).shape == (4, 28, 28) and len(names["same"].kept) == 4
