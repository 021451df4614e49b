"""What a share of dropped labels is worth, in a sentence for each feature network."""

import pandas as pd

from analysis.findings.words import interval, named, number, several

WORDS = {"better": "lower", "worse": "higher"}  # of a Frechet distance


def sentences(frame: pd.DataFrame, against: float) -> list[str]:
    """What `analysis.paper.p_unconds.beside_usual` shows, feature network by feature network."""
    texts = []
    for column, own in frame.groupby("metric", sort=False):
        gaps = [
            f"{row.p_uncond:g} {WORDS.get(row.verdict, row.verdict)} ({number(row.difference)}, {interval(row.low, row.high)})"
            for row in own.itertuples()
        ]
        first = own.iloc[0]
        all_plain = ", which is 0 for all" if not own[["w", "reference_w"]].to_numpy().any() else ""
        texts.append(
            f"In {named(column)}, beside p_uncond = {against:g}: {', '.join(gaps)} (each at its own best w{all_plain}; "
            f"{several(int(own['units'].min()), first['over'])}; equivalent: shown to be within {number(first['margin'])}; after "
            f"Holm over {several(len(own), 'p_unconds')})."
        )
    return texts
