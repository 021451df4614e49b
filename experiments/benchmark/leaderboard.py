"""The leaderboard: a page made of submissions alone, each checked again; one section per protocol, never two in a table."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from analysis.files import write_atomically
from analysis.headline import markdown
from analysis.metrics import metric
from analysis.statistics.ranking import networks, ranking
from experiments.benchmark.check import check_submission
from experiments.benchmark.committed import INSTALLED, REFERENCE, RESULTS, committed, is_ours, place, reference, require_reference
from experiments.benchmark.protocol import Protocol, Question, WorldRules, read_protocol, versions
from experiments.benchmark.submission import Submission, read_submission
from experiments.graph.files import disk_problems
from experiments.problems import Problem

HEAD = """\
# Leaderboard

> {made}

What is measured and how, how to submit, and what is refused: {benchmark}. A rank is the range of places that the paired tests
leave open, after Holm: its first is one more than the number of methods that are better, its last leaves below it those that are
worse. The page is in the order of the first, so that a mean may stand above a smaller one that varies less. A tie is a difference
that was not found, and no equivalence. Intervals are at 95 % over sampling seeds, each alone, so that one may exclude 0 beside a
tie; the networks are given. Images are never ranked on one feature network.

`w` is the strength that a method is reported at, its own best unless the title names one. Each half of the sampling seeds is
reported at the w that is best on the other half: "2" where both halves choose 2, "2, 4" where one chooses 2 and the other 4.
Where a table has two measures, w is chosen for each: "2 / 2, 4" is 2 by the first, and 2 and 4 by the second.

