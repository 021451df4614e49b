"""Accuracy, likelihood, calibration and the spread of labels by a classifier; and saturation of pixels."""

import numpy as np
import pytest
import torch

from analysis.measures.classified import classified
from analysis.measures.saturation import saturation
from classifiers.assess import assess


def of(*probabilities):
    return np.log(np.array(probabilities))


def test_it_is_what_one_counts():
    found = classified(of([0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.2, 0.8]), np.array([0, 1, 0, 1]))
    assert found["accuracy_by"] == 0.75
    assert found["nll_by"] == pytest.approx(-np.log([0.9, 0.1, 0.6, 0.8]).mean())
    assert found["calibration_error_by"] == pytest.approx((abs(1 - 2 * 0.9) + abs(1 - 0.6) + abs(1 - 0.8)) / 4)
    assert found["label_entropy_by"] == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2))


def test_it_is_what_classifiers_are_assessed_by():
    rng = np.random.default_rng(0)
    logits, label = rng.normal(size=(700, 9)) * 3, rng.integers(0, 9, 700)
    found, theirs = classified(logits, label), assess(torch.from_numpy(logits), torch.from_numpy(label))
    for name in ("accuracy", "nll", "calibration_error"):
        assert found[f"{name}_by"] == pytest.approx(theirs[name], rel=1e-12), name


def test_torchmetrics_has_the_same_calibration_error():
    theirs = pytest.importorskip("torchmetrics.functional.classification")
    rng = np.random.default_rng(0)
    logits, label = torch.from_numpy(rng.normal(size=(500, 7)) * 2), torch.from_numpy(rng.integers(0, 7, 500))
    error = theirs.multiclass_calibration_error(logits.softmax(-1), label, num_classes=7, n_bins=15, norm="l1")
    assert classified(logits.numpy(), label.numpy())["calibration_error_by"] == pytest.approx(float(error), rel=1e-5)


def test_a_classifier_that_says_its_own_shares_is_calibrated_and_one_class_has_no_entropy():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), size=40_000)
    label = (rng.uniform(size=(len(p), 1)) > p.cumsum(1)).sum(1)
    assert (
        classified(np.log(p), label)["calibration_error_by"]
        < 0.01
        < 0.2
        < classified(9 * np.log(p), label)["calibration_error_by"]
    )
    assert classified(np.eye(4)[np.zeros(8, int)], np.arange(8) % 4)["label_entropy_by"] == 0
    assert classified(np.eye(4)[np.arange(8) % 4], np.arange(8) % 4)["label_entropy_by"] == pytest.approx(1)


def test_huge_logits_are_no_harm_and_order_does_not_matter():
    logits, label = np.random.default_rng(0).normal(size=(60, 3)) * 1e4, np.arange(60) % 3
    found = classified(logits, label)
    assert np.isfinite(list(found.values())).all()
    assert classified(logits[::-1].copy(), label[::-1].copy()) == pytest.approx(found, rel=1e-12)


def test_what_is_unsound_is_refused():
    logits, label = np.zeros((4, 3)), np.arange(4) % 3
    with pytest.raises(ValueError, match="label reaches from 0 to 3: logits knows the classes 0 to 2"):
        classified(logits, label + (label == 2))
    with pytest.raises(ValueError, match="logits has one column"):
        classified(logits[:, :1], label)
    logits[1, 1] = np.nan
    with pytest.raises(ValueError, match="logits holds NaN"):
        classified(logits, label)


def test_pixels_at_the_bounds_are_counted_as_bytes_have_them():
    images = np.array([0, 127, 128, 255, 255], dtype=np.uint8).astype(np.float32) / 127.5 - 1
    assert saturation(images[None]) == pytest.approx((np.abs(images).mean(), 0.6))
    assert saturation(np.zeros((2, 1, 3, 3))) == (0, 0)
    for bad in (np.full((1, 2), np.nan), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="must hold finite pixels"):
            saturation(bad)
