"""The names a cell is reported under, and measures in parts."""

from dataclasses import replace

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from analysis.measures.fidelity import frechet_distance, precision_recall
from analysis.measures.images import Reference, Samples, measure, measure_in_parts
from analysis.metrics import MAX_PIXELS, metric

NAMES = {"fid_digits", "is_digits", "precision_digits", "recall_digits", "diversity_digits"}
NAMES |= {"accuracy_evaluator", "diversity_pixels", "fid_pixels"}
FURTHER = {
    f"{name}_digits"
    for name in (
        *("kid", "kid_se", "density", "coverage", "clipped_density", "clipped_coverage", "vendi", "vendi_class"),
        *("nearest_train", "copies", "nll_by", "calibration_error_by", "label_entropy_by"),
    )
}
PIXELS = {"saturation", "clipped_pixels", "nearest_train_pixels", "copies_pixels"}
NAMES |= FURTHER | PIXELS  # not of 60 samples beside 50: mind, fid_infinity; nor of a reference without labels: fid_class
REFUSED = (ValueError, TypeCheckError)  # shapes are also refused by jaxtyping, where the suite switches it on


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    logits = 4.0 * np.eye(3)[label]
    logits[:15] = np.roll(logits[:15], 1, axis=1)  # a quarter is taken for another class
    images, features = rng.uniform(-1, 1, size=(60, 1, 4, 4)), rng.normal(size=(60, 5))
    return Samples(images=images, label=label, features=features, logits=logits)


@pytest.fixture
def real():
    rng = np.random.default_rng(1)
    return Reference(images=rng.uniform(-1, 1, size=(50, 1, 4, 4)), features=rng.normal(size=(50, 5)) * 1.4)


def test_names_say_whose_features_they_are(samples, real):
    assert set(measure(samples, real, "digits")) == NAMES
    guided = replace(samples, guide_logits=samples.logits)
    assert set(measure(guided, real, "digits")) == NAMES | {"accuracy_guide"}
    assert {"fid_moons", "is_moons", "diversity_moons", "diversity_pixels"} < set(measure(samples, real, "moons"))


def test_each_value_is_the_measure_of_its_name(samples, real):
    values = measure(replace(samples, guide_logits=np.eye(3)[samples.label]), real, "digits")
    assert values["accuracy_evaluator"] == 0.75 and values["accuracy_guide"] == 1.0
    assert values["fid_digits"] == frechet_distance(samples.features, real.features)
    assert values["fid_pixels"] == frechet_distance(samples.images.reshape(60, 16), real.images.reshape(50, 16))
    expected = precision_recall(generated=samples.features, reference=real.features)
    assert (values["precision_digits"], values["recall_digits"]) == expected and expected[0] != expected[1]
    assert 1 < values["is_digits"] < 3


def test_images_of_too_many_pixels_have_no_frechet_distance_of_them(samples, real):
    """Its time grows with the third power of their number, and the table says in the metric's title where it ends."""
    few, many = (np.random.default_rng(0).uniform(-1, 1, size=(110, 1, 32, columns)) for columns in (32, 33))
    for images, there in ((few, True), (many, False)):
        ours, theirs = replace(samples, images=images[:60]), replace(real, images=images[60:])
        values = measure(ours, theirs, "digits")
        assert ("fid_pixels" in values) == there and "diversity_pixels" in values
    assert few[0].size == MAX_PIXELS and f"{MAX_PIXELS:,}" in metric("fid_pixels").title


def test_moments_of_pixels_stand_for_the_pixels_and_without_either_there_is_no_distance_of_them(samples, real):
    flat = real.images.reshape(50, 16)
    moments = replace(real, images=None, moments=(flat.mean(0), np.cov(flat.T)))
    by_images, by_moments = (measure(samples, one, "digits") for one in (real, moments))
    assert by_moments["fid_pixels"] == pytest.approx(by_images.pop("fid_pixels"), rel=1e-6)
    near = {name: by_images.pop(name) for name in ("nearest_train_pixels", "copies_pixels")}
    assert {name: value for name, value in by_moments.items() if name != "fid_pixels"} == by_images
    assert measure(samples, replace(real, images=None), "digits") == by_images
    assert measure(samples, replace(real, images=None, nearest=real.images), "digits") == by_images | near
    with pytest.raises(REFUSED, match="generated has 16 columns and covariance 15|parameter 'mean'"):
        measure(samples, replace(real, images=None, moments=(flat.mean(0)[:15], np.cov(flat.T)[:15, :15])), "digits")


def test_images_that_are_arrays_where_they_are_sliced_give_the_same_numbers(samples, real):
    class Lazy:
        def __len__(self):
            return len(samples.images)

        def __getitem__(self, rows):
            assert isinstance(rows, slice)
            return samples.images[rows]

    lazy = replace(samples, images=Lazy())
    assert measure_in_parts(20, lazy, real, "digits") == measure_in_parts(20, samples, real, "digits")
    assert measure(lazy, real, "digits") == measure(samples, real, "digits")


def test_a_slice_holds_the_same_rows_of_every_array(samples):
    assert len(samples) == 60 and samples[5:9].guide_logits is None
    part = replace(samples, guide_logits=samples.logits + 1)[5:9]
    assert len(part) == 4
    for name in ("images", "label", "features", "logits"):
        np.testing.assert_array_equal(getattr(part, name), getattr(samples, name)[5:9])
    np.testing.assert_array_equal(part.guide_logits, samples.logits[5:9] + 1)


def test_parts_are_disjoint_equal_and_averaged(samples, real):
    samples = replace(samples, guide_logits=np.roll(samples.logits, 7, axis=0))
    first, second = (measure(samples[rows], real, "digits") for rows in (slice(0, 25), slice(25, 50)))  # 10 make no part
    parts = measure_in_parts(25, samples, real, "digits")
    assert set(parts) == (NAMES | {"accuracy_guide", "mind_digits"}) - {"vendi_class_digits"}, "25 of 3 classes, beside 50"
    values = {name: (first[name] + second[name]) / 2 for name in first if name != "kid_se_digits"}
    values["kid_se_digits"] = np.hypot(first["kid_se_digits"], second["kid_se_digits"]) / 2
    assert parts == pytest.approx(values, rel=1e-12), "the error of a mean of two is not the mean error"
    assert first["fid_digits"] != second["fid_digits"]


def test_one_part_of_everything_is_the_measure_itself(samples, real):
    assert measure_in_parts(60, samples, real, "digits") == measure(samples, real, "digits")


def test_small_parts_have_a_larger_frechet_distance(samples, real):
    """The bias in n which forbids to set n = 1000 beside n = 500."""
    assert measure_in_parts(20, samples, real, "digits")["fid_digits"] > 1.1 * measure(samples, real, "digits")["fid_digits"]


def test_arrays_that_disagree_about_n_are_refused(samples, real):
    for name in ("images", "features", "logits"):
        with pytest.raises((ValueError, TypeError), match=name):
            replace(samples, **{name: getattr(samples, name)[:-1]})
    with pytest.raises((ValueError, TypeError), match="guide_logits"):
        replace(samples, guide_logits=samples.logits[:-1])
    with pytest.raises((ValueError, TypeError), match="features"):
        replace(real, features=real.features[:-1])
    for n_part in (0, 61):
        with pytest.raises(ValueError, match=f"n_part is {n_part}"):
            measure_in_parts(n_part, samples, real, "digits")
