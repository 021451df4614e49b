"""DINOv2, the network of FD-DINOv2 (Stein et al., arXiv 2306.04675), from the file that the user has."""

from pathlib import Path
from typing import ClassVar, Literal

from experiments.features.files import tensors, weights_file
from experiments.features.network import Extractor, FeatureNetwork, joined
from experiments.fields import Count
from experiments.graph.value import value
from experiments.problems import Problem

SHA256 = {  # of Meta's files dinov2_<variant>_pretrain.pth
    "vits14": "b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9",
    "vitb14": "0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
    "vitl14": "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
}
ARCHS = {"vits14": "small", "vitb14": "base", "vitl14": "large"}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@value
class DINOv2(FeatureNetwork):
    """The class token of DINOv2 after the last norm; no head, hence no Inception score. file: where Meta's file lies.

    variant: vitl14 is that of published FD-DINOv2. size: a multiple of 14.
    """

    name: ClassVar[str] = "dinov2"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    batch: ClassVar[int] = 20
    file: str = ""
    variant: Literal["vits14", "vitb14", "vitl14"] = "vitl14"
    size: Count = 224
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"

    @property
    def label(self) -> str:
        size = f"{self.size}" if self.size != 224 else ""
        return joined("dinov2", self.variant, size, self.interpolation if self.interpolation != "bicubic" else "")

    def card(self) -> dict[str, str]:
        return {
            "network": f"DINOv2 {self.variant} (Oquab et al., arXiv 2304.07193) in timm's vision transformer; Apache-2.0",
            "weights": f"dinov2_{self.variant}_pretrain.pth, sha256 {SHA256[self.variant]}",
            "preprocessing": f"{self.size} x {self.size}, {self.interpolation} with antialias, ImageNet's mean and sd; positions "
            "resampled as Meta does",
            "layer": "class token after the last norm",
            "compares with": "FD-DINOv2 as EDM2 measures it (vitl14, 224, torch's bicubic), at the same n and reference",
        }

    def require(self) -> None:
        self._path()

    def load(self, device: str) -> Extractor:
        from classifiers.dinov2 import dinov2
        from classifiers.pretrained import Pretrained

        path = self._path()
        try:
            network = dinov2(f"vit_{ARCHS[self.variant]}_patch14_dinov2", tensors(path), self.size)
        except ValueError as error:
            raise Problem(f"{path}: {error}") from error
        return Pretrained(network, self.size, self.interpolation, MEAN, STD).to(device)

    def _path(self) -> Path:
        name = f"dinov2_{self.variant}_pretrain.pth"
        source = f"https://dl.fbaipublicfiles.com/dinov2/dinov2_{self.variant}/{name}"
        return weights_file(self.name, (name,), SHA256[self.variant], source, self.file)
