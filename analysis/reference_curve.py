"""Plain guidance's curves over w, run by run: what methods are compared with."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.compare import REFERENCE
from analysis.statistics import by_run

POINTS = 400  # strengths of the reference that are tried
LINEAR = 0.15  # ws are spread as asinh(w / LINEAR), as on the figures' axes
SPAN_UP_TO = 4.0  # w, the largest of the paper's tables: beyond it plain guidance collapses, and the span is that of the collapse


class ReferenceCurve:
    """Of a table that holds one world, sampler, steps and n: every metric's curve, interpolated between the reference's ws.

    runs: the (train_seed, seed) of every curve. grid: w at POINTS places. values: by metric, (runs, POINTS). span: by metric, of
    the mean curve up to w = SPAN_UP_TO. ValueError where the reference has no curve, or no second run.
    """

    def __init__(self, table: pd.DataFrame, metrics: Sequence[str]):
        curves = {metric: by_run(table, metric, REFERENCE).dropna() for metric in metrics}
        if any(curve.empty or curve.shape[1] < 2 for curve in curves.values()):
            raise ValueError(f"{REFERENCE} has no curve over w: it is what all else is compared with")
        self.runs = next(iter(curves.values())).index
        if len(self.runs) < 2:
            raise ValueError("one run: no difference can be tested; give more sample_seeds or train_seeds")
        ws = np.asarray(next(iter(curves.values())).columns, dtype=float)
        stretched = np.arcsinh(ws / LINEAR)
        dense = np.linspace(stretched[0], stretched[-1], POINTS)
        self.grid = LINEAR * np.sinh(dense)
        self.values = {
            name: np.stack([np.interp(dense, stretched, row) for row in curve.to_numpy()]) for name, curve in curves.items()
        }
        near = ws <= max(SPAN_UP_TO, np.sort(ws)[1])
        self.span = {name: float(np.ptp(curve.mean().to_numpy()[near])) or 1.0 for name, curve in curves.items()}
        seeds = self.runs.get_level_values("seed")
        self._others = [seeds != seed if (seeds != seed).any() else np.ones(len(seeds), bool) for seed in seeds]

    def at(self, metric: str, indices: Sequence[int]) -> pd.Series:
        """Each run's value at its own index of the grid."""
        return pd.Series(self.values[metric][np.arange(len(indices)), indices], index=self.runs)

    def nearest(self, cell: dict[str, pd.Series], metrics: Sequence[str]) -> list[int]:
        """For each run the index nearest to the cell in these metrics, in units of their spans, by the runs of other seeds."""
        off = sum(
            ((self.values[name] - cell[name].reindex(self.runs).to_numpy()[:, None]) / self.span[name]) ** 2 for name in metrics
        )
        return self._smallest(np.asarray(off))

    def at_equal(self, cell: pd.Series, metric: str, slack: float) -> list[int] | None:
        """For each run the index at which the reference has the cell's value of `metric`, by the runs of other seeds.

        None where it never has, up to `slack` of the span, before its curve turns: where a strong w makes samples differ again
        that is damage, and what lies beyond it is not as diverse.
        """
        mean = self.values[metric].mean(axis=0)
        turns = [int(index) for index in (mean.argmin(), mean.argmax()) if index > 0]
        end = min(turns, default=0) + 1
        low, high, slack = mean[:end].min(), mean[:end].max(), slack * self.span[metric]
        if end < 2 or not low - slack <= cell.mean() <= high + slack:
            return None
        return self._smallest(np.abs(self.values[metric][:, :end] - cell.reindex(self.runs).to_numpy()[:, None]))

    def _smallest(self, off: np.ndarray) -> list[int]:
        """For each run the index of the smallest mean over the runs of other sampling seeds, or over all if there are none."""
        return [int(np.nanmean(off[rows], axis=0).argmin()) for rows in self._others]
