"""Worlds of two labels: each class beside a second label that is worked out from every sample itself, and their pairs.

digits: the holes in the ink, counted (a 4 is open or closed, an 8 may be smudged); fashion: a dark or a bright article;
digits-exact: the lighter or the heavier of a class's two Gaussians, which is known exactly.
"""

from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import model_validator

from experiments.fields import WorldOf
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import N_TEST, N_TRAIN, draws
from experiments.worlds.split import interleaved
from experiments.worlds.world import Data, Labelled, World, clip_of, data
from guidance.mixture import Mixture
from guidance.paired import Pairs

ROWS = 1000  # images that are floats at a time
INK = 0.0  # of a pixel in [-1, 1]: at least half of its block is inked
TONE = 0.0  # the mean of an article's pixels, above which it is bright
BACKGROUND = -1.0


class Second(NamedTuple):
    """A second label: its name, the pairs (class, second label) that a world is made of, and what it means."""

    name: str
    pairs: tuple[tuple[int, int], ...]
    means: str


BOTH = tuple((c, second) for c in range(10) for second in range(2))
HOLES = ((0, 0), (0, 1), (1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (5, 0), (6, 1), (7, 0), (8, 1), (8, 2), (9, 0), (9, 1))
SECONDS = {
    "digits": Second("holes", HOLES, "holes in the ink (x >= 0), of pairs with 40 images or more; images of others are left out"),
    "fashion": Second("tone", BOTH, "0 dark, 1 bright: whether the mean of the pixels of the article (x > -1) is at least 0"),
    "digits-exact": Second("ink", BOTH, "of the two Gaussians of a class, 0 that with less ink in its mean, 1 the other"),
}


def holes(x: np.ndarray) -> np.ndarray:
    """The holes of each image (n, h, w): regions without ink, connected by sides, that do not reach the border; (n,) int64."""
    from scipy.ndimage import label

    blank = np.pad(x < INK, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    return np.array([label(one)[1] - 1 for one in blank], dtype=np.int64)  # one region is outside


def tone(x: np.ndarray) -> np.ndarray:
    """Whether each image (n, h, w) is of a bright article: 1, or 0 for a dark one or none at all; (n,) int64."""
    article = x > BACKGROUND
    total = np.where(article, x, 0.0).sum((1, 2))
    return (total >= TONE * article.sum((1, 2))).astype(np.int64) * article.any((1, 2))


COUNTS = {"holes": holes, "tone": tone}


@value
class Paired(World):
    """A world with a second label. Its classes are the pairs of both, so that samplers, measures and evaluators take them as any.

    base: digits, fashion or digits-exact.
    """

    name: ClassVar[str] = "paired"
    base: WorldOf = Digits()

    @model_validator(mode="after")
    def has_a_second_label(self) -> "Paired":
        if self.base.name not in SECONDS:
            raise ValueError(f"base: a second label is known of {', '.join(SECONDS)}, and not of {self.base.name}")
        return self

    @property
    def second(self) -> Second:
        return SECONDS[self.base.name]

    @property
    def pairs(self) -> Pairs:
        return Pairs(self.second.pairs)

    @property
    def label(self) -> str:
        return f"{self.base.label}-{self.second.name}"

    @property
    def classes(self) -> int:  # type: ignore[override]
        return len(self.second.pairs)

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.base.shape

    @property
    def exact(self) -> bool:  # type: ignore[override]
        return self.base.exact

    @property
    def clip(self) -> float | None:
        """Where x is clipped."""
        return clip_of(self.base)

    def load(self) -> Data:
        """The base's data under the labels of pairs. Problem for a pair that no image has."""
        held = data(self.base)
        if held.oracle is not None:
            exact = by_ink(held.oracle)
            parts = {"oracle": exact, "train": draws(exact, N_TRAIN, 0), "test": draws(exact, N_TEST, 1)}
        else:
            train, test = (self._paired(part) for part in (held.train, held.test))
            parts = {"train": train, "test": test.subset(torch.from_numpy(interleaved(test.label.numpy())))}
        sizes = {name: f"{len(part.label):,} of pairs" for name, part in parts.items() if name != "oracle"}
        card = {
            **held.card,
            "second label": self.second.means,
            "classes": f"{self.classes} pairs" + (", of equal weight" if self.exact else ""),
            **sizes,
        }
        return Data(**parts, card=card)

    def _paired(self, images: Labelled) -> Labelled:
        """The images whose pair is one of the world's, under its label."""
        count, ids = COUNTS[self.second.name], {pair: index for index, pair in enumerate(self.second.pairs)}
        rows = (images.x[start : start + ROWS] for start in range(0, len(images.label), ROWS))
        second = np.concatenate([count(part[:, 0].numpy()) for part in rows])
        label = np.array([ids.get(pair, -1) for pair in zip(images.label.tolist(), second.tolist())])
        if absent := set(range(self.classes)) - set(label.tolist()):
            raise Problem(f"{self.label}: no image has the pair {self.second.pairs[min(absent)]}")
        own = torch.from_numpy(np.flatnonzero(label >= 0))
        return replace(images.subset(own), label=torch.from_numpy(label)[own])


def by_ink(mixture: Mixture) -> Mixture:
    """A mixture of two components a class, each a class of its own: 2 c the one with less ink, 2 c + 1 the other.

    All are of equal weight, as the draws that networks are trained on are.
    """
    ink, labels = mixture.means.mean(1), torch.empty_like(mixture.labels)
    for c in range(mixture.classes):
        own = (mixture.labels == c).nonzero()[:, 0]
        labels[own[ink[own].argsort()]] = 2 * c + torch.arange(len(own))
    paired = Mixture.__new__(Mixture)
    equal = torch.ones(len(labels), dtype=torch.float64)
    paired._register(mixture.means, mixture.bases, mixture.variances, mixture.residuals, equal, labels)
    return paired
