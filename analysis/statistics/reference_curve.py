"""Plain guidance's curves over w, run by run: what methods are compared with, and differences across a curve."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import by_run

POINTS = 400  # strengths of the reference that are tried
LINEAR = 0.15  # ws are spread as asinh(w / LINEAR), as on the figures' axes
SPAN_UP_TO = 4.0  # w, the largest of the paper's tables: beyond it plain guidance collapses, and the span is that of the collapse
SLOPE_OVER = 0.5  # of a measure's span: the stretch of the curve over which a slope is taken


class ReferenceCurve:
    """Of a table that holds one world, sampler, steps and n: every metric's curve, interpolated between the reference's ws.

    runs: the (train_seed, seed) of every curve. ws: of the reference, rising. grid: w at POINTS places. values: by metric,
    (runs, POINTS). span: by metric, of the mean curve up to w = SPAN_UP_TO. ValueError where the reference has no curve, or no
    second run.

    A w that is found by matching noisy means is off by some of the noise of all runs, which a paired difference at that w would
    not show: a method that is plain guidance would be called different. So differences are taken across the curve: what a small
    change of w would do to the measures is removed from every run's difference, in proportion to the mean curve's slope there.
    """

    def __init__(self, table: pd.DataFrame, metrics: Sequence[str]):
        curves = {metric: by_run(table, metric, REFERENCE).dropna(how="all") for metric in metrics}
        known = [{*curve.dropna(axis=1).columns} for curve in curves.values()]  # without a w at which some run collapsed
        curves = {metric: curve[[w for w in curve if all(w in ws for ws in known)]] for metric, curve in curves.items()}
        if any(curve.empty or curve.shape[1] < 2 for curve in curves.values()):
            raise ValueError(f"{REFERENCE} has no curve over w: it is what all else is compared with")
        runs = [curve.index for curve in curves.values()]
        self.runs = runs[0][[all(run in other for other in runs) for run in runs[0]]]
        if len(self.runs) < 2:
            raise ValueError("one run: no difference can be tested; give more sample_seeds or train_seeds")
        ws = np.asarray(next(iter(curves.values())).columns, dtype=float)
        self.ws, self._stretched = ws, np.arcsinh(ws / LINEAR)
        self._at_ws = {name: curve.loc[self.runs].to_numpy() for name, curve in curves.items()}
        dense = np.linspace(self._stretched[0], self._stretched[-1], POINTS)
        self.grid = LINEAR * np.sinh(dense)
        self.values = {name: self._read(name, dense) for name in curves}
        self._mean = {name: values.mean(axis=0) for name, values in self.values.items()}
        self._slopes: dict[tuple[str, str, int, int], float] = {}
        near = ws <= max(SPAN_UP_TO, np.sort(ws)[1])
        self.span = {name: float(np.ptp(curve.loc[self.runs].mean().to_numpy()[near])) or 1.0 for name, curve in curves.items()}

    def at(self, metric: str, w: float) -> pd.Series:
        """Each run's value at w, which lies between the smallest and the largest of `ws`."""
        return pd.Series(self._read(metric, np.arcsinh([w / LINEAR]))[:, 0], index=self.runs)

    def _read(self, metric: str, places: np.ndarray) -> np.ndarray:
        return np.stack([np.interp(places, self._stretched, row) for row in self._at_ws[metric]])

    def nearest(self, cell: Mapping[str, pd.Series], metrics: Sequence[str]) -> int:
        """The index of the grid nearest to the cell's means in these metrics, in units of their spans."""
        off = sum(((self._mean[name] - cell[name].mean()) / self.span[name]) ** 2 for name in metrics)
        return int(np.argmin(off))

    def across(self, cell: Mapping[str, pd.Series], index: int) -> dict[str, pd.Series]:
        """Each run's difference from the reference at that index, without what another w nearby explains, by metric of the cell.

        That is the part across the curve, in units of the spans. At the ends of the curve, where there is no other w on one side,
        it is the difference itself.
        """
        spans = np.array([self.span[name] for name in cell])
        off = np.stack([cell[name].to_numpy() - self.values[name][:, index] for name in cell], axis=1) / spans
        if 0 < index < len(self.grid) - 1:
            along = np.array([self._mean[name][index + 1] - self._mean[name][index - 1] for name in cell]) / spans
            if (length := float(along @ along)) > 0:
                off = off - np.outer(off @ along / length, along)
        return {name: pd.Series(column * self.span[name], index=self.runs) for name, column in zip(cell, off.T)}

    def at_equal(self, value: pd.Series, cell: pd.Series, metric: str, of: str, slack: float) -> pd.Series | None:
        """Each run's difference of `value` from the reference's `of`, where the reference has the cell's value of `metric`.

        value, cell: of the method, by run. Of all places where the two are equal within two standard errors, the one at which the
        difference is least certain. None where the reference never has it, up to `slack` of the span, before its curve turns:
        where a strong w makes samples differ again that is damage, and what lies beyond it is not as diverse.
        """
        mean, slack = self._mean[metric], slack * self.span[metric]
        end = turn(mean, slack)
        low, high = mean[:end].min(), mean[:end].max()
        if end < 2 or not low - slack <= cell.mean() <= high + slack:
            return None
        off = cell.to_numpy()[:, None] - self.values[metric][:, :end]
        gap, noise = np.abs(off.mean(axis=0)), off.std(axis=0, ddof=1) / np.sqrt(len(off))
        places = [index for index in range(end) if gap[index] <= 2 * noise[index] or index == gap.argmin()]
        slopes = [self._slope(metric, of, index, end) for index in places]
        found = value.to_numpy()[:, None] - self.values[of][:, places] - slopes * off[:, places]
        certain = np.abs(found.mean(axis=0)) / np.where(spread := found.std(axis=0, ddof=1), spread, np.inf)
        return pd.Series(found[:, certain.argmin()], index=self.runs)

    def _slope(self, metric: str, of: str, index: int, end: int) -> float:
        """Of the mean curve of `of` over `metric` around the index: over less than the noise it would be that of the noise."""
        if (known := self._slopes.get(place := (metric, of, index, end))) is not None:
            return known
        mean, before, after = self._mean[metric], index, index
        while abs(mean[after] - mean[before]) < SLOPE_OVER * self.span[metric] and (before > 0 or after < end - 1):
            before, after = max(before - 1, 0), min(after + 1, end - 1)
        self._slopes[place] = float((self._mean[of][after] - self._mean[of][before]) / (mean[after] - mean[before] or np.inf))
        return self._slopes[place]


def turn(mean: np.ndarray, noise: float) -> int:
    """How many points of a curve there are up to its turn: all, unless it moves by more than `noise` and comes back so far."""
    for side in (mean - mean[0], mean[0] - mean):
        highest = np.maximum.accumulate(side)
        back = (highest > noise) & (highest - side > noise)
        if back.any():
            return int(side[: int(back.argmax())].argmax()) + 1
    return len(mean)
