"""Any timm classification network by name, for images of any size and channel count: the only door to timm."""

import difflib

import timm
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def require_arch(arch: str) -> str:
    """`arch`, if timm has a model of that name. ValueError with the nearest names otherwise."""
    if not timm.is_model(arch):
        near = difflib.get_close_matches(arch, timm.list_models(), n=3) or ["test_resnet", "resnet18"]
        raise ValueError(f"timm has no model named {arch!r}; the nearest names are {', '.join(near)}")
    return arch


def create(arch: str, channels: int, num_classes: int, size: int) -> nn.Module:
    """The timm network `arch`, randomly initialised, for (b, channels, size, size).

    ValueError with timm's own reason where the architecture cannot take such images.
    """
    fixed = timm.get_pretrained_cfg(require_arch(arch), allow_unregistered=False).fixed_input_size
    options = {"img_size": size} if fixed else {}
    try:
        return timm.create_model(arch, pretrained=False, in_chans=channels, num_classes=num_classes, **options)
    except (TypeError, RuntimeError, AssertionError, ValueError) as error:
        raise ValueError(f"timm's {arch} cannot be built for {channels} x {size} x {size} images: {error}") from error


def enlarge(images: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c s s"]:
    """`images` at size x size, pixels repeated: 8x8 digits are smaller than most networks' first stride."""
    return images if images.shape[-2:] == (size, size) else F.interpolate(images, size=(size, size), mode="nearest")
