"""Small networks of others with weights by a formula: what tests/experiments/golden/foreign.json holds the outputs of.

A weight is a centred number of `numbers` over the root of its fan-in, a gain about 1, a bias small; the tensors of a network are
counted in the order of their names in the released files. Images, levels and labels are in CASES.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from experiments.checkpoints.adm import ADM
from experiments.checkpoints.adm_classifier import ADMClassifier
from experiments.checkpoints.consistency_edm import ConsistencyEDM
from experiments.checkpoints.dit import DiT

GOLDEN = Path(__file__).parent / "golden" / "foreign.json"
EVERY = 29  # which entries of an output are kept

HEADS = {"head_channels": 16, "classes": 5}
UNET = {"size": 32, "width": 32, "blocks": 1, "multipliers": (1, 2), **HEADS}
ADMS = {
    "adm": ADM(**UNET, new_order=True, chain="cosine"),
    "adm-heads": ADM(**{**UNET, "head_channels": None, "multipliers": (0.5, 1), "width": 64}, heads=2),
    "adm-uncond": ADM(**{**UNET, "classes": None}, scale_shift=False),
}
CLASSIFIERS = {
    "classifier-cosine": ADMClassifier(size=32, width=32, blocks=1, multipliers=(1, 2), **HEADS, chain="cosine"),
    "classifier-linear": ADMClassifier(size=32, width=64, blocks=2, multipliers=(0.5, 1), **HEADS),
}
CONSISTENCY = {
    "consistency": ConsistencyEDM(unet=ADM(**UNET, new_order=True)),
    "consistency-uncond": ConsistencyEDM(unet=ADM(**{**UNET, "classes": None}, new_order=True, scale_shift=False)),
}
DITS = {"dit": DiT(size=8, width=48, depth=2, heads=4, classes=5)}
SMALL = {"img_resolution": 16, "img_channels": 3, "label_dim": 5}
SONG = {**SMALL, "model_type": "SongUNet", "model_channels": 32, "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [8]}
NCSN = {"embedding_type": "fourier", "encoder_type": "residual", "channel_mult_noise": 2, "resample_filter": [1, 3, 3, 1]}
EDMS = {
    "edm-ddpm": {**SONG, "augment_dim": 9, "dropout": 0.13},
    "edm-ncsn": {**SONG, **NCSN, "label_dropout": 0.1},
    "edm-uncond": {**SONG, "label_dim": 0},
    "edm-adm": {**SMALL, "model_channels": 64, "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [8]},
}
EDM2 = {"model_channels": 64, "channel_mult": [1, 2], "num_blocks": 1, "attn_resolutions": [8]}
EDM2S = {
    "edm2": {**SMALL, **EDM2},
    "edm2-uncond": {**SMALL, **EDM2, "label_dim": 0, "channel_mult_noise": 1, "channel_mult_emb": 2, "label_balance": 0.4},
}
TIMES, SIGMAS, LABELS = (0, 500, 998), (0.01, 0.7, 60.0), (0, 3, 4)


def numbers(n: int, seed: int) -> Tensor:
    """n numbers in [-1, 1), float64: the fractions of 10,000 sin(1 + 1.618 i + 7.31 seed)."""
    angle = 1 + 1.618 * torch.arange(n, dtype=torch.float64) + 7.31 * seed
    return 2 * (1e4 * angle.sin() % 1) - 1


def weights(shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """The weights of a network, float32, by its tensors' shapes."""
    made = {}
    for index, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        each = numbers(math.prod(shape), index).reshape(shape)
        if len(shape) > 1:
            each = each * math.sqrt(3 / math.prod(shape[1:]))
        elif name.endswith("weight") or not shape:
            each = 1 + 0.2 * each
        elif name.endswith("bias"):
            each = 0.1 * each
        made[name] = each.float()
    return made


def images(count: int, channels: int, size: int) -> Tensor:
    """What the networks are shown, (count, channels, size, size)."""
    return (1.5 * numbers(count * channels * size**2, 99)).float().reshape(count, channels, size, size)


def kept(output: Tensor) -> list[float]:
    """The entries of an output that are held, and its root mean square."""
    flat = output.detach().double().flatten()
    return [*flat[::EVERY].tolist(), flat.square().mean().sqrt().item()]


def golden() -> dict[str, dict[str, list[float]]]:
    return json.loads(GOLDEN.read_text())
