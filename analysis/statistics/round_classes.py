"""Changes that guidance makes to samples of round classes, paired by sampling seed: one frame for each claim that is tested.

A change is that of a measure from the unguided samples of the same noise, in the same world with the same sampler and number of
steps; the noise that both share drops out, and most of the sampler's own error. What is independent are the sampling seeds; the
means of the classes are given. Two changes are equivalent if they are shown to differ by less than `margin`, a tenth of the
larger change, at least LEAST (Schuirmann's two one-sided tests, after Holm over the frame), whether or not they are equal;
"undecided" is what more seeds would tell.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.results import Results
from analysis.statistics.compare import REFERENCE
from analysis.statistics.paired import Difference, difference, judge

MARGIN, LEAST = 0.1, 0.01  # of the larger change; standard deviations of a class, or shares of its variance
EXACT = 0.05  # a change that is shown to be below this is called none
SHIFT, VARIANCE, ACROSS, DISTORTION = "shift_along", "variance_along", "variance_across", "distortion"
BOUNDARY, WRONG = "boundary_distance", "wrong_side"
FAMILY = "2^d"  # of worlds with as many classes
WORDS = {"better": "smaller", "worse": "larger", "equivalent": "equivalent", "undecided": "undecided"}


class Changes:
    """The single runs of a study by place, and what they change."""

    def __init__(self, results: Results):
        table = results.sampled
        self.worlds, self.compared = results.tables["worlds"], results.tables["compared"]
        keys = ["world", "method", "w", "sampler", "steps", "metric"]
        self.held = {key: part.set_index(["train_seed", "seed"])["value"] for key, part in table.groupby(keys, sort=False)}

    def runs(self, metric: str, world: str, method: str, w: float, sampler: str, steps: int) -> pd.Series | None:
        """Values by run; None where there are none."""
        return self.held.get((world, REFERENCE if w == 0 else method, w, sampler, steps, metric))

    def of(self, metric: str, world: str, method: str, w: float, sampler: str, steps: int) -> pd.Series | None:
        """Changes by run of a measure; None where one of the two is not there."""
        guided, plain = (self.runs(metric, world, method, at, sampler, steps) for at in (w, 0.0))
        return None if guided is None or plain is None else (guided - plain).dropna()

    def methods(self, question: str) -> list[str]:
        """The labels of the methods that a question is about."""
        return list(dict.fromkeys(self.compared.loc[self.compared["question"] == question, "method"]))

    def samplers(self, question: str) -> list[str]:
        """The samplers of a question."""
        return list(dict.fromkeys(self.compared.loc[self.compared["question"] == question, "sampler"]))

    def worlds_of(self, question: str) -> pd.DataFrame:
        """The worlds of a question."""
        return self.worlds[self.worlds["question"] == question]

    def strengths(self, world: str, method: str) -> list[float]:
        """Those of a method in a world, without 0."""
        return sorted({key[2] for key in self.held if key[:2] == (world, method) and key[2]})

    @property
    def ws(self) -> list[float]:
        """The strengths of plain guidance, without 0."""
        return sorted({key[2] for key in self.held if key[1] == REFERENCE and key[2]})


@lru_cache(maxsize=1)
def changes_of(results: Results) -> Changes:
    """Of one study, which all frames are made of."""
    return Changes(results)


def columns_of(entry: Difference, name: str) -> dict[str, float]:
    """Mean and interval as columns of a frame."""
    return {name: entry.mean, f"{name}_low": entry.low, f"{name}_high": entry.high}


def all_columns(found: Mapping[str, pd.Series | None]) -> dict[str, float]:
    """The same of several measures, whose runs are there."""
    return {
        key: x for metric, runs in found.items() if runs is not None for key, x in columns_of(difference(runs), metric).items()
    }


def at_mean(results: Results) -> pd.DataFrame:
    """Claim a: by dimension, steps, w and measure the change with the gradient at z and at the mean, and their difference."""
    changes, rows, gaps = changes_of(results), [], []
    (at_z, at_mu), (sampler,) = changes.methods("a"), changes.samplers("a")
    every = sorted({(key[4], key[2]) for key in changes.held if key[1] == at_mu and key[2]})
    for world in changes.worlds_of("a").itertuples():
        for steps, w in every:
            for metric in (SHIFT, VARIANCE):
                place = (metric, world.world)
                one, other = (changes.of(*place, name, w, sampler, steps) for name in (at_z, at_mu))
                if one is None or other is None:
                    continue
                gaps.append(difference((other - one).dropna()))
                head = {"dimension": world.dimension, "classes": world.classes, "steps": steps, "w": w, "measure": metric}
                found = (
                    columns_of(difference(one), "at_z") | columns_of(difference(other), "at_mean") | columns_of(gaps[-1], "gap")
                )
                rows.append(head | found)
    return _judged(rows, gaps, [("at_z", "at_mean")] * len(rows))


def by_classes(results: Results) -> pd.DataFrame:
    """Claim b: by family, dimension, number of classes, sampler and w the changes of distortion, shift and variances.

    family: the number of classes, the same in every dimension, or FAMILY. No variance across the class direction in d = 1.
    """
    changes, rows = changes_of(results), []
    for question in ("b", "exponential"):
        for world in changes.worlds_of(question).itertuples():
            for sampler in changes.samplers(question):
                for w in changes.ws:
                    place = (world.world, REFERENCE, w, sampler, results.steps)
                    found = {metric: changes.of(metric, *place) for metric in (DISTORTION, SHIFT, VARIANCE, ACROSS)}
                    family = FAMILY if question == "exponential" else f"{world.classes}"
                    head = {"family": family, "dimension": world.dimension, "classes": world.classes, "sampler": sampler, "w": w}
                    if found[DISTORTION] is not None:
                        rows.append(head | all_columns(found))
    return pd.DataFrame(rows)


def along_dimension(results: Results, w: float, sampler: str, question: str, classes: int | None = None) -> pd.DataFrame:
    """Claim b: distortion in a question's worlds, all or those of one number of classes, by dimension, and what it is above
    that in the last, paired by seed: gap.
    """
    changes, held = changes_of(results), {}
    for world in changes.worlds_of(question).sort_values("dimension").itertuples():
        runs = changes.of(DISTORTION, world.world, REFERENCE, w, sampler, results.steps)
        if runs is not None and classes in (None, world.classes):
            held[world.dimension] = runs
    last = next(reversed(held.values()), None)
    return pd.DataFrame(
        {"dimension": d, **columns_of(difference(runs), DISTORTION), **columns_of(difference((runs - last).dropna()), "gap")}
        for d, runs in held.items()
    )


def growth_with_classes(results: Results, w: float) -> pd.DataFrame:
    """By dimension: the distortion with the most classes minus that with the fewest, paired by seed, and its interval."""
    changes, rows = changes_of(results), []
    for dimension, worlds in changes.worlds_of("b").groupby("dimension"):
        worlds = worlds.sort_values("classes")
        few, many = (
            changes.of(DISTORTION, world, REFERENCE, w, results.sampler, results.steps)
            for world in (worlds["world"].iloc[0], worlds["world"].iloc[-1])
        )
        if few is not None and many is not None and len(worlds) > 1:
            ends = {"fewest": int(worlds["classes"].iloc[0]), "most": int(worlds["classes"].iloc[-1])}
            gap = difference((many - few).dropna())
            rows.append({"dimension": dimension, **ends, **columns_of(gap, "growth"), "apart": gap.apart})
    return pd.DataFrame(rows)


def in_windows(results: Results) -> pd.DataFrame:
    """Claim b: in one world the changes by classifier-free guidance at every w, and by each method that acts in a window.

    turn, to: the lambda where a method turns, and the w that it turns to, -1 at least; NaN of one that does not.
    """
    changes, rows = changes_of(results), []
    turns = changes.compared[changes.compared["question"] == "window"].drop_duplicates("method").set_index("method")
    turns = turns[["turn", "negative"]].astype(float)
    for world in changes.worlds_of("window").itertuples():
        for method, w in [(REFERENCE, w) for w in changes.ws] + [(name, None) for name in changes.methods("window")]:
            for strength in [w] if w is not None else changes.strengths(world.world, method):
                place = (world.world, method, strength, results.sampler, results.steps)
                found = {metric: changes.of(metric, *place) for metric in (VARIANCE, SHIFT, WRONG)}
                turn, negative = turns.loc[method] if method in turns.index else (np.nan, np.nan)
                to = max(negative * strength, -1.0) if negative < 0 else negative * strength
                head = {"method": method, "w": strength, "turn": turn, "to": to}
                if all(runs is not None for runs in found.values()):
                    rows.append(head | all_columns(found))
    return pd.DataFrame(rows)


def with_dimension(results: Results) -> pd.DataFrame:
    """Claim c: by growth, sampler, w and dimension the changes of two classes' shift and variance, and whether they are none.

    exact: both changes are shown to be below EXACT; "no": one of them is not zero, and its mean beyond EXACT; each
    by a test of its own, without Holm.
    """
    changes, rows = changes_of(results), []
    for world in changes.worlds_of("c").itertuples():
        for sampler in changes.samplers("c"):
            for w in changes.ws:
                place = (world.world, REFERENCE, w, sampler, results.steps)
                runs = {metric: changes.of(metric, *place) for metric in (SHIFT, VARIANCE)}
                if any(held is None for held in runs.values()):
                    continue
                found = {metric: difference(held) for metric, held in runs.items()}
                head = {"growth": world.growth, "sampler": sampler, "w": w, "dimension": world.dimension}
                small = all(entry.alike(EXACT) for entry in found.values())
                large = any(entry.apart and abs(entry.mean) > EXACT for entry in found.values())
                rows.append({**head, **all_columns(runs), "exact": "yes" if small else "no" if large else "undecided"})
    return pd.DataFrame(rows)


def half_way(results: Results) -> pd.DataFrame:
    """By world of c the lambda at which the mean p(c | z) is half way from chance to certainty, where guidance has its say;
    NaN where it never is.
    """
    field, asked = results.tables["field"], changes_of(results).worlds_of("c")
    rows = []
    for world in asked.itertuples():
        own = field[field["world"] == world.world].sort_values("logsnr")
        half = (1 / world.classes + 1) / 2
        above = own["posterior"].to_numpy() >= half
        at = float(np.interp(half, own["posterior"], own["logsnr"])) if above.any() and not above[0] else float("nan")
        rows.append({"growth": world.growth, "dimension": world.dimension, "logsnr": at})
    return pd.DataFrame(rows)


def _judged(rows: list[dict], gaps: list[Difference], pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    margins = [max(MARGIN * max(abs(row[one]), abs(row[other])), LEAST) for row, (one, other) in zip(rows, pairs)]
    words = judge(gaps, margins) if gaps else []
    return pd.DataFrame([{**row, "margin": m, "verdict": WORDS[word]} for row, m, word in zip(rows, margins, words)])
