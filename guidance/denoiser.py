"""A network made into a Denoiser: `denoise(z, logsnr, label) -> Prediction`; label None is the unconditional model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.clipping import Clipped as Clipped
from guidance.diffusion import TARGETS, Prediction
from guidance.forwards import Forward, evaluated
from guidance.level import require_labels, require_range
from guidance.strengths import Strengths, require_strengths

Label = Int[Tensor, " b"] | None
CONDITIONED_ON = "logsnr"  # the value of network.conditioned_on that means: the second argument is lambda


@runtime_checkable
class Denoiser(Protocol):
    """Anything that predicts x and eps of z (b, *shape) at logsnr (b,) given label (b,) or None."""

    def __call__(self, z: Tensor, logsnr: Tensor, label: Tensor | None) -> Prediction: ...


class Branch(NamedTuple):
    """One way to evaluate a network at z: with a label, conditioned on another lambda than z's, perturbed, or at a strength.

    logsnr_cond: the lambda (b,) that the network is conditioned on, instead of z's own. perturbation: what is done to the layers
    of the network for the rows of this branch alone, one of guidance.backbones.perturb; a denoiser that cannot do it refuses.
    strength: what a network that is conditioned on one is given (b,); None is 0, the plain conditional model. internal: what the
    network's internal head says, from the same forward as its output for these conditions.
    """

    label: Label
    logsnr_cond: Float[Tensor, " b"] | None = None
    perturbation: Any = None
    strength: Float[Tensor, " b"] | None = None
    internal: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is its label and nothing more."""
        return all(given is None for given in (self.logsnr_cond, self.perturbation, self.strength)) and not self.internal


