"""Any timm classification network by name, for images of any size and channel count: the only door to timm."""

import difflib
from pathlib import Path

import timm
import torch.nn.functional as F
from jaxtyping import Float
from timm.models import load_state_dict
from torch import Tensor, nn

from classifiers.half_unet import HALF_UNET


def require_arch(arch: str) -> str:
    """`arch`, if timm has a model of that name. ValueError with the nearest names otherwise."""
    if not timm.is_model(arch):
        known = [*timm.list_models(), HALF_UNET]
        near = difflib.get_close_matches(arch, known, n=3) or ["test_resnet", "resnet18"]
        raise ValueError(f"timm has no model named {arch!r}; the nearest names are {', '.join(near)}")
    return arch


def create(arch: str, channels: int, num_classes: int, size: int, weights: Path | str | None = None) -> nn.Module:
    """The timm network `arch` for (b, channels, size, size), randomly initialised or with `weights`.

    weights: a file of timm's weights of that architecture (safetensors, or a pickle that is opened with weights_only), or
    "timm" for those that timm fetches; timm fits the first layer to the channels and drops another head.
    ValueError with timm's own reason where the architecture cannot take such images or such weights.
    """
    fixed = timm.get_pretrained_cfg(require_arch(arch), allow_unregistered=False).fixed_input_size
    options = {"img_size": size} if fixed else {}
    if weights is not None and weights != "timm":
        options["pretrained_cfg_overlay"] = {"file": str(require_weights(arch, weights))}
    try:
        return timm.create_model(arch, pretrained=weights is not None, in_chans=channels, num_classes=num_classes, **options)
    except Exception as error:  # timm's models, files and hubs fail in as many ways as there are authors
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if weights == "timm":
            raise ValueError(
                f"timm's weights of {arch} are not on this machine and could not be fetched ({reason}): name a file of them, "
                "or leave weights out and train from random ones"
            ) from error
        of = f" from {weights}" if weights else ""
        raise ValueError(f"timm's {arch} cannot be built for {channels} x {size} x {size} images{of}: {reason}") from error


def require_weights(arch: str, file: Path | str) -> Path | str:
    """`file`, if it holds every parameter of timm's `arch` but the head. ValueError otherwise, where timm would only warn."""
    try:
        held = set(load_state_dict(str(file)))  # of a pickle only tensors are opened: weights_only
    except Exception as error:
        raise ValueError(f"{file} cannot be read as weights: {str(error).strip().splitlines()[0]}") from error
    network = timm.create_model(arch)
    head = {name for name, one in network.named_modules() if one is network.get_classifier()}
    needed = [name for name, _ in network.named_parameters() if name.rpartition(".")[0] not in head]
    if missing := [name for name in needed if name not in held]:
        raise ValueError(f"{file} holds no weights of {arch}: it lacks {missing[0]}, and {len(missing) - 1} more")
    return file


def enlarge(images: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c s s"]:
    """`images` at size x size, pixels repeated: 8x8 digits are smaller than most networks' first stride."""
    return images if images.shape[-2:] == (size, size) else F.interpolate(images, size=(size, size), mode="nearest")
