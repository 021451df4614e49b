"""A metric."""

from typing import Any, ClassVar

import numpy as np

from analysis.metrics import Metric
from experiments.graph.value import value
from experiments.metrics import SampleMetric


@value
class Outside(SampleMetric):
    """Share of samples beyond a radius."""

    metric: ClassVar[Metric] = Metric("outside", "share beyond the radius", higher_is_better=False, share=True, shown=2)
    radius: float = 1.5

    def measure(self, x: np.ndarray, label: np.ndarray, world: Any) -> float:
        return float(np.mean(np.linalg.norm(x.reshape(len(x), -1), axis=1) > self.radius))
