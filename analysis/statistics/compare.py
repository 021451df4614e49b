"""Every method compared with one reference, plain classifier-free guidance, as figures show them: one row per method at one w.

Columns of the standard deviation over runs end in `_sd`. Whether a method is the reference with another w:
`analysis.statistics.verdicts`.
"""

import numpy as np
import pandas as pd

from analysis.table import REAL

REFERENCE = "classifier-free"


def wide(summary: pd.DataFrame, *, world: str, sampler: str, steps: int | None = None) -> pd.DataFrame:
    """Rows (method, w, steps), columns every metric and its `_sd`, of one world and sampler (and T), at the largest n.

    nfe: the network evaluations per sample, of every kind together.
    The reference at w = 0, the conditional model, is there once and stands for every method's w = 0. ValueError if it is missing.
    """
    cells = summary[(summary["world"] == world) & (summary["sampler"] == sampler) & (summary["method"] != REAL)]
    cells = cells[cells["n"] == cells["n"].max()]
    cells = cells if steps is None else cells[cells["steps"] == steps]
    index = ["method", "w", "steps"]
    values, spread = (cells.pivot(index=index, columns="metric", values=name) for name in ("value", "sd"))
    found = values.join(spread.add_suffix("_sd")).reset_index()
    found["nfe"] = values.filter(like="nfe_").sum(axis=1).to_numpy()
    if not ((found["method"] == REFERENCE) & (found["w"] == 0)).any():
        raise ValueError(f"no cell is {REFERENCE} at w = 0 in {world} with {sampler}: it is what all else is compared with")
    return found


def reference(cells: pd.DataFrame, steps: int | None = None) -> pd.DataFrame:
    """The curve of the reference, w ascending."""
    curve = cells[cells["method"] == REFERENCE].sort_values("w")
    return curve if steps is None else curve[curve["steps"] == steps]


def equal_cost(cells: pd.DataFrame, price: str, steps: int) -> pd.DataFrame:
    """Of each method the cells at the one number of levels whose mean price is nearest to the reference's at `steps`."""
    guided = cells[cells["w"] != 0]
    budget = reference(guided, steps)[price].mean()
    costs = guided.groupby(["method", "steps"])[price].mean().reset_index()
    costs["off"] = np.log(costs[price] / budget).abs()
    nearest = costs.loc[costs.groupby("method")["off"].idxmin(), ["method", "steps"]]
    chosen = guided.merge(nearest, on=["method", "steps"])
    plain = cells[(cells["method"] == REFERENCE) & (cells["w"] == 0) & (cells["steps"] == steps)]
    return pd.concat([plain, chosen], ignore_index=True)
