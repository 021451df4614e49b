"""The wide table of means and standard deviations that the report, the README and the notebook print."""

import math
from collections.abc import Sequence

import pandas as pd

from analysis.table import REAL, what_is_held


def headline(summary: pd.DataFrame, *, sampler: str, steps: int, n: int, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """The wide table: rows (method, w), columns metrics, cells the text "mean ± sd", or "mean" for a single run.

    `metrics` chooses the columns and their order (default: all). Decimals follow the typical sd of the column. The real test set
    is the last row if it was measured at this n. ValueError if there is no such cell or metric, naming those there are.
    """
    real = summary["method"] == REAL
    cells = summary[((summary["sampler"] == sampler) & (summary["steps"] == steps) | real) & (summary["n"] == n)]
    if (cells["method"] == REAL).all():
        raise ValueError(f"no cell has sampler {sampler!r}, {steps} steps and n = {n}: {what_is_held(summary)}")
    metrics = list(metrics) if metrics is not None else list(dict.fromkeys(cells["metric"]))
    if missing := [metric for metric in metrics if metric not in set(cells["metric"])]:
        raise ValueError(f"the table has no metric {', '.join(missing)}: it has {', '.join(dict.fromkeys(cells['metric']))}")
    wide = {}
    for metric in metrics:
        column = cells[cells["metric"] == metric]
        digits = decimals(column)
        index = [("real test set", "") if m == REAL else (m, f"{w:g}") for m, w in zip(column["method"], column["w"])]
        wide[metric] = dict(zip(index, (plus_minus(v, s, digits) for v, s in zip(column["value"], column["sd"]))))
    rows = sorted({key for column in wide.values() for key in column}, key=lambda row: (row[1] == "", row[0], float(row[1] or 0)))
    index = pd.MultiIndex.from_tuples(rows, names=["method", "w"])
    return pd.DataFrame({metric: [column.get(row, "") for row in rows] for metric, column in wide.items()}, index=index)


def markdown(frame: pd.DataFrame) -> str:
    """A frame as a GitHub Markdown table, index columns first, cells by str(), ending in a newline."""
    frame = frame.reset_index() if frame.index.nlevels > 1 or frame.index.name else frame
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).values.tolist()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def decimals(column: pd.DataFrame) -> int:
    """Two digits of the typical sd; without an sd, three digits of the typical value."""
    sd, value = column["sd"].median(), column["value"].abs().median()
    scale = sd / 10 if sd > 0 else value / 100
    return min(4, max(0, math.ceil(-math.log10(scale)))) if scale > 0 else 2


def plus_minus(value: float, sd: float, digits: int) -> str:
    """A cell's text, with so many decimals: "mean ± sd", "mean" without an sd, nothing without a mean."""
    if math.isnan(value):
        return ""
    return f"{value:.{digits}f}" + ("" if math.isnan(sd) else f" ± {sd:.{digits}f}")
