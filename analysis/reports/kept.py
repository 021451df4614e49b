"""What a page shows that its tables do not hold, samples above all: taken over where a committed result is drawn again."""

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from html import unescape
from pathlib import Path
from typing import Any

from analysis.reports.html import Section
from analysis.reports.report import file_name

AGAIN = "Make this again"
REDRAWN = """\
This page was drawn again from the committed tables by commit {}; pictures of samples, and what no table holds, are taken over \
from the page before."""
HELD = ("w = 0 is the conditional model", "The networks", "Data and provenance", AGAIN, "How to cite", "Configuration")
_FIGURES: ContextVar[Mapping[str, Path]] = ContextVar("_FIGURES")


@contextmanager
def figures_of(folder: Path) -> Iterator[None]:
    """Inside, a figure that cannot be drawn is the PNG of its name in the folder, if that is there."""
    token = _FIGURES.set({path.stem: path for path in folder.glob("*.png")})
    try:
        yield
    finally:
        _FIGURES.reset(token)


def figure(name: str) -> bytes | None:
    """The PNG of that name, inside `figures_of`."""
    path = _FIGURES.get({}).get(file_name(name))
    return path.read_bytes() if path else None


def with_sections(sections: Sequence[Section], page: str, by: str) -> list[Section]:
    """The sections of a report, and those of HELD as the page has them, each in the place that it has there.

    by: the commit that draws it again, which stands where the page says how to make it again.
    """
    held = {heading: text for heading, text in sections_of(page).items() if heading.endswith(HELD)}
    if AGAIN in held:
        held[AGAIN] = re.sub(r'<p class="redrawn">.*?</p>', "", held[AGAIN]) + f'<p class="redrawn">{REDRAWN.format(by)}</p>'
    old, told = list(sections_of(page)), {one.heading for one in sections}
    found = [Section(one.heading, kept=held[one.heading]) if one.heading in held else one for one in sections]
    for heading in (heading for heading in held if heading not in told):
        before = set(old[: old.index(heading)])
        place = max((i for i, one in enumerate(found, 1) if one.heading in before), default=len(found))
        found.insert(place, Section(heading, kept=held[heading]))
    return found


def sections_of(page: str) -> dict[str, str]:
    """What follows the heading of every section, by heading, in order."""
    parts = re.findall(r'<section id="\w+"><h2>(.*?)</h2>(.*?)</section>\n', page, re.DOTALL)
    return {unescape(heading): text for heading, text in parts}


def shown_samples(page: str) -> dict[tuple, dict[str, Any]]:
    """The first samples of cells that the page's plot shows, by (world, method, w, sampler, steps)."""
    packed = re.search(r'<script type="application/gzip" id="cells">([^<]*)</script>', page)
    plain = re.search(r'<script type="application/json">(.*?)</script>', page)  # as it was until November 2026
    if packed is None and plain is None:
        return {}
    shown = {}
    for world in json.loads(gzip.decompress(base64.b64decode(packed[1])) if packed else plain[1])["worlds"]:
        settings = [re.fullmatch(r"(.*), T = (\d+), n = [\d,]+", words) for words in world["settings"]]
        for method, setting, _, place, (w, *_), _ in world["cells"]:
            if place is not None and (at := settings[setting]):
                key = (world["name"], world["methods"][method]["name"], w, at[1], int(at[2]))
                shown[key] = world["samples"][place]
    return shown
