"""A classifier of clean images that was trained here, as features: one that ships with the package, or an exported file."""

from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import torch

from experiments.features.files import require_sha256
from experiments.features.network import Extractor, FeatureNetwork, joined
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.shipped import located, shipped
from experiments.tasks.npz import Sha256


@value
class Exported(FeatureNetwork):
    """The layer before the head, and the logits, of an evaluator that `guidance-bench export` wrote.

    It takes images of its own world's size and channels alone. file: a path, or "shipped:<place>" (experiments.shipped).
    """

    name: ClassVar[str] = "exported"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    batch: ClassVar[int] = 500
    file: str
    sha256: Sha256

    @property
    def label(self) -> str:
        made = self._training()
        return joined(made.world.label, getattr(made.network, "arch", made.network.name), self.sha256[:8])

    def card(self) -> dict[str, str]:
        made = self._training()
        return {
            "network": f"a classifier of {made.world.label}, trained for {made.fit.steps:,} steps, seed {made.seed}",
            "weights": f"sha256 {self.sha256}",
            "preprocessing": "bytes to [-1, 1], enlarged inside the network",
            "layer": "pooled, before the head",
            "compares with": "numbers on the same label, n and reference only",
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images that it takes."""
        channels, height, width = self._training().world.shape
        return height, width, channels

    def require(self) -> None:
        self._training()

    def load(self, device: str) -> Extractor:
        from experiments.tasks.sources import Checkpoint

        made = Checkpoint(world=self._training().world, file=self.file, sha256=self.sha256, adapter="exported")
        network = made.load(None, device)

        @torch.inference_mode()
        def extract(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            features = network.features(images.float() / 127.5 - 1)
            return features, network.head(features)

        return extract

    def _training(self) -> Any:
        """The training in the header. Problem for another file, or for what is no classifier of clean images."""
        path = located(self.file)
        require_sha256(path, self.sha256)
        return _training_of(path)


@lru_cache(maxsize=8)
def _training_of(path: Path) -> Any:
    from experiments.checkpoints.exported import training_of

    if (made := training_of(path)).kind != "evaluator":
        raise Problem(f"{path} is a {made.kind}: features are those of a classifier of clean images (train evaluator)")
    return made


FASHION_EVALUATOR, FASHION_JUDGE = (
    Exported(file=file, sha256=sha256) for file, sha256 in map(shipped("fashion").get, ("evaluator", "judge"))
)
