"""What a sample costs, method by method: calls of each network, seconds, memory."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.style import GREY, colour, panels
from analysis.table import what_is_held

COSTS = {
    "nfe_denoiser_forward": "denoiser forwards\nper sample",
    "nfe_denoiser_backward": "denoiser backwards\nper sample",
    "nfe_classifier_forward": "classifier forwards\nper sample",
    "nfe_classifier_backward": "classifier backwards\nper sample",
    "seconds_per_sample": "milliseconds\nper sample",
    "peak_memory_mib": "peak memory\n(MiB)",
}


def cost_table(summary: pd.DataFrame, *, sampler: str, steps: int) -> pd.DataFrame:
    """Rows (method, "w = 0" or "guided"), one column per cost measured: the mean over runs and over the w's of that kind.

    Seconds and MiB as in the table. ValueError if nothing was priced with this sampler and these steps.
    """
    cells = summary[(summary["sampler"] == sampler) & (summary["steps"] == steps) & summary["metric"].isin(list(COSTS))]
    if cells.empty:
        raise ValueError(f"no price is known for sampler {sampler!r} at {steps} steps: {what_is_held(summary)}")
    kind = cells["w"].map(lambda w: "w = 0" if w == 0 else "guided").rename("kind")
    wide = cells.pivot_table(index=["method", kind], columns="metric", values="value")
    return wide[[metric for metric in COSTS if metric in wide]].sort_index(level=["method", "kind"], ascending=[False, False])


def cost(summary: pd.DataFrame, *, sampler: str, steps: int) -> Figure:
    """`cost_table` as bars, one panel per cost that is not zero everywhere; guidance off in a lighter shade."""
    table = cost_table(summary, sampler=sampler, steps=steps)
    table = table.loc[:, (table.fillna(0) != 0).any()]
    methods = list(dict.fromkeys(table.index.get_level_values("method")))
    figure, grid = panels(1, table.shape[1], (1.6 + 2.1 * table.shape[1], 0.9 + 0.42 * len(table)), share_y=True)
    names = [f"{method}, {kind}" for method, kind in table.index]
    for axes, metric in zip(grid, table):
        values = table[metric].fillna(0) * (1000 if metric == "seconds_per_sample" else 1)
        bars = axes.barh(names, values, height=0.62, color=[colour(method, methods) for method, _ in table.index])
        for bar, (_, kind) in zip(bars, table.index):
            bar.set_alpha(0.45 if kind == "w = 0" else 1.0)
        axes.bar_label(bars, [_short(value) for value in values], padding=3, fontsize=9, color=GREY)
        axes.set_title(COSTS[metric], loc="left", fontsize=9.5)
        axes.set_xlim(0, values.max() * 1.35)
        axes.set_xticks([])
        axes.grid(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=9.5)
    grid[0].invert_yaxis()
    return figure


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"
