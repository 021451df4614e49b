"""What a study shows beside the numbers that a paper printed: of other data and networks, so that places and shapes are told."""

from collections.abc import Iterator

import pandas as pd

from analysis.findings.words import number
from analysis.paper.curves import named
from analysis.paper.scales import BASES, MEASURES

BEST = {"fid": ("The least FID", "idxmin"), "is": ("The largest Inception score", "idxmax")}
NAMES = {"fid": "FID", "sfid": "sFID", "is": "Inception score"}


def over_w(ours: pd.DataFrame, paper: pd.DataFrame, key: str) -> list[str]:
    """Where along w each curve is best, here and in the paper: tables of columns key, w, fid, is."""
    found = []
    for measure, (words, best) in BEST.items():
        here, there = (", ".join(_bests(curves, key, measure, best)) for curves in (ours, paper))
        found.append(f"{words} over w is {here}; in the paper {there}.")
    return found


def _bests(curves: pd.DataFrame, key: str, measure: str, best: str) -> Iterator[str]:
    for value, line in curves.groupby(key):
        row = line.loc[getattr(line[measure], best)()]
        yield f"{number(row[measure])} at w = {row['w']:g} ({named(key, value)})"


def over_scales(ours: pd.DataFrame, paper: pd.DataFrame) -> list[str]:
    """Every measure of both at the scales of the paper's table, base by base: columns conditional, scale and measures."""
    both, found = paper.merge(ours, on=["conditional", "scale"], suffixes=(" paper", " study")), []
    for conditional, rows in both.groupby("conditional", sort=False):
        rows = rows.sort_values("scale")
        parts = [
            f"{NAMES.get(name, name)} {_listed(rows[f'{name} study'])}, in the paper {_listed(rows[f'{name} paper'])}"
            for name in MEASURES
            if f"{name} study" in rows
        ]
        scales = ", ".join(f"{scale:g}" for scale in rows["scale"])
        found.append(f"On the {BASES[bool(conditional)]}, at scales {scales}: {'; '.join(parts)}.")
    return found


def _listed(values: pd.Series) -> str:
    return ", ".join(map(number, values))
