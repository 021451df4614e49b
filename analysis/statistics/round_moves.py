"""How far guidance moves samples of round classes from decision boundaries, by where they were without it."""

import pandas as pd

from analysis.measures.round_classes import BINS
from analysis.results import Results
from analysis.statistics.paired import difference
from analysis.statistics.round_classes import changes_of, columns_of

FEW = 50  # samples of a bin, over all seeds, below which nothing is said of it


def by_distance(results: Results) -> pd.DataFrame:
    """Claim d: by dimension, classes, w, method and bin of the unguided distance the mean move over seeds, with its interval;
    bins of FEW samples or more.
    """
    moved = results.tables["moved"]
    moved = moved[(moved["of"] == "unguided") & (moved["bin"] != "largest")]
    worlds = changes_of(results).asked("d").set_index("world")
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
