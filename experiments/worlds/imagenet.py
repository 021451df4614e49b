"""ImageNet (Deng et al., 2009) made small: which of the three ways is part of the name, since they are three data sets."""

from typing import ClassVar, Literal

from experiments.graph.value import value
from experiments.worlds.images import Images
from experiments.worlds.preprocessing import Preprocessing


@value
class ImageNet64(Images):
    """ImageNet at 64x64 in one of its preprocessings.

    path: a folder with train and val, each with one folder a class, or parquet files; preprocessing: adm, edm or area.
    Grey and CMYK images are converted, as all three do.
    """

    name: ClassVar[str] = "imagenet64"
    licence: ClassVar[str] = "ImageNet's terms of access: research and education, no redistribution"
    called: Literal["imagenet64"] = "imagenet64"
    size: Literal[64] = 64
    channels: Literal[3] = 3
    preprocessing: Preprocessing
    convert: bool = True

    @property
    def label(self) -> str:
        return f"{self.name}-{self.preprocessing}{self.few}"


@value
class ImageNet128(ImageNet64):
    """ImageNet at 128x128, in all else as `ImageNet64`."""

    name: ClassVar[str] = "imagenet128"
    called: Literal["imagenet128"] = "imagenet128"
    size: Literal[128] = 128