`strengths` counts the w that its author gave a method, w = 0 among them: of a method with few of them "worse" may say that none
was near its best. `evaluations` are those of its dearest cell.
"""


def gathered(folder: Path, further: Sequence[Path], protocol: Protocol) -> list[Submission]:
    """Those of the folder and of further files, each checked. Problem for a file of another protocol, or two of one method."""
    submissions = [*committed(folder, protocol), *(read_submission(path) for path in further)]
    taken: dict[str, str] = {}
    plain = reference(submissions)
    for index, submission in enumerate(submissions):
        check_submission(submission, protocol, of_this_code=index >= len(submissions) - len(further), plain=plain)
        if submission.label in taken:
            raise Problem(f"{submission.label} is in {taken[submission.label]} and in {submission.place}: leave one of them out")
        taken[submission.label] = submission.place
    return submissions


def page(sections: Sequence[tuple[Protocol, list[Submission]]], further: Sequence[Path] = (), folder: Path = RESULTS) -> str:
    """The page: a section for each protocol, with a table for each question in each of its worlds.

    further: files beside those of the folder, which make it a local page, as another folder than the committed one does.
    """
    ours = is_ours(folder)
    held = f"in `{RESULTS if ours else folder}`" if ours or folder not in INSTALLED else "of the package"
    beside = f", with {', '.join(path.name for path in further)} beside them" if further else ": do not edit it"
    made = f"Made by `guidance-bench leaderboard` of the submissions {held} alone{beside}."
    link = "[BENCHMARK.md](../BENCHMARK.md)" if ours and not further else "BENCHMARK.md of guidance-bench"
    return "\n".join(
        [HEAD.format(made=made, benchmark=link), *(line for protocol, own in sections for line in _section(protocol, own))]
    )


def _section(protocol: Protocol, submissions: list[Submission]) -> Iterator[str]:
    yield f"## {protocol.title}\n\nHash `{protocol.sha256}`. {_counted(submissions)}.\n"
    for world, rules in protocol.rules.worlds.items():
        own = [submission for submission in submissions if any(cell["world"] == world for cell in submission.content["cells"])]
        for question in rules.questions if own else ():
            yield f"### {world}: {title(question)}\n"
            yield (
                f"n = {rules.n:,} per cell, {len(rules.sample_seeds)} sampling seeds, {rules.steps} levels, w of at most "
                f"{rules.strengths} strengths.\n"
            )
            within = [one for one in own if one.evaluations(world) <= rules.budget]
            yield from _tables(question, rules, world, within, own, protocol)
            if lacking := [one.label for one in own if question.w is not None and question.w not in one.ws(world)]:
                yield f"Not sampled at w = {question.w:g}: {', '.join(lacking)}.\n"


def title(question: Question) -> str:
    """What methods are ranked by, in words."""
    names = " and ".join(map(_titled, question.measures))
    return f"{names}, {'each at its own best w' if question.w is None else f'at w = {question.w:g}'}"


def _titled(name: str) -> str:
    return f"{metric(name).words} (`{name}`)"


def _tables(
    question: Question, rules: WorldRules, world: str, within: list[Submission], own: list[Submission], protocol: Protocol
) -> Iterator[str]:
    """Within the budget and beyond it, the reference in both."""
    beyond = [one for one in own if one not in within]
    plain = [one for one in own if one.label == REFERENCE]
    for words, group in (("Within", within), ("Beyond", beyond)):
        if not group:
            continue
        yield f"{words} {rules.budget:g} network evaluations a sample:\n"
        frame = ranked(question, world, [*group, *(one for one in plain if one not in group)])
        if isinstance(frame, str):
            yield f"{frame}\n"
            continue
        if len(networks(question.measures)) == 1:
            yield f"On one feature network, {min(networks(question.measures))}: listed by value, and not ranked.\n"
        yield markdown(shown(frame, question, {one.label: one for one in own}, world, protocol))


def ranked(question: Question, world: str, submissions: list[Submission]) -> pd.DataFrame | str:
    """analysis.statistics.ranking of the submissions in a world; or why there is none."""
    table = pd.concat([submission.table for submission in submissions])
    table = table[table["world"] == world]
    try:
        return ranking(table, question.measures, question.w, REFERENCE)
    except ValueError as error:
        return f"Not ranked: {error}."


def shown(
    frame: pd.DataFrame, question: Question, by_label: dict[str, Submission], world: str, protocol: Protocol
) -> pd.DataFrame:
    """The ranking as the page prints it."""
    columns: dict[str, list[str]] = {
        "rank": [_places(rank, ties) for rank, ties in zip(frame["rank"], frame["ties"])],
        "method": list(frame["method"]),
        "w": list(frame["ws"]),
    }
    for name in question.measures:
        arrow, better = ("↑", "positive") if metric(name).higher_is_better else ("↓", "negative")
        columns[f"{_titled(name)} {arrow}"] = _with_interval(frame, name)
        gaps = _with_interval(frame, f"{name} gap")
        of = f", {name}" if len(question.measures) > 1 else ""
        head = f"difference from {REFERENCE}{of} ({better} is better)"
        columns[head] = ["" if m == REFERENCE else gap for m, gap in zip(frame["method"], gaps)]
    columns[f"beside {REFERENCE}"] = list(frame["against"])
    columns["strengths"] = [f"{len(by_label[name].ws(world))}" for name in frame["method"]]
    columns["evaluations"] = [f"{by_label[name].evaluations(world):g}" for name in frame["method"]]
    columns["package"] = [by_label[name].content["method"]["package"] for name in frame["method"]]
    columns["by"] = [by_label[name].content["made"]["who"] or "-" for name in frame["method"]]
    columns["protocol"] = [protocol.label] * len(frame)
    return pd.DataFrame(columns)


def _places(rank: float, ties: int) -> str:
    """From the best to the worst place that is not excluded; none where nothing is ranked."""
    return "" if pd.isna(rank) else f"{rank:g}" if not ties else f"{rank:g} to {rank + ties:g}"


def _with_interval(frame: pd.DataFrame, name: str) -> list[str]:
    return [
        f"{m:.3g} ({low:.3g} to {high:.3g})" for m, low, high in zip(frame[name], frame[f"{name} low"], frame[f"{name} high"])
    ]


def verified(folder: Path) -> Iterator[str]:
    """A line for each submission of a folder, which fits the protocol that it names. Problem for one that does not."""
    for protocol in map(read_protocol, versions()):
        found = committed(folder, protocol)
        for submission in found:
            check_submission(submission, protocol, of_this_code=False, plain=reference(found))
            yield f"fits    {submission.place}: {submission.protocol}"


def write_page(results: Path | None, further: Sequence[Path], named: str | None, out: Path | None) -> Iterator[str]:
    """Writes the page and says where. results: None is that of the working directory, or of this package. named: the protocol;
    None: all versions that ship, of which `further` are of the newest. Problem where plain guidance is not among them.
    """
    folder = results or place()
    if results is not None and not results.is_dir():
        raise Problem(f"--results {results} is no folder")
    protocols = [read_protocol(named)] if named is not None else [read_protocol(version) for version in versions()[::-1]]
    sections = [(protocol, gathered(folder, further if protocol is protocols[0] else [], protocol)) for protocol in protocols]
    sections = [(protocol, own) for protocol, own in sections if own]
    if not sections:
        raise Problem(f"{folder} has no submission under {', '.join(protocol.label for protocol in protocols)}")
    for protocol, own in sections:
        require_reference(own, folder, protocol)
    ours = is_ours(folder) and not further
    path = out or (RESULTS.parents[1] if ours else Path()) / "leaderboard.md"
    with disk_problems(path, "give another --out"):
        write_atomically(path, page(sections, further, folder).encode())
    for protocol, own in sections:
        yield f"{protocol.label}: {_counted(own)}"
    yield f"page {path}"


def _counted(submissions: Sequence[Submission]) -> str:
    return f"{len(submissions)} method{'' if len(submissions) == 1 else 's'}"
