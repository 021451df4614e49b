"""Tables of guides: accuracy of their samples under guide and evaluators (which never guide), and cost at the best w."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.costs import COSTS
from analysis.metrics import column
from analysis.statistics.best import with_plain
from analysis.statistics.paired import spread

PRICES = tuple(name for name in COSTS if name.startswith("nfe_"))


def attack_gap(table: pd.DataFrame, guides: Mapping[str, str | None], evaluators: Sequence[str]) -> pd.DataFrame:
    """One row per guided label and w: accuracy under its own guide, under the evaluators (mean), and the gap between them.

    table: tidy, of one world, with accuracy_by_<name>. guides: by label, the name of its guide; labels without one are left out.
    baseline: the gap of the same guide on the conditional model's own samples (w = 0, of any label with that guide), so that a
    better classifier is no attack; NaN where there are none. sd: between trainings, or sampling seeds where there is one.
    """
    rows = []
    for label, guide in guides.items():
        if guide is None:
            continue
        rows_of_label = table[table["method"] == label]
        accuracy = rows_of_label.pivot_table(index=["w", "train_seed", "seed"], columns="metric", values="value")
        gaps = pd.DataFrame({"guide": accuracy[column("accuracy_by", guide)]})
        gaps["evaluators"] = accuracy[[column("accuracy_by", name) for name in evaluators]].mean(axis=1)
        gaps["gap"] = gaps["guide"] - gaps["evaluators"]
        for w, group in gaps.groupby(level="w"):
            row = {"world": rows_of_label["world"].iloc[0], "guided": label, "guide_is": guide, "w": w, "runs": len(group)}
            for name in gaps:
                of_runs = spread(group[name].rename("value").reset_index())
                row |= {name: of_runs.mean, f"{name}_sd": of_runs.sd}
            rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.assign(baseline=frame["guide_is"].map(frame[frame["w"] == 0].groupby("guide_is")["gap"].mean()))


def costs(summary: pd.DataFrame, labels: Sequence[str], measures: Sequence[str]) -> pd.DataFrame:
    """One row per label at its best w by the first of `measures` (the smaller, the better), and its price where it guides.

    w = 0, the conditional model, is among every label's. The price is that at its largest w: at w = 0 no guide is evaluated.
    Samples that none of `labels` made have no price.
    """
    rows, made = [], summary["method"].isin(labels)
    summary = pd.concat([with_plain(summary[made]), summary[~made]])
    for label in [*labels, *sorted(set(summary["method"]) - set(labels))]:
        cells = summary[summary["method"] == label].assign(w=lambda frame: frame["w"].fillna(0.0))
        row = (wide := cells.pivot_table(index="w", columns="metric", values="value")).loc[wide[measures[0]].idxmin()]
        strongest = wide.loc[wide.index.max()]
        nfe = {name.removeprefix("nfe_").replace("_", " "): strongest.get(name, "") for name in PRICES}
        milliseconds = round(1e3 * strongest["seconds_per_sample"], 2) if "seconds_per_sample" in strongest else ""
        best = {"best w": row.name if label in labels else "", **{name: row[name] for name in measures}}
        rows.append({"guided": label, **best, **nfe, "ms per sample": milliseconds})
    return pd.DataFrame(rows).set_index("guided")
