"""Of what a section is composed: pictures and tables, or one sentence for each that cannot be made."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import pandas as pd

from analysis.reports import kept
from analysis.reports.html import Picture, Section
from analysis.results import NO_TRAINING, Results


class Table(NamedTuple):
    """A caption and the frame below it."""

    caption: str
    frame: pd.DataFrame


class Missing(NamedTuple):
    """What is left out, and why."""

    what: str
    why: str


def picture(name: str, alt: str, caption: str, make: Callable, *args: object, **options: object) -> Picture | Missing:
    """The picture of the figure that `make(*args, **options)` returns, or Missing if it cannot be made and drawn.

    A report is written when all has been computed, so nothing that is amiss in it may lose the rest.
    """
    try:
        result = Picture(make(*args, **options), name, alt, caption)
        result.image  # noqa: B018  what cannot be drawn fails here, and what can is not drawn again
    except Exception as error:
        before = kept.figure(name)
        return Missing(alt, _reason(error)) if before is None else Picture(before, name, alt, caption)
    return result


def table(caption: str, make: Callable[..., pd.DataFrame], *args: object, **options: object) -> Table | Missing:
    """The table that `make(*args, **options)` returns, or Missing if it cannot be made or is empty."""
    try:
        frame = make(*args, **options)
    except Exception as error:
        return Missing(caption, _reason(error))
    return Table(caption, frame) if len(frame) else Missing(caption, "there is nothing to show")


def section(
    heading: str,
    text: str = "",
    *parts: Picture | Table | Missing,
    notes: str = "",
    details: str = "",
    code: Sequence[tuple[str, str]] = (),
) -> Section:
    """The section of these parts; what is missing is said below them, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for part in parts:
        if isinstance(part, Missing):
            reasons.setdefault(part.why, []).append(part.what.rstrip("."))
    left_out = [f"Left out: {'; '.join(what)} ({why})." for why, what in reasons.items()]
    return Section(
        heading,
        text,
        [part for part in parts if isinstance(part, Picture)],
        [tuple(part) for part in parts if isinstance(part, Table)],
        details,
        "\n\n".join(note for note in (notes, *left_out) if note),
        code,
    )


def by_world(results: Results, sections_of: Callable[[Results], list[Section]]) -> list[Section]:
    """The sections of every world; where there are several, under headings and file names that begin with the world's."""
    if len(results.worlds) == 1:
        return sections_of(results)
    sections = []
    for world in results.worlds:
        for part in sections_of(results.of(world)):
            figures = [replace(picture, name=f"{world}_{picture.name}") for picture in part.figures]
            sections.append(replace(part, heading=f"{world}: {part.heading}", figures=figures))
    return sections


def seeds(results: Results) -> str:
    """How many seeds, in words."""

    def plural(n: int, what: str) -> str:
        return f"{n} {what} seed{'s' if n > 1 else ''}"

    trained = f"{plural(len(results.train_seeds), 'training')}, " if results.train_seeds else ""
    return trained + plural(len(results.sample_seeds), "sampling")


def spread_words(results: Results) -> str:
    """What values and their ± are, as a sentence that begins with a space; nothing for a single run."""
    if results.runs == 1:
        return ""
    one = "Values are means over sampling seeds of one training; bars and ± are one standard deviation between them."
    several = (
        "Values are means over trainings of the means over their sampling seeds; bars and ± are one standard deviation between "
        "trainings (between sampling seeds where nothing was trained); summary.csv has that of sampling seeds too (sd_seeds)."
    )
    return " " + (several if len(results.train_seeds) > 1 else one)


def over_runs(results: Results) -> str:
    """Of what a table's values are the mean, as words that begin with a comma; nothing for a single run."""
    trained, sampled = len(results.train_seeds), len(results.sample_seeds)
    if results.runs == 1:
        return ""
    seeds_of = f"{sampled} sampling seeds"
    if trained < 2:
        return f", mean ± standard deviation over {seeds_of}"
    each = f" of {seeds_of} each" if sampled > 1 else ""
    exact = f", of what was not trained over {seeds_of}" if each and (results.sampled["train_seed"] == NO_TRAINING).any() else ""
    return f", mean ± standard deviation over {trained} trainings{each}{exact}"


def capital(text: str) -> str:
    """The text with a large first letter, the others as they are."""
    return text[:1].upper() + text[1:]


def listed(items: list[str]) -> str:
    """Names in a sentence."""
    return ", ".join(items) or "no method"


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()).rstrip(".")
    return words if isinstance(error, ValueError) and words else f"{type(error).__name__}: {words}".rstrip(": ")
