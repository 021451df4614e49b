"""Measures of round classes against closed forms."""

import numpy as np
import pytest

from analysis.measures.round_classes import BINS, boundary_distances, measure_round_classes, moved_from

MEANS, STD = np.array([[2.0, 0.0], [-2.0, 0.0]]), 0.5


def drawn(n: int = 200_000) -> tuple[np.ndarray, np.ndarray]:
    label = np.arange(n) % 2
    return MEANS[label] + STD * np.random.default_rng(0).standard_normal((n, 2)), label


def test_exact_draws_have_the_values_of_the_class_itself():
    x, label = drawn()
    found = measure_round_classes(x, label, MEANS, STD)
    for name in ("shift_along", "mean_error_squared", "distortion"):
        assert found[name] == pytest.approx(0, abs=0.01), name
    for name in ("variance_along", "variance_within", "variance_across"):
        assert found[name] == pytest.approx(1, abs=0.01), name
    assert found["boundary_distance"] == pytest.approx(4, abs=0.01)  # the plane is 2 from the mean, in halves


def test_the_squared_error_of_a_mean_is_unbiased_at_few_draws():
    x, label = drawn(4000)
    parts = [slice(start, start + 8) for start in range(0, 4000, 8)]
    found = [measure_round_classes(x[part], label[part], MEANS, STD)["mean_error_squared"] for part in parts]
    assert np.mean(found) == pytest.approx(0, abs=0.06)  # four draws of two dimensions have 0.5 by chance


def test_a_class_that_is_moved_and_squeezed_has_these_values():
    """Moved by 0.3 std outwards and 0.4 std across, half as wide along and twice as wide across."""
    x, label = drawn()
    sign = np.array([1, -1])[label]
    rest = (x - MEANS[label]) * [0.5, 2.0]
    x = MEANS[label] + rest + STD * np.column_stack([0.3 * sign, np.full(len(x), 0.4)])
    found = measure_round_classes(x, label, MEANS, STD)
    expected = {
        "shift_along": 0.3,
        "variance_along": 0.25,
        "variance_across": 4.0,
        "variance_within": 2.125,
        "mean_error_squared": 0.25,
        "distortion": 0.5,
        "boundary_distance": 4.3,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=0.02)


def test_shifts_of_single_classes_do_not_cancel_in_the_distortion():
    """Two classes that move along one axis in one direction: one outwards, one inwards."""
    x, label = drawn(20_000)
    found = measure_round_classes(x + [STD, 0.0], label, MEANS, STD)
    assert found["shift_along"] == pytest.approx(0, abs=0.03) and found["distortion"] == pytest.approx(1, abs=0.05)


def test_distances_to_boundaries_by_hand_and_their_signs():
    means, label = np.array([[0.0], [2.0], [6.0]]), np.array([0, 0, 1, 1, 2])
    x = np.array([[-1.0], [1.5], [1.2], [3.9], [3.0]])  # the planes lie at 1 and 4, and at 3 between the outer two
    np.testing.assert_allclose(boundary_distances(x, label, means, 0.5), [4.0, -1.0, 0.4, 0.2, -2.0])
    found = measure_round_classes(np.tile(x, (4, 1)), np.tile(label, 4), means, 0.5)
    assert found["wrong_side"] == pytest.approx(0.4) and found["boundary_within_half"] == pytest.approx(0.4)


def test_a_boundary_is_where_two_classes_are_as_likely():
    rng = np.random.default_rng(1)
    means, x = rng.standard_normal((5, 3)), rng.standard_normal((200, 3))
    label = np.arange(200) % 5
    logits = -((x[:, None] - means) ** 2).sum(2) / (2 * 0.8**2)
    np.testing.assert_array_equal(boundary_distances(x, label, means, 0.8) > 0, logits.argmax(1) == label)


def test_moves_are_told_apart_by_where_the_unguided_sample_was():
    plain = np.array([-0.5, 0.5, 0.6, 3.0])
    entries = moved_from(plain + [1.0, 0.2, -0.4, 0.0], plain)
    assert [(entry["bin"], entry["n"]) for entry in entries] == [("wrong side", 1), ("within 1", 2), ("2 to 4", 1)]
    assert [entry["moved"] for entry in entries] == pytest.approx([1.0, -0.1, 0.0])
    assert [entry["away"] for entry in entries] == [1.0, 0.5, 0.0] and set(BINS) > {entry["bin"] for entry in entries}


def test_what_cannot_be_measured_is_named():
    with pytest.raises(ValueError, match="two samples"):
        measure_round_classes(np.zeros((3, 2)), np.array([0, 0, 1]), MEANS, STD)
