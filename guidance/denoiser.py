"""A network made into a Denoiser: `denoise(z, logsnr, label) -> Prediction`; label None is the unconditional model."""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.diffusion import TARGETS, Prediction, from_x

Label = Int[Tensor, " b"] | None


@runtime_checkable
class Denoiser(Protocol):
    """Anything that says what it believes of z (b, *shape) at logsnr (b,) given label (b,) or None."""

    def __call__(self, z: Tensor, logsnr: Tensor, label: Tensor | None) -> Prediction: ...


class Branch(NamedTuple):
    """One way to ask a network about z: with a label, told another lambda than z's, or altered inside.

    told: the lambda (b,) that the network is told, in the place of z's own. altered: what is done inside the network to the
    rows of this branch alone, one of guidance.backbones.perturb; a denoiser without such insides refuses it.
    """

    label: Label
    told: Float[Tensor, " b"] | None = None
    altered: Any = None


@dataclass(frozen=True)
class NetworkDenoiser:
    """A network `network(z, logsnr, label)` as a Denoiser; its null label is the id `num_classes + groups`.

    A network that gives twice as many channels as z has learned its variance too: the second half, from -1 to 1, is
    2 variance_fraction - 1 (Nichol & Dhariwal, arXiv 2102.09672, section 3.1).

    target: what the first half is, one of TARGETS ("eps", "x", "v").
    rows: the most rows that one call of the network is given. None: all branches in one call, but on a CPU a call for each, since
        there a doubled batch is slower than two. A policy of the device (`guidance-bench speed` measures it), recorded with a
        run; it changes results by rounding only.
    logsnr_range: the lambdas that the network was trained on; a call outside them is a ValueError (None: not checked).
    groups: how many groups of classes the network knows, whose ids come after the classes' (guidance.grouped).
    """

    network: nn.Module
    num_classes: int
    target: str = "eps"
    rows: int | None = None
    logsnr_range: tuple[float, float] | None = None
    groups: int = 0

    def __post_init__(self):
        if self.target not in TARGETS:
            raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {self.target!r}")

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(
        self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], asked: Sequence[Label | Branch]
    ) -> list[Prediction]:
        """One prediction per entry of `asked`, a label or a Branch, all through the network together, `rows` at a time.

        What a branch is told stays inside `logsnr_range`. ValueError for a lambda outside `logsnr_range`, a label outside
        0..num_classes + groups (the last being null), or unless logsnr and every label but None have one entry for each row of z.
        """
        return [self._believe(z, said, logsnr) for said in self._said(z, logsnr, asked)]

    def mixed(
        self,
        z: Float[Tensor, "b *shape"],
        logsnr: Float[Tensor, " b"],
        asked: Sequence[Label | Branch],
        weights: Sequence[float],
    ) -> Prediction:
        """The sum of the branches' predictions, each times its weight; the weights add up to 1.

        What the network says is summed before x and eps are made of it: that is a third of the arithmetic. The rest of the
        prediction is the first branch's.
        """
        first, *others = self._said(z, logsnr, asked)
        said = first[:, : z.shape[1]]
        if len(others) == 1:
            said = torch.lerp(others[0][:, : z.shape[1]], said, weights[0])
        else:
            said = sum((w * one[:, : z.shape[1]] for w, one in zip(weights[1:], others)), weights[0] * said)
        return self._believe(z, said if first.shape == z.shape else torch.cat([said, first[:, z.shape[1] :]], 1), logsnr)

    def _said(self, z: Tensor, logsnr: Tensor, asked: Sequence[Label | Branch]) -> Sequence[Tensor]:
        """What the network says to each branch: all in one batch if `rows` allows it, else branch by branch."""
        asked = [entry if isinstance(entry, Branch) else Branch(entry) for entry in asked]
        if any(len(each) != len(z) for each in (logsnr, *(entry.label for entry in asked if entry.label is not None))):
            raise ValueError(f"logsnr and label need one entry for each of the {len(z)} rows of z")
        if self.logsnr_range is not None:
            require_range(logsnr, *self.logsnr_range)
        null = torch.full_like(logsnr, self.num_classes + self.groups, dtype=torch.long)
        labels = [null if entry.label is None else entry.label for entry in asked]
        told = [logsnr if entry.told is None else self._within(entry.told) for entry in asked]
        for label in labels:
            require_labels(label, self.num_classes + self.groups + 1)
        together = z.device.type != "cpu" if self.rows is None else len(asked) * len(z) <= self.rows
        if together and len(asked) > 1:
            every = z.repeat(len(asked), *(1,) * (z.ndim - 1))
            starts = range(0, len(every), max(1, len(z)))
            inside = [(slice(at, at + len(z)), entry.altered) for at, entry in zip(starts, asked) if entry.altered is not None]
            return self._ask(every, torch.cat(told), torch.cat(labels), inside).split(len(z))
        return [self._in_chunks(z, one, label, entry.altered) for one, label, entry in zip(told, labels, asked)]

    def _in_chunks(self, z: Tensor, told: Tensor, label: Tensor, altered: Any) -> Tensor:
        rows = self.rows or max(1, len(z))
        chunks = []
        for at, *chunk in zip(range(0, max(1, len(z)), rows), z.split(rows), told.split(rows), label.split(rows)):
            whole = slice(0, len(chunk[0]))
            chunks.append(self._ask(*chunk, [] if altered is None else [(whole, altered.of_rows(slice(at, at + rows)))]))
        return chunks[0] if len(chunks) == 1 else torch.cat(chunks)

    def _ask(self, z: Tensor, told: Tensor, label: Tensor, inside: Sequence[tuple[slice, Any]]) -> Tensor:
        if not inside:
            return self.network(z, told, label)
        if "altered" not in signature(self.network.forward).parameters:
            raise ValueError("this network has no insides to alter: its forward takes no `altered`, as guidance.backbones do")
        return self.network(z, told, label, altered=inside)

    def _within(self, told: Tensor) -> Tensor:
        return told if self.logsnr_range is None else told.clamp(*self.logsnr_range)

    def _believe(self, z: Tensor, said: Tensor, logsnr: Tensor) -> Prediction:
        belief = TARGETS[self.target](z, said[:, : z.shape[1]], logsnr)
        return belief if said.shape == z.shape else belief._replace(variance_fraction=(said[:, z.shape[1] :] + 1) / 2)


