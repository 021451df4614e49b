"""r, the share of a network's forward that one more branch costs where branches share a trunk, by FLOPs."""

import copy
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import nn

_KNOWN: WeakKeyDictionary[nn.Module, dict[tuple[int, ...], float]] = WeakKeyDictionary()


def head_share(network: nn.Module, shape: Sequence[int]) -> float:
    """FLOPs of one more label for the same z, over those of a forward with one label, for z of `shape` without its batch.

    1 of a network whose branches share nothing. Matrix products, convolutions and attention are counted, on the meta device
    where tensors have shapes and no numbers: once for a network and a shape.
    """
    if not getattr(network, "shares_trunk", False):
        return 1.0
    known = _KNOWN.setdefault(network, {})
    if (key := tuple(shape)) not in known:
        one, two = (_flops(network, key, labels) for labels in (1, 2))
        known[key] = (two - one) / one
    return known[key]


def _flops(network: nn.Module, shape: tuple[int, ...], labels: int) -> int:
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, a second

    held = (*network.parameters(), *network.buffers())
    bare = copy.deepcopy(network, {id(each): _without_numbers(each) for each in held})
    z, logsnr = torch.zeros(1, *shape, device="meta"), torch.zeros(1, device="meta")
    label = torch.zeros(labels, dtype=torch.long, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        type(network).forward(bare, z, logsnr, label)  # not called, as hooks that count evaluations would count this one
    return counter.get_total_flops()


def _without_numbers(held: torch.Tensor) -> torch.Tensor:
    bare = torch.empty_like(held, dtype=torch.float32 if held.is_floating_point() else held.dtype, device="meta")
    return nn.Parameter(bare, requires_grad=False) if isinstance(held, nn.Parameter) else bare