@dataclass(frozen=True)
class NetworkDenoiser:
    """A network `network(z, logsnr, label)` as a Denoiser; its null label is the id `num_classes + groups`.

    The network's second argument must be lambda. It says so by an attribute conditioned_on = "logsnr", as guidance.backbones do;
    wrap any other network in one of guidance.adapters. TypeError for a network that does neither.

    If the output has twice z's channels, the second half is a learned variance: 2 variance_fraction - 1, in [-1, 1] (Nichol &
    Dhariwal, arXiv 2102.09672, section 3.1).

    target: what the first half is, one of TARGETS ("eps", "x", "v"); None: what an adapter says, "eps" of other networks.
    rows: the largest batch passed to the network in one call. None: all branches in one call, but on a CPU one call for each,
        since there a doubled batch is slower than two; and half as many from the call on in which a GPU's memory runs out. A
        policy of the device (`guidance-bench speed` measures it), recorded with a run; it changes results by rounding only.
    logsnr_range: the lambdas that the network was trained on; a call outside them is a ValueError (None: not checked).
    groups: how many groups of classes the network knows, whose ids come after the classes' (guidance.grouped).
    has_null: whether it has a null label; False: it was trained with labels only, and a call without one is a ValueError.
    strengths: those that it was trained at, of a network that is conditioned on one (None: not known).
    """

    network: Callable[..., Tensor]
    num_classes: int
    target: str | None = None
    rows: int | None = None
    logsnr_range: tuple[float, float] | None = None
    groups: int = 0
    has_null: bool = True
    strengths: Strengths | None = None

    def __post_init__(self):
        if getattr(self.network, "conditioned_on", None) != CONDITIONED_ON:
            name = getattr(self.network, "__name__", type(self.network).__name__)
            raise TypeError(
                f"say what the second argument of network {name} is, as NetworkDenoiser(adapters.logsnr(network), ...) if it is "
                "lambda: guidance.adapters has logsnr, chain (t of a discrete chain), sigma and flow (time of a rectified flow)"
            )
        said = getattr(self.network, "output_target", None)
        if self.target not in (None, *TARGETS):
            raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {self.target!r}")
        if said is not None and self.target not in (None, said):
            raise ValueError(f"target must be {said!r}, as the network's adapter says, or left out, not {self.target!r}")
        object.__setattr__(self, "target", self.target or said or "eps")

    def __call__(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(
        self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], labels: Sequence[Label | Branch]
    ) -> list[Prediction]:
        """One prediction per entry of `labels`, a label or a Branch, all through the network together, `rows` at a time.

        A branch's `logsnr_cond` is kept inside `logsnr_range`. ValueError for a lambda outside `logsnr_range`, a label outside
        0..num_classes + groups (the last being null, where there is one), or unless logsnr and every label but None have one
        entry for each row of z.
        """
        return [self._prediction(z, output, logsnr) for output in self._outputs(z, logsnr, labels)]

    def weighted_sum(
        self,
        z: Float[Tensor, "b *shape"],
        logsnr: Float[Tensor, " b"],
        labels: Sequence[Label | Branch],
        weights: Sequence[float],
    ) -> Prediction:
        """The sum of the branches' predictions, each times its weight; the weights add up to 1.

        The network's outputs are summed before x and eps are made of them: that is a third of the arithmetic. The rest of the
        prediction is the first branch's.
        """
        return self._sum(self._outputs(z, logsnr, labels), z, logsnr, weights)

    def _sum(self, outputs: Sequence[Tensor], z: Tensor, logsnr: Tensor, weights: Sequence[float]) -> Prediction:
        first, *others = (_mean(z, output) for output in outputs)
        if len(others) == 1:
            output = torch.lerp(others[0], first, weights[0])
        else:
            output = sum((w * other for w, other in zip(weights[1:], others)), weights[0] * first)
        return self._prediction(z, outputs[0], logsnr, output)

    def _outputs(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> Sequence[Tensor]:
        """The network's output for each branch, with fewer rows a call, for good, whenever a GPU's memory runs out."""
        while True:
            try:
                return self._evaluated(z, logsnr, labels)
            except torch.OutOfMemoryError:
                rows = (self.rows or len(labels) * len(z)) // 2
                if not rows:
                    raise
            object.__setattr__(self, "rows", rows)  # outside `except`, which keeps what did not fit alive

    def _evaluated(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> Sequence[Tensor]:
        """The outputs of each forward once, though a branch asks for its internal one too."""
        branches = [entry if isinstance(entry, Branch) else Branch(entry) for entry in labels]
        if not any(branch.internal for branch in branches):
            return self._forwards(z, logsnr, branches)
        conditions = [tuple(map(id, branch[:-1])) for branch in branches]  # all but `internal`
        once = dict(zip(conditions, branches))
        both = dict(zip(once, self._forwards(z, logsnr, list(once.values()), internal=True)))
        inner = z.shape[1]
        return [both[of][:, -inner:] if branch.internal else both[of][:, :-inner] for of, branch in zip(conditions, branches)]

    def _forwards(self, z: Tensor, logsnr: Tensor, branches: Sequence[Branch], internal: bool = False) -> Sequence[Tensor]:
        if any(len(each) != len(z) for each in (logsnr, *(branch.label for branch in branches if branch.label is not None))):
            raise ValueError(f"logsnr and label need one entry for each of the {len(z)} rows of z")
        require_strengths(branches, logsnr)
        if self.logsnr_range is not None:
            require_range(logsnr, *self.logsnr_range)
        if not self.has_null and any(branch.label is None for branch in branches):
            raise ValueError(
                "this network was trained with labels only and says nothing without one: take a method that needs no null label, "
                "as classifier guidance and autoguidance, or a weak model that is unconditional"
            )
        for branch in branches:
            if branch.label is not None:
                require_labels(branch.label, self.num_classes + self.groups + self.has_null)
        ids = [self._null(z) if branch.label is None else branch.label for branch in branches]
        levels = [logsnr if branch.logsnr_cond is None else self._clamped(branch.logsnr_cond) for branch in branches]
        forwards = [
            Forward(level, label, branch.perturbation, branch.strength) for level, label, branch in zip(levels, ids, branches)
        ]
        return evaluated(self.network, z, forwards, self.rows, internal)

    def _null(self, z: Tensor) -> Tensor:
        return z.new_full((len(z),), self.num_classes + self.groups, dtype=torch.long)

    def _clamped(self, logsnr: Tensor) -> Tensor:
        return logsnr if self.logsnr_range is None else logsnr.clamp(*self.logsnr_range)

    def _prediction(self, z: Tensor, output: Tensor, logsnr: Tensor, mean: Tensor | None = None) -> Prediction:
        """What an output means, with the learned variance in it; `mean` takes the place of its mean, as a sum of several."""
        pred = TARGETS[self.target or "eps"](z, _mean(z, output) if mean is None else mean, logsnr)
        return pred if output.shape == z.shape else pred._replace(variance_fraction=(output[:, z.shape[1] :] + 1) / 2)


def _mean(z: Tensor, output: Tensor) -> Tensor:
    """The network's output without the second half that a learned variance is."""
    return output if output.shape == z.shape else output[:, : z.shape[1]]


def branches(denoiser: Denoiser, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
    """The predictions of one denoiser for several labels or branches: together where it can, else one by one.

    ValueError for a Branch with logsnr_cond, a perturbation or a strength if the denoiser takes labels only; TypeError for a
    bare network.
    """
    together = getattr(denoiser, "branches", None)
    if together is None and isinstance(denoiser, nn.Module):
        raise TypeError("a network is no Denoiser: wrap it, as in NetworkDenoiser(network, num_classes)")
    return together(z, logsnr, labels) if together else [denoiser(z, logsnr, plain_label(entry)) for entry in labels]


def weighted_sum(
    denoiser: Denoiser, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch], weights: Sequence[float]
) -> Prediction:
    """The sum of the predictions of one denoiser for several labels or branches, each times its weight; they add up to 1.

    The rest of the prediction is the first branch's.
    """
    if together := getattr(denoiser, "weighted_sum", None):
        return together(z, logsnr, labels, weights)
    return summed(branches(denoiser, z, logsnr, labels), weights)


def summed(preds: Sequence[Prediction], weights: Sequence[float]) -> Prediction:
    """The sum of predictions of the same z, each times its weight; the rest of the prediction is the first one's."""
    first, *others = preds
    x, eps = weights[0] * first.x, weights[0] * first.eps
    for w, other in zip(weights[1:], others):
        x, eps = x + w * other.x, eps + w * other.eps
    return first._replace(x=x, eps=eps)


def plain_label(entry: Label | Branch) -> Label:
    """The label of a branch that is nothing more; ValueError for one that has anything else."""
    if isinstance(entry, Branch) and not entry.plain:
        if entry.strength is not None:
            raise ValueError("this denoiser takes labels only: a branch of a strength needs a network conditioned on it")
        what = "of an internal head" if entry.internal else "with logsnr_cond or a perturbation"
        raise ValueError(f"this denoiser takes labels only: a branch {what} needs a NetworkDenoiser")
    return entry.label if isinstance(entry, Branch) else entry
