"""Pickles in the form of NVlabs' torch_utils.persistence, made without NVlabs' code, and ones that would do harm."""

import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

SOURCE = "raise SystemExit('the source of a class was executed')\n"


class Object:
    """A persistent object: pickled as a call of _reconstruct_persistent_obj with its source as text, as NVlabs' are."""

    def __init__(self, class_name: str, state: dict[str, Any]):
        self.meta = {"type": "class", "version": 6, "module_src": SOURCE, "class_name": class_name, "state": state}

    def __reduce__(self) -> tuple:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,), None


def _reconstruct_persistent_obj(meta: Any) -> None:
    raise AssertionError("only its name is pickled")


class EasyDict(dict):
    pass


_reconstruct_persistent_obj.__module__, EasyDict.__module__ = "torch_utils.persistence", "dnnlib.util"


def module(class_name: str, tensors: Mapping[str, Tensor], arguments: dict[str, Any]) -> Any:
    """A tree of persistent modules that holds tensors at their dotted names; ModuleDicts where NVlabs have them."""
    held: dict[str, dict[str, Tensor]] = {}
    state: dict[str, Any] = {
        "training": False,
        "_parameters": OrderedDict(),
        "_buffers": OrderedDict(),
        "_modules": OrderedDict(),
    }
    state |= {"_non_persistent_buffers_set": set(), "_forward_hooks": OrderedDict(), "_init_args": (), "_init_kwargs": arguments}
    state |= {"skip_scale": np.float64(0.5), "_raw_mean": np.arange(3, dtype=np.float32), "passing": None}
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        if rest:
            held.setdefault(first, {})[rest] = tensor
        elif first in ("freqs", "phases", "resample_filter"):
            state["_buffers"][first] = tensor
        else:
            state["_parameters"][first] = nn.Parameter(tensor, requires_grad=False)
    for name, inner in held.items():
        if name in ("enc", "dec"):
            state["_modules"][name] = container = nn.ModuleDict()
            for block in {key.split(".")[0] for key in inner}:
                of_block = {key.partition(".")[2]: each for key, each in inner.items() if key.startswith(f"{block}.")}
                vars(container)["_modules"][block] = module("Block", of_block, {})
        else:
            state["_modules"][name] = module("Layer", inner, {})
    return Object(class_name, state)


def snapshot(class_name: str, tensors: Mapping[str, Tensor], arguments: dict[str, Any]) -> bytes:
    """The bytes of a file of EDM or EDM2."""
    network, loss = module(class_name, tensors, arguments), Object("EDMLoss", {"P_mean": -1.2})
    content = EasyDict(ema=network, loss_fn=loss, augment_pipe=None, dataset_kwargs=EasyDict(path="data.zip", use_labels=True))
    return pickled(content)


def pickled(content: Any, protocol: int = 4) -> bytes:
    """The content as plain pickle has it, in the names of NVlabs' modules."""
    names = ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")
    modules = {name: ModuleType(name) for name in names}
    modules["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct_persistent_obj
    modules["dnnlib.util"].EasyDict = EasyDict
    before = {name: sys.modules.get(name) for name in names}
    sys.modules |= modules
    try:
        file = io.BytesIO()
        pickle.Pickler(file, protocol).dump(content)
        return file.getvalue()
    finally:
        for name, was in before.items():
            sys.modules.pop(name)
            if was is not None:
                sys.modules[name] = was


class Calls:
    """Pickled as a call of `function` with `arguments`."""

    def __init__(self, function: Any, *arguments: Any):
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple:
        return self.function, self.arguments
