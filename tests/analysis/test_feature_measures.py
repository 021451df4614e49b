"""Measures of stored features: parts, labels, and arrays that do not belong together."""

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from analysis.measures.diversity import intra_class_diversity
from analysis.measures.features import FeatureReference, FeatureSet, measure_features, measure_features_in_parts
from analysis.measures.moments import moments_of
from analysis.metrics import metric

REFUSED = (ValueError, TypeCheckError)  # shapes are also refused by jaxtyping, where the suite switches it on


@pytest.fixture
def made():
    rng = np.random.default_rng(1)
    return FeatureSet(features=rng.normal(size=(90, 6)), logits=rng.normal(size=(90, 4)), label=np.arange(90) % 4)


@pytest.fixture
def reference():
    real = np.random.default_rng(2).normal(size=(200, 6)) * 1.1
    return FeatureReference.of(moments_of(real), real[:50], k=2)


def test_every_column_is_one_that_is_described(made, reference):
    values = measure_features(made, reference, "effnet-lite0")
    assert [metric(name).name for name in values][:5] == ["fid", "is", "precision", "recall", "diversity"]
    assert {metric(name).of for name in values} == {"effnet-lite0"}
    assert values["diversity_effnet-lite0"] == intra_class_diversity(made.features, made.label)


def test_parts_are_means_over_disjoint_runs(made, reference):
    found = measure_features_in_parts(40, made, reference, "net")
    parts = [measure_features(made[start : start + 40], reference, "net") for start in (0, 40)]
    assert found.pop("kid_se_net") == pytest.approx(np.hypot(*(part.pop("kid_se_net") for part in parts)) / 2, rel=1e-12)
    assert found == {name: pytest.approx(np.mean([part[name] for part in parts]), rel=1e-12) for name in parts[0]}
    assert found["fid_net"] > measure_features(made, reference, "net")["fid_net"], "fewer images, more bias"
    with pytest.raises(ValueError, match="n_part is 91"):
        measure_features_in_parts(91, made, reference, "net")


def test_k_of_the_reference_is_used(made, reference):
    real = np.random.default_rng(2).normal(size=(200, 6)) * 1.1
    wider = FeatureReference.of(moments_of(real), real[:50], k=5)
    assert measure_features(made, wider, "net")["recall_net"] > measure_features(made, reference, "net")["recall_net"]


def test_no_labels_or_no_two_of_one_class_is_no_diversity(made, reference):
    bare = FeatureSet(features=made.features)
    assert "diversity_net" not in measure_features(bare, reference, "net")
    apart = FeatureSet(features=made.features[:4], label=np.arange(4))
    assert "diversity_net" not in measure_features(apart, reference, "net")


def test_arrays_of_other_images_are_refused(made):
    with pytest.raises(REFUSED, match="logits has 80 rows and features 90|parameter 'logits'"):
        FeatureSet(features=made.features, logits=made.logits[:80])
    with pytest.raises(REFUSED, match="integer class ids|parameter 'label'"):
        FeatureSet(features=made.features, label=made.label / 2)
