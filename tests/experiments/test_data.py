"""The digits, their split, and bytes."""

import numpy as np
import pytest
import torch

from experiments import data
from experiments.problems import Problem


def test_the_split_is_fixed_balanced_and_disjoint():
    world = data.digits()
    assert len(world.train.x) == 1297 and len(world.held_out.x) == 500
    assert world.held_out.label.bincount().tolist() == [50] * 10
    assert world.held_out.label[:20].tolist() == list(range(10)) * 2, "any 10 k of them in a row are balanced"
    rows = {tuple(image.flatten().tolist()) for image in world.train.x}
    shared = sum(tuple(image.flatten().tolist()) in rows for image in world.held_out.x)
    assert shared == 0
    assert world.train.x.min() == -1 and world.train.x.max() == 1


def test_other_data_under_the_same_name_are_refused(monkeypatch):
    monkeypatch.setattr(data, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(Problem, match=r"constraints\.txt"):
        data.digits.__wrapped__()


def test_bytes_round_and_clip_and_come_back():
    x = torch.tensor([-1.2, -1.0, -0.5, 0.0, 0.999, 1.0, 7.0]).reshape(1, 1, 1, 7)
    images = data.to_uint8(x)
    assert images.dtype == np.uint8 and images.ravel().tolist() == [0, 0, 64, 128, 255, 255, 255]
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(data.to_uint8(data.from_uint8(every)), every)


def test_colours_stay_where_they_were():
    x = torch.rand(2, 3, 4, 5) * 2 - 1
    images = data.to_uint8(x)
    assert images.shape == (2, 4, 5, 3)
    torch.testing.assert_close(data.from_uint8(images), x, atol=1 / 255, rtol=0)


def test_the_card_says_what_the_arrays_are():
    world = data.digits()
    assert "1,297" in world.card["train"] and "500" in world.card["held out"]