def require_range(logsnr: Float[Tensor, " b"], low: float, high: float) -> None:
    """ValueError unless every lambda lies in [low, high], with a thousandth to spare for rounding."""
    least, most = logsnr.min().item(), logsnr.max().item()
    if not (low - 1e-3 <= least and most <= high + 1e-3):
        raise ValueError(f"logsnr reaches from {least:g} to {most:g}, outside the trained range [{low:g}, {high:g}]")


def require_labels(label: Int[Tensor, " b"], classes: int) -> None:
    """ValueError unless every label lies in 0..classes-1."""
    if len(label) and not (label.min().item() >= 0 and label.max().item() < classes):
        raise ValueError(f"label reaches from {label.min()} to {label.max()}: the classes are 0 to {classes - 1}")


def branches(denoiser: Denoiser, z: Tensor, logsnr: Tensor, asked: Sequence[Label | Branch]) -> list[Prediction]:
    """The predictions of one denoiser for several labels or branches: together where it can, else one by one.

    ValueError for a Branch that is more than a label, of a denoiser that only takes labels.

    TypeError for a bare network, which is no Denoiser.
    """
    together = getattr(denoiser, "branches", None)
    if together is None and isinstance(denoiser, nn.Module):
        raise TypeError("a network is no Denoiser: wrap it, as in NetworkDenoiser(network, num_classes)")
    return together(z, logsnr, asked) if together else [denoiser(z, logsnr, plain_label(entry)) for entry in asked]


def mixed(denoiser: Denoiser, z: Tensor, logsnr: Tensor, asked: Sequence[Label | Branch], weights: Sequence[float]) -> Prediction:
    """The sum of the predictions of one denoiser for several labels or branches, each times its weight; they add up to 1.

    The rest of the prediction is the first branch's.
    """
    if together := getattr(denoiser, "mixed", None):
        return together(z, logsnr, asked, weights)
    first, *others = branches(denoiser, z, logsnr, asked)
    sums = [sum((w * one[i] for w, one in zip(weights[1:], others)), weights[0] * first[i]) for i in (0, 1)]
    return first._replace(x=sums[0], eps=sums[1])


def plain_label(entry: Label | Branch) -> Label:
    """The label of a branch that is nothing more. ValueError for one that is told or altered."""
    if isinstance(entry, Branch) and not (entry.told is None and entry.altered is None):
        raise ValueError("this denoiser takes labels only: a branch that is told another lambda or altered needs a network's")
    return entry.label if isinstance(entry, Branch) else entry


@dataclass(frozen=True)
class Clipped:
    """A denoiser whose x is clipped to [low, high], eps following: static thresholding (Imagen, arXiv 2205.11487).

    It goes outside the guidance: what guidance pushes out of the data's range comes back, whatever the method.
    At lambda = -20 it is needed: x = (z - sigma eps) / alpha multiplies the network's error by 20,000 there.
    """

    denoiser: Denoiser
    low: float = -1.0
    high: float = 1.0

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        belief = self.denoiser(z, logsnr, label)
        x = belief.x.clamp(self.low, self.high)
        if "apart" in belief.asks:  # eps is of another score than x, and stays
            return belief._replace(x=x)
        return belief._replace(x=x, eps=from_x(z if belief.z is None else belief.z, x, logsnr).eps)
