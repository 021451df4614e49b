"""The tables that pages of docs/results are filled with, each out of the files of one committed folder."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from analysis.headline import headline, markdown
from analysis.metrics import metric
from analysis.statistics.claims import counts
from analysis.table import read_table, summarise


def of_methods(
    folder: Path, sampler: str, steps: str, n: str, metrics: str, methods: str = "", ws: str = "", world: str = ""
) -> str:
    """Rows of methods and w, columns of metrics: mean ± sd. methods, ws: those that are shown; "": all."""
    summary = _of_world(folder, world)
    wanted = _listed(methods)
    keep = summary["method"].isin([*wanted, "real"]) if wanted else summary["method"].map(lambda name: "(after" not in name)
    if ws:
        keep &= summary["w"].isin([float(w) for w in _listed(ws)]) | summary["w"].isna()
    columns = _listed(metrics)
    frame = headline(summary[keep], sampler=sampler, steps=int(steps), n=int(n), metrics=columns)
    return markdown(frame.rename(columns={column: words(column) for column in columns}))


def over_w(
    folder: Path, rows: str, ws: str, metric: str = "", digits: str = "2", n: str = "", seeds: str = "", world: str = ""
) -> str:
    """Columns of w; a row for each of `rows`, "method | sampler | steps | metric" with empty ends left out, separated by ";".

    Its name is what the rows do not share. seeds=yes: the standard deviation between sampling seeds in brackets too.
    """
    summary, strengths = _of_world(folder, world), [float(w) for w in _listed(ws)]
    parsed = [([part.strip() for part in row.split("|")] + [""] * 3)[:4] for row in rows.split(";")]
    parsed = [(method, sampler, int(steps or 0), own or metric) for method, sampler, steps, own in parsed]
    lines = {}
    for row in parsed:
        method, sampler, steps, column = row
        cells = summary[(summary["method"] == method) & (summary["metric"] == column)]
        if sampler:
            cells = cells[(cells["sampler"] == sampler) & (cells["steps"] == steps)]
        cells = cells[cells["n"] == (int(n) if n else cells["n"].max())].set_index("w")
        if lacking := [w for w in strengths if w not in cells.index]:
            raise ValueError(f"{method} has no {column} at w = {lacking[0]:g}")
        lines[_named(row, parsed)] = [
            f"{cell.value:.{digits}f} ± {cell.sd:.{digits}f}" + (f" ({cell.sd_seeds:.{digits}f})" if seeds else "")
            for cell in cells.loc[strengths].itertuples()
        ]
    shared = {column for *_, column in parsed}
    head = f"{words(shared.pop())}, at w =" if len(shared) == 1 else "at w ="
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=[f"{w:g}" for w in strengths])
    return markdown(frame.rename_axis(index=head))


def of_verdicts(folder: Path) -> str:
    """What every method is compared with plain guidance, world by world."""
    from analysis.statistics.verdicts import overview

    return markdown(overview(pd.read_csv(folder / "compared.csv")))


def verdict_counts(folder: Path) -> str:
    """How many methods of each world have which verdict, and what is undecided may hide, as a share of plain guidance's span."""
    compared = pd.read_csv(folder / "compared.csv")
    told = {world: counts(own) for world, own in compared.groupby("world", sort=False)}
    columns = {"another w": "another_w", "no effect": "no_effect", "different": "different", "undecided": "undecided"}
    rows = {
        f"`{world}`": {
            "methods": one.methods,
            **{words: getattr(one, name) for words, name in columns.items()},
            "of the different: better / worse / both": f"{one.better} / {one.worse} / {one.mixed}",
            "may be hidden": f"{one.hidden:.2g} spans" if one.undecided else "",
            "from": f"{one.units} {one.over}",
        }
        for world, one in told.items()
    }
    return markdown(pd.DataFrame(rows).T.rename_axis(index="world"))


def by_level(folder: Path, world: str, metric: str, levels: str, digits: str = "2") -> str:
    """What classifiers reach at lambdas, mean ± sd over trainings."""
    found = pd.read_csv(folder / "by_level.csv")
    found = found[(found["world"] == world) & (found["metric"] == metric) & found["logsnr"].isin(_numbers(levels))]
    values = found.groupby(["classifier", "logsnr"], sort=False)["value"].agg(["mean", "std", "count"])
    text = {
        key: f"{row['mean']:.{digits}f}" + (f" ± {row['std']:.{digits}f}" if row["count"] > 1 else "")
        for key, row in values.iterrows()
    }
    frame = pd.Series(text).unstack()[_numbers(levels)].loc[list(dict.fromkeys(found["classifier"]))]
    frame.columns = [f"{level:g}" for level in frame.columns]
    return markdown(frame.rename_axis(index=f"{words(metric)}, at lambda ="))


