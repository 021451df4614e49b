"""Any timm classification network by name, for images of any size and channel count: the only door to timm."""

import difflib
import re
from pathlib import Path
from pickle import UnpicklingError

import timm
from timm.models import load_state_dict
from torch import nn


def require_arch(arch: str, *others: str) -> str:
    """`arch`, if timm has a model of that name. ValueError with the nearest names otherwise, of timm's and of `others`."""
    if not timm.is_model(arch):
        known = [*timm.list_models(), *others]
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
        source = f" from {weights}" if weights else ""
        raise ValueError(f"timm's {arch} cannot be built for {channels} x {size} x {size} images{source}: {reason}") from error


def require_weights(arch: str, file: Path | str) -> Path | str:
    """`file`, if it holds the parameters of timm's `arch` and of nothing larger. ValueError otherwise: timm would only warn.

    Of other shapes may be what timm fits: the first layer (channels), positions (size) and the head (classes).
    """
    try:
        weights = load_state_dict(str(file))  # of a pickle only tensors are opened: weights_only
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if isinstance(error, UnpicklingError) or "weights_only" in str(error):
            raise ValueError(f"{file} is a pickle of more than weights, which could run code: it is not opened") from error
        raise ValueError(f"{file} cannot be read as weights: {reason}") from error
    network = timm.create_model(arch)
    head = {name for name, module in network.named_modules() if module is network.get_classifier()}
    needed = {name: module.shape for name, module in network.named_parameters() if name.rpartition(".")[0] not in head}
    if missing := [name for name in needed if name not in weights]:
        raise ValueError(f"{file} holds no weights of {arch}: it lacks {missing[0]}, and {len(missing) - 1} more")
    first = network.pretrained_cfg.get("first_conv") or ()
    fitted = tuple(f"{name}." for name in ([first] if isinstance(first, str) else first))
    for name, shape in needed.items():
        if weights[name].shape != shape and not name.startswith(fitted) and "pos" not in name:
            raise ValueError(f"{file} holds no weights of {arch}: its {name} is {tuple(weights[name].shape)}, not {tuple(shape)}")
    layers = {_numberless(name) for name in needed}
    if more := [name for name in weights if name not in network.state_dict() and _numberless(name) in layers]:
        raise ValueError(f"{file} holds weights of something larger than {arch}: {more[0]}, and {len(more) - 1} more")
    return file


def _numberless(name: str) -> str:
    return re.sub(r"\d+", "#", name)
