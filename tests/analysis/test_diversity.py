"""Diversity within a class against a double loop, and by cases whose answer is known."""

import numpy as np
import pytest

from analysis.measures.diversity import intra_class_diversity, intra_class_pixel_distance


def by_loops(rows, label, distance):
    per_class = []
    for c in sorted(set(label)):
        members = [row for row, of in zip(rows, label) if of == c]
        pairs = [distance(members[i], members[j]) for i in range(len(members)) for j in range(i)]
        if pairs:
            per_class.append(sum(pairs) / len(pairs))
    return sum(per_class) / len(per_class)


def cosine(a, b):
    return 1 - a @ b / (np.sqrt(a @ a) * np.sqrt(b @ b))


def rms(a, b):
    return np.sqrt(((a - b) ** 2).mean())


@pytest.fixture
def samples():
    rng = np.random.default_rng(1)
    return rng.normal(size=(40, 7)), rng.uniform(-1, 1, size=(40, 1, 5, 6)), np.arange(40) % 3


def test_both_distances_equal_a_double_loop(samples):
    features, images, label = samples
    assert intra_class_diversity(features, label) == pytest.approx(by_loops(features, label, cosine), rel=1e-12)
    assert intra_class_pixel_distance(images, label) == pytest.approx(by_loops(images, label, rms), rel=1e-12)


def test_classes_count_alike_however_many_members_they_have(samples):
    features, images, _ = samples
    label = np.array([0] * 30 + [1] * 9 + [2])  # the single member of class 2 has no pair
    assert intra_class_diversity(features, label) == pytest.approx(by_loops(features, label, cosine), rel=1e-12)
    assert intra_class_pixel_distance(images, label) == pytest.approx(by_loops(images, label, rms), rel=1e-12)


def test_known_angles_and_known_greys():
    right_angle = np.array([[2.0, 0.0], [0.0, 5.0], [1.0, 1.0], [-1.0, -1.0]])
    assert intra_class_diversity(right_angle, np.array([0, 0, 1, 1])) == pytest.approx((1 + 2) / 2)
    black_and_white = np.stack([np.full((2, 2), -1.0), np.full((2, 2), 1.0)])
    assert intra_class_pixel_distance(black_and_white, np.array([4, 4])) == pytest.approx(2)


def test_copies_have_no_diversity_and_other_classes_lend_none():
    features = np.repeat(np.eye(3), 4, axis=0)
    label = np.repeat([0, 1, 2], 4)
    assert intra_class_diversity(features, label) == pytest.approx(0, abs=1e-15)
    assert intra_class_diversity(features, np.arange(12) % 4) > 0.9  # each class now mixes the three directions
    assert intra_class_pixel_distance(features, label) == 0


def test_order_of_rows_does_not_matter(samples):
    features, images, label = samples
    order = np.random.default_rng(2).permutation(40)
    shuffled = intra_class_diversity(features[order], label[order])
    assert shuffled == pytest.approx(intra_class_diversity(features, label), rel=1e-12)
    shuffled = intra_class_pixel_distance(images[order], label[order])
    assert shuffled == pytest.approx(intra_class_pixel_distance(images, label), rel=1e-12)


def test_what_cannot_be_measured_is_refused_by_name(samples):
    features, images, label = samples
    with pytest.raises(ValueError, match="no class with two members"):
        intra_class_diversity(features, np.arange(40))
    zero = features.copy()
    zero[7] = 0
    with pytest.raises(ValueError, match="features row 7 is zero"):
        intra_class_diversity(zero, label)
    with pytest.raises(ValueError, match=r"scale and clip pixels to \[-1, 1\]"):
        intra_class_pixel_distance(images * 255, label)
    holed = images.copy()
    holed[3, 0, 2, 2] = np.nan
    with pytest.raises(ValueError, match="images holds NaN"):
        intra_class_pixel_distance(holed, label)
    with pytest.raises((ValueError, TypeError), match="label"):
        intra_class_diversity(features, label[:-1])
