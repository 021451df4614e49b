"""Claims about guidance in a sentence or two each, from the numbers, as they were found."""

from collections.abc import Iterator

import pandas as pd

from analysis.findings.words import first_of_each, interval, number, several
from analysis.results import Results
from analysis.statistics import round_classes as measured
from analysis.statistics.round_classes import ACROSS, DISTORTION, EXACT, FAMILY, LEAST, MARGIN, SHIFT, VARIANCE, WRONG
from analysis.statistics.round_moves import from_boundaries

PARTS = {SHIFT: "shift", VARIANCE: "variance"}


def sentences(results: Results) -> list[str]:
    """Of every claim what was measured; a claim without a cell has no sentence."""
    return first_of_each([[*of(results)] for of in (_at_mean, _by_classes, _windows, _with_dimension, _from_boundaries)])


def _at_mean(results: Results) -> Iterator[str]:
    frame = measured.at_mean(results)
    if frame.empty:
        return
    count = frame["verdict"].value_counts()
    differ = frame[frame["verdict"].isin(["larger", "smaller"])]
    yield (
        f"(a) Gradient at the mean instead of at z: of {len(frame)} comparisons {count.get('equivalent', 0)} equivalent (within "
        f"{MARGIN:.0%} of what guidance changes, or {LEAST:g}), {_are(len(differ), 'difference')} and "
        f"{count.get('undecided', 0)} undecided{_runs(results)}."
    )
    for steps, own in frame.groupby("steps"):
        worst = own.loc[own["gap"].abs().idxmax()]
        yield (
            f"(a) At T = {steps} the largest difference is {number(worst['gap'])} of the {PARTS[worst['measure']]} "
            f"({interval(worst['gap_low'], worst['gap_high'])}), d = {worst['dimension']}, w = {worst['w']:g}, where the "
            f"gradient at z changes it by {number(worst['at_z'])}; {(own['verdict'] == 'equivalent').sum()} of {len(own)} are "
            "equivalent."
        )


def _by_classes(results: Results) -> Iterator[str]:
    frame = measured.by_classes(results)
    for w, own in frame.groupby("w") if len(frame) else ():
        yield from _families(results, w, own)
    for w, own in frame.groupby("w") if len(frame) else ():
        growth = measured.growth_with_classes(results, w)
        shown = [_growth(row) for row in growth.itertuples()]
        up, down = (growth["apart"] & (growth["growth"] > 0)).sum(), (growth["apart"] & (growth["growth"] < 0)).sum()
        yield (
            f"(b) At w = {w:g} the distortion grows with the number of classes in {up} of "
            f"{len(growth)} dimensions, falls in {down}, and is undecided in {len(growth) - up - down}: {'; '.join(shown)}."
        )
        for _, row in own[own["family"] == FAMILY].iterrows():
            across = f", of that across it {_of(row, ACROSS)}" if row.get(ACROSS) == row.get(ACROSS) else ""
            yield (
                f"(b) {row['classes']} classes in d = {row['dimension']}, {row['sampler']}, w = {w:g}: shift {_of(row, SHIFT)} "
                f"std, change of the variance along the class direction {_of(row, VARIANCE)}{across}."
            )


def _families(results: Results, w: float, own: pd.DataFrame) -> Iterator[str]:
    """How distortion goes with the dimension: with 2^d classes, by every sampler, and with a number of classes that stays."""
    for sampler in dict.fromkeys(own[own["family"] == FAMILY]["sampler"]):
        line = measured.along_dimension(results, w, sampler, "exponential")
        yield f"(b) With 2^d classes, {sampler}, w = {w:g}, the distortion {_way(line, 0)}."
    lines = {k: measured.along_dimension(results, w, results.sampler, "b", k) for k in sorted(set(own["classes"]))}
    ways = [f"{k} it {_way(line, _largest(line))}" for k, line in lines.items() if len(line) > 1]
    if ways:
        where = f"{results.sampler}, w = {w:g}; from its largest on, or from the first if that is the last"
        yield f"(b) With a number of classes that stays ({where}): with {'; with '.join(ways)}."


def _largest(line: pd.DataFrame) -> int:
    """The row of the largest distortion; the first where that is the last, from which nothing can follow."""
    at = int(line[DISTORTION].idxmax())
    return 0 if at == line.index[-1] else at


def _way(line: pd.DataFrame, start: int) -> str:
    """From a row of a line to its last, and whether it is shown to be another number there."""
    first, last = line.loc[start], line.iloc[-1]
    gap = number(-first["gap"]), interval(-first["gap_high"], -first["gap_low"])
    verb = "grows" if first["gap_high"] < 0 else "falls" if first["gap_low"] > 0 else "is not shown to change"
    return (
        f"{verb} from {number(first[DISTORTION])} std^2 in d = {first['dimension']:.0f} to {number(last[DISTORTION])} in "
        f"d = {last['dimension']:.0f} ({gap[0]}, {gap[1]})"
    )


