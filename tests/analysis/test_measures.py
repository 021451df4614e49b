"""The names a cell is reported under, and measures in parts."""

import numpy as np
import pytest

from analysis.fidelity import frechet_distance, precision_recall
from analysis.measures import measure, measure_in_parts

NAMES = {"fid_digits", "is_digits", "precision_digits", "recall_digits", "diversity_digits"}
NAMES |= {"accuracy_evaluator", "diversity_pixels", "fid_pixels"}


@pytest.fixture
def cell():
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    logits = 4.0 * np.eye(3)[label]
    logits[:15] = np.roll(logits[:15], 1, axis=1)  # a quarter is taken for another class
    return dict(
        images=rng.uniform(-1, 1, size=(60, 1, 4, 4)), label=label, features=rng.normal(size=(60, 5)), logits=logits,
        reference_images=rng.uniform(-1, 1, size=(50, 1, 4, 4)),
        reference_features=rng.normal(size=(50, 5)) * 1.4,
    )  # fmt: skip


def test_names_say_whose_features_they_are(cell):
    assert set(measure(**cell)) == NAMES
    assert set(measure(**cell, guide_logits=cell["logits"])) == NAMES | {"accuracy_guide"}
    assert {"fid_moons", "is_moons", "diversity_moons", "diversity_pixels"} < set(measure(**cell, suffix="moons"))


def test_each_value_is_the_measure_of_its_name(cell):
    guide = np.eye(3)[cell["label"]]
    values = measure(**cell, guide_logits=guide)
    assert values["accuracy_evaluator"] == 0.75 and values["accuracy_guide"] == 1.0
    assert values["fid_digits"] == frechet_distance(cell["features"], cell["reference_features"])
    pixels = [cell[name].reshape(len(cell[name]), -1) for name in ("images", "reference_images")]
    assert values["fid_pixels"] == frechet_distance(*pixels)
    expected = precision_recall(generated=cell["features"], reference=cell["reference_features"])
    assert (values["precision_digits"], values["recall_digits"]) == expected and expected[0] != expected[1]
    assert 1 < values["is_digits"] < 3


def test_parts_are_disjoint_equal_and_averaged(cell):
    half = lambda rows: {name: value if name.startswith("reference") else value[rows] for name, value in cell.items()}  # noqa: E731
    first, second = measure(**half(slice(0, 25))), measure(**half(slice(25, 50)))  # the last 10 make no part
    parts = measure_in_parts(25, **cell)
    assert set(parts) == NAMES
    for name in NAMES:
        assert parts[name] == pytest.approx((first[name] + second[name]) / 2, rel=1e-12)
    assert first["fid_digits"] != second["fid_digits"]


def test_one_part_of_everything_is_the_measure_itself(cell):
    assert measure_in_parts(60, **cell) == measure(**cell)


def test_small_parts_have_a_larger_frechet_distance(cell):
    """The bias in n which forbids to set n = 1000 beside n = 500."""
    assert measure_in_parts(20, **cell)["fid_digits"] > 1.1 * measure(**cell)["fid_digits"]


def test_arrays_that_disagree_about_n_are_refused(cell):
    for name in ("images", "features", "logits"):
        with pytest.raises((ValueError, TypeError), match=name):
            measure(**{**cell, name: cell[name][:-1]})
    with pytest.raises(ValueError, match="n_part is 61"):
        measure_in_parts(61, **cell)
