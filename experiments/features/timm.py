"""Any timm network as features, from a file of weights that the user has."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from experiments.features.files import weights_file
from experiments.features.network import Extractor, FeatureNetwork, joined
from experiments.fields import Count, Seed
from experiments.graph.value import value
from experiments.problems import Problem

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Triple = tuple[float, float, float]
Positive3 = tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]


@value
class Timm(FeatureNetwork):
    """timm's `arch` with the weights of a file (safetensors, or a pickle of tensors alone) of this sha256, or, if `random`, with
    random ones of `seed`.

    size, interpolation, mean, std: the preprocessing. layer: None is the pooled layer before the head; i the i-th of timm's
    intermediate maps, averaged over space.
    """

    name: ClassVar[str] = "timm"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    arch: str
    file: str = ""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    random: bool = False
    seed: Seed = 0
    size: Count = 224
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    mean: Triple = IMAGENET[0]
    std: Positive3 = IMAGENET[1]
    layer: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def has_weights(self) -> "Timm":
        if (self.sha256 is None) != self.random or (self.random and self.file):
            raise ValueError("sha256: give that of the file of weights, or random=true for a network that never learned anything")
        if self.seed and not self.random:
            raise ValueError("seed: it is of random weights")
        return self

    @property
    def label(self) -> str:
        weights = f"random{self.seed or ''}" if self.sha256 is None else self.sha256[:8]
        scaled = (self.mean, self.std) != IMAGENET
        norm = f"mean{_brief(self.mean)}-sd{_brief(self.std)}" if scaled else ""
        changed = ["" if self.interpolation == "bicubic" else self.interpolation, norm]
        return joined(self.arch, weights, f"{self.size}", *changed, "" if self.layer is None else f"layer{self.layer}")

    def card(self) -> dict[str, str]:
        return {
            "network": f"timm's {self.arch}",
            "weights": f"random, of seed {self.seed}" if self.sha256 is None else f"sha256 {self.sha256}",
            "preprocessing": f"{self.size} x {self.size}, {self.interpolation}, mean {self.mean}, sd {self.std}",
            "layer": "pooled, before the head" if self.layer is None else f"intermediate map {self.layer}, averaged over space",
            "compares with": "numbers on the same label, n and reference only",
        }

    def require(self) -> None:
        self._path()

    def load(self, device: str) -> Extractor:
        from classifiers.pretrained import Pretrained, build

        try:
            network = build(self.arch, self.size, self._path(), self.seed)
            return Pretrained(network, self.size, self.interpolation, self.mean, self.std, self.layer).to(device)
        except ValueError as error:
            raise Problem(f"features: {error}") from error

    def _path(self) -> Path | None:
        if self.sha256 is None:
            return None
        names = [f"{self.arch}{end}" for end in (".safetensors", ".pth")]
        return weights_file(self.label, names, self.sha256, "where you took the sha256 from", self.file)


def _brief(numbers: Triple) -> str:
    return "-".join(f"{one:g}" for one in (numbers[:1] if len(set(numbers)) == 1 else numbers))
