"""The papers' tables in their own layout, a study's numbers beside the published ones."""

import pandas as pd

from analysis import reference
from analysis.paper.curves import named
from analysis.paper.scales import MEASURES

PAPER, STUDY = "paper", "study"
ARROWS = {"fid": "FID ↓", "sfid": "sFID ↓", "is": "IS ↑", "precision": "Precision ↑", "recall": "Recall ↑"}


def by_w(ours: pd.DataFrame, paper: pd.DataFrame, key: str) -> pd.DataFrame:
    """Tables 1 and 2 of Ho & Salimans: a row for every w of either; FID and Inception score by the values of `key`.

    ours, paper: columns key, w, fid, is. Columns of the result: "FID ↓ p_uncond = 0.1 paper", ...; NaN where one has no such w.
    """
    frames = {}
    for measure in ("fid", "is"):
        for source, frame in ((PAPER, paper), (STUDY, ours)):
            wide = frame.pivot(index="w", columns=key, values=measure)
            for value in wide:
                frames[f"{ARROWS[measure]} {named(key, value)} {source}"] = wide[value]
    return pd.DataFrame(frames).sort_index().rename_axis("w")


def table_4(ours: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """Table 4 of Dhariwal & Nichol: base, guidance and scale; then each measure, the paper's and the study's side by side.

    ours: columns conditional, scale and measures, of any scales: those of the table are taken. A measure that the study has not
    has the paper's column alone.
    """
    rows = paper.merge(ours, on=["conditional", "scale"], how="left", suffixes=(f" {PAPER}", f" {STUDY}"))
    table = pd.DataFrame(
        {
            "conditional": rows["conditional"].map({True: "yes", False: "no"}),
            "guidance": rows["guidance"].map({True: "yes", False: "no"}),
            "scale s": [f"{scale:g}" if guided else "" for scale, guided in zip(rows["scale"], rows["guidance"])],
            "w": [scale - (not conditional) for scale, conditional in zip(rows["scale"], rows["conditional"])],
        }
    )
    for measure in MEASURES:
        for source in (PAPER, STUDY):
            name = f"{measure} {source}" if measure in ours else measure
            if name in rows and not (source == STUDY and measure not in ours):
                table[f"{ARROWS[measure]} {source}"] = rows[name]
    return table


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """As people read it: two decimals, three of shares, nothing where there is no number."""

    def text(column: pd.Series) -> pd.Series:
        if column.dtype.kind != "f":
            return column
        share = column.name.startswith(("Precision", "Recall"))
        whole = column.name == "w"
        return column.map(lambda value: "" if pd.isna(value) else f"{value:g}" if whole else f"{value:.{3 if share else 2}f}")

    return table.apply(text)


def published() -> str:
    """The published cells as a table in Markdown, without their sources and notes, and what all rows share."""
    cells = reference.table("published_cells")
    columns = ["system", "data", "guidance", "scale", "convention", "w", "window", "sampler", "steps", "labels", "fid", "is"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in cells[columns].itertuples(index=False):
        texts = ["" if value != value else f"{value:g}" if isinstance(value, float) else str(value) for value in row]
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join(lines)
