"""What the quality of plain guidance at its best w costs at least, as a multiple of the unguided cost.

Every method is taken at its own best w, chosen on one half of the sampling seeds and reported on the other, as
`analysis.statistics.matched.at_own_best` does. Prices are those of the cell at that w, over those of plain guidance's network
without guidance (w = 0): evaluations as they were counted at the network, and seconds by the clock.
"""

import numpy as np
import pandas as pd

from analysis.statistics.compare import REFERENCE
from analysis.statistics.matched import PRICES, at_own_best, prices_of

ENOUGH = ("better", "equivalent")  # verdicts that stand for the quality of plain guidance
KEPT = ["method", "w", "evaluations", "seconds", "value", "reference", "difference", "low", "high"]
KEPT += ["units", "over", "margin", "detectable", "verdict"]


def cheapest(table: pd.DataFrame, metric: str, steps: int, given: bool = False) -> pd.DataFrame:
    """One row per method, the cheapest by evaluations first: method, w, evaluations and seconds as multiples of the unguided
    cost, and the columns of `matched` for the difference from plain guidance at its best w. Plain guidance itself is the row
    without a difference.

    table: tidy, of one world and sampler. given: of these networks alone. ValueError as in `at_own_best`, and where the unguided
    cost was not measured.
    """
    own_best = at_own_best(table, metric, steps, given)
    if own_best.empty:
        raise ValueError(f"no method but {REFERENCE} has {metric} at {steps} steps: nothing can be cheaper")
    rows = table[(table["steps"] == steps) & (table["n"] == table.loc[table["steps"] > 0, "n"].max())]
    counted, clocked = (prices_of(rows, price, ["method", "w"]) for price in PRICES)
    if (REFERENCE, 0.0) not in counted.index:
        raise ValueError(f"{REFERENCE} has no cell at w = 0: there is no unguided cost to compare with")
    plain = own_best.iloc[0]
    own = {"method": REFERENCE, "w": plain["reference_w"], "value": plain["reference"], "reference": plain["reference"]}
    frame = pd.concat([pd.DataFrame([own]), own_best], ignore_index=True)
    for name, prices in (("evaluations", counted), ("seconds", clocked)):
        unguided = prices.get((REFERENCE, 0.0), np.nan)
        frame[name] = [_price(prices, method, w) / unguided for method, w in zip(frame["method"], frame["w"])]
    frame["units"] = frame["units"].astype("Int64")
    return frame[KEPT].sort_values(["evaluations", "seconds"], kind="stable", ignore_index=True)


def enough(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `cheapest` that are shown to have the quality of plain guidance, or a better one; the first is the cheapest."""
    return frame[frame["verdict"].isin(ENOUGH)]


def _price(prices: pd.Series, method: str, w: float) -> float:
    """At w = 0 a method without a cell of its own is the plain model."""
    return prices.get((method, w), prices.get((REFERENCE, w), np.nan) if w == 0 else np.nan)
