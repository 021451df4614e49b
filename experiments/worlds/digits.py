"""Handwritten digits: images in [-1, 1], labelled, split once and for all."""

import hashlib
from typing import ClassVar

import numpy as np
import torch

from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.world import Data, Labelled, World

TEST_PER_CLASS = 50
DIGITS_SHA256 = "231ffdaa7a0f26fe5973fd8fc30069f56278d979cba2abd24bc56c9bae5a58cc"


@value
class Digits(World):
    """The 1,797 handwritten 8x8 digits of scikit-learn: 50 of each class to test on, the other 1,297 to train on."""

    name: ClassVar[str] = "digits"
    classes: ClassVar[int] = 10
    shape: ClassVar[tuple[int, ...]] = (1, 8, 8)

    def load(self) -> Data:
        """The images in their fixed split. Problem if scikit-learn ships other ones."""
        from sklearn.datasets import load_digits

        data = load_digits()
        x, label = (data.images / 8 - 1).astype(np.float32)[:, None], data.target.astype(np.int64)
        random = np.random.default_rng(0)
        chosen = [random.permutation(np.flatnonzero(label == c))[:TEST_PER_CLASS] for c in range(10)]
        is_test = np.zeros(len(label), dtype=bool)
        is_test[np.stack(chosen).T.reshape(-1)] = True
        order = np.stack(chosen).T.reshape(-1)  # interleaved: the class of the i-th is i mod 10
        fingerprint = hashlib.sha256(x.tobytes() + label.tobytes() + order.tobytes()).hexdigest()
        if fingerprint != DIGITS_SHA256:
            raise Problem(
                f"scikit-learn's digits, or their split, are not those of this study (sha256 {fingerprint[:12]}, expected "
                f"{DIGITS_SHA256[:12]}): install the versions of constraints.txt"
            )
        train = ~is_test
        return Data(
            train=Labelled(torch.from_numpy(x[train]), torch.from_numpy(label[train])),
            test=Labelled(torch.from_numpy(x[order]), torch.from_numpy(label[order])),
            card={
                "what": "Optical recognition of handwritten digits: the 1,797 images of the test part, by 13 writers",
                "source": "Alpaydin & Kaynak, UCI Machine Learning Repository, 1998; as shipped in scikit-learn",
                "licence": "CC BY 4.0 (UCI); scikit-learn: BSD 3-clause",
                "images": "8 x 8, one channel, 17 grey levels (counts of a 4 x 4 block of a 32 x 32 bitmap), in [-1, 1]",
                "classes": "10, nearly balanced (174 to 183 of each)",
                "train": f"{train.sum():,} images, and the reference set of every Frechet distance",
                "test": f"{len(order)} images, {TEST_PER_CLASS} of each class, never trained on",
                "split": "fixed: numpy's default_rng(0), class by class; writers are not known, so both parts share them",
                "sha256": DIGITS_SHA256,
            },
        )
