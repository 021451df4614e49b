"""A labelled mixture of low-rank Gaussians fitted to the digits' pixels, frozen: images with a density in closed form."""

import hashlib
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file

from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.world import Data, Labelled, World
from guidance.mixture import Mixture
from guidance.seeding import generator

FILE = Path(__file__).with_name("digits_exact_v1.safetensors")
SHA256 = "b9f98565f15996ff8bfdffe9742031d271b7f58f36a50410cf69876ddc4277ba"
N_TRAIN, N_TEST = 50_000, 5_000


@value
class DigitsExact(World):
    """The frozen mixture, and draws of it to train networks on."""

    name: ClassVar[str] = "digits-exact"
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)
    exact: ClassVar[bool] = True
    clip: ClassVar[float] = 3.0  # as its studies clip: a third of its numbers lie beyond 1, and hardly any beyond 3

    def load(self) -> Data:
        """The mixture and its draws. Problem if the file is not the one of this version."""
        digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
        if digest != SHA256:
            raise Problem(
                f"{FILE} is not that of this version (sha256 {digest[:12]}, expected {SHA256[:12]}): restore it from git"
            )
        values = load_file(FILE)
        labels = values.pop("labels")
        exact = Mixture.low_rank(**{name: value.double() for name, value in values.items()}, labels=labels)
        classes, components, rank = exact.classes, len(labels), values["factors"].shape[2]
        return Data(
            train=draws(exact, N_TRAIN, index=0),
            test=draws(exact, N_TEST, index=1),
            oracle=exact,
            card={
                "what": f"a labelled mixture of {components} Gaussians of rank {rank} plus isotropic noise, in the 64 pixels",
                "source": "fitted to the training digits by experiments/worlds/fit_digits_exact.py, then frozen (version 1)",
                "classes": f"{classes}, of equal weight, {components // classes} Gaussians each",
                "images": "8 x 8, one channel, real numbers around [-1, 1] and beyond it",
                "train": f"{N_TRAIN:,} draws for networks to be trained on; the exact model is the reference of every distance",
                "test": f"{N_TEST:,} other draws",
                "sha256": SHA256,
            },
        )


def draws(exact: Mixture, n: int, index: int) -> Labelled:
    """n draws, the class of the i-th being i mod classes."""
    label = torch.arange(n) % exact.classes
    return Labelled(exact.sample(label, generator("world", 0, index)).float().view(n, 1, 8, 8), label)
