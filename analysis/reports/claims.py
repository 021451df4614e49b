"""The page of `guidance-bench study claims`: four claims of papers, each with its measure, a figure and a table."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from analysis.figures import round_classes as figures
from analysis.findings import round_classes as findings
from analysis.reports import common
from analysis.reports.html import Section
from analysis.reports.parts import Missing, Table, picture, section, seeds, table
from analysis.reports.report import Report
from analysis.results import Results
from analysis.statistics import round_classes as measured
from analysis.statistics.round_classes import EXACT, LEAST, MARGIN
from analysis.statistics.round_moves import by_distance, from_boundaries

INTRO = (
    "Score, classifier and density of these mixtures of round Gaussians are exact: errors are those of sampling "
    "and of the sampler's steps, not of a network. "
    "Each number is a change from the unguided samples of the same noise; intervals are at 95 %, over sampling seeds, the means "
    "of the classes being given. Lengths are in standard deviations of a class. The class direction points from the mean of all "
    "classes' means to the class's own."
)
ALIKE = (
    f"Equivalent: the difference is shown to be smaller than {MARGIN:.0%} of the larger change, or than {LEAST:g}, by two "
    "one-sided tests after Holm over the whole table; what is neither equivalent nor different from zero is undecided."
)
A = (
    "Algorithm 1 of Dhariwal & Nichol (arXiv 2105.05233) moves the mean of a step by w times its variance times the gradient of "
    "log p(c | z). The derivation takes that gradient at the step's mean and its lambda, their code at the z before the step. "
    "Its author calls that a slight bug which did not noticeably change results (guided-diffusion, thread 51). " + ALIKE
)
B = (
    "arXiv 2602.00716 says that guidance distorts the class where the number of classes grows exponentially with the dimension, "
    "and does not where it grows more slowly; and that a window of negative w undoes the shrinking of the variance, which no "
    "usual schedule does. Worlds of 2^d classes, and worlds whose number of classes is the same in every dimension. Distortion: "
    "the squared error of a class's mean plus (standard deviation along the class direction - 1)^2, the mean over classes. "
    "Windows alone: the conditional model outside them. Turning: guidance with w until a lambda, and from there on with a "
    "negative one, half of -w, at -1 at most, or -1 itself, the unconditional model, as the paper switches."
)
C = (
    "arXiv 2502.07849 says that classifier-free guidance reproduces the class in sufficiently many dimensions, since it acts "
    "before classes are told apart and has nothing to say after. Two classes at -m and m; solid: |m|^2 grows with the dimension, "
    "as there; dashed: it does not. Between two classes guidance sees one direction alone, so that the largest dimensions are a "
    f"problem on a line. Exact: the changes of shift and of variance are both shown to be below {EXACT:g}."
)
D = (
    "arXiv 2503.10638 says that classifier and classifier-free guidance both work by pushing trajectories away from decision "
    "boundaries. Distance: to the nearest plane half way between the own class's mean and another's; on the other side of one or "
    "more it is negative, and that of the furthest of these. "
    "With exact roles the two kinds are one function, so that what differs in practice is an error of networks. " + ALIKE
)


def report(results: Results) -> Report:
    """The page and its tables: at_mean.csv, classes.csv, windows.csv, dimension.csv, boundary.csv, by_distance.csv, worlds.csv
    and field.csv.
    """
    frames = {name: _made(make, results) for name, make in FRAMES.items()}
    text = _found(results)
    sections = [*common.failed(results), *_sections(results, frames), *_provenance(results), *common.closing(results)]
    tables = {"table": results.table, "summary": results.summary, **{name: frame for name, frame in frames.items() if len(frame)}}
    tables |= {name: results.tables[name] for name in ("worlds", "field") if name in results.tables}
    sizes = f" {max(results.n.values()):,} samples a cell, {seeds(results)}."
    words = common.beginning(text, "").rstrip() + common.failed_text(results)
    return Report(results.title, INTRO + sizes, sections, tables, words, text)


class Shown(NamedTuple):
    """The caption of a table, and its columns: those that tell rows apart, those with an interval, and the others."""

    caption: str
    columns: tuple[Sequence[str], Sequence[str], Sequence[str]]


SHOWN = {
    "at_mean": Shown(
        "Change by guidance with either gradient, and their difference.",
        (["dimension", "steps", "w", "measure"], ["at_z", "at_mean", "gap"], ["verdict"]),
    ),
    "classes": Shown(
        "Changes in every dimension and number of classes; family 2^d: as many classes as that.",
        (
            ["w", "family", "dimension", "classes", "sampler"],
            ["distortion", "shift_along", "variance_along", "variance_across"],
            [],
        ),
    ),
    "windows": Shown("Windows of w, one world.", (["method", "w"], ["variance_along", "shift_along", "wrong_side"], [])),
    "dimension": Shown(
        "Two classes; growth 1: their distance grows with the dimension, growth 0: it does not.",
        (["growth", "sampler", "w", "dimension"], ["shift_along", "variance_along"], ["exact"]),
    ),
    "boundary": Shown(
        "Move away from the nearest boundary, and its difference from the first method's.",
        (["w", "dimension", "classes", "method"], ["moved", "gap"], ["verdict", "largest", "away"]),
    ),
}
FRAMES: dict[str, Callable[[Results], pd.DataFrame]] = {
    "at_mean": measured.at_mean,
    "classes": measured.by_classes,
    "windows": measured.in_windows,
    "dimension": measured.with_dimension,
    "boundary": from_boundaries,
    "by_distance": by_distance,
}


def _made(make: Callable[[Results], pd.DataFrame], results: Results) -> pd.DataFrame:
    """A frame; one without rows where cells are missing that it is made of."""
    try:
        return make(results)
    except (KeyError, ValueError):
        return pd.DataFrame()


def _found(results: Results) -> list[str]:
    """What was found; or why it cannot be told."""
    try:
        return findings.sentences(results) or ["Nothing that was sampled could be measured."]
    except Exception as error:  # nothing amiss in a sentence may lose the report
        return [f"What was found cannot be told: {type(error).__name__}: {error}"]


def _sections(results: Results, frames: dict[str, pd.DataFrame]) -> list[Section]:
    a, b, windows, c, d, bins = (frames[name] for name in FRAMES)
    if "worlds" not in results.tables:  # no cell was finished
        return [section("What was tested", "", Missing("the figures of the claims", "no cell was finished"))]
    field, worlds = results.tables.get("field"), results.tables["worlds"]
    of_c = worlds[worlds["question"] == "c"]
    return [
        section(
            "a. Algorithm 1's gradient at z or at the mean",
            A,
            picture("at_mean", "Difference that the place of the gradient makes", _caption(results, "a"), figures.at_mean, a),
            _shown("at_mean", a),
        ),
        section(
            "b. Distortion and the number of classes",
            B,
            picture("by_classes", "Distortion by classes and dimension", _caption(results, "b"), figures.by_classes, b, windows),
            _shown("classes", b),
            _shown("windows", windows),
        ),
        section(
            "c. Growing dimension",
            C,
            picture(
                "with_dimension",
                "Shift and variance by dimension",
                _caption(results, "c"),
                figures.with_dimension,
                c,
                field,
                of_c,
            ),
            _shown("dimension", c),
        ),
        section(
            "d. Decision boundaries",
            D,
            picture("from_boundaries", "Moves away from boundaries", _caption(results, "d"), figures.from_boundaries, d, bins),
            _shown("boundary", d),
        ),
    ]


def _caption(results: Results, question: str) -> str:
    sampler = measured.changes_of(results).samplers(question)[0]
    return (
        f"Claim {question}; {sampler}, T = {results.steps} where nothing else is said, n = {max(results.n.values()):,}, "
        f"{seeds(results)}; bars: intervals at 95 %."
    )


def _shown(name: str, frame: pd.DataFrame) -> Table | Missing:
    """The frame for people: mean and interval in one cell."""
    caption, columns = SHOWN[name]
    return table(caption, readable, frame, *columns)


def readable(frame: pd.DataFrame, index: Sequence[str], of: Sequence[str], more: Sequence[str] = ()) -> pd.DataFrame:
    """`mean (low to high)` in one column for each of `of`, beside `more` as they are; an empty cell where there is no number."""
    if frame.empty:
        return frame
    columns = {name: [_interval(row, name) for row in frame.to_dict("records")] for name in of}
    frame = frame.replace({"measure": MEASURES})
    shown = pd.DataFrame({**{name: frame[name] for name in index}, **columns, **{name: frame[name].map(_cell) for name in more}})
    return shown.set_index(list(index)).rename(columns=NAMES)


MEASURES = {"shift_along": "shift, std", "variance_along": "variance, share"}
NAMES = {
    **MEASURES,
    "at_z": "change, gradient at z",
    "at_mean": "change, gradient at the mean",
    "gap": "difference",
    "distortion": "distortion, std^2",
    "variance_across": "variance across, share",
    "wrong_side": "on the wrong side, share",
    "moved": "away from the boundary, std",
    "largest": "largest distance of two samples",
    "away": "share moved away",
}


def _interval(row: dict, name: str) -> str:
    mean, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if mean != mean:
        return ""
    return f"{mean:.3f} ({low:.3f} to {high:.3f})" if abs(low) < float("inf") else f"{mean:.3f}"


def _cell(entry: object) -> str:
    if isinstance(entry, float):
        return "" if entry != entry else f"{entry:.3g}"
    return str(entry)


def _provenance(results: Results) -> list[Section]:
    """Of the first world; the others differ in dimension, classes and growth."""
    return [common.provenance(results.of(next(iter(results.worlds))))]
