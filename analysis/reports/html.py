"""A study as one HTML file that opens offline: pictures, numbers and the plotting library inside it, nothing fetched.

A content security policy forbids every request, and every script but those of analysis/reports/page by their hashes.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from analysis.figures.style import DPI, png
from analysis.files import write_atomically
from analysis.findings.words import SHOWN
from analysis.reports.shrink import BUDGET, fitting
from analysis.reports.tables import markup

PAGE = Path(__file__).with_name("page")
PLOTLY = "vendor/plotly-basic-4.1.1.min.js"
PNG = b"\x89PNG"
LIMIT = 4_990_000  # bytes of a page, below the 5 MB that docs/report.md states


@dataclass(frozen=True)
class Picture:
    """A figure or the PNG of one, its file name without ending, a text alternative for those who cannot see it, and a caption.

    The caption is shown after the number, "Figure 1. ", which `html` counts.
    """

    figure: Figure | bytes
    name: str
    alt: str
    caption: str = ""

    @cached_property
    def image(self) -> bytes:
        """The figure as PNG, drawn once for the file and for the report."""
        return self.figure if isinstance(self.figure, bytes) else png(self.figure)

    @property
    def inches(self) -> float:
        """Its width."""
        if isinstance(self.figure, Figure):
            return self.figure.get_figwidth()
        with Image.open(BytesIO(self.figure)) as image:
            return image.width / image.info.get("dpi", (DPI,))[0]


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, in this order.

    text     paragraphs, parted by blank lines
    plot     the interactive plot, of `analysis.reports.explore`
    figures  pictures, side by side where there is room
    tables   (caption, frame) each; the index is shown; the number, "Table 1. ", is counted by `html`
    notes    paragraphs below them
    code     (what it is, text) each, to be copied: commands, an entry of a bibliography
    details  long text such as JSON, shown as it is, folded away under the word "configuration"
    kept     markup of an earlier page of ours that follows, its tables numbered anew
    """

    heading: str
    text: str = ""
    figures: Sequence[Picture] = ()
    tables: Sequence[tuple[str, pd.DataFrame]] = ()
    details: str = ""
    notes: str = ""
    code: Sequence[tuple[str, str]] = ()
    plot: Mapping[str, Any] | None = None
    kept: str = ""


def html(title: str, intro: str, sections: Sequence[Section], found: Sequence[str] = ()) -> str:
    """The report as text: what was found, then the introduction and the sections. Every text is escaped, so none is markup.

    Figures and tables are numbered in order through the whole report. ValueError for a figure without an alt text.
    """
    pictures = [picture for section in sections for picture in section.figures]
    numbers = {picture.name: number for number, picture in reversed([*enumerate(pictures, 1)])}
    figures, tables = zip(count(1), pictures), count(1)
    texts = [_section(f"s{i}", section, figures, tables, numbers) for i, section in enumerate(sections)]
    plotted = next((i for i, section in enumerate(sections) if section.plot), -1)  # what was found and the plot come first
    texts.insert(plotted + 1, f'<section id="done"><h2>What was done</h2>{_paragraphs(intro)}</section>\n')
    first = f'<section id="found"><h2>What was found</h2>{_listed(found)}</section>\n' if found else ""
    names = [(f"s{i}", section.heading) for i, section in enumerate(sections)]
    names.insert(plotted + 1, ("done", "What was done"))
    names = [("found", "What was found")] * bool(found) + names
    contents = "".join(f'<li><a href="#{anchor}">{escape(name)}</a></li>' for anchor, name in names)
    scripts = [_file(name) for name in ("page.js", "tables.js", *(["explore.js"] if plotted >= 0 else []))]
    library = [_file(PLOTLY)] if plotted >= 0 else []
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy([*scripts, *library])}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_file('page.css')}</style></head>\n<body>"
        f'<a class="skip" href="#main">Skip to the report</a><header><h1>{escape(title)}</h1>'
        f'<button id="theme" type="button" hidden></button></header>\n'
        f'<nav aria-label="Contents"><details open><summary>Contents</summary><ol>{contents}</ol></details></nav>\n'
        f'<main id="main">{first}{"".join(texts)}</main>\n'
        f"{''.join(_packed(text, 'plotly') for text in library)}"
        f"{''.join(f'<script>{script}</script>' for script in scripts)}</body></html>\n"
    )
    return _with_images(page, [picture.image for picture in pictures])


