"""Every method beside one reference, plain classifier-free guidance: at equal cost, at equal effective strength, and whether
any strength of the reference would have done the same.

All functions take the wide form of a summary (`wide`), a row for each method at one w, and interpolate between the strengths of
the reference. Columns of the standard deviation over runs end in `_sd`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.table import REAL

REFERENCE = "classifier-free"
SAME = 3.0  # standard deviations, root mean square over the metrics, within which two sets of samples count as alike
NOTHING = 0.05  # w of the reference, below which a method that counts as alike has done nothing to speak of
VERDICTS = {
    "no effect": "no effect at these strengths",
    "another w": "plain guidance with another w",
    "better": "different, better",
    "worse": "different, worse",
    "mixed": "different, better and worse",
    "as good": "different, as good where they can be compared",
    "beyond": "different, beyond the reference's diversity",
}
GRID = 400  # strengths of the reference that are tried


def wide(summary: pd.DataFrame, *, world: str, sampler: str, steps: int | None = None) -> pd.DataFrame:
    """Rows (method, w, steps), columns every metric and its `_sd`, of one world and sampler (and T), at the largest n.

    nfe: the network evaluations a sample, of every kind together.
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


def at_equal(cells: pd.DataFrame, by: str, metric: str) -> pd.DataFrame:
    """The reference's `metric` where its `by` is that of each cell, and the difference from it in standard deviations.

    Columns `<metric>_reference`, `<metric>_difference` and `sigmas`; NaN where the reference never has that `by`: nothing is
    extrapolated. The reference's curve counts from w = 0 to where its `by` first turns: where a strong w makes samples differ
    again that is damage, and what lies beside it is not as diverse. Of several strengths there the smallest value counts.
    """
    path, found = _path(cells, [by, metric]), cells.copy()
    turns = [int(place) for place in (path[:, 0].argmin(), path[:, 0].argmax()) if place > 0]
    path = path[: min(turns, default=0) + 1]
    beside = [_lowest_crossing(path[:, 0] - value, path[:, 1]) for value in found[by]]
    found[f"{metric}_reference"] = beside
    found[f"{metric}_difference"] = found[metric] - found[f"{metric}_reference"]
    found["sigmas"] = found[f"{metric}_difference"] / (np.sqrt(2) * _noise(cells, metric))
    return found


def nearest(cells: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """For each cell the w of the reference whose `metrics` are nearest to its own, and how far they still are.

    distance: root mean square over the metrics of the difference in standard deviations of a difference of two runs' means (the
    median standard deviation of the metric, times the square root of 2); below SAME the cell is the reference with another w.
    """
    rows, (strengths, *path) = [], _path(cells, ["w", *metrics]).T
    path = np.stack(path, axis=1)
    noise = np.array([np.sqrt(2) * _noise(cells, metric) for metric in metrics])
    for _, cell in cells.iterrows():
        apart = (path - cell[list(metrics)].to_numpy(float)) / noise
        far = np.sqrt((apart**2).mean(axis=1))
        best = int(far.argmin())
        rows.append({"nearest_w": strengths[best], "distance": far[best]})
    return pd.concat([cells.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def verdicts(cells: pd.DataFrame, metrics: Sequence[str], quality: str, diversity: str) -> pd.DataFrame:
    """A row for each method: is it the reference with another w, and if not, is it better or worse at equal diversity?

    distance: the largest over its w. better, worse: at how many of its w its quality (lower is better) lies more than SAME
    standard deviations below or above the reference's at equal diversity. gain: by how many standard deviations its best quality
    is below the reference's best, whatever their diversity. verdict: in words.
    """
    far = nearest(cells, metrics)
    beside = at_equal(cells, diversity, quality)
    far["sigmas"], far["difference"] = beside["sigmas"].to_numpy(), beside[f"{quality}_difference"].to_numpy()
    rows = []
    for method, own in far[(far["w"] != 0) & (far["method"] != REFERENCE)].groupby("method", sort=False):
        better, worse = int((own["sigmas"] < -SAME).sum()), int((own["sigmas"] > SAME).sum())
        rows.append(
            {
                "method": method,
                "w": ", ".join(f"{w:g}" for w in own["w"]),
                "nearest w of the reference": ", ".join(f"{w:.2g}" for w in own["nearest_w"]),
                "effective w": ", ".join(f"{w:.2g}" for w in own.get("effective_w", [])),
                "distance": own["distance"].max(),
                "better": better,
                "worse": worse,
                "no counterpart": int(own["sigmas"].isna().sum()),
                "gain": (reference(cells)[quality].min() - own[quality].min()) / (np.sqrt(2) * _noise(cells, quality)),
                "verdict": _words(own, better, worse),
            }
        )
    return pd.DataFrame(rows)


def overview(compared: pd.DataFrame) -> pd.DataFrame:
    """The verdicts of every world side by side: a row a method, cells such as "another w (1.2)" with the distance."""
    short = {VERDICTS[word]: word for word in VERDICTS}
    cells = compared.assign(cell=[f"{short[v]} ({d:.1f})" for v, d in zip(compared["verdict"], compared["distance"])])
    order = compared[["family", "method"]].drop_duplicates()
    wide = cells.pivot(index="method", columns="world", values="cell")[list(dict.fromkeys(cells["world"]))]
    return (
        order.merge(wide.reset_index(), on="method")
        .fillna("")
        .sort_values("family", kind="stable")
        .set_index(["family", "method"])
    )


def _words(own: pd.DataFrame, better: int, worse: int) -> str:
    if own["distance"].max() < SAME:
        return VERDICTS["no effect" if own["nearest_w"].abs().max() < NOTHING else "another w"]
    if not (better or worse):
        return VERDICTS["as good" if own["sigmas"].notna().any() else "beyond"]
    return VERDICTS["mixed" if better and worse else "better" if better else "worse"]


def _noise(cells: pd.DataFrame, metric: str) -> float:
    """The typical standard deviation over runs of one metric; ValueError for a single run, which has none."""
    noise = cells[f"{metric}_sd"].median()
    if not noise > 0:
        raise ValueError(f"{metric} has no standard deviation over runs: differences cannot be judged; give more seeds")
    return float(noise)


def _path(cells: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """The reference's curve (GRID, columns), linear between its cells; strengths spread as on the figures' axis of w."""
    curve = reference(cells)
    stretched = np.arcsinh(curve["w"].to_numpy() / 0.15)
    dense = np.linspace(stretched[0], stretched[-1], GRID)
    return np.stack([np.interp(dense, stretched, curve[column]) for column in columns], axis=1)


def _lowest_crossing(offset: np.ndarray, metric: np.ndarray) -> float:
    """The smallest `metric` where `offset` passes through zero; NaN if it never does."""
    crossed = offset[:-1] * offset[1:] <= 0
    return float(np.minimum(metric[:-1], metric[1:])[crossed].min()) if crossed.any() else np.nan
