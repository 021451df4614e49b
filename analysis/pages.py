"""Tables and numbers of the pages, out of committed results: `make pages` writes them again, and a test says if they are current.

A page marks a table by two comments, the first of which says what it is made of; a number in a sentence, a paired difference with
its interval, and the sentences that a study's report begins with, likewise:

    <!-- table headline fashion-full-cpu sampler="dpm-solver++ on logsnr" steps=10 n=1000 metrics=fid_fashion,is_fashion -->
    ...
    <!-- end -->
    FID is <!-- value fashion-full-cpu fid_fashion classifier-free 1 -->1.33 ± 0.07<!-- end --> at w = 1
    which is <!-- gap fashion-full-cpu fid_fashion classifier-free 1 classifier-free 0 -->...<!-- end --> from w = 0
    <!-- found fashion-full-cpu -->...<!-- end -->

Kinds of tables: TABLES. Folders are those of docs/results.
"""

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from analysis.headline import headline, markdown
from analysis.metrics import metric
from analysis.table import read_table, summarise

_MARKED = re.compile(r"<!-- (table|value|gap|found) (.+?) -->(.*?)<!-- end -->", re.DOTALL)


def filled(page: str, results: Path) -> str:
    """The page with every table and number made from the folders in `results`. ValueError naming what cannot be made."""

    def made(found: re.Match) -> str:
        kind, given, _ = found.groups()
        try:
            words = shlex.split(given)
            options = dict(word.split("=", 1) for word in words if "=" in word)
            named = [word for word in words if "=" not in word]
            text = KINDS[kind](results, *named, **options)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise ValueError(f"<!-- {kind} {given} -->: {error}") from error
        return f"<!-- {kind} {given} -->{text}<!-- end -->"

    return _MARKED.sub(made, page)


def of_table(results: Path, kind: str, folder: str, **options: str) -> str:
    """A table of one of the kinds in TABLES."""
    return f"\n\n{TABLES[kind](results / folder, **options)}\n"


def of_value(
    results: Path, folder: str, metric: str, method: str, w: str = "", digits: str = "2", sd: str = "yes", **where: str
) -> str:
    """One number: the mean over runs, ± the standard deviation unless sd=no. where: columns of the summary, as steps=16; of
    several n the largest.
    """
    cells = _summary(results / folder)
    for column, wanted in {"metric": metric, "method": method, **where}.items():
        cells = cells[cells[column].map(str) == wanted]
    cells = cells[cells["w"] == float(w)] if w else cells
    cells = cells[cells["n"] == cells["n"].max()]
    if len(cells) != 1:
        raise ValueError(f"{len(cells)} rows fit: say of which sampler, steps and world")
    row = cells.iloc[0]
    return f"{row['value']:.{digits}f}" + (f" ± {row['sd']:.{digits}f}" if sd == "yes" and row["sd"] == row["sd"] else "")


def of_gap(
    results: Path, folder: str, metric: str, method: str, w: str, other: str, other_w: str, digits: str = "2", **where: str
) -> str:
    """`metric` of method at w minus that of the other at its w, paired by run, with its interval and what it is over."""
    from analysis.statistics.paired import by_run, difference

    table = read_table(results / folder / "table.csv")
    for column, wanted in {"metric": metric, **where}.items():
        table = table[table[column].map(str) == wanted]
    table = table[table["n"] == table["n"].max()]
    gap = difference(by_run(table, metric, method)[float(w)] - by_run(table, metric, other)[float(other_w)])
    ends = f"95 % interval {gap.low:.{digits}f} to {gap.high:.{digits}f} over {gap.units} {gap.over}"
    return f"{gap.mean:+.{digits}f} ({ends if gap.units > 1 else 'one run'})"


def of_found(results: Path, folder: str, first: str = "") -> str:
    """The sentences that the report of a study begins with, as a list; first: so many of them."""
    sentences = (results / folder / "summary.txt").read_text().split("\n\n")[0].splitlines()
    lines = [f"> - {sentence}" for sentence in sentences[: int(first) if first else None]]
    return "\n\n" + "\n".join(["> **What was found**", ">", *lines]) + "\n\n"


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


TABLES: Mapping[str, Callable[..., str]] = {
    "headline": of_methods,
    "over-w": over_w,
    "verdicts": of_verdicts,
    "by-level": by_level,
    "attacks": of_attacks,
    "asymmetry": of_asymmetry,
    "claims": of_claims,
}


KINDS: Mapping[str, Callable[..., str]] = {"table": of_table, "value": of_value, "gap": of_gap, "found": of_found}


def words(column: str) -> str:
    """The title of a column with an arrow to where it is better."""
    described = metric(column)
    return described.axis + {True: " ↑", False: " ↓", None: ""}[described.higher_is_better]


@cache
def _summary(folder: Path) -> pd.DataFrame:
    return summarise(read_table(folder / "table.csv"))


def _of_world(folder: Path, world: str) -> pd.DataFrame:
    summary = _summary(folder)
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


def pages(root: Path) -> list[Path]:
    """The README and every page of docs with something marked in it."""
    return [path for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))] if _MARKED.search(path.read_text())]


def main() -> None:
    """Writes the pages again, and says which have changed."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    for path in pages(root):
        before = path.read_text()
        after = filled(before, root / "docs" / "results")
        if after != before:
            path.write_text(after)
        print(f"{'changed' if after != before else 'current'}  {path}")


if __name__ == "__main__":
    main()
