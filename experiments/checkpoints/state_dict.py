"""Weights as tensors by name: read without running code, held against the network that they are for, and put into it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from experiments.checkpoints.safe_pickle import Refused, load, opened, refusal
from experiments.graph.files import require_file
from experiments.problems import Problem, one_line, out_of_memory
from experiments.registry import CHECKPOINTS

INSIDE = ("ema", "state_dict", "model")  # where a training's file keeps the weights, the averaged ones first
SHOWN = 3


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of a file of torch.save that holds nothing else. Problem for any other."""
    if require_file(path).suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise Problem(f"{path} is no safetensors file, or is cut short ({one_line(error)})") from error
    try:
        found = opened(path)
    except Refused as refused:
        if not str(refused):
            load(path)  # a plain pickle: says what it would call
            raise Problem(f"{path} is a plain pickle: if it is EDM's or EDM2's, the adapters edm and edm2 open it") from None
        raise refusal(path, refused) from None
    except Exception as error:  # a file of another kind, or cut short, fails in as many ways as it has bytes
        if out_of_memory(error):
            raise
        said = f"{type(error).__name__} {one_line(error)}".strip()
        raise Problem(f"{path} is no file of torch.save, or is cut short ({said})") from error
    inner = next((found[key] for key in INSIDE if isinstance(found, dict) and isinstance(found.get(key), dict)), found)
    if not isinstance(inner, dict) or not inner or not all(isinstance(each, Tensor) for each in inner.values()):
        found = f"a dictionary of {_some(list(map(str, inner)))}" if isinstance(inner, dict) else type(inner).__name__
        raise Problem(f"{path} holds no tensors by name, but {found}")
    return inner


def filled(
    build: Callable[[], nn.Module],
    state: Mapping[str, Tensor],
    path: Path,
    adapter: str,
    device: str,
    their_name: Callable[[str], str] = str,
) -> nn.Module:
    """The network that `build` makes, with these weights in float32, for inference. Problem as `require_fit`.

    It is built without memory, and the tensors become its own: a network of 10 GB takes 10 GB. their_name: what a tensor of
    the network is called in `state`.
    """
    with torch.device("meta"):
        network = build()
    own = network.state_dict()
    require_fit({their_name(name): each for name, each in own.items()}, state, path, adapter)
    network.load_state_dict({name: state[their_name(name)].float() for name in own}, assign=True)
    if unsaved := [name for name, buffer in network.named_buffers() if buffer.is_meta]:  # tables that no file holds
        made = build()
        for name in unsaved:
            owner, _, own_name = name.rpartition(".")
            setattr(network.get_submodule(owner), own_name, made.get_buffer(name))
    return network.to(device).eval().requires_grad_(False)


def require_fit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path, adapter: str) -> None:
    """Problem, in one line, that says which tensors are missing, extra or of another shape, and the nearest preset."""
    missing, extra = [name for name in wanted if name not in found], [name for name in found if name not in wanted]
    differ = [
        f"{name} {tuple(found[name].shape)} not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    if missing or extra or differ:
        wrong = {"missing": missing, "extra": extra, "of another shape": differ}
        listed = "; ".join(f"{len(names)} {what} ({_some(names)})" for what, names in wrong.items() if names)
        raise Problem(f"{path} does not fit {adapter}, which has {len(wanted)} tensors: {listed}; {_nearest(found)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _nearest(found: Mapping[str, Tensor]) -> str:
    """The adapter of the registry whose network shares most tensors, by name and shape, with these; or by name alone."""
    shares: dict[str, tuple[float, float]] = {}
    for name, network in _networks():
        same = [key for key in network if key in found]
        fit = sum(network[key].shape == found[key].shape for key in same)
        union = len(network) + len(found) - len(same)
        shares[name] = fit / union, len(same) / union
    if not shares or max(shares.values()) == (0, 0):
        return "no preset has such names"
    nearest = max(shares, key=lambda name: sum(shares[name]))  # by name alone, a family is told whatever the width
    fit, names = shares[nearest]
    return f"the nearest preset is {nearest}, with {fit:.0%} of the tensors and {names:.0%} of their names in common"


def _networks() -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The network of every adapter of the registry that has one of its own, its tensors under their names in the files."""
    for name in CHECKPOINTS.own:
        adapter = CHECKPOINTS[name]
        if hasattr(adapter, "network"):
            try:
                with torch.device("meta"):
                    tensors = adapter.network().state_dict()
            except Problem:  # an extra is not installed
                continue
            yield name, {getattr(adapter, "their_name", str)(key): each for key, each in tensors.items()}
