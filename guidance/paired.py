"""Two conditions that do not imply one another, in one label: pairs, each condition alone, and neither.

Ids: 0..len(pairs)-1 are the pairs (first, second) that occur; then `firsts` of the first condition alone, `seconds` of the
second alone; the null label comes last. A Denoiser of pairs has the pairs as its classes and says by `coarse_label` which id
is the second condition alone, the outer one of guidance.methods.two_conditions. Where a class implies the other condition, see
guidance.grouped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.denoiser import Branch, Label, NetworkDenoiser, plain_label
from guidance.diffusion import Prediction
from guidance.level import require_labels
from guidance.mixture import Mixture


@dataclass(frozen=True)
class Pairs:
    """The pairs (first, second) that occur, in the order of their ids. ValueError for one that stands there twice."""

    pairs: tuple[tuple[int, int], ...]

    def __post_init__(self):
        if not self.pairs or len(set(self.pairs)) < len(self.pairs) or min(min(pair) for pair in self.pairs) < 0:
            raise ValueError("pairs are of numbers from 0, at least one, and each stands there once")

    @property
    def firsts(self) -> int:
        """How many values the first condition has."""
        return 1 + max(first for first, _ in self.pairs)

    @property
    def seconds(self) -> int:
        """How many values the second condition has."""
        return 1 + max(second for _, second in self.pairs)

    @property
    def conditions(self) -> int:
        """How many ids there are between the pairs and the null label."""
        return self.firsts + self.seconds

    @property
    def null(self) -> int:
        """The id of the null label."""
        return len(self.pairs) + self.conditions

    def first(self, label: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """The id of each pair's first condition alone."""
        return self._ids(label, [len(self.pairs) + first for first, _ in self.pairs])

    def second(self, label: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """The id of each pair's second condition alone."""
        return self._ids(label, [len(self.pairs) + self.firsts + second for _, second in self.pairs])

    def holds(self, label: int) -> list[bool]:
        """Of every pair, whether the condition with this id holds for it."""
        if label < len(self.pairs):
            return [index == label for index in range(len(self.pairs))]
        alone = label - len(self.pairs)
        if alone < self.firsts:
            return [first == alone for first, _ in self.pairs]
        return [label == self.null or second == alone - self.firsts for _, second in self.pairs]

    def _ids(self, label: Tensor, ids: Sequence[int]) -> Tensor:
        require_labels(label, len(self.pairs))
        return torch.tensor(ids, device=label.device)[label]


def drop_paired_labels(
    label: Int[Tensor, " b"], uniform: Float[Tensor, " b"], p_first: float, p_second: float, p_both: float, pairs: Pairs
) -> Int[Tensor, " b"]:
    """Labels of pairs; with probability p_first the first condition is dropped, with p_second the second, with p_both both.

    InstructPix2Pix (Brooks et al., arXiv 2211.09800, section 3.2.1) drops 5 % each: its instruction alone, its image alone and
    both. uniform in [0, 1). ValueError for probabilities that are none.
    """
    if min(p_first, p_second, p_both) < 0 or p_first + p_second + p_both > 1:
        raise ValueError(f"probabilities add up to 1 at most, not {p_first}, {p_second} and {p_both}")
    dropped = torch.where(uniform < p_both + p_first + p_second, pairs.first(label), label)
    dropped = torch.where(uniform < p_both + p_first, pairs.second(label), dropped)
    return torch.where(uniform < p_both, pairs.null, dropped)


@dataclass(frozen=True)
class PairedDenoiser(NetworkDenoiser):
    """A network that knows pairs; `num_classes` is their number, `groups` that of the conditions alone."""

    pairs: Pairs | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.pairs is None or (self.num_classes, self.groups) != (len(self.pairs.pairs), self.pairs.conditions):
            raise ValueError("a denoiser of pairs has as many classes as pairs, and as many groups as conditions alone")

    def coarse_label(self, label: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """The id of the second condition alone."""
        assert self.pairs is not None
        return self.pairs.second(label)


class PairedMixture(nn.Module):
    """An exact Denoiser of a mixture whose classes are pairs: of a pair, of either condition alone, or of neither."""

    components: Tensor

    def __init__(self, mixture: Mixture, pairs: Pairs):
        super().__init__()
        if mixture.classes != len(pairs.pairs):
            raise ValueError(f"the mixture has {mixture.classes} classes, and there are {len(pairs.pairs)} pairs")
        self.mixture, self.pairs = mixture, pairs
        self.num_classes, self.groups = mixture.classes, pairs.conditions
        holds = torch.tensor([pairs.holds(label) for label in range(pairs.null + 1)])  # (ids, pairs)
        self.register_buffer("components", holds[:, mixture.labels.cpu()].to(mixture.labels.device))

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        """E[x | z, label] and E[eps | z, label]."""
        log_joint, x, eps = self.mixture._components(z, logsnr)
        share = self._within(log_joint, label).softmax(-1)[..., None]
        return Prediction((share * x).sum(1).view_as(z), (share * eps).sum(1).view_as(z))

    def log_joint(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label = None) -> Float[Tensor, " b"]:
        """log p(z_lambda, the condition of `label`)."""
        return self._within(self.mixture._components(z, logsnr)[0], label).logsumexp(-1)

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """One prediction per entry of `labels`, which must be plain labels."""
        return [self(z, logsnr, plain_label(entry)) for entry in labels]

    def coarse_label(self, label: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
        """The id of the second condition alone."""
        return self.pairs.second(label)

    def _within(self, log_joint: Tensor, label: Label) -> Tensor:
        if label is None:
            return log_joint
        require_labels(label, self.pairs.null + 1)
        return log_joint.masked_fill(~self.components[label], -torch.inf)
