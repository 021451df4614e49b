"""The interactive plot of a report as plain data: every cell with its numbers and samples, every metric and method described."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.figures.colours import looks
from analysis.metrics import Metric, comparison, main_columns, metric
from analysis.reports.colours import on_ground
from analysis.reports.html import Section
from analysis.reports.samples import BUDGET, samples_of
from analysis.results import Cell, Results
from analysis.statistics.compare import REFERENCE
from analysis.table import REAL

W = "w"
LEGIBLE = 8  # curves that can be told apart: of more methods only some are on at first
TEXT = """\
Each point is one cell: one method at one w. Point at it, tap it, or go through the cells with the arrow keys, to see its numbers
and its first samples. Choose the axes, and switch methods on and off."""
Axes = Callable[[Results], tuple[str, str]]


def family(results: Results, method: str) -> str:
    """The family of a method's label: its own entry, or that of its name without options."""
    return results.families.get(method) or results.families.get(method.split("(")[0]) or "other"


def by_comparison(results: Results) -> tuple[str, str]:
    """The axes by which methods are compared: diversity to the right, quality upwards."""
    quality, diversity, _ = comparison(results.columns)
    return diversity, quality


def explorer(results: Results, axes: Axes, static: str = "") -> list[Section]:
    """The section of the interactive plot, with the axes to begin with; none where no cell has a number.

    static: the name of the figure that shows the same for print; "{world}" in it is the world's name.
    """
    budget = BUDGET // max(1, len(results.worlds))
    worlds = [found for world in results.worlds if (found := _world(results.of(world), axes, static.format(world=world), budget))]
    return [Section("The trade-off, interactively", TEXT, plot={"worlds": worlds})] if worlds else []


def _world(results: Results, axes: Axes, static: str, budget: int) -> dict[str, Any] | None:
    columns = [*main_columns(results.columns, report=True)]
    columns += [column for column in results.columns if column not in columns]
    if not columns:
        return None
    try:
        x, y = axes(results)
    except ValueError:
        x, y = W, columns[0]
    order = [W, *columns]
    rows = results.summary[(results.summary["steps"] > 0) & (results.summary["method"] != REAL)]
    settings, methods = _settings(results, rows), results.methods
    first: dict[tuple, Cell] = {}  # of the runs of each; those of the main setting come first, as samples have a budget
    for cell in sorted(results.cells, key=lambda cell: (cell.sampler, cell.steps) != settings[0][:2]):
        if cell.method in methods:
            first.setdefault((cell.method, cell.w, cell.sampler, cell.steps), cell)
    entries, places = samples_of([*first.values()], budget)
    shown = {key: places[place] for place, key in enumerate(first) if place in places}
    return {
        "name": results.world.name,
        "static": static,
        "metrics": [_metric(column) for column in order],
        "main": [order.index(column) for column in main_columns(results.columns, report=True)],
        "x": order.index(x) if x in order else 0,
        "y": order.index(y) if y in order else 1,
        "methods": _methods(results, methods),
        "settings": [f"{sampler}, T = {steps}, n = {n:,}" for sampler, steps, n in settings],
        "cells": _cells(rows, columns, methods, settings, shown),
        "real": _real(results.summary, order, settings),
        "samples": entries,
    }


def _settings(results: Results, rows: pd.DataFrame) -> list[tuple[str, int, int]]:
    """(sampler, steps, n) that were measured, that of the main sweep first."""
    found = list(rows[["sampler", "steps", "n"]].drop_duplicates().itertuples(index=False, name=None))
    main = (results.sampler, results.steps)
    return sorted(found, key=lambda one: (one[:2] != main, one[0], one[1], -one[2]))


def _metric(column: str) -> dict[str, Any]:
    about = Metric(W, "guidance strength w") if column == W else metric(column)
    better = {True: 1, False: -1, None: 0}[about.higher_is_better]
    return {"name": column, "title": about.axis, "better": better, "direction": about.direction, "log": about.log}


def _methods(results: Results, methods: list[str]) -> list[dict[str, Any]]:
    """Their looks in every figure, the colours on a light and on a dark ground."""
    described: list[dict[str, Any]] = []
    firsts: set[str] = set()
    for name, (shade, marker) in looks(methods).items():
        own = family(results, name)
        light, dark = on_ground(shade)
        on = len(methods) <= LEGIBLE or name == REFERENCE or own not in firsts
        firsts |= {own} if name != REFERENCE else set()
        described.append({"name": name, "family": own, "light": light, "dark": dark, "symbol": marker, "on": on})
    return described


def _cells(
    rows: pd.DataFrame, columns: list[str], methods: list[str], settings: list[tuple], shown: Mapping[tuple, int]
) -> list[list]:
    """[method, setting, runs, samples or null, values, deviations] of every cell, w ascending; the first value is w."""
    cells = []
    for (method, sampler, steps, n, w), own in rows.groupby(["method", "sampler", "steps", "n", "w"], sort=True):
        values = dict(zip(own["metric"], zip(own["value"], own["sd"])))
        pairs = [values.get(column, (math.nan, math.nan)) for column in columns]
        cells.append(
            [
                methods.index(method),
                settings.index((sampler, steps, n)),
                int(own["runs"].max()),
                shown.get((method, w, sampler, steps)),
                [_short(w), *(_short(value) for value, _ in pairs)],
                [None, *(_short(sd, 2) for _, sd in pairs)],
            ]
        )
    return cells


def _real(summary: pd.DataFrame, order: list[str], settings: list[tuple]) -> list[list]:
    """[setting, metric, value] of the real test set, where it was measured at the same n."""
    rows = summary[(summary["method"] == REAL) & summary["metric"].isin(order)]
    return [
        [place, order.index(row.metric), _short(row.value)]
        for place, (_, _, n) in enumerate(settings)
        for row in rows[rows["n"] == n].itertuples()
        if _short(row.value) is not None
    ]


def _short(number: float, digits: int = 5) -> float | None:
    """With so many digits; None where there is none, since JSON has no NaN."""
    return float(f"{number:.{digits}g}") if math.isfinite(number) else None
