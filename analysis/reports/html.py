"""A study as one HTML file that opens offline: pictures inside it, no script, nothing fetched from anywhere."""

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from itertools import count
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from analysis.files import write_atomically
from analysis.style import png

LONG = 60  # characters of a table's cell from which on it is wrapped


@dataclass(frozen=True)
class Picture:
    """A figure, its file name without ending, a text alternative for those who cannot see it, and a caption.

    The caption is shown after the number, "Figure 1. ", which `html` counts.
    """

    figure: Figure
    name: str
    alt: str
    caption: str = ""

    @cached_property
    def image(self) -> bytes:
        """The figure as PNG, drawn once for the file and for the report."""
        return png(self.figure)


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, in this order.

    text     paragraphs, parted by blank lines
    figures  pictures, side by side where there is room
    tables   (caption, frame) each; the index is shown; the number, "Table 1. ", is counted by `html`
    notes    paragraphs below them
    details  long text such as JSON, shown as it is, folded away under the word "configuration"
    """

    heading: str
    text: str = ""
    figures: Sequence[Picture] = ()
    tables: Sequence[tuple[str, pd.DataFrame]] = ()
    details: str = ""
    notes: str = ""


def html(title: str, intro: str, sections: Sequence[Section]) -> str:
    """The report as text: a contents list of the headings, then the sections. Every text is escaped, so none is markup.

    Figures and tables are numbered in order through the whole report. ValueError for a figure without an alt text.
    """
    contents = "".join(f'<li><a href="#s{i}">{escape(section.heading)}</a></li>' for i, section in enumerate(sections))
    figure, table = count(1), count(1)
    body = "".join(_section(f"s{i}", section, figure, table) for i, section in enumerate(sections))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_CSS}</style></head>\n<body><main>"
        f"<header><h1>{escape(title)}</h1>{_paragraphs(intro)}</header><nav><ol>{contents}</ol></nav>\n"
        f"{body}</main></body></html>\n"
    )


def write(path: str | Path, text: str) -> Path:
    """The text as a UTF-8 file, atomically; returns the path."""
    return write_atomically(path, text.encode())


def _section(anchor: str, section: Section, figure: Iterator[int], table: Iterator[int]) -> str:
    figures = "".join(_figure(picture, next(figure)) for picture in section.figures)
    figures = f'<div class="figures">{figures}</div>' if figures else ""
    tables = "".join(_table(caption, frame, next(table)) for caption, frame in section.tables)
    details = (
        f"<details><summary>configuration</summary><pre>{escape(section.details)}</pre></details>" if section.details else ""
    )
    heading = f"<h2>{escape(section.heading)}</h2>{_paragraphs(section.text)}"
    return f'<section id="{anchor}">{heading}{figures}{tables}{_paragraphs(section.notes)}{details}</section>\n'


def _figure(picture: Picture, number: int) -> str:
    if not picture.alt.strip():
        raise ValueError("a picture has no alt text: say in words what it shows")
    data = base64.b64encode(picture.image).decode()
    inches = picture.figure.get_figwidth()  # in proportion, so that letters in every figure have one size; never below legible
    size = f'width="{round(100 * inches)}" style="min-width:{round(78 * inches)}px"'
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(picture.alt)}" {size}>'
    caption = f"<figcaption>{escape(f'Figure {number}. {picture.caption}'.strip())}</figcaption>"
    return f'<figure style="width:{round(100 * inches)}px">{image}{caption}</figure>'  # else a long caption takes a row


def _table(caption: str, table: pd.DataFrame, number: int) -> str:
    """pandas' own HTML, which escapes and joins repeated index cells, without its borders; long cells get the class `long`."""
    named = any(name is not None for name in table.index.names)
    flat = table.rename_axis(columns=None)
    with pd.option_context("display.max_colwidth", None):
        text = flat.reset_index().to_html(index=False, border=0) if named else flat.to_html(border=0)
    text, tried = re.sub("<(td|th)>([^<]*)</", _mark_long, text), text
    kind = "" if text == tried else " words"  # a table of words is set flush left
    words = escape(f"Table {number}. {caption}".strip())
    return (
        f'<figure class="table"><figcaption id="t{number}">{words}</figcaption>'
        f'<div class="scroll{kind}" role="region" tabindex="0" aria-labelledby="t{number}">{text}</div></figure>'
    )


def _mark_long(cell: re.Match[str]) -> str:
    return cell[0].replace(">", ' class="long">', 1) if len(unescape(cell[2])) > LONG else cell[0]


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())


_CSS = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0;background:#fff;color:#1f2328;font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1340px;margin:0 auto;padding:2rem 1rem 4rem}
h1{font-size:1.8rem;line-height:1.2;margin:0 0 .75rem}h2{font-size:1.25rem;margin:0 0 .5rem}
p{max-width:46rem;margin:.5rem 0}header p{color:#424a53}a{color:#0b57a4}
nav{margin:1.25rem 0 0;padding:.6rem 0;border-block:1px solid #d8dee4}
nav ol{margin:0;padding:0;columns:18rem;font-size:.95rem}nav li{margin-left:2.2rem;break-inside:avoid}
section{padding-top:1.75rem;margin-top:1.75rem;border-top:1px solid #d8dee4}nav+section{border-top:0}
.figures{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}
figure{margin:.75rem 0;max-width:100%;overflow-x:auto}figure img{display:block;max-width:100%;height:auto}
figcaption{font-size:.9rem;color:#57606a;max-width:46rem;margin-top:.35rem}
.table figcaption{margin:0 0 .35rem}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.3rem .75rem;text-align:right;white-space:nowrap;border-bottom:1px solid #eaeef2}
thead th{border-bottom:2px solid #8c959f;white-space:normal;vertical-align:bottom}
th:first-child,td:first-child{text-align:left;padding-left:0}
td.long,th.long{white-space:normal;overflow-wrap:anywhere;text-align:left;min-width:15rem;max-width:60rem}
.words td,.words th{text-align:left}
tbody th,td{vertical-align:top}tbody tr:hover{background:#f6f8fa}
details{margin:.75rem 0}summary{cursor:pointer}
pre{font-size:.8rem;line-height:1.4;background:#f6f8fa;padding:.75rem;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
@media(max-width:600px){main{padding:1.25rem .9rem 3rem}h1{font-size:1.4rem}
tr>:first-child{position:sticky;left:0;background:#fff;border-right:1px solid #d8dee4}
tr>:first-child{white-space:normal;max-width:38vw}}
@media print{nav{display:none}figure,table{break-inside:avoid}}
"""
