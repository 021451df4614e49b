"""How a network is run for several branches of one z: in one batch, in chunks, one by one, or with one trunk for all of them.

A network that says `shares_trunk` (guidance.backbones.late) is called once for the branches that differ in their label alone.
"""

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.strengths import joint_strength, of_network


class Forward(NamedTuple):
    """What a network is evaluated with beside z; branches of one trunk have the same tensor as their lambda."""

    logsnr: Float[Tensor, " b"]
    label: Int[Tensor, " b"]
    perturbation: Any = None
    strength: Float[Tensor, " b"] | None = None


def evaluated(
    network: Callable[..., Tensor], z: Tensor, forwards: Sequence[Forward], rows: int | None, internal: bool = False
) -> Sequence[Tensor]:
    """The network's output for each of `forwards`, at most `rows` rows a call (None: as NetworkDenoiser says)."""
    if not (getattr(network, "shares_trunk", False) and len(z)):
        return _each(network, z, forwards, rows, internal)
    groups: dict[Any, list[int]] = {}
    for index, each in enumerate(forwards):
        alone = each.perturbation is not None or each.strength is not None
        groups.setdefault(("alone", index) if alone else id(each.logsnr), []).append(index)
    shared = [group for group in groups.values() if len(group) > 1]
    others = [group[0] for group in groups.values() if len(group) == 1]
    outputs = dict(zip(others, _each(network, z, [forwards[i] for i in others], rows, internal))) if others else {}
    for group in shared:
        outputs.update(zip(group, _with_one_trunk(network, z, [forwards[i] for i in group], rows, internal)))
    return [outputs[index] for index in range(len(forwards))]


def _in_one_batch(z: Tensor, branches: int, rows: int | None) -> bool:
    return branches > 1 and (z.device.type != "cpu" if rows is None else branches * len(z) <= rows)


def _each(
    network: Callable[..., Tensor], z: Tensor, forwards: Sequence[Forward], rows: int | None, internal: bool
) -> Sequence[Tensor]:
    """Every branch with a trunk of its own."""
    if _in_one_batch(z, len(forwards), rows):
        batch = z.repeat(len(forwards), *(1,) * (z.ndim - 1))
        starts = range(0, len(batch), max(1, len(z)))
        perturbations = [
            (slice(start, start + len(z)), each.perturbation)
            for start, each in zip(starts, forwards)
            if each.perturbation is not None
        ]
        levels, labels = torch.cat([each.logsnr for each in forwards]), torch.cat([each.label for each in forwards])
        strength = joint_strength(forwards, z.new_zeros(len(z), dtype=levels.dtype))
        return _call(network, batch, levels, labels, perturbations, internal, strength).split(len(z))
    return [_in_chunks(network, z, each, rows or len(z), internal) for each in forwards]


def _with_one_trunk(
    network: Callable[..., Tensor], z: Tensor, forwards: Sequence[Forward], rows: int | None, internal: bool
) -> Sequence[Tensor]:
    """Branches of one lambda, none perturbed: their labels go to the network together."""
    options: dict[str, bool] = {"internal": True} if internal else {}
    logsnr, labels = forwards[0].logsnr, [each.label for each in forwards]
    if _in_one_batch(z, len(forwards), rows):
        return network(z, logsnr, torch.cat(labels), **options).split(len(z))
    rows = max(1, rows or len(z))
    parts = [
        network(part, levels, torch.cat(ids), apart=True, **options).split(len(part))
        for part, levels, *ids in zip(z.split(rows), logsnr.split(rows), *(label.split(rows) for label in labels))
    ]
    return [torch.cat(branch) for branch in zip(*parts)] if len(parts) > 1 else parts[0]


def _in_chunks(network: Callable[..., Tensor], z: Tensor, each: Forward, rows: int, internal: bool) -> Tensor:
    logsnr, label, perturbation, strength = each
    whole = len(z)
    if whole <= rows:
        cut = [] if perturbation is None else [(slice(0, whole), perturbation)]
        return _call(network, z, logsnr, label, cut, internal, strength)
    outputs = []
    chunks = zip(z.split(rows), logsnr.split(rows), label.split(rows))
    for start, (part, levels, ids) in zip(range(0, whole, rows), chunks):
        perturbed = perturbation is not None
        cut = [(slice(0, len(part)), perturbation.of_rows(slice(start, start + rows)))] if perturbed else []
        own = None if strength is None else strength[start : start + rows]
        outputs.append(_call(network, part, levels, ids, cut, internal, own))
    return torch.cat(outputs)


def _call(
    network: Callable[..., Tensor],
    z: Tensor,
    logsnr: Tensor,
    label: Tensor,
    perturbations: Sequence[tuple[slice, Any]],
    internal: bool,
    strength: Tensor | None,
) -> Tensor:
    options: dict[str, Any] = {name: given for name, given in (("perturbations", perturbations), ("internal", internal)) if given}
    options |= of_network(network, strength)
    if not options:
        return network(z, logsnr, label)
    known = signature(getattr(network, "forward", network)).parameters
    if perturbations and "perturbations" not in known:
        raise ValueError(
            "this network's layers cannot be perturbed: its forward takes no `perturbations`, as guidance.backbones do"
        )
    if internal and "internal" not in known:
        raise ValueError("this network has no internal head: its forward takes no `internal`, as guidance.backbones do")
    return network(z, logsnr, label, **options)
