"""The Inception-v3 behind published FID and Inception scores, from the file that the user has."""

from pathlib import Path
from typing import ClassVar, Literal

from experiments.features.files import tensors, weights_file
from experiments.features.network import Extractor, FeatureNetwork, joined
from experiments.graph.value import value
from experiments.problems import Problem

# one file under two names: pytorch-fid released it, torch-fidelity released it again
FILES = ("pt_inception-2015-12-05-6726825d.pth", "weights-inception-2015-12-05-6726825d.pth")
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SOURCE = "https://github.com/mseitzer/pytorch-fid/releases or https://github.com/toshas/torch-fidelity/releases"


@value
class Inception(FeatureNetwork):
    """torch-fidelity's Inception-v3 of 2015-12-05: 2,048 pooled features, logits without bias. file: where it lies.

    layer "spatial": the 2,023 features of sFID, which is then the column fid_inception-spatial.
    """

    name: ClassVar[str] = "inception"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    file: str = ""
    layer: Literal["2048", "768", "192", "64", "spatial"] = "2048"

    @property
    def label(self) -> str:
        return joined("inception", self.layer if self.layer != "2048" else "")

    def card(self) -> dict[str, str]:
        return {
            "network": "Inception-v3 of the TensorFlow graph of 2015-12-05, as torch-fidelity has it, 1,008 classes",
            "weights": f"{FILES[0]}, sha256 {SHA256}",
            "preprocessing": "299 x 299 by TensorFlow 1's bilinear without antialias, (x - 128) / 128",
            "layer": f"{self.layer} features; logits without bias",
            "compares with": "published FID and Inception scores at the same n, reference and label protocol",
        }

    def require(self) -> None:
        self._path()

    def load(self, device: str) -> Extractor:
        from analysis.measures.inception import Inception as Module

        path = self._path()
        try:
            module = Module(tensors(path), self.layer).to(device)
        except ValueError as error:
            raise Problem(f"{path}: {error}") from error
        return lambda images: module(images.expand(-1, 3, -1, -1))

    def _path(self) -> Path:
        return weights_file(self.name, FILES, SHA256, SOURCE, self.file)
