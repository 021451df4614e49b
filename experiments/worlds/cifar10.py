"""CIFAR-10 (Krizhevsky, 2009): 32x32 in colour, as published, and as a JPEG copy that is another data set."""

from typing import ClassVar, Literal

from experiments.graph.value import value
from experiments.worlds.images import Images


@value
class Cifar10(Images):
    """CIFAR-10 as it was published.

    path: the folder that torchvision unpacks (or that of cifar-10-batches-py), or lossless parquet files.
    """

    name: ClassVar[str] = "cifar10"
    lossless: ClassVar[bool] = True
    sizes: ClassVar[dict[str, int]] = {"train": 50_000, "test": 10_000}
    licence: ClassVar[str] = "none is stated; cite Krizhevsky, Learning multiple layers of features from tiny images, 2009"
    called: Literal["cifar10"] = "cifar10"
    size: Literal[32] = 32
    channels: Literal[3] = 3
    preprocessing: Literal["none"] = "none"
    classes: Literal[10] = 10

    @property
    def label(self) -> str:
        return f"{self.name}{self.few}"


@value
class Cifar10Jpeg(Cifar10):
    """CIFAR-10 re-encoded as JPEG, which moves every Frechet distance: never to be set beside numbers of CIFAR-10."""

    name: ClassVar[str] = "cifar10-jpeg"
    lossless: ClassVar[bool] = False
    sizes: ClassVar[dict[str, int]] = {}
    called: Literal["cifar10-jpeg"] = "cifar10-jpeg"
