"""What the scale of a second condition does by itself, in sentences with numbers."""

from analysis.findings.words import drawn, interval, named, number, several
from analysis.metrics import columns_of
from analysis.results import Results
from analysis.statistics.two_scales import grid, of_the_second_scale

TOLD = ("second_label", "accuracy", "fid", "frechet_exact")


def sentences(results: Results) -> list[str]:
    """Of one world; none where no method has two scales."""
    if "scales" not in results.tables:
        return []
    columns, parts = [found[0] for name in TOLD if (found := columns_of(name, results.columns))], []
    for column in columns:
        try:
            largest, value, gap = of_the_second_scale(results, column)
        except (KeyError, ValueError):  # not measured, or not over a grid
            continue
        ends = f", {interval(gap.low, gap.high)} over {several(gap.units, gap.over)}" if gap.units > 1 else ""
        parts.append(f"the {named(column)} goes from {number(value - gap.mean)} to {number(value)} ({number(gap.mean)}{ends})")
    if not parts:
        return []
    told = [
        f"With the scale of the second label from 1 to {largest:g}, that of the class 1, {'; '.join(parts)} ({drawn(results)})."
    ]
    distance = next((column for column in columns if column.startswith(("fid", "frechet"))), None)
    if distance:
        means = grid(results, distance)
        (at, second), alone, least = means.stack().idxmin(), means[1.0], number(means.min().min())
        told.append(
            f"Of {means.count().sum()} pairs of scales the {named(distance)} is smallest, {least}, where that of the class is "
            f"{at:g} and that of the second label {second:g}; with the class's alone it is {number(alone.min())}, at "
            f"{alone.idxmin():g} (the smallest of many noisy means)."
        )
    return told