def of_attacks(folder: Path, rows: str) -> str:
    """Accuracy of a guide and of evaluators on its samples; rows: "world, guide, w" separated by ";"."""
    gaps = pd.read_csv(folder / "attack.csv").set_index(["world", "guided", "w"])
    lines = []
    for row in rows.split(";"):
        world, rest = (part.strip() for part in row.split(",", 1))
        guided, w = (part.strip() for part in rest.rsplit(",", 1))
        own = gaps.loc[(world, guided, float(w))]
        shown = {name: f"{own[name]:.3f} ± {own[name + '_sd']:.3f}" for name in ("guide", "evaluators", "gap")}
        lines.append({"world, guide": f"`{world}`, {guided}", "w": w, **shown, "baseline": f"{own['baseline']:.3f}"})
    return markdown(pd.DataFrame(lines))


def of_asymmetry(folder: Path) -> str:
    """Least and largest antisymmetric share of the Jacobians of fields, of networks and of the exact model."""
    found = pd.read_csv(folder / "jacobian.csv").groupby(["of", "field"], sort=False)["value"].agg(["min", "max"])
    lines = [
        {"of": of, "field": field, "least": f"{row['min']:.2g}", "largest": f"{row['max']:.2g}"}
        for (of, field), row in found.iterrows()
    ]
    return markdown(pd.DataFrame(lines))


def of_claims(folder: Path, frame: str) -> str:
    """A table of the study of claims, as its report shows it: at_mean, classes, windows, dimension or boundary."""
    from analysis.reports.claims import SHOWN, readable

    if frame not in SHOWN:
        raise ValueError(f"frame is one of {', '.join(SHOWN)}, not {frame!r}")
    return markdown(readable(pd.read_csv(folder / f"{frame}.csv"), *SHOWN[frame].columns))


def of_scales(folder: Path, metric: str, called: str = "") -> str:
    """Rows of class scales, columns of second scales, of the one network with a grid of two. called: of a metric that only its
    package describes."""
    from analysis.reports.two_scales import crossed
    from analysis.statistics.two_scales import SCALES

    rows = pd.read_csv(folder / "two_scales.csv")
    rows = rows[rows["metric"] == metric]
    if rows.empty:
        raise ValueError(f"no cell of two scales has {metric}")
    return markdown(crossed(rows.set_index(SCALES)).rename_axis(index=f"{called or words(metric)}, class scale"))


def of_frame(folder: Path, frame: str, columns: str, digits: str = "2", **where: str) -> str:
    """Columns of a further table, rows as it has them; numbers with digits after the point, ± x_sd where there is one, and a
    difference with its interval. where: what a column holds, as world=digits.
    """
    rows = pd.read_csv(folder / f"{frame}.csv")
    for column, wanted in where.items():
        rows = rows[rows[column].map(str) == wanted]
    if rows.empty:
        raise ValueError(f"{frame}.csv has no row with {where}")
    shown = {column: [_cell(row, column, int(digits)) for _, row in rows.iterrows()] for column in _listed(columns)}
    return markdown(pd.DataFrame({column.replace("_", " "): cells for column, cells in shown.items()}))


def _cell(row: pd.Series, column: str, digits: int) -> str:
    value, nothing = row[column], float("nan")
    if isinstance(value, str) or pd.isna(value):
        return "" if pd.isna(value) else value
    text = f"{value:g}" if column == "w" else f"{value:.{digits}f}"
    if pd.notna(sd := row.get(f"{column}_sd", nothing)):
        return f"{text} ± {sd:.{digits}f}"
    if column == "difference" and pd.notna(row.get("low", nothing)):
        return f"{text} ({row['low']:.{digits}f} to {row['high']:.{digits}f})"
    return text


TABLES: Mapping[str, Callable[..., str]] = {
    "headline": of_methods,
    "over-w": over_w,
    "verdicts": of_verdicts,
    "counts": verdict_counts,
    "by-level": by_level,
    "attacks": of_attacks,
    "asymmetry": of_asymmetry,
    "claims": of_claims,
    "frame": of_frame,
    "scales": of_scales,
}


def words(column: str) -> str:
    """The title of a column with an arrow to where it is better."""
    described = metric(column)
    return described.axis + {True: " ↑", False: " ↓", None: ""}[described.higher_is_better]


@cache
def summary_of(folder: Path) -> pd.DataFrame:
    return summarise(read_table(folder / "table.csv"))


def _of_world(folder: Path, world: str) -> pd.DataFrame:
    summary = summary_of(folder)
    return summary[summary["world"] == world] if world else summary


def _named(row: tuple, rows: list[tuple]) -> str:
    """The parts of a row in which the rows differ."""
    method, sampler, steps, column = row
    shared = [len({other[place] for other in rows if other[1]}) == 1 for place in range(4)]
    if not sampler:
        return method
    named = [] if shared[0] and not all(shared) else [method]
    named += [] if shared[1] and shared[2] else [f"{sampler}, T = {steps}"]
    return ", ".join(named + ([] if shared[3] else [words(column)]))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[float]:
    return [float(part) for part in _listed(text)]
