"""A frame as a LaTeX table with booktabs' rules: arrows for better, ± aligned, every special character escaped."""

import math
import re

import pandas as pd

from analysis.metrics import metric

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "−": "$-$", "±": r"$\pm$", "×": r"$\times$", "≤": r"$\leq$", "≥": r"$\geq$", "λ": r"$\lambda$", "→": r"$\rightarrow$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "é": r"\'e", "…": r"\ldots{}",
}  # fmt: skip
_SPREAD = re.compile(r"\s*([-−]?[\d.,]+(?:e[-+]?\d+)?)\s*±\s*([\d.]+(?:e[-+]?\d+)?)\s*")
_NUMBER = re.compile(r"[-−]?\d+(\.\d+)?(e[-+]?\d+)?")
_PREAMBLE = "% needs \\usepackage{booktabs}; wide tables: \\resizebox{\\linewidth}{!}{...} or a landscape page\n"


def escape(text: str) -> str:
    """The text as LaTeX prints it."""
    return "".join(_SPECIAL.get(letter, letter) for letter in text)


def latex(frame: pd.DataFrame, caption: str, label: str) -> str:
    """A `table` environment with `booktabs` rules, to be \\input.

    Index levels are columns, an equal one is not repeated in the next row, and rows of another first level are set apart.
    A column of texts "mean ± sd" becomes two, aligned at ±; the heading of a metric is its title with an arrow to the better
    side; what is missing is a dash. Needs the package booktabs alone.
    """
    flat = frame.reset_index() if any(name is not None for name in frame.index.names) else frame.reset_index(drop=True)
    levels = frame.index.nlevels if any(name is not None for name in frame.index.names) else 0
    columns = [[_text(value) for value in flat.iloc[:, place]] for place in range(flat.shape[1])]
    spread = [any(_SPREAD.fullmatch(cell) for cell in column) for column in columns]
    layout, heads = "", []
    for name, column, paired in zip(flat.columns, columns, spread):
        numeric = all(_NUMBER.fullmatch(cell) or not cell for cell in column)
        layout += "r@{${}\\pm{}$}l" if paired else "r" if numeric else "l"
        head = _heading(str(name))
        heads.append(f"\\multicolumn{{2}}{{c}}{{{head}}}" if paired else head)
    lines, before = [], None
    for cells in zip(*columns):
        if levels > 1 and before is not None and cells[0] != before[0]:
            lines.append("\\addlinespace")
        shown = [
            "" if levels > 1 and place == 0 and before is not None and cells[0] == before[0] else cell
            for place, cell in enumerate(cells)
        ]
        lines.append(" & ".join(_cell(cell, paired) for cell, paired in zip(shown, spread)) + r" \\")
        before = cells
    body = "\n".join(lines)
    return (
        f"{_PREAMBLE}\\begin{{table}}\n\\centering\n\\caption{{{escape(caption)}}}\n\\label{{tab:{_label(label)}}}\n"
        f"\\begin{{tabular}}{{{layout}}}\n\\toprule\n{' & '.join(heads)} \\\\\n\\midrule\n{body}\n\\bottomrule\n"
        "\\end{tabular}\n\\end{table}\n"
    )


def _heading(name: str) -> str:
    """A metric's title and the arrow of its better side; any other name as it is."""
    known = metric(name)
    arrow = {True: r" $\uparrow$", False: r" $\downarrow$", None: ""}[known.higher_is_better]
    return escape(known.axis[:1].upper() + known.axis[1:] if known.title != name else name) + arrow


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(cell: str, paired: bool) -> str:
    if not paired:
        return _number(cell) if _NUMBER.fullmatch(cell) else escape(cell)
    if found := _SPREAD.fullmatch(cell):
        return f"{_number(found[1])} & {found[2]}"
    return f"\\multicolumn{{2}}{{c}}{{{_number(cell) if _NUMBER.fullmatch(cell) else escape(cell) or '--'}}}"


def _number(text: str) -> str:
    """With a minus sign instead of a hyphen."""
    return f"$-${text[1:]}" if text[:1] in ("-", "−") else text


def _label(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.:-]", "-", name)
