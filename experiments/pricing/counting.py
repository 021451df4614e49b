"""FLOPs, kernels and memory of a piece of work, counted on the meta device, where tensors have shapes and no numbers."""

import contextlib
import copy
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Count:
    """flops: of matrix products, convolutions and attention, a multiplication and an addition being two. kernels: operations
    that make a tensor. peak: the most bytes of such tensors alive at once.
    """

    flops: float = 0.0
    kernels: int = 0
    peak: float = 0.0


class Watch(TorchDispatchMode):
    """Counts the tensors that are made while it is entered, and the bytes of those alive."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels, self.live, self.peak = 0, 0, 0
        self.alive: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {held.untyped_storage()._cdata for held in tree_leaves((args, kwargs)) if isinstance(held, Tensor)}
        for tensor in tree_leaves(out):
            if not isinstance(tensor, Tensor):
                continue
            storage = tensor.untyped_storage()  # a view, or a tensor changed in place, has no new one
            if (key := storage._cdata) not in self.alive and key not in given:
                size = storage.nbytes()
                self.alive.add(key)
                self.kernels, self.live = self.kernels + 1, self.live + size
                self.peak = max(self.peak, self.live)
                weakref.finalize(storage, self._gone, key, size)
        return out

    def _gone(self, key: int, size: int) -> None:
        self.alive.discard(key)
        self.live -= size


class _NoModules(contextlib.nullcontext):
    """Instead of a tracker of modules."""

    parents = frozenset({"Global"})


def counted(work: Callable[[], Any]) -> Count:
    """What `work` does."""
    flops = FlopCounterMode(display=False)
    for way in ("", "_backward"):  # torch 2.11 knows no FLOPs of a CPU's fused attention, newer ones do
        fused, like = (getattr(torch.ops.aten, f"_scaled_dot_product_flash_attention{on}{way}") for on in ("_for_cpu", ""))
        flops.flop_registry.setdefault(fused, flops.flop_registry[like])
    flops.mod_tracker = _NoModules()  # type: ignore[assignment]  # totals are wanted, and its hooks refuse gradients of leaves
    with Watch() as watch, flops:
        held = work()
    del held
    return Count(float(flops.get_total_flops()), watch.kernels, float(watch.peak))


def on_meta(module: nn.Module) -> nn.Module:
    """A copy of a module without its numbers."""
    return module if any(p.is_meta for p in module.parameters()) else copy.deepcopy(module).to("meta")


def size_of(module: nn.Module) -> int:
    """Bytes of a module's parameters and buffers."""
    return sum(held.numel() * held.element_size() for held in module.state_dict().values())


def count_call(call: Callable[..., Tensor], module: nn.Module, inputs: tuple[Tensor, ...], backward: bool) -> Count:
    """One call of a module, with the gradient with respect to the first input if `backward`.

    A module that reads its numbers on the way cannot be counted without them: it is called with two rows then, and the count is
    multiplied.
    """

    def work(module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:
        first, *others = inputs
        with torch.set_grad_enabled(backward):
            out = call(module, first.requires_grad_(backward), *others)
            return torch.autograd.grad(out.sum(), first) if backward else out

    try:
        without = on_meta(module), tuple(each.to("meta") for each in inputs)
        return counted(lambda: work(*without))
    except (RuntimeError, NotImplementedError, ValueError):
        few = tuple(each[:2].clone() for each in inputs)
        found, times = counted(lambda: work(module, few)), len(inputs[0]) / len(few[0])
        return Count(found.flops * times, found.kernels, found.peak * times)
