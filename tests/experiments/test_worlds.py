"""The worlds: their splits, their oracles, and bytes."""

import numpy as np
import pytest
import torch

from experiments.problems import Problem
from experiments.registry import WORLDS
from experiments.tasks.images import from_uint8, to_uint8
from experiments.worlds import data, digits, digits_exact
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.gaussians import Gaussians


def test_the_worlds_are_known_by_their_names_and_say_what_they_load():
    for name, world in {"digits": Digits, "digits-exact": DigitsExact, "gaussians": Gaussians}.items():
        found = data(world())
        assert WORLDS[name] is world and world.name == name and data(world()) is found, "loaded once"
        assert world.exact == (found.oracle is not None) and world.trains == (found.train is not None)


def test_a_world_is_called_by_its_name_unless_it_says_otherwise():
    assert [world().label for world in (Digits, DigitsExact, Gaussians)] == ["digits", "digits-exact", "gaussians"]


def test_the_split_is_fixed_balanced_and_disjoint():
    world = data(Digits())
    assert len(world.train.x) == 1297 and len(world.test.x) == 500
    assert world.test.label.bincount().tolist() == [50] * 10
    assert world.test.label[:20].tolist() == list(range(10)) * 2, "any 10 k of them in a row are balanced"
    rows = {tuple(image.flatten().tolist()) for image in world.train.x}
    shared = sum(tuple(image.flatten().tolist()) in rows for image in world.test.x)
    assert shared == 0
    assert world.train.x.min() == -1 and world.train.x.max() == 1


def test_other_data_under_the_same_name_are_refused(monkeypatch):
    monkeypatch.setattr(digits, "DIGITS_SHA256", "0" * 64)
    with pytest.raises(Problem, match=r"constraints\.txt"):
        Digits().load()


def test_bytes_round_and_clip_and_come_back():
    x = torch.tensor([-1.2, -1.0, -0.5, 0.0, 0.999, 1.0, 7.0]).reshape(1, 1, 1, 7)
    images = to_uint8(x)
    assert images.dtype == np.uint8 and images.ravel().tolist() == [0, 0, 64, 128, 255, 255, 255]
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(to_uint8(from_uint8(every)), every)


def test_colours_stay_where_they_were():
    x = torch.rand(2, 3, 4, 5) * 2 - 1
    images = to_uint8(x)
    assert images.shape == (2, 4, 5, 3)
    torch.testing.assert_close(from_uint8(images), x, atol=1 / 255, rtol=0)


def test_the_card_says_what_the_arrays_are():
    world = data(Digits())
    assert "1,297" in world.card["train"] and "500" in world.card["test"]


def test_the_frozen_digits_are_a_labelled_mixture_of_equal_classes_and_its_draws():
    world = data(DigitsExact())
    assert world.oracle.means.shape == (20, 64) and world.oracle.bases.shape == (20, 64, 10) and DigitsExact.shape == (1, 8, 8)
    share = world.oracle.class_log_weights().exp()
    torch.testing.assert_close(share, torch.full((10,), 0.1, dtype=torch.float64), rtol=1e-6, atol=0)
    mean, covariance = world.oracle.moments()
    x = world.train.x.double().flatten(1)
    n = len(x)
    torch.testing.assert_close(x.mean(0), mean, rtol=0, atol=6 * (covariance.max().item() / n) ** 0.5)
    torch.testing.assert_close(x.T.cov(), covariance, rtol=0, atol=8 * covariance.max().item() / n**0.5)
    assert world.train.label[:12].tolist() == [*range(10), 0, 1] and len(world.test.x) == 5000


def test_a_real_digit_is_most_likely_in_its_own_class_of_the_frozen_mixture():
    real, exact = data(Digits()), data(DigitsExact()).oracle
    x = real.test.x.double()
    found = exact.class_logits(x, torch.full((len(x),), 60.0, dtype=torch.float64)).argmax(-1)
    assert (found == real.test.label).double().mean() > 0.95


def test_another_file_under_the_name_of_the_frozen_digits_is_refused(monkeypatch):
    monkeypatch.setattr(digits_exact, "SHA256", "0" * 64)
    with pytest.raises(Problem, match="restore it from git"):
        DigitsExact().load()


def test_the_script_makes_the_frozen_digits_again():
    """Not byte by byte, since eigenvectors have no sign, but as the same densities."""
    from experiments.worlds.fit_digits_exact import COMPONENTS, RANK, fit
    from guidance import Mixture

    values = {k: v if k == "labels" else v.double() for k, v in fit(data(Digits()).train, COMPONENTS, RANK).items()}
    again, frozen = Mixture.low_rank(**values), data(DigitsExact()).oracle
    x, clean = data(DigitsExact()).test.x[:200].double(), torch.full((200,), 60.0, dtype=torch.float64)
    torch.testing.assert_close(again.log_prob(x, clean), frozen.log_prob(x, clean), rtol=1e-3, atol=0.05)


def test_the_three_gaussians_are_those_of_the_card():
    world = data(Gaussians())
    assert Gaussians.shape == (2,) and world.train is None
    mean, _ = world.oracle.moments()
    assert mean.norm() < 1e-12 and torch.allclose(world.oracle.means.norm(dim=1), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(world.oracle.moments(1)[1], 0.25 * torch.eye(2, dtype=torch.float64))
