"""A metric of your own: one record of its words and one function of the samples."""

from typing import Any, ClassVar

import numpy as np

from analysis.metrics import Metric, describe


class SampleMetric:
    """Base of a metric of another package, which is also a `value`: its fields are its options. A study takes it as
    `metrics=(Mine(),)`, or by the name of an entry point guidance_bench.metrics.

    metric: its words, which tables, figures and reports take; its name is the column.
    """

    metric: ClassVar[Metric]
    name: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        describe(cls.metric)
        cls.name = cls.metric.name

    def measure(self, x: np.ndarray, label: np.ndarray, world: Any) -> float:
        """Of samples x (n, *shape), images in [-1, 1] or points, and the labels (n,) that they were generated for.

        `experiments.worlds.data(world)` holds what they may be compared with. Of images it is the mean over parts of the size
        that is measured, as of every other metric.
        """
        raise NotImplementedError
