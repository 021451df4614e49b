"""How much of a distance from the truth is the networks', where the same cells were sampled with the exact model too."""

import pandas as pd

from analysis.table import REAL, cells_at

EXACT = " (exact)"  # ends a method's name where the exact denoiser and classifier were guided, and networks elsewhere


def network_share(summary: pd.DataFrame, metric: str, *, sampler: str, steps: int) -> pd.DataFrame:
    """Rows (method, w): the mean of `metric` with networks, with the exact model, of as many exact draws, and the share.

    networks' share: 1 - exact / with networks, negative where the networks are nearer to the truth than the exact model.
    ValueError if no method was sampled both ways.
    """
    cells = cells_at(summary, metric, sampler, steps)
    n = cells["n"].max()
    means = cells[cells["n"] == n].set_index(["method", "w"])["value"]
    draws = summary.loc[(summary["method"] == REAL) & (summary["metric"] == metric) & (summary["n"] == n), "value"].mean()
    rows = {
        (method, w): {"with networks": learned, "exact": exact, "exact draws": draws, "networks' share": 1 - exact / learned}
        for (method, w), learned in means.items()
        if (exact := means.get((method + EXACT, w))) is not None
    }
    if not rows:
        raise ValueError(f"{metric}: no method was sampled both with networks and with the exact model")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["method", "w"]).sort_index()
