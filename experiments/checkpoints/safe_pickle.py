"""Pickles of NVlabs' torch_utils.persistence (EDM, EDM2), opened without running anything that they bring along.

Such a pickle holds, for every object, the source code of its class, which NVlabs' loader executes. Here the text is dropped:
what remains of an object is the name of its class, the arguments of its constructor, and its tensors. Only the callables of
ALLOWED are handed to pickle, each an inert stand-in of this file; any other one is refused by its name before it is called.
"""

import io
import pickle
import re
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.graph.files import require_file
from experiments.problems import Problem

OF_TORCH = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # how a file of torch.save begins, now and in older ones
NUMBERS = {kind + size for kind, sizes in {"f": "248", "i": "1248", "u": "1248", "b": "1"}.items() for size in sizes}


class Sealed(type):
    """A class that a pickle cannot write to: the opcode BUILD sets attributes of whatever it is given."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"it sets {name} of a class")


class Inert(metaclass=Sealed):
    """An object of which only the state is kept: a torch.nn container, or whatever has no arguments worth keeping."""

    state: dict[str, Any] = {}
    class_name = "torch.nn module"

    def __new__(cls, *args: Any) -> "Inert":
        return super().__new__(cls)

    def __init__(self, *args: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        vars(self)["state"] = state if isinstance(state, dict) else {}

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and persistent buffers by their dotted names, as `state_dict` would have them."""
        passing = self.state.get("_non_persistent_buffers_set") or ()
        held = {**(self.state.get("_parameters") or {}), **(self.state.get("_buffers") or {})}
        found = {f"{prefix}{name}": each for name, each in held.items() if isinstance(each, Tensor) and name not in passing}
        for name, module in (self.state.get("_modules") or {}).items():
            if isinstance(module, Inert):
                found |= module.tensors(f"{prefix}{name}.")
        return found


class Persistent(Inert):
    """What _reconstruct_persistent_obj would make an object of: `meta` has its source, which is not read, and its state."""

    def __init__(self, meta: Any):
        if not isinstance(meta, dict) or not isinstance(meta.get("class_name"), str):
            raise pickle.UnpicklingError("it holds a persistent object that says no class")
        self.__setstate__(meta.get("state"))
        vars(self)["class_name"] = meta["class_name"]

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword arguments of its constructor."""
        return dict(self.state.get("_init_kwargs") or {})


class EasyDict(dict, metaclass=Sealed):
    """dnnlib's dictionary, as a dictionary."""


class Parameter(metaclass=Sealed):
    def __new__(cls, data: Tensor, *rest: Any) -> Any:
        return data


class Rebuilt(metaclass=Sealed):
    """A tensor of a storage, as torch._utils._rebuild_tensor_v2 makes it; the bounds are checked by torch."""

    def __new__(cls, storage: Any, offset: int, size: Any, stride: Any, *rest: Any) -> Any:
        if not isinstance(storage, torch.storage.TypedStorage):
            raise pickle.UnpicklingError(f"it makes a tensor of {type(storage).__name__}")
        empty = torch.empty(0, dtype=storage.dtype)
        return empty.set_(storage._untyped_storage, offset, tuple(size), tuple(stride))


class Storage(metaclass=Sealed):
    """The bytes of a storage, which are themselves a file of torch.save: opened as weights only."""

    def __new__(cls, content: bytes) -> Any:
        return opened(io.BytesIO(content))


class Dtype(metaclass=Sealed):
    """The type of a numpy number, its byte order set by its state."""

    def __init__(self, code: str, *rest: Any):
        if code not in NUMBERS:
            raise pickle.UnpicklingError(f"it holds a numpy array of {code!r}, no numbers")
        vars(self).update(code=code, order="<")

    def __setstate__(self, state: Any) -> None:
        vars(self)["order"] = ">" if state[1] == ">" else "<"


def _numbers(content: bytes, dtype: Dtype) -> np.ndarray:
    return np.frombuffer(content, np.dtype(vars(dtype)["order"] + vars(dtype)["code"]))


class Scalar(metaclass=Sealed):
    def __new__(cls, dtype: Dtype, content: bytes) -> Any:
        return _numbers(content, dtype)[0].item()


class Array(metaclass=Sealed):
    """A numpy array, its `values` set by its state."""

    def __new__(cls, *args: Any) -> "Array":
        return super().__new__(cls)

    def __init__(self, *args: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, content = state
        vars(self)["values"] = _numbers(content, dtype).reshape(shape, order="F" if fortran else "C")


NUMPY = {"multiarray.scalar": Scalar, "multiarray._reconstruct": Array}
ALLOWED: dict[str, Any] = {
    "torch_utils.persistence._reconstruct_persistent_obj": Persistent,
    "dnnlib.util.EasyDict": EasyDict,
    "collections.OrderedDict": OrderedDict,
    "builtins.set": set,
    "torch._utils._rebuild_parameter": Parameter,
    "torch._utils._rebuild_tensor_v2": Rebuilt,
    "torch.storage._load_from_bytes": Storage,
    "numpy.dtype": Dtype,
    "numpy.ndarray": Array,
    **{f"{core}.{name}": stand_in for core in ("numpy.core", "numpy._core") for name, stand_in in NUMPY.items()},
}


class Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        called = f"{module}.{name}"
        if called in ALLOWED:
            return ALLOWED[called]
        if module.startswith("torch.nn.modules.") and "." not in name:
            return Inert
        raise Refused(called)


class Refused(Exception):
    """The name of a callable that is not in ALLOWED."""


def opened(file: Any) -> Any:
    """What a file of torch.save holds, as weights only. Refused for one that calls anything, by "" if torch does not say what."""
    try:
        with warnings.catch_warnings(action="ignore"):  # that a plain pickle is no file of torch.save
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise Refused(said[1] if said else "") from error


def refusal(path: Path, refused: Refused) -> Problem:
    """The line that says what a file would have called."""
    called = str(refused) or "what torch.load refuses"
    return Problem(f"{path} is a pickle of more than weights: it calls {called}, which could run code, and is not opened")


def load(path: Path) -> Any:
    """What a pickle holds: dictionaries, tensors, and stand-ins for everything else. Problem for one that asks for more."""
    with require_file(path).open("rb") as file:
        try:
            if file.peek().startswith(OF_TORCH):
                opened(path)  # says what it would call, if it would
                raise Problem(f"{path} is a file of torch.save, and no pickle of EDM or EDM2: another adapter is the one for it")
            return Reader(file).load()
        except Problem:
            raise
        except Refused as refused:
            raise refusal(path, refused) from None
        except Exception as error:  # a file of another kind, or cut short, fails in as many ways as pickle has opcodes
            raise Problem(f"{path} is no pickle of EDM or EDM2 that can be read: {' '.join(str(error).split())[:200]}") from error


def network_of(path: Path, kinds: tuple[str, ...]) -> Persistent:
    """The `ema` of a pickle of EDM or EDM2. Problem unless it is an object of one of the classes `kinds`."""
    content = load(path)
    network = content.get("ema") if isinstance(content, dict) else None
    found = network.class_name if isinstance(network, Persistent) else type(content).__name__
    if not isinstance(network, Persistent) or network.class_name not in kinds:
        raise Problem(f"{path} holds no `ema` of the class {' or '.join(kinds)}, but {found}: another adapter is the one for it")
    return network
