"""What every feature network is: a frozen value whose label stands in the names of the metrics that rest on it."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

from torch import Tensor

Extractor = Callable[[Tensor], tuple[Tensor, Tensor | None]]


class FeatureNetwork:
    """Base of a feature network, which is also a `value`. A package brings its own by the entry point guidance_bench.features.

    name: on the command line. label: short, and another one for whatever makes other numbers: architecture, weights, size,
    preprocessing, layer; `fid_<label>` is a column. batch: images at a time.
    """

    name: ClassVar[str]
    batch: ClassVar[int] = 50

    @property
    def label(self) -> str:
        """The suffix of metrics."""
        raise NotImplementedError

    def card(self) -> dict[str, str]:
        """The whole description, line by line: network, weights, preprocessing, layer, what its numbers compare with."""
        raise NotImplementedError

    def require(self) -> None:
        """Missing where a file or package is not there; it is asked before any work. Problem for another file."""

    def load(self, device: str) -> Extractor:
        """A function of uint8 images (b, 1 or 3, h, w) on the device: (features (b, d), logits (b, c) or None).

        Missing and Problem as `require`.
        """
        raise NotImplementedError


def joined(*parts: str) -> str:
    """A label of parts, those that are "" left out: lower-case letters, digits, points and hyphens."""
    return re.sub("[^a-z0-9.]+", "-", "-".join(part for part in parts if part).lower()).strip("-")


@lru_cache(maxsize=2)
def loaded(network: Any, device: str) -> Extractor:
    """The network, loaded once a process for many sets."""
    return network.load(device)
