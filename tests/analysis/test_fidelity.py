"""Fréchet distance, Inception score, precision and recall against closed forms, and the doors that keep bad arrays out."""

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from analysis.measures.fidelity import frechet_distance, inception_score, precision_recall

REFUSED = (ValueError, TypeCheckError)  # shapes are also refused by jaxtyping, where the suite switches it on


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def whitened(rng, n, d):
    """n rows with mean exactly 0 and unbiased covariance exactly the identity, up to rounding."""
    x = rng.normal(size=(n, d))
    x -= x.mean(axis=0)
    return x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T


def frechet_by_eigh(x, y):
    """The other way round: Tr (S1^(1/2) S2 S1^(1/2))^(1/2) by two symmetric eigendecompositions."""
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    values, vectors = np.linalg.eigh(s1)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ s2 @ root).clip(0)).sum()
    return ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * cross


def test_frechet_distance_of_two_known_gaussians(rng):
    x = whitened(rng, 60, 3)
    scale, shift = np.array([1.0, 2.0, 3.0]), np.array([1.0, -2.0, 0.5])
    expected = (shift**2).sum() + ((scale - 1) ** 2).sum()  # diagonal covariances: |m|^2 + sum (s1 - s2)^2
    assert frechet_distance(whitened(rng, 40, 3) * scale + shift, x) == pytest.approx(expected, abs=1e-10)


def test_frechet_distance_of_covariances_that_do_not_commute(rng):
    x, y = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(90, 6)) @ rng.normal(size=(6, 6)) + 1
    assert frechet_distance(x, y) == pytest.approx(frechet_by_eigh(x, y), rel=1e-9)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)


def test_frechet_distance_to_itself_is_zero_and_rows_have_no_order(rng):
    x, y = rng.normal(size=(80, 5)), rng.normal(size=(70, 5)) + 0.3
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(rng.permutation(x), y) == pytest.approx(frechet_distance(x, y), rel=1e-10)


def test_features_in_float32_are_measured_in_float64(rng):
    x, y = rng.normal(size=(80, 5)).astype(np.float32) + 100, rng.normal(size=(70, 5)).astype(np.float32) + 100
    assert frechet_distance(x, y) == frechet_distance(x.astype(np.float64), y.astype(np.float64))


@pytest.mark.parametrize("classes", [2, 10])
def test_inception_score_is_the_number_of_classes_seen_for_sure(classes):
    logits = 50.0 * np.eye(classes)[np.arange(20 * classes) % classes]
    assert inception_score(logits) == pytest.approx(classes, rel=1e-9)
    assert inception_score(np.zeros((30, classes))) == pytest.approx(1, abs=1e-12)


def test_inception_score_takes_logits_and_survives_certainty():
    """A class that is never seen has probability 0 in float64: 0 * log 0 inside torch-fidelity, which is NaN."""
    logits = 1000.0 * np.eye(4)[np.arange(39) % 3]
    assert inception_score(logits) == pytest.approx(3, rel=1e-9)


def test_inception_score_of_a_mixture_by_hand():
    p = np.array([[0.8, 0.2], [0.5, 0.5], [0.1, 0.9]])
    expected = np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
    assert inception_score(np.log(p) + 7) == pytest.approx(expected, rel=1e-12)  # a shared constant is no information


def test_inception_score_takes_all_rows_at_once_in_any_order(rng):
    logits = rng.normal(size=(60, 4)) * 3
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.exp((p * np.log(p / p.mean(axis=0))).sum(axis=1).mean())
    assert inception_score(logits) == pytest.approx(expected, rel=1e-12)
    assert inception_score(rng.permutation(logits)) == pytest.approx(inception_score(logits), rel=1e-12)


def prc_by_hand(generated, reference, k):
    """Improved precision and recall from all pairs, by subtraction."""

    def inside(points, centres):
        own = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        radius = np.sort(own, axis=1)[:, k]  # column 0 is the point itself
        return (np.linalg.norm(points[:, None] - centres[None], axis=-1) <= radius).any(axis=1).mean()

    return inside(generated, reference), inside(reference, generated)


def test_precision_and_recall_by_hand(rng):
    generated, reference = rng.normal(size=(83, 4)), rng.normal(size=(71, 4)) * 1.5
    for k in (1, 3, 5):
        expected = prc_by_hand(generated, reference, k)
        assert precision_recall(generated=generated, reference=reference, k=k) == pytest.approx(expected, abs=1e-12)
        assert 0 < expected[1] < 1 and expected[0] != expected[1]


def test_collapse_keeps_precision_and_loses_recall(rng):
    reference = rng.normal(size=(200, 2))
    precision, recall = precision_recall(generated=reference[0] + 1e-3 * rng.normal(size=(100, 2)), reference=reference)
    assert precision > 0.95 and recall < 0.05
    assert precision_recall(generated=reference, reference=reference) == (1.0, 1.0)
    assert precision_recall(generated=reference + 100, reference=reference) == (0.0, 0.0)


