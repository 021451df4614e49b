"""Networks of released files on the meta device: as many tensors and parameters as their files hold, no argument passed over."""

from pathlib import Path

import pytest
import torch

from experiments.checkpoints import edm, edm2
from experiments.problems import Problem
from experiments.registry import CHECKPOINTS

RELEASED = {  # tensors and millions of parameters, of the originals' code on the meta device
    "adm-64": (541, 295.9),
    "adm-128": (493, 421.5),
    "adm-256": (567, 553.8),
    "adm-256-uncond": (566, 552.8),
    "adm-classifier-64": (307, 65.4),
    "adm-classifier-128": (221, 42.6),
    "adm-classifier-256": (249, 54.1),
    "adm-classifier-512": (281, 54.4),
    "consistency-edm-64": (541, 295.9),
}
C10 = {
    "img_resolution": 32,
    "img_channels": 3,
    "label_dim": 10,
    "model_type": "SongUNet",
    "channel_mult": [2, 2, 2],
    "augment_dim": 9,
}
VE = {"embedding_type": "fourier", "encoder_type": "residual", "channel_mult_noise": 2, "resample_filter": [1, 3, 3, 1]}
I64 = {"img_resolution": 64, "img_channels": 3, "label_dim": 1000}
PICKLES = {
    "edm-cifar10-32x32-cond-vp": (edm.unet, C10, 427, 55.7),
    "edm-cifar10-32x32-cond-ve": (edm.unet, {**C10, **VE}, 434, 56.4),
    "edm-imagenet-64x64-cond-adm": (edm.unet, {**I64, "model_type": "DhariwalUNet"}, 553, 295.9),
    "edm2-img64-xs": (edm2.build, {**I64, "model_channels": 128}, 203, 124.7),
    "edm2-img64-s": (edm2.build, {**I64, "model_channels": 192}, 203, 280.2),
}


def counts(network: torch.nn.Module) -> tuple[int, float]:
    tensors = network.state_dict().values()
    return len(tensors), round(sum(each.numel() for each in tensors) / 1e6, 1)


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_network_has_the_counts_of_its_file(name):
    pytest.importorskip("azula.plugins.adm")
    with torch.device("meta"):
        assert counts(CHECKPOINTS[name].network()) == RELEASED[name]


@pytest.mark.parametrize("name", PICKLES)
def test_a_released_pickle_has_the_counts_of_its_file(name):
    build, arguments, *wanted = PICKLES[name]
    with torch.device("meta"):
        assert counts(build(arguments, Path(name))) == tuple(wanted)


def test_dit_xl_2_has_its_675_million_parameters():
    with torch.device("meta"):
        assert [counts(CHECKPOINTS[f"dit-xl-2-{size}"].network())[1] for size in (256, 512)] == [675.1, 676.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "Transformer"}, "its network is a Transformer"),
        ({"encoder_type": "skip"}, "encoder_type=skip is none of standard, residual"),
        ({"wings": 2}, "an argument of its network is not known here .*wings"),
    ],
)
def test_an_argument_that_is_not_known_is_named(change, words, tmp_path):
    with pytest.raises(Problem, match=words):
        edm.unet({**C10, **change}, tmp_path)
    with pytest.raises(Problem, match="not known here"):
        edm2.build({**I64, "wings": 2}, tmp_path)
