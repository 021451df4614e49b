"""A frozen timm network as features of images: its pooled layer before the head, or another one, and its logits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from jaxtyping import Float, UInt8
from timm.models import load_state_dict
from torch import Tensor, nn

from classifiers.backbone import require_arch, require_weights
from classifiers.preprocess import prepared


class Pretrained(nn.Module):
    """uint8 images (b, 1 or 3, h, w) -> (features (b, d), logits (b, c), or None of a network without a head).

    layer: None is the pooled one before the head; i is the i-th of timm's intermediate maps, averaged over space. The
    logits are the head's in either case. size, interpolation, mean, std: of classifiers.preprocess.
    """

    def __init__(
        self,
        network: nn.Module,
        size: int,
        interpolation: str,
        mean: Sequence[float],
        std: Sequence[float],
        layer: int | None = None,
    ):
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.preprocessing, self.layer = (size, interpolation, tuple(mean), tuple(std)), layer
        head = network.get_classifier()
        self.head = None if isinstance(head, nn.Identity) else head

    @torch.inference_mode()
    def forward(self, images: UInt8[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b classes"] | None]:
        x = prepared(images, *self.preprocessing)
        if self.layer is None:
            last = self.network.forward_features(x)
        else:
            last, (found,) = self.network.forward_intermediates(x, indices=[self.layer])
        pooled = self.network.forward_head(last, pre_logits=True)
        logits = None if self.head is None else self.head(pooled)
        return pooled if self.layer is None else found.mean((-2, -1)), logits


def build(arch: str, size: int, file: Path | None, seed: int = 0) -> nn.Module:
    """timm's `arch` for 3 x size x size images with the weights of a file, its head included if the file has one; without a
    file, random weights of `seed`, with a head.

    ValueError with timm's own reason for an unknown architecture, a file of another one, or a size that it cannot take.
    """
    options: dict[str, Any] = {"img_size": size} if timm.get_pretrained_cfg(require_arch(arch)).fixed_input_size else {}
    if file is not None:
        weights = load_state_dict(str(require_weights(arch, file)))
        options |= {"num_classes": (classes := head_rows(arch, weights))}
        options |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(file), "num_classes": classes}}
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return timm.create_model(arch, **options)
    except Exception as error:  # timm's models fail in as many ways as there are authors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"timm's {arch} cannot be built for 3 x {size} x {size} images: {reason}") from error


def head_rows(arch: str, weights: Mapping[str, Tensor]) -> int:
    """How many classes the head in a state_dict of `arch` has; 0 where it holds none."""
    network = timm.create_model(arch)
    head = next((name for name, module in network.named_modules() if module is network.get_classifier()), None)
    return len(weights[f"{head}.weight"]) if f"{head}.weight" in weights else 0


def by_name(arch: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """timm's `arch` with the tensors of a state_dict of its own, every one of them. RuntimeError where one does not fit."""
    network = timm.create_model(arch)
    network.load_state_dict(weights)
    return network


def in_order(arch: str, weights: Mapping[str, Tensor]) -> nn.Module:
    """timm's `arch` with the tensors of a state_dict under other names, taken in order, which safetensors do not keep.

    ValueError where number, last part of the name, or shape of one does not fit.
    """
    network = timm.create_model(arch)
    own = network.state_dict()
    pairs = list(zip(weights.items(), own.items()))
    fits = len(weights) == len(own) and all(
        theirs.rpartition(".")[2] == ours.rpartition(".")[2] and tensor.shape == held.shape
        for (theirs, tensor), (ours, held) in pairs
    )
    if not fits:
        raise ValueError(f"the {len(weights)} tensors are not those of timm's {arch}, which has {len(own)}, in order")
    network.load_state_dict({ours: tensor for (_, tensor), (ours, _) in pairs})
    return network