def _growth(row: object) -> str:
    ends = interval(row.growth_low, row.growth_high)  # type: ignore[attr-defined]
    return f"d = {row.dimension}: {number(row.growth)} std^2 from {row.fewest} to {row.most} classes ({ends})"  # type: ignore[attr-defined]


def _windows(results: Results) -> Iterator[str]:
    frame = measured.in_windows(results)
    if frame.empty:
        return
    plain, rest = frame[frame["method"] == measured.REFERENCE], frame[frame["method"] != measured.REFERENCE]
    for (to, w), own in rest.dropna(subset="turn").groupby(["to", "w"], sort=False):
        nearest, beside = own.loc[own[VARIANCE].abs().idxmin()], plain[plain["w"] == w]
        beside_plain = f", where plain guidance changes them by {_all(beside.iloc[0])}" if len(beside) else ""
        yield (
            f"(b) Of {len(own)} lambdas where w = {w:g} turns to {to:g}, {nearest['turn']:g} leaves the variance nearest to the "
            f"class's: it changes variance, shift in std and share on the wrong side by {_all(nearest)}{beside_plain}."
        )
    negative = rest[rest["w"] < 0]
    if plain.empty or negative.empty:
        return
    weakest, best = plain.loc[plain["w"].idxmin()], negative.loc[negative[VARIANCE].idxmax()]
    verb = "widens" if best[f"{VARIANCE}_low"] > 0 else "is not shown to widen"
    world = measured.changes_of(results).worlds_of("window")["world"].iloc[0]
    yield (
        f"(b) In {world} guidance at w = {weakest['w']:g} changes the "
        f"variance by {_of(weakest, VARIANCE)}; of the windows with negative w alone, {best['method']} at w = {best['w']:g} "
        f"{verb} it most, by {_of(best, VARIANCE)}, with a shift of {_of(best, SHIFT)} std."
    )


def _all(row: pd.Series) -> str:
    return f"{_of(row, VARIANCE)}, {_of(row, SHIFT)} and {_of(row, WRONG)}"


def _with_dimension(results: Results) -> Iterator[str]:
    frame = measured.with_dimension(results)
    for (growth, sampler, w), own in frame.groupby(["growth", "sampler", "w"], sort=False) if len(frame) else ():
        own = own.sort_values("dimension")
        first, last = own.iloc[0], own.iloc[-1]
        kind = "grows with the dimension" if growth == 1 else "is the same in every dimension"
        exact = own.loc[own["exact"] == "yes", "dimension"].tolist()
        named = (
            f"below {EXACT:g} in d = {', '.join(map(str, exact))}" if exact else f"shown to be below {EXACT:g} in no dimension"
        )
        yield (
            f"(c) Two classes whose distance {kind}, {sampler}, w = {w:g}: from d = {first['dimension']} to {last['dimension']} "
            f"the shift goes from {_of(first, SHIFT)} to {_of(last, SHIFT)} std, the change of variance from "
            f"{_of(first, VARIANCE)} to {_of(last, VARIANCE)}; both {named}."
        )
    half = measured.half_way(results)
    half = half[half["growth"] == 1].dropna()
    if len(half) > 1:
        places = ", ".join(f"{row.logsnr:.2f} (d = {row.dimension:.0f})" for row in half.itertuples())
        yield f"(c) Where the distance grows p(c | z) is half way from chance to certainty at lambda {places}."


def _from_boundaries(results: Results) -> Iterator[str]:
    frame = from_boundaries(results)
    if frame.empty or "verdict" not in frame:
        return
    others = frame[frame["verdict"] != ""]
    alike = (others["verdict"] == "equivalent").sum()
    yield (
        f"(d) Classifier and classifier-free guidance move samples away from the nearest boundary alike in {alike} of "
        f"{len(others)} comparisons; the largest distance between two samples of one noise is "
        f"{number(others['largest'].max())} std."
    )
    first = frame[frame["verdict"] == ""]
    for w, own in first.groupby("w"):
        moves = ", ".join(
            f"{number(row.moved)} in d = {row.dimension} with {row.classes} classes ({row.away:.0%} of samples away)"
            for row in own.itertuples()
        )
        yield f"(d) At w = {w:g} the mean move away from the nearest boundary, in std, is {moves}."


def _of(row: pd.Series, name: str) -> str:
    return f"{number(row[name])} ({number(row[f'{name}_low'])} to {number(row[f'{name}_high'])})"


def _are(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _runs(results: Results) -> str:
    return f"; {several(len(results.sample_seeds), 'sampling seeds')}, n = {max(results.n.values()):,}"
