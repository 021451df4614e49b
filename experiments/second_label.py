"""How often a sample of a world of pairs has the second label that it was made for, worked out from the sample itself."""

from typing import ClassVar

import numpy as np
import torch

from analysis.metrics import Metric
from experiments.graph.value import value
from experiments.metrics import SampleMetric
from experiments.worlds.paired import COUNTS
from experiments.worlds.world import LOGSNR_CLEAN, data


@value
class SecondLabel(SampleMetric):
    """Of images: holes or tone, found as those of the data were. Of an exact world: the likeliest second label."""

    metric: ClassVar[Metric] = Metric(
        "second_label", "share of samples with the second label asked for", "", higher_is_better=True, shown=2
    )

    def measure(self, x: np.ndarray, label: np.ndarray, world) -> float:
        wanted = np.array([second for _, second in world.pairs.pairs])[label]
        return float((self._second(x, world) == wanted).mean())

    def _second(self, x: np.ndarray, world) -> np.ndarray:
        oracle = data(world).oracle
        if oracle is None:
            return COUNTS[world.second.name](x[:, 0])
        z = torch.from_numpy(x).to(oracle.means.dtype)
        logits = oracle.class_logits(z, torch.full((len(z),), LOGSNR_CLEAN, dtype=z.dtype))
        seconds = torch.tensor([second for _, second in world.pairs.pairs])
        by_second = [logits[:, seconds == second].logsumexp(1) for second in range(world.pairs.seconds)]
        return torch.stack(by_second, 1).argmax(1).numpy()
