"""Statistics of the comparison: paired by run, spreads told apart, likeness as an equivalence test, choices made on other seeds.

A run is one (train_seed, seed). Methods share the networks and the noise of a run, so that differences are taken run by run. Runs
of one training share its network, and runs of one sampling seed its noise: nine runs of three trainings and three seeds are not
nine, and both kinds of chance are in the error of their mean (`difference`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

LEVEL = 0.05  # of every test; intervals hold 1 - LEVEL
RUN = ["train_seed", "seed"]
_POINTS = 4000  # of the quadrature of power


@dataclass(frozen=True)
class Spread:
    """Standard deviations of one number: between the means of trainings, and between sampling seeds of one training.

    between is NaN for one training, within where no training has two sampling seeds.
    """

    mean: float
    between: float
    within: float
    trainings: int
    runs: int

    @property
    def sd(self) -> float:
        """Of what is independent: the trainings, or the sampling seeds where there is one training."""
        return self.between if self.trainings > 1 else self.within


def spread(values: pd.DataFrame) -> Spread:
    """The spreads of a number of runs: columns train_seed, seed, value. ValueError for a run that occurs twice."""
    if values.duplicated(RUN).any():
        raise ValueError("a run occurs twice: give one value for each (train_seed, seed)")
    groups = values.groupby("train_seed")["value"]
    means, free = groups.mean(), int((groups.count() - 1).sum())
    within = math.sqrt(float((groups.var() * (groups.count() - 1)).sum()) / free) if free else math.nan
    between = float(means.std()) if len(means) > 1 else math.nan
    return Spread(float(means.mean()), between, within, len(means), len(values))


@dataclass(frozen=True)
class Difference:
    """A mean of paired differences, its standard error over `units` independent ones, and its interval at 1 - LEVEL.

    over: what the units are, as it stands after their number: "trainings x 3 sampling seeds"; "trainings at one sampling seed",
    where nothing is known of others; or "sampling seeds" where the networks are given, of one training or by wish.
    freedom: degrees of freedom of the error, units - 1 unless two kinds of chance are in it.
    """

    mean: float
    error: float
    low: float
    high: float
    units: int
    over: str
    freedom: float = math.nan

    @property
    def df(self) -> float:
        """Degrees of freedom of the error."""
        return self.units - 1 if math.isnan(self.freedom) else self.freedom

    @property
    def p(self) -> float:
        """Of the two-sided t test of no difference; without noise a difference is certain unless it is zero. 1 of one unit."""
        if self.units < 2:
            return 1.0
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * student.sf(abs(self.mean) / self.error, self.df))

    def p_alike(self, margin: float) -> float:
        """Of two one-sided tests that the difference is below `margin` (Schuirmann, 1987), the larger. 1 of one unit."""
        if self.units < 2 or not margin > 0:
            return 1.0
        if self.error == 0:
            return float(abs(self.mean) >= margin)
        return float(student.sf((margin - abs(self.mean)) / self.error, self.df))

    def alike(self, margin: float) -> bool:
        """Whether the difference is shown to be smaller than `margin`, at LEVEL. Never of one unit."""
        return self.p_alike(margin) < LEVEL

    @property
    def apart(self) -> bool:
        """Whether it is not zero, at LEVEL. Never of one unit."""
        return self.units > 1 and not self.low <= 0 <= self.high

    def detectable(self, power: float = 0.8, tests: int = 1) -> float:
        """The smallest difference that so many units find with this power, at LEVEL: what "no difference" may hide.

        tests: the size of the family; the first step of Holm's, which is the hardest, is then what must be passed.
        """
        return math.inf if self.units < 2 else _noncentrality(round(self.df, 2), power, tests) * self.error


@cache
def _noncentrality(df: float, power: float, tests: int) -> float:
    """The true difference, in standard errors, that a two-sided t test at LEVEL / tests of such an error finds so often.

    The mean over the estimated error's distribution (a scaled chi) of the normal power; to find the wrong sign does not count.
    """
    critical = student.isf(LEVEL / tests / 2, df)
    estimated = np.sqrt(chi2.ppf((np.arange(_POINTS) + 0.5) / _POINTS, df) / df)  # in true standard errors
    return float(brentq(lambda shift: norm.cdf(shift - critical * estimated).mean() - power, 0.0, 2.0 * critical + 2.0))


def difference(pairs: pd.Series, given: bool = False) -> Difference:
    """Of a paired difference by run (index train_seed, seed). ValueError if there is none.

    Of several trainings, the mean over their means. Where they share several sampling seeds its error is that of both chances,
    crossed: the variance between trainings, which has the chance of single runs in it, and what the seeds' means vary beyond that
    of single runs; degrees of freedom by Satterthwaite (Biometrics Bulletin 2, 1946), at least those of the smaller kind. Where
    there is one seed there is no such estimate. In simulations of 3 x 3 runs that errs at most 6 times in 100, of 3 x 2 8 times.

    given: the networks are these and no others, and what is independent are the sampling seeds that every training has; a seed
    counts once however many trainings share its noise.
    """
    pairs = pairs.dropna()
    if pairs.empty:
        raise ValueError("no run has both: a difference needs runs that share train_seed and seed")
    trainings = pairs.groupby(level="train_seed").mean()
    if len(trainings) < 2:
        return _of_units(pairs, "sampling seeds")
    shared = pairs.unstack("train_seed").dropna()
    if not given:
        return _crossed(trainings, shared.to_numpy())
    if shared.empty:
        raise ValueError("no sampling seed is there for every training: nothing can be said of these networks together")
    return _of_units(shared.mean(axis=1), "sampling seeds")


def _of_units(units: pd.Series, over: str) -> Difference:
    n = len(units)
    error = float(units.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return _interval(float(units.mean()), error, n, over, n - 1)


def _crossed(trainings: pd.Series, shared: np.ndarray) -> Difference:
    """trainings: their means; shared (s, t): the runs at the seeds that every training has."""
    seeds, n = shared.shape
    if seeds < 2:
        return _of_units(trainings, "trainings at one sampling seed" if seeds else "trainings")
    between = float(trainings.var(ddof=1)) / n
    rest = shared - shared.mean(0) - shared.mean(1, keepdims=True) + shared.mean()
    by_seed, by_run = float(shared.mean(1).var(ddof=1)) / seeds, float((rest**2).sum()) / ((seeds - 1) * (n - 1)) / seeds / n
    beyond = max(0.0, by_seed - by_run)
    error, over = math.sqrt(between + beyond), f"trainings x {seeds} sampling seeds"
    if not beyond:
        return _interval(float(trainings.mean()), error, n, over, n - 1)
    parts = between**2 / (n - 1) + by_seed**2 / (seeds - 1) + by_run**2 / ((seeds - 1) * (n - 1))
    df = max((between + beyond) ** 2 / parts, min(n, seeds) - 1)  # without a bound a difference of two estimates has next to none
    return _interval(float(trainings.mean()), error, n, over, df)


def _interval(mean: float, error: float, units: int, over: str, df: float) -> Difference:
    reach = float(student.ppf(1 - LEVEL / 2, df)) * error if units > 1 else math.inf
    return Difference(mean, error, mean - reach, mean + reach, units, over, df)


def by_run(table: pd.DataFrame, metric: str, method: str) -> pd.DataFrame:
    """Values of one metric of one method: one row per run, one column per w. `table` holds one world, sampler, steps and n."""
    rows = table[(table["metric"] == metric) & (table["method"] == method)]
    return rows.pivot(index=RUN, columns="w", values="value")


def halves(runs: pd.MultiIndex) -> tuple[pd.MultiIndex, pd.MultiIndex]:
    """Runs to choose by and runs to report, by sampling seed in turn, every training in both; the larger half reports.

    ValueError for one seed.
    """
    seeds = sorted(set(runs.get_level_values("seed")))
    if len(seeds) < 2:
        raise ValueError("one sampling seed: nothing is left to report a choice on; give two or more sample_seeds")
    chosen = runs.get_level_values("seed").isin(seeds[1::2])
    return runs[chosen], runs[~chosen]


def best_w(curve: pd.DataFrame, lower_is_better: bool = True) -> tuple[float, pd.Series]:
    """The w with the best mean on one half of the runs, and its values on the other: the best of many means is lucky.

    That removes the luck of sampling seeds. The trainings are the same in both halves, and their luck stays. A w that has no
    value in some run, whose samples collapsed, is not judged by the others. ValueError for one seed, or if no w is left.
    """
    curve = curve.dropna(axis=1)
    if curve.empty:
        raise ValueError("no w has a value in every run")
    choose, report = halves(curve.index)
    means = curve.loc[choose].mean()
    w = float(means.idxmin() if lower_is_better else means.idxmax())
    return w, curve.loc[report, w]


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for a family of tests. Holm, Scandinavian Journal of Statistics 6, 1979."""
    order, adjusted, worst = np.argsort(p), [0.0] * len(p), 0.0
    for place, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = worst
    return adjusted


def judge(gaps: Sequence[Difference], margins: Sequence[float], lower_is_better: bool = True) -> list[str]:
    """Of a whole family of differences one word each: "equivalent", "better", "worse" or "undecided".

    Equivalent: shown to be smaller than its margin, however certain the difference; better and worse are not zero; both after
    Holm over the family. What is neither lies inside the noise: undecided, and `detectable(tests=len(gaps))` says what is missed.
    """
    alike = holm([gap.p_alike(margin) for gap, margin in zip(gaps, margins, strict=True)])
    others = holm([gap.p for gap in gaps])
    direction = {True: "better", False: "worse"}
    return [
        "equivalent" if same < LEVEL else "undecided" if p >= LEVEL else direction[(gap.mean < 0) == lower_is_better]
        for gap, same, p in zip(gaps, alike, others)
    ]
