"""What a sample costs, method by method: calls of each network, time, memory."""

from textwrap import fill

import pandas as pd
from matplotlib.figure import Figure

from analysis.costs import COSTS, MEMORY
from analysis.figures.colours import GREY, colour
from analysis.figures.style import panels
from analysis.statistics.network_share import EXACT
from analysis.table import what_is_held

UNGUIDED = "unguided (w = 0)"


def cost_table(summary: pd.DataFrame, *, sampler: str, steps: int, memory: str = MEMORY) -> pd.DataFrame:
    """Rows "unguided (w = 0)" and "<method>, guided"; one column per cost that was measured, under its words in `COSTS`.

    w = 0 is the same computation for every method, so its row is the mean over methods (that with the exact denoiser has a row
    of its own); a guided row is the mean over the w's other than 0. Time is in milliseconds. `memory` names the column of peak
    memory: on a GPU, `ALLOCATED`. ValueError if no cost was measured with this sampler and these steps.
    """
    cells = _cells(summary, sampler, steps)
    wide = cells.pivot_table(index="row", columns="metric", values="value").reindex(cells["row"].unique())
    wide = wide[[metric for metric in COSTS if metric in wide]]
    return wide.rename(columns=COSTS | {"peak_memory_mib": memory}).rename_axis(index="method", columns=None)


def cost(summary: pd.DataFrame, *, sampler: str, steps: int, device: str = "", memory: str = MEMORY) -> Figure:
    """`cost_table` as bars, one panel per cost that is not zero everywhere; the title names sampler, T and `device`.

    Whiskers on milliseconds reach from the fastest to the slowest cell of the row. ValueError as in `cost_table`.
    """
    table = cost_table(summary, sampler=sampler, steps=steps, memory=memory)
    table = table.loc[:, (table.fillna(0) != 0).any()]
    cells = _cells(summary, sampler, steps)
    methods = list(dict.fromkeys(cells["method"]))
    shades = dict.fromkeys((UNGUIDED, UNGUIDED + EXACT), "#a3a8ad") | {f"{method}, guided": colour(method) for method in methods}
    wide = min(2.1, 10.5 / table.shape[1])  # of a panel: of any number they fit a page
    figure, grid = panels(1, table.shape[1], (1.8 + wide * table.shape[1], 1.5 + 0.42 * len(table)), share_y=True)
    for axes, name in zip(grid, table):
        values = table[name]
        bars = axes.barh(table.index, values.fillna(0), height=0.62, color=[shades[row] for row in table.index])
        reach = values.copy()
        if name == COSTS["seconds_per_sample"]:
            seconds = cells[cells["metric"] == "seconds_per_sample"].groupby("row")["value"]
            low, reach = seconds.min().reindex(table.index), seconds.max().reindex(table.index)
            whiskers = [
                (values - low).clip(lower=0),
                (reach - values).clip(lower=0),
            ]  # a mean of equal numbers is off by rounding
            axes.errorbar(values, table.index, xerr=whiskers, fmt="none", ecolor="#202124", capsize=3, lw=1)
        for bar, value, end in zip(bars, values, reach):
            middle = bar.get_y() + bar.get_height() / 2
            text = "" if pd.isna(value) else _short(value)
            axes.annotate(
                text, (0 if pd.isna(end) else end, middle), xytext=(5, 0), textcoords="offset points",
                va="center", fontsize=9, color=GREY,
            )  # fmt: skip
        axes.set_title(fill(name, int(11.4 * wide)), loc="left", fontsize=9.5)
        axes.set_xlim(0, reach.max() * 1.35)
        axes.set_xticks([])
        axes.grid(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=9.5)
    grid[0].invert_yaxis()
    figure.suptitle(f"{sampler} sampler, T = {steps}" + (f"; {device}" if device else ""), x=0.01, ha="left", fontsize=11)
    return figure


def _cells(summary: pd.DataFrame, sampler: str, steps: int) -> pd.DataFrame:
    """The priced cells with the `row` they belong to, unguided first, in milliseconds."""
    cells = summary[(summary["sampler"] == sampler) & (summary["steps"] == steps) & summary["metric"].isin(list(COSTS))]
    if cells.empty:
        raise ValueError(f"no price is known for sampler {sampler!r} at {steps} steps: {what_is_held(summary)}")
    exact = cells["method"].str.endswith(EXACT).map({True: UNGUIDED + EXACT, False: UNGUIDED})
    row = (cells["method"] + ", guided").where(cells["w"] != 0, exact)
    milli = cells["metric"].map({"seconds_per_sample": 1000}).fillna(1)
    cells = cells.assign(row=row, value=cells["value"] * milli, guided=cells["w"] != 0)
    return cells.sort_values(["guided", "method"], ascending=[True, False])


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"
