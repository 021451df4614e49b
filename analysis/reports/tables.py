"""A frame as an HTML table: metrics by their titles, units and the arrow for better, with the internal name in small print."""

import re
from html import escape, unescape

import pandas as pd

from analysis.metrics import metric

LONG = 60  # characters of a table's cell from which on it is wrapped
ARROWS = {True: "↑", False: "↓", None: ""}
WORDS = {  # what the columns of statistics say, which are no metrics
    "sd": "standard deviation",
    "sd_trainings": "standard deviation between trainings",
    "sd_seeds": "standard deviation between sampling seeds",
    "low": "lower end of the interval",
    "high": "upper end of the interval",
    "units": "independent units",
    "over": "units are",
    "detectable": "detectable difference",
    "largest": "largest difference, share of the span",
    "guide_is": "name of the guide",
    "guide": "accuracy by the guide",
    "evaluators": "accuracy by the evaluators",
    "gap": "gap",
    "baseline": "gap at w = 0",
}


def markup(frame: pd.DataFrame, label: str) -> str:
    """The table in its scrolling box, of which the element `label` is the name. Every text is escaped; long cells wrap.

    Named index levels come first, as columns; the first column is the header of its row.
    """
    named = any(name is not None for name in frame.index.names)
    keys = frame.index.nlevels if named else 1
    flat = frame.rename_axis(columns=None)
    with pd.option_context("display.max_colwidth", None):
        text = flat.reset_index().to_html(index=False, border=0, na_rep="") if named else flat.to_html(border=0, na_rep="")
    head, body = text.split("</thead>")
    head = re.sub("<th>([^<]*)</th>", lambda found: heading(unescape(found[1])), head)
    body = re.sub(r"<tr>(\s*)<(?:td|th)>([^<]*)</(?:td|th)>", r'<tr>\1<th scope="row">\2</th>', body)
    body = re.sub(r">\s+<", "><", body)  # pandas' indentation is a third of a table of numbers
    body, tried = re.sub('<(td|th scope="row")>([^<]*)</', _mark_long, body), body
    kind = "" if body == tried else " words"  # a table of words is set flush left
    return (
        f'<div class="scroll{kind}" role="region" tabindex="0" aria-labelledby="{label}" data-keys="{keys}">'
        f"{head}</thead>{body}</div>"
    )


def heading(column: str) -> str:
    """The header of a column: in words, with unit and arrow, and the internal name below; other words stay as they are."""
    base, _, deviation = column.partition("_sd") if column.endswith("_sd") else (column, "", "")
    about = metric(base)
    if about.title == base:  # no metric
        words = WORDS.get(column, column.replace("_", " "))
    else:
        words = about.axis + (" (standard deviation)" if base != column else deviation)
    if words == column:
        return f'<th scope="col">{escape(column)}</th>'
    arrow = ARROWS[about.higher_is_better] if base == column else ""
    arrow = f' <abbr title="{escape(about.direction)}" aria-label="{escape(about.direction)}">{arrow}</abbr>' if arrow else ""
    return f'<th scope="col" title="{escape(column)}">{escape(words)}{arrow}<small>{escape(column)}</small></th>'


def _mark_long(cell: re.Match[str]) -> str:
    return cell[0].replace(">", ' class="long">', 1) if len(unescape(cell[2])) > LONG else cell[0]
