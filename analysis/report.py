"""A study as one HTML file that opens offline: pictures inside it, no script, nothing fetched from anywhere."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.files import write_atomically
from analysis.style import png


@dataclass(frozen=True)
class Picture:
    """A figure, its file name without ending, what it shows in words for those who cannot see it, and a caption."""

    figure: Figure
    name: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs (blank lines part them), then figures, then a table with its index."""

    heading: str
    text: str = ""
    figures: Sequence[Picture] = ()
    table: pd.DataFrame | None = None


def html(title: str, intro: str, sections: Sequence[Section], footer: str = "") -> str:
    """The report as text: a contents list of the headings, then the sections. Every text is escaped, so none is markup.

    ValueError for a figure without an alt text.
    """
    contents = "".join(f'<li><a href="#s{i}">{escape(section.heading)}</a></li>' for i, section in enumerate(sections))
    body = "".join(_section(f"s{i}", section) for i, section in enumerate(sections))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head>\n<body><main>"
        f"<header><h1>{escape(title)}</h1>{_paragraphs(intro)}</header><nav><ol>{contents}</ol></nav>\n"
        f"{body}<footer>{_paragraphs(footer)}</footer></main></body></html>\n"
    )


def write(path: str | Path, text: str) -> Path:
    """The text as a UTF-8 file, atomically."""
    return write_atomically(path, text.encode())


def _section(anchor: str, section: Section) -> str:
    figures = "".join(_figure(picture) for picture in section.figures)
    figures = f'<div class="figures">{figures}</div>' if figures else ""
    table = "" if section.table is None else f'<div class="table">{_table(section.table)}</div>'
    return f'<section id="{anchor}"><h2>{escape(section.heading)}</h2>{_paragraphs(section.text)}{figures}{table}</section>\n'


def _figure(picture: Picture) -> str:
    if not picture.alt.strip():
        raise ValueError("a picture has no alt text: say in words what it shows")
    data = base64.b64encode(png(picture.figure)).decode()
    inches = picture.figure.get_figwidth()  # in proportion, so that letters in every figure have one size; never below legible
    size = f'width="{round(100 * inches)}" style="min-width:{round(54 * inches)}px"'
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return f'<figure><img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}" {size}>{caption}</figure>'


def _table(table: pd.DataFrame) -> str:
    """pandas' own HTML, which escapes and joins repeated index cells, without its borders."""
    named = any(name is not None for name in table.index.names)
    flat = table.rename_axis(columns=None)
    return flat.reset_index().to_html(index=False, border=0, escape=True) if named else flat.to_html(border=0, escape=True)


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())


_CSS = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#fff;color:#1f2328;font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1340px;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.8rem;line-height:1.2;margin:0 0 .75rem}h2{font-size:1.25rem;margin:0 0 .5rem}
p{max-width:46rem;margin:.5rem 0}header p{color:#424a53}a{color:#0b57a4}
nav{margin:1.25rem 0 0;padding:.6rem 0;border-block:1px solid #d8dee4}
nav ol{margin:0;padding:0 0 0 1.2rem;columns:18rem;font-size:.95rem}
section{padding-top:1.75rem;margin-top:1.75rem;border-top:1px solid #d8dee4}nav+section{border-top:0}
.figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
figure{margin:.75rem 0;max-width:100%;overflow-x:auto}figure img{display:block;max-width:100%;height:auto}
figcaption{font-size:.9rem;color:#57606a;max-width:46rem;margin-top:.35rem}
.table{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .75rem;text-align:right;white-space:nowrap;border-bottom:1px solid #eaeef2}
thead th{border-bottom:2px solid #8c959f}th:first-child,td:first-child{text-align:left;padding-left:0}
tbody tr:hover{background:#f6f8fa}footer{margin-top:2.5rem;color:#57606a;font-size:.85rem}
@media(max-width:600px){main{padding:1.25rem .9rem 3rem}h1{font-size:1.4rem}}
@media print{nav{display:none}figure,table{break-inside:avoid}}
"""
