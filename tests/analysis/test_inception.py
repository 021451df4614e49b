"""Inception-v3 with given weights: what torch-fidelity computes of the same file, and weights of another network refused."""

from unittest.mock import patch

import pytest
import torch
from jaxtyping import TypeCheckError
from torch_fidelity import feature_extractor_inceptionv3 as theirs

from analysis.measures.inception import Inception


@pytest.fixture(scope="module")
def state():
    """Random weights under the names of the released file."""
    with torch.random.fork_rng(), patch.object(theirs.FeatureExtractorInceptionV3, "load_state_dict"):
        torch.manual_seed(0)
        with patch.object(theirs, "load_state_dict_from_url", lambda *args, **options: {}):
            return theirs.FeatureExtractorInceptionV3("random", ["2048"], verbose=False).state_dict()


def test_features_and_logits_are_those_of_torch_fidelity(state, tmp_path):
    torch.save(state, tmp_path / "random.pth")
    images = torch.randint(0, 256, (2, 3, 24, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    layers = ["64", "logits_unbiased"]
    file = str(tmp_path / "random.pth")
    with torch.no_grad():
        wanted = theirs.FeatureExtractorInceptionV3("x", layers, feature_extractor_weights_path=file, verbose=False)(images)
    found = Inception(state, "64")(images)
    assert [tuple(each.shape) for each in found] == [(2, 64), (2, 1008)]
    assert all(torch.allclose(one, other, rtol=0, atol=1e-6 * other.abs().max()) for one, other in zip(found, wanted))
    assert not torch.allclose(found[0][0], found[0][1], rtol=1e-3), "else images would not matter"
    with pytest.raises((ValueError, TypeCheckError), match=r"torch\.uint8|UInt8"):
        Inception(state, "64")(images.float())


@pytest.mark.slow
def test_the_spatial_layer_of_sfid_is_seven_channels_of_mixed_6(state):
    """Of 17 x 17 places, after the ReLU; the same logits; and one row for every image, whatever the batch."""
    images = torch.randint(0, 256, (3, 3, 24, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = Inception(state, "spatial")
    seen = []
    network.network.Mixed_6d.register_forward_hook(lambda module, given, out: seen.append(out))
    features, logits = network(images)
    assert features.shape == (3, 7 * 17 * 17) and torch.equal(features, seen[0][:, :7].flatten(1))
    assert features.min() == 0 < features.max(), "of a ReLU"
    assert torch.equal(logits, Inception(state, "64")(images)[1])
    alone = torch.cat([network(images[i : i + 1])[0] for i in range(3)])
    assert torch.allclose(alone, features, rtol=0, atol=1e-5 * features.max()) and not network.seen


def test_weights_of_another_network_are_refused_in_one_line(state):
    for weights in ({name: each for name, each in state.items() if name != "fc.weight"}, {"weight": torch.zeros(2)}):
        with pytest.raises(ValueError, match=r"^these are no weights of torch-fidelity's Inception-v3: [^\n]*$"):
            Inception(weights)