def _with_images(page: str, images: Sequence[bytes]) -> str:
    """The page with its figures, which have the room that all else leaves. No text is taken for one: its quotes are escaped."""
    left = (LIMIT - len(page.encode())) * 3 // 4  # base64 takes four characters for three bytes
    data = [
        f"data:image/{'png' if image.startswith(PNG) else 'webp'};base64,{base64.b64encode(image).decode()}"
        for image in fitting(images, min(BUDGET, left))
    ]
    return re.sub(r'src="figure:(\d+)"', lambda found: f'src="{data[int(found[1]) - 1]}"', page)


def _listed(sentences: Sequence[str]) -> str:
    """Sentences as a list; those after the first SHOWN are folded."""
    first, rest = (
        "".join(f"<li>{escape(sentence)}</li>" for sentence in part) for part in (sentences[:SHOWN], sentences[SHOWN:])
    )
    return f"<ul>{first}</ul>" + (
        f"<details><summary>{len(sentences) - SHOWN} more</summary><ul>{rest}</ul></details>" if rest else ""
    )


def write(path: str | Path, text: str) -> Path:
    """The text as a UTF-8 file, atomically; returns the path."""
    return write_atomically(path, text.encode())


def _file(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _policy(scripts: Sequence[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {allowed}"


def _section(anchor: str, section: Section, figures: Iterator, tables: Iterator[int], numbers: Mapping[str, int]) -> str:
    plot = _plot(section.plot, numbers) if section.plot else ""
    drawn = "".join(_figure(*figure) for _, figure in zip(section.figures, figures))
    drawn = f'<div class="figures">{drawn}</div>' if drawn else ""
    shown = "".join(_table(caption, frame, next(tables)) for caption, frame in section.tables)
    code = "".join(_code(what, text) for what, text in section.code)
    details = (
        f"<details><summary>configuration</summary><pre>{escape(section.details)}</pre></details>" if section.details else ""
    )
    heading = f"<h2>{escape(section.heading)}</h2>{_paragraphs(section.text)}"
    kept = _numbered(section.kept, tables)
    return f'<section id="{anchor}">{heading}{plot}{drawn}{shown}{_paragraphs(section.notes)}{code}{details}{kept}</section>\n'


def _numbered(kept: str, tables: Iterator[int]) -> str:
    """The markup with its tables numbered in the order of this page."""
    new = {old: next(tables) for old in re.findall(r'<figcaption id="t(\d+)">', kept)}
    kept = re.sub(r'="t(\d+)"', lambda found: f'="t{new[found[1]]}"', kept)
    return re.sub(r'(<figcaption id="t)(\d+)(">Table )\d+', r"\1\2\3\2", kept)


def _plot(plot: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    """The data, of which explore.js makes controls and plot."""
    worlds = [{**world, "figure": numbers.get(world["static"], 0)} for world in plot["worlds"]]
    text = json.dumps({"worlds": worlds}, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    figures = [f'<a href="#f{world["figure"]}">Figure {world["figure"]}</a>' for world in worlds if world["figure"]]
    static = f'<p class="static">The same numbers for print: {", ".join(figures)}.</p>' if figures else ""
    packed = _packed(text, "cells")
    return f'<div class="explore">{packed}<noscript>This plot needs scripts.</noscript></div>{static}'


def _packed(text: str, name: str) -> str:
    """The text as an element that is no script to a browser, which explore.js unpacks: gzip in base64, a third of its size."""
    held = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return f'<script type="application/gzip" id="{name}">{held}</script>'


def _figure(number: int, picture: Picture) -> str:
    if not picture.alt.strip():
        raise ValueError("a picture has no alt text: say in words what it shows")
    inches = picture.inches  # in proportion, so that letters in every figure have one size; never below legible
    size = f'width="{round(100 * inches)}" style="min-width:{round(78 * inches)}px"'
    shown = f'<img src="figure:{number}" alt="{escape(picture.alt)}" {size}>'
    caption = f"<figcaption>{escape(f'Figure {number}. {picture.caption}'.strip())}</figcaption>"
    box = f'<div class="image" role="region" tabindex="0" aria-label="Figure {number}">{shown}</div>'
    return f'<figure id="f{number}" style="width:{round(100 * inches)}px">{box}{caption}</figure>'  # else a caption takes a row


def _table(caption: str, table: pd.DataFrame, number: int) -> str:
    words = escape(f"Table {number}. {caption}".strip())
    return f'<figure class="table"><figcaption id="t{number}">{words}</figcaption>{markup(table, f"t{number}")}</figure>'


def _code(what: str, text: str) -> str:
    return f'<figure class="code"><figcaption>{escape(what)}</figcaption><pre tabindex="0">{escape(text)}</pre></figure>'


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part.strip())}</p>" for part in text.split("\n\n") if part.strip())
