"""The contract with torch-fidelity: the functions we call exist, and its own orchestrator gets the same numbers through them."""

import inspect

import numpy as np
import pytest
import torch
import torch_fidelity
from torch_fidelity import metric_fid, metric_isc, metric_prc

from analysis.measures.fidelity import ball_radii, frechet_distance, inception_score, precision_recall


def test_metric_functions_keep_the_names_and_arguments_we_use():
    assert list(inspect.signature(metric_fid.fid_features_to_statistics).parameters) == ["features"]
    assert list(inspect.signature(metric_fid.fid_statistics_to_metric).parameters) == ["stat_1", "stat_2", "verbose"]
    assert {"feature", "splits", "shuffle"} <= set(inspect.signature(metric_isc.isc_features_to_metric).parameters)
    assert "kwargs" in inspect.signature(metric_prc.prc_features_to_metric).parameters
    assert metric_prc.prc_features_to_metric.__code__.co_varnames[:2] == ("features_1", "features_2")


class Pixels(torch_fidelity.FeatureExtractorBase):
    """Two linear maps of the pixels; different widths, so that logits can never pass for features."""

    def __init__(self, name, features_list, **kwargs):
        super().__init__(name, features_list)
        generator = torch.Generator().manual_seed(3)
        self.maps = {
            "pool": torch.randn(48, 8, generator=generator, dtype=torch.float64) / 100,
            "logits": torch.randn(48, 5, generator=generator, dtype=torch.float64) / 200,
        }

    def forward(self, images):
        flat = images.flatten(1).double()
        return tuple(flat @ self.maps[name] for name in self.features_list)  # that order is its own, not ours

    @staticmethod
    def get_provided_features_list():
        return "pool", "logits"

    @staticmethod
    def get_default_feature_layer_for_metric(metric):
        return {"isc": "logits", "fid": "pool", "prc": "pool"}[metric]


class Images(torch.utils.data.Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return self.images[i]


def test_our_values_are_those_of_calculate_metrics():
    name = "guidance-bench-test-pixels"
    if name not in torch_fidelity.registry.FEATURE_EXTRACTORS_REGISTRY:
        torch_fidelity.register_feature_extractor(name, Pixels)
    generator = torch.Generator().manual_seed(0)
    fake = torch.randint(0, 200, (90, 3, 4, 4), generator=generator, dtype=torch.uint8)
    real = torch.randint(0, 256, (80, 3, 4, 4), generator=generator, dtype=torch.uint8)
    theirs = torch_fidelity.calculate_metrics(
        input1=Images(fake), input2=Images(real), feature_extractor=name, isc=True, fid=True, prc=True, isc_splits=1,
        prc_neighborhood=3, cuda=False, cache=False, save_cpu_ram=True, verbose=False, batch_size=32,
    )  # fmt: skip
    extractor = Pixels(name, ["pool", "logits"])
    (pool_fake, logits), (pool_real, _) = ([x.numpy() for x in extractor(images)] for images in (fake, real))
    precision, recall = precision_recall(generated=pool_fake, reference=pool_real)
    assert frechet_distance(pool_fake, pool_real) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-9)
    assert inception_score(logits) == pytest.approx(theirs["inception_score_mean"], rel=1e-9)
    assert (precision, recall) == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6)
    assert precision != pytest.approx(recall, abs=1e-3) and np.isfinite(precision)  # else a swap would go unseen


@pytest.mark.parametrize(("n", "m", "mean"), [(500, 1100, 0.0), (30, 1100, 20.0)])
def test_precision_and_recall_are_theirs_in_larger_blocks_and_with_radii_taken_once(n, m, mean):
    """Theirs in blocks of 25 rows, above which cdist expands the square and a point far from 0 lies off itself."""
    rng = np.random.default_rng(0)
    made, real = rng.normal(mean, 1, (n, 8)), rng.normal(mean, 1.2, (m, 8))
    theirs = metric_prc.prc_features_to_metric(
        torch.from_numpy(made), torch.from_numpy(real), prc_neighborhood=3, prc_batch_size=25, save_cpu_ram=True, verbose=False
    )
    ours = precision_recall(generated=made, reference=real)
    assert ours == pytest.approx((theirs["precision"], theirs["recall"]), abs=1e-6) and 0 < ours[1] < 1
    assert precision_recall(generated=made, reference=real, radii=ball_radii(real)) == ours
