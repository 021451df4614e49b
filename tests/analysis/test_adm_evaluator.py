"""ADM's protocol against numbers of its own evaluator (openai/guided-diffusion, evaluations/evaluator.py) on seeded features.

How the numbers were made: that file was run as it stands, with stand-ins for what needs TensorFlow. FID: FIDStatistics and
compute_statistics, in float64. Inception score: compute_inception_score, the softmax taken by numpy of `made @ head`, in float64.
Precision and recall: manifold_radii and evaluate_pr of 1,000 reference rows and 1,500 others, on |u|^2 - 2 u v + |v|^2 by
numpy in float64 and in float32 (equal), and in float16, in which the evaluator works where nothing overflows.
"""

import numpy as np
import pytest

from analysis.measures.features import FeatureReference, FeatureSet, measure_features
from analysis.measures.fidelity import frechet_distance, inception_score, precision_recall
from analysis.measures.moments import moments_of

FID = 3.0922160316296754
IS = 6.353281287642982  # in parts of 5,000, 5,000 and 2,000
PRECISION, RECALL = 0.9113333333333333, 0.353
HALF_PRECISION, HALF_RECALL = 0.9106666666666666, 0.352  # their float16 moves one image in 1,500, and one in 1,000


@pytest.fixture(scope="module")
def stored():
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(24, 24)) / 5
    made = rng.normal(size=(12_000, 24)) @ mix + 0.3
    real = rng.normal(size=(3_000, 24)) @ mix * 1.2
    return made, real, made @ (rng.normal(size=(24, 12)) * 1.5)


def test_the_frechet_distance_is_theirs(stored):
    made, real, _ = stored
    assert moments_of(real).frechet(made) == pytest.approx(FID, rel=1e-9)  # 3e-11: eigenvalues of a product, squared
    assert frechet_distance(made, real) == pytest.approx(FID, rel=1e-11)  # kernels of BLAS differ by 1.5e-12


def test_the_inception_score_in_splits_is_theirs_and_another_one_at_once(stored):
    *_, logits = stored
    assert inception_score(logits, 5000) == pytest.approx(IS, rel=1e-12)
    assert inception_score(logits) != pytest.approx(IS, rel=1e-5)
    parts = [inception_score(logits[start : start + 5000]) for start in (0, 5000, 10_000)]
    assert inception_score(logits, 5000) == pytest.approx(np.mean(parts), rel=1e-14)
    with pytest.raises(ValueError, match="split is 0"):
        inception_score(logits, 0)


def test_precision_and_recall_are_theirs(stored):
    made, real, _ = stored
    found = precision_recall(generated=made[:1500], reference=real[:1000])
    assert found == pytest.approx((PRECISION, RECALL), abs=1e-12)
    assert found == pytest.approx((HALF_PRECISION, HALF_RECALL), abs=1.01e-3)


@pytest.mark.slow
def test_all_of_it_at_once_under_the_names_of_the_features(stored):
    made, real, logits = stored
    reference = FeatureReference.of(moments_of(real), real[:1000])
    whole = measure_features(FeatureSet(features=made, logits=logits), reference, "net-adm", split=5000)
    assert {"fid_net-adm", "is_net-adm", "precision_net-adm", "recall_net-adm"} < set(whole)
    assert (whole["fid_net-adm"], whole["is_net-adm"]) == pytest.approx((FID, IS), rel=1e-9)
    fewer = measure_features(FeatureSet(features=made[:1500]), reference, "net")
    assert (fewer["precision_net"], fewer["recall_net"]) == pytest.approx((PRECISION, RECALL), abs=1e-12)
    assert "is_net" not in fewer, "a network without a head has no Inception score"
