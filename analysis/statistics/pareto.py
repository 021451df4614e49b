"""Fronts of two measures, and the area under them as one figure of merit with its spread over runs.

A point of a front is a cell (method, w, steps) that no other cell of its set is at least as good as in both measures and better
than in one. The area is the hypervolume (Zitzler & Thiele, IEEE Trans. Evol. Comput. 3, 1999): of all pairs of values that some
cell is at least as good as, up to a reference point. That point, and the unit, come from plain guidance alone, so that no method
changes another's area: in a quality or diversity the value at w = 0 made worse by one span of plain guidance's curve (w up to 4);
in a price what plain guidance costs made dearer by what guidance adds to w = 0. Diversity beyond that of w = 0 counts as that of
w = 0: samples that are broken differ too. Plain guidance's w = 0, the conditional model, has the area 1: an area of 1.2 means
that guidance adds a fifth. It belongs to every method that was not sampled at w = 0; a network of its own has a w = 0 of its
own, and an area below 1 where that is worse. Between adjacent ws cells are joined by a line.

The mean curve is what is measured, since noise of single runs would widen every front; its spread is the jackknife's (Tukey, Ann.
Math. Stat. 29, 1958) over trainings and over sampling seeds, reference point and all, and methods are compared by the same ones
left out. By that of a method stands plain guidance's at as many strengths, the nearest ones, since more ws trace a curve more
closely.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.metrics import metric as described
from analysis.statistics.compare import REFERENCE
from analysis.statistics.matched import PRICES
from analysis.statistics.paired import RUN, difference, judge
from analysis.statistics.reference_curve import LINEAR, POINTS, SPAN_UP_TO
from analysis.table import BASELINES

MARGIN = 0.1  # of the area of w = 0: what is smaller is equivalent
JOINED = 64  # points of the line between two cells
COLUMNS = ["method", "area", "sd", "reference", "difference", "low", "high", "units", "over", "margin", "detectable", "verdict"]


@dataclass(frozen=True)
class Axis:
    """A measure as a share: 0 at the reference point, one more for each span better, at most `most`. plain: that of w = 0."""

    metric: str
    worst: float
    span: float
    higher_is_better: bool
    plain: float = 1.0
    most: float = np.inf

    def share(self, values: np.ndarray | float) -> np.ndarray | float:
        """Of any shape; what is worse than the reference point is 0."""
        better = values - self.worst if self.higher_is_better else self.worst - values
        return np.clip(better / self.span, 0.0, self.most)


def front(points: pd.DataFrame, axes: tuple[Axis, Axis]) -> pd.DataFrame:
    """The rows of `points` (a column for each axis' metric) that no other row beats, by the first measure, best last."""
    values = np.stack([points[axis.metric] * (1 if axis.higher_is_better else -1) for axis in axes], axis=1)
    beaten = [bool(((values >= own).all(axis=1) & (values > own).any(axis=1)).any()) for own in values]
    kept = points[~np.array(beaten, dtype=bool) & ~np.isnan(values).any(axis=1)]
    return kept.sort_values(axes[0].metric, ascending=axes[0].higher_is_better, kind="stable")


def area(shares: np.ndarray) -> float:
    """Of the union of the rectangles from (0, 0) to each of the points (n, 2)."""
    shares = shares[~np.isnan(shares).any(axis=1)]
    if not len(shares):
        return 0.0
    shares = shares[np.argsort(shares[:, 0], kind="stable")]
    highest = np.maximum.accumulate(shares[::-1, 1])[::-1]  # of the points that are at least as far to the right
    return float(np.diff(shares[:, 0], prepend=0.0) @ highest)


def axes_of(table: pd.DataFrame, quality: str, other: str, steps: int) -> tuple[Axis, Axis]:
    """The axes of quality against a diversity or a price, from plain guidance at `steps` alone.

    ValueError where it was not sampled at w = 0 and beyond, or a measure does not move.
    """
    return _axes(_with_prices(table), quality, other, steps)


def of_means(cells: pd.DataFrame, quality: str, price: str) -> tuple[tuple[Axis, Axis], dict[str, float]]:
    """The axes, and the areas under the fronts of plain guidance and of all methods, in units of that of w = 0, where cells are
    points and nothing joins them: what can be bought. cells: of `analysis.statistics.compare.wide`, whose reference at its first
    number of levels gives the reference point. ValueError as in `axes_of`.
    """
    plain = cells[cells["method"] == REFERENCE]
    steps = 0 if plain.empty else int(plain["steps"].iloc[0])
    plain = plain[plain["steps"] == steps]
    axes = _axes(plain.melt(["method", "steps", "w"], [quality, price], "metric"), quality, price, steps)
    found = {}
    for name, own in ((REFERENCE, plain), ("all", cells)):
        shares = np.stack([axis.share(own[axis.metric].to_numpy()) for axis in axes], axis=1)
        found[name] = area(shares) / (axes[0].plain * axes[1].plain)
    return axes, found


def _axes(rows: pd.DataFrame, quality: str, other: str, steps: int) -> tuple[Axis, Axis]:
    own = rows[(rows["method"] == REFERENCE) & (rows["steps"] == steps)]
    return _axis(own, quality, diversity=False), _axis(own, other, diversity=other not in PRICES)


def areas(table: pd.DataFrame, quality: str, other: str, steps: int) -> pd.DataFrame:
    """One row per method, plain guidance first: its area, beside plain guidance's.

    table: tidy, one world and sampler; the largest n is taken. other: a diversity, at `steps` only, or a price, "nfe" or
    "seconds_per_sample", at every number of levels. Columns: COLUMNS; sd is the standard deviation of the pseudo-values (between
    trainings, or sampling seeds of one training), the others as in `analysis.statistics.matched`. ValueError as in `axes_of`.
    """
    rows, price = _with_prices(table), other in PRICES
    rows = rows[rows["metric"].isin([quality, other])]
    rows = rows if price else rows[rows["steps"] == steps]
    wide = rows.pivot(index=[*RUN, "method", "steps", "w"], columns="metric", values="value").reset_index()
    plain = wide[(wide["method"] == REFERENCE) & (wide["steps"] == steps)]
    units = [(unit, one) for unit in RUN if plain[unit].nunique() > 1 for one in sorted(plain[unit].unique())]
    left: list[tuple | None] = [None, *units]
    axes = [_axes(_without(rows, one), quality, other, steps) for one in left]
    names = [REFERENCE, *(name for name in dict.fromkeys(wide["method"]) if name != REFERENCE)]
    cells = {name: _of_method(wide[wide["method"] == name], plain, steps) for name in names}
    found, beside = {}, {}
    for name, own in cells.items():
        parts = [(_without(own, one), _without(plain, one)) for one in left]
        found[name] = [_area(part, two, price) for (part, _), two in zip(parts, axes)]
        beside[name] = [_beside(*part, two) if not price else _area(part[1], two, price) for part, two in zip(parts, axes)]
    pseudo = {name: _pseudo(each, units) for name, each in found.items()}
    gaps = {name: difference(pseudo[name] - _pseudo(beside[name], units)) for name in names[1:]}
    words = judge(list(gaps.values()), [MARGIN] * len(gaps), lower_is_better=False)
    own = difference(pseudo[REFERENCE])
    areas = [[REFERENCE, found[REFERENCE][0], _sd(pseudo[REFERENCE]), *[np.nan] * 4, own.units, own.over, MARGIN, np.nan, ""]]
    for (name, gap), word in zip(gaps.items(), words):
        ends = [gap.mean, gap.low, gap.high, gap.units, gap.over, MARGIN, gap.detectable(tests=len(gaps)), word]
        areas.append([name, found[name][0], _sd(pseudo[name]), beside[name][0], *ends])
    return pd.DataFrame(areas, columns=COLUMNS)


def _of_method(own: pd.DataFrame, plain: pd.DataFrame, steps: int) -> pd.DataFrame:
    """The cells of a method: those guided, and at `steps` its model without guidance, plain guidance's where it has none."""
    unguided = own[(own["w"] == 0) & (own["steps"] == steps)]
    return pd.concat([own[own["w"] != 0], unguided if len(unguided) else plain[plain["w"] == 0]])


def _without(rows: pd.DataFrame, one: tuple | None) -> pd.DataFrame:
    """All rows, or those that are not of a training or a sampling seed."""
    return rows if one is None else rows[rows[one[0]] != one[1]]


def _pseudo(areas: list[float], units: Sequence[tuple]) -> pd.Series:
    """A value for each run, of the jackknife's for its training and for its sampling seed: their mean is the area of all.

    Each of the two kinds has the chance of single runs in it, so that the error is rather too large than too small.
    """
    whole, moves = areas[0], {unit: pd.Series({0: 0.0}) for unit in RUN}
    for unit in RUN:
        without = pd.Series({one: area for (name, one), area in zip(units, areas[1:]) if name == unit}, dtype=float)
        if len(without):
            moves[unit] = -(len(without) - 1) * (without - without.mean())
    runs = pd.MultiIndex.from_product([moves[unit].index for unit in RUN], names=RUN)
    return pd.Series([whole + moves["train_seed"][training] + moves["seed"][seed] for training, seed in runs], index=runs)


def _sd(pseudo: pd.Series) -> float:
    """Between trainings, or between sampling seeds of one."""
    trainings = pseudo.groupby(level="train_seed").mean()
    return float((trainings if len(trainings) > 1 else pseudo).std(ddof=1))


def _area(cells: pd.DataFrame, axes: tuple[Axis, Axis], price: bool) -> float:
    """Of the mean curve of one method, in units of the area of w = 0; each number of levels is a curve of its own."""
    shared = cells[cells["w"] == 0]
    curves = [own for _, own in cells[cells["w"] != 0].groupby("steps")] or [cells[:0]]
    points = []
    for own in curves:
        mean = (own if price else pd.concat([own, shared])).groupby("w")[[axis.metric for axis in axes]].mean()
        points.append(_joined(np.stack([axis.share(mean[axis.metric].to_numpy()) for axis in axes], axis=1)))
    mean = shared[[axis.metric for axis in axes]].mean()
    origin = np.array([[float(axis.share(np.array(mean[axis.metric]))) for axis in axes]])
    return area(np.concatenate([*points, origin])) / (axes[0].plain * axes[1].plain)


def _beside(own: pd.DataFrame, plain: pd.DataFrame, axes: tuple[Axis, Axis]) -> float:
    """The area of plain guidance's mean curve at the places nearest to the method's cells: else many ws would be an advantage."""
    names = [axis.metric for axis in axes]
    spans = np.array([axis.span for axis in axes])
    curve, cells = plain.groupby("w")[names].mean(), own[own["w"] != 0].groupby("w")[names].mean().dropna()
    stretched = np.arcsinh(curve.index.to_numpy() / LINEAR)
    dense = np.linspace(stretched[0], stretched[-1], POINTS)
    line = np.stack([np.interp(dense, stretched, curve[name]) for name in names], axis=1)
    off = (((line[None] - cells.to_numpy()[:, None]) / spans) ** 2).sum(axis=2)
    places = np.sort(np.r_[np.abs(dense).argmin(), off.argmin(axis=1)])
    return area(_joined(np.stack([axis.share(line[places, k]) for k, axis in enumerate(axes)], axis=1)))


def _joined(points: np.ndarray) -> np.ndarray:
    """The points (n, 2) and those of the lines between neighbours; a collapsed cell has no line."""
    if len(points) < 2:
        return points
    share = np.linspace(0, 1, JOINED + 1)[None, :, None]
    return (points[:-1, None] * (1 - share) + points[1:, None] * share).reshape(-1, 2)


def _axis(own: pd.DataFrame, name: str, diversity: bool) -> Axis:
    means = own[own["metric"] == name].groupby("w")["value"].mean()
    if 0 not in means or len(means) < 2:
        raise ValueError(f"{REFERENCE} has no {name} at w = 0 and beyond: there is no reference point")
    near = means[means.index <= max(SPAN_UP_TO, float(np.sort(means.index)[1]))]
    higher = bool(diversity or described(name).higher_is_better)
    span = float(np.ptp(near))
    if not span > 0:
        raise ValueError(f"{name} of {REFERENCE} is the same at every w: there is no span to count in")
    plain = 2.0 if name in PRICES else 1.0
    worst = float(means[0]) - span if higher else float(means[0]) + plain * span
    return Axis(name, worst, span, higher, plain, most=1.0 if diversity else np.inf)


def _with_prices(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of methods at the largest n, with those of nfe, the evaluations of every kind together."""
    rows = table[(table["steps"] > 0) & ~table["method"].isin(BASELINES)]
    rows = rows[rows["n"] == rows["n"].max()]
    kinds = rows[rows["metric"].str.startswith("nfe_")]
    keys = ["world", "train_seed", "method", "w", "sampler", "steps", "seed", "n"]
    total = kinds.groupby(keys, sort=False)["value"].sum().reset_index().assign(metric="nfe")
    return pd.concat([rows[rows["metric"] != "nfe"], total], ignore_index=True)