def test_precision_far_from_the_origin_is_what_it_is_at_the_origin(rng):
    """torch.cdist's expanded |a|^2 + |b|^2 - 2ab, in float64 too, would drown a cloud this small in its rounding."""
    generated, reference = rng.normal(size=(83, 4)) * 1e-3 + 1e5, rng.normal(size=(71, 4)) * 1.5e-3 + 1e5
    expected = prc_by_hand(generated, reference, 3)
    assert precision_recall(generated=generated, reference=reference) == pytest.approx(expected, abs=1e-12)


def test_copies_lie_in_balls_of_radius_zero():
    """The rule is <=, as in torch-fidelity: with <, more than k copies of a sample would not even cover themselves."""
    points = np.repeat(np.eye(4) / 3, 5, axis=0)
    assert precision_recall(generated=points, reference=points) == (1.0, 1.0)


def test_precision_does_not_depend_on_the_order_of_rows(rng):
    a, b = rng.normal(size=(60, 3)), rng.normal(size=(61, 3)) + 0.5
    shuffled = precision_recall(generated=rng.permutation(a), reference=rng.permutation(b))
    assert shuffled == precision_recall(generated=a, reference=b)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_by_name(rng, bad):
    good, holed = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    holed[4, 1] = bad
    with pytest.raises(ValueError, match="reference holds NaN or infinity in 1 of 20 rows"):
        frechet_distance(good, holed)
    with pytest.raises(ValueError, match="logits holds"):
        inception_score(holed)
    with pytest.raises(ValueError, match="generated holds"):
        precision_recall(generated=holed, reference=good)


def test_too_few_rows_wrong_ranks_and_other_widths_are_refused(rng):
    good = rng.normal(size=(20, 3))
    with pytest.raises(ValueError, match=r"generated has shape \(1, 3\): at least 2 rows"):
        frechet_distance(good[:1], good)
    with pytest.raises(ValueError, match="reference has shape .* at least 4 rows"):
        precision_recall(generated=good, reference=good[:3], k=3)
    for wrong in (
        lambda: frechet_distance(good, good[:, :2]),
        lambda: precision_recall(generated=good[:, 0], reference=good),
    ):
        with pytest.raises(REFUSED, match="generated|reference"):
            wrong()
    with pytest.raises(ValueError, match="k is 0"):
        precision_recall(generated=good, reference=good, k=0)


def test_one_column_is_refused_before_torch_fidelity_asserts(rng):
    with pytest.raises(ValueError, match="one column"):
        frechet_distance(rng.normal(size=(9, 1)), rng.normal(size=(9, 1)))


def test_swapping_the_sets_swaps_precision_and_recall(rng):
    a, b = rng.normal(size=(60, 3)), 3 * rng.normal(size=(61, 3))
    precision, recall = precision_recall(generated=a, reference=b)
    assert precision_recall(generated=b, reference=a) == (recall, precision) and precision > recall + 0.2


def test_torch_is_not_made_to_remember_anything(rng):
    """Measures leave the global generator alone, so they cannot change a sample drawn after them."""
    before = torch.get_rng_state()
    precision_recall(generated=rng.normal(size=(9, 2)), reference=rng.normal(size=(9, 2)))
    inception_score(rng.normal(size=(9, 2)))
    assert torch.equal(before, torch.get_rng_state())


def by_subtraction(generated, reference, k=3):
    """Precision and recall from all pairs, every distance taken by subtraction."""
    a, b = torch.from_numpy(generated), torch.from_numpy(reference)

    def distances(x, y):
        return (x[:, None] - y[None]).square().sum(-1).sqrt()

    def share(rows, centres):
        radii = distances(centres, centres).kthvalue(k + 1, dim=1).values
        return (distances(rows, centres) <= radii).any(1).double().mean().item()

    return share(a, b), share(b, a)


@pytest.mark.parametrize("case", ["plain", "far away", "ties", "copies", "collapsed", "nearly collapsed", "wide"])
def test_the_matrix_product_changes_no_pair(rng, case):
    """Where a point lies on the edge of a ball, up to rounding, the product cannot tell, and the distance is taken again."""
    generated, reference = rng.normal(size=(1500, 3)), rng.normal(size=(1100, 3))
    if case == "far away":
        generated, reference = generated * 1e-3 + 1e5, reference * 1e-3 + 1e5
    elif case == "ties":
        generated, reference = np.round(generated * 3), np.round(reference * 3)
    elif case == "copies":
        generated = np.concatenate([reference[:700], generated[:400], generated[:400]])
    elif case == "collapsed":
        generated = np.repeat(reference[:2], 600, axis=0)
    elif case == "nearly collapsed":
        generated = np.repeat(reference[:2], 600, axis=0) + 1e-9 * rng.normal(size=(1200, 3))
    elif case == "wide":
        generated, reference = rng.normal(size=(120, 2048)) + 20, rng.normal(size=(130, 2048)) * 1.01 + 20
    assert precision_recall(generated=generated, reference=reference) == by_subtraction(generated, reference)
