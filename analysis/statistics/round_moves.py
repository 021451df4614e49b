"""How far guidance moves samples of round classes from decision boundaries, by method and by where they were without it."""

from collections.abc import Mapping

import pandas as pd

from analysis.measures.round_classes import BINS
from analysis.results import Results
from analysis.statistics.paired import difference, judge
from analysis.statistics.round_classes import BOUNDARY, LEAST, MARGIN, WORDS, changes_of, columns_of

FEW = 50  # samples of a bin, over all seeds, below which nothing is said of it


def from_boundaries(results: Results) -> pd.DataFrame:
    """Claim d: by dimension, classes, w and method the change of the distance to the nearest boundary, its difference from the
    first method's, and the largest distance between two samples of one noise.
    """
    changes, moved = changes_of(results), results.tables["moved"]
    rows, gaps, pairs = [], [], []
    names = changes.methods("d")
    for world in changes.worlds_of("d").itertuples():
        for w in changes.ws:
            for name in names:
                place = (BOUNDARY, world.world)
                first, own = (changes.of(*place, each, w, results.sampler, results.steps) for each in (names[0], name))
                if first is None or own is None:
                    continue
                head = {"dimension": world.dimension, "classes": world.classes, "w": w, "method": name}
                row = {**head, **columns_of(difference(own), "moved"), **_share(moved, world.world, name, w)}
                if name == names[0]:
                    rows.append(row)
                    continue
                gaps.append(difference((own - first).dropna()))
                here = moved[(moved["world"] == world.world) & (moved["method"] == name) & (moved["w"] == w)]
                largest = here[(here["of"] == names[0]) & (here["bin"] == "largest")]["moved"].max()
                pairs.append(len(rows))
                rows.append({**row, **columns_of(gaps[-1], "gap"), "largest": float(largest)})
    frame = pd.DataFrame(rows)
    if gaps:
        margins = [max(MARGIN * abs(rows[at]["moved"]), LEAST) for at in pairs]
        frame["verdict"] = ""
        for at, word in zip(pairs, judge(gaps, margins)):
            frame.loc[at, "verdict"] = WORDS[word]
    return frame


def _share(moved: pd.DataFrame, world: str, method: str, w: float) -> Mapping[str, float]:
    """The share of samples that are further from the boundary, on their own side, than without guidance."""
    own = moved[(moved["world"] == world) & (moved["method"] == method) & (moved["w"] == w)]
    own = own[(own["of"] == "unguided") & (own["bin"] != "largest")]
    return {"away": float((own["away"] * own["n"]).sum() / own["n"].sum()) if len(own) else float("nan")}


def by_distance(results: Results) -> pd.DataFrame:
    """Claim d: by dimension, classes, w, method and bin of the unguided distance the mean move over seeds, with its interval;
    bins of FEW samples or more.
    """
    moved = results.tables["moved"]
    moved = moved[(moved["of"] == "unguided") & (moved["bin"] != "largest")]
    worlds = changes_of(results).worlds_of("d").set_index("world")
    rows = []
    for (world, w, method, where), own in moved.groupby(["world", "w", "method", "bin"], sort=False):
        if own["n"].sum() < FEW:
            continue
        runs = own.assign(train_seed=-1).set_index(["train_seed", "seed"])["moved"]
        sizes = {key: int(worlds[key][world]) for key in ("dimension", "classes")}
        head = {**sizes, "w": w, "method": method, "bin": where, "n": int(own["n"].sum())}
        rows.append({**head, **columns_of(difference(runs), "moved")})
    frame = pd.DataFrame(rows)
    return frame.assign(bin=pd.Categorical(frame["bin"], [name for name in BINS if name in set(frame["bin"])]))
