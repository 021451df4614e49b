"""`guidance-bench benchmark`, `submit`, `check-submission` and `leaderboard`: from a method to its row (BENCHMARK.md)."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Cluster, Device, Remake, Runs, Workers, answer, resumable
from experiments.problems import Problem

PROTOCOL = "A version that ships (v1), or a .json of your own, which has a name and a hash of its own."
Rules = Annotated[str, typer.Option("--protocol", help=PROTOCOL)]
Who = Annotated[str, typer.Option("--by", help="Who submits, as the leaderboard says it.")]
Cite = Annotated[str, typer.Option("--cite", help="What to cite for the method: a DOI, an arXiv id, an address.")]
Out = Annotated[Path, typer.Option(help="The folder that the submission is written to.")]
File = Annotated[Path, typer.Argument(help="A submission, as `guidance-bench submit` writes it.")]


def benchmark(
    method: Annotated[str, typer.Argument(help="Its name (see guidance-bench methods), or package.module:Name of your own.")],
    ws: Annotated[
        list[str] | None,
        typer.Option(
            "--ws", help="Strengths: 0.5,1,2 in all worlds, or gaussians=0.5,1 in one; w = 0 is always run. Repeatable."
        ),
    ] = None,
    worlds: Annotated[
        list[str] | None, typer.Option("--world", help="Only this world of the protocol. Repeatable; default: all it can run in.")
    ] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method, as in --set radius=3. Repeatable.")
    ] = None,
    protocol: Rules = "v1",
    by: Who = "",
    cite: Cite = "",
    out: Out = Path("."),
    runs: Runs = Path("runs"),
    device: Device = "auto",
    workers: Workers = None,
    cluster: Cluster = None,
    remake: Remake = False,
) -> None:
    """Run a method's cells under the protocol and pack its submission. What is done already is not done again."""
    from experiments.benchmark.chosen import chosen_cells
    from experiments.benchmark.pack import pack
    from experiments.benchmark.protocol import read_protocol
    from experiments.graph.store import Store
    from experiments.studies.running import make

    read = read_protocol(protocol)
    cells = chosen_cells(method, read, worlds or [], ws or [], options or [], typer.echo)
    path = _free(out, cells.name)
    store = Store(runs)
    with resumable():
        done = make(cells, store, workers, device, answer(remake, accept=False), False, typer.echo, cluster)
    typer.echo(done.summary())
    typer.echo(f"report     {done.folder / 'report.html'}")
    _write(pack(cells, store, by, cite), path)


def submit(
    run: Annotated[Path, typer.Argument(help="The folder of a study's run, or a file in it.")],
    method: Annotated[
        list[str] | None, typer.Option("--method", help="A method of that study, by its label. Repeatable.")
    ] = None,
    protocol: Rules = "v1",
    by: Who = "",
    cite: Cite = "",
    out: Out = Path("."),
) -> None:
    """Pack a method's cells: rows, hashes of the runs, protocol, code, packages and who, in one file."""
    from experiments.benchmark.pack import of_run, pack
    from experiments.benchmark.protocol import read_protocol

    found = list(of_run(run, method or [], read_protocol(protocol)))
    paths = [_free(out, cells.name) for cells, _ in found]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise Problem(f"{twice} would be written twice: give one --method at a time, and another --out")
    packed = [pack(cells, store, by, cite) for cells, store in found]  # all, before the first is written
    for submission, path in zip(packed, paths):
        _write(submission, path)


def check_submission(file: File, protocol: Rules = "v1") -> None:
    """Say whether a submission fits the protocol; if not, which rule, and which row."""
    from experiments.benchmark.check import check_submission as check
    from experiments.benchmark.committed import committed, place, reference
    from experiments.benchmark.protocol import read_protocol
    from experiments.benchmark.submission import read_submission

    submission, rules = read_submission(file), read_protocol(protocol)
    check(submission, rules, plain=reference(committed(place(), rules)))
    typer.echo(f"fits    {submission.protocol}: {submission.label}, {len(submission.content['cells'])} cells")


def leaderboard(
    further: Annotated[
        list[Path] | None, typer.Option("--with", help="A submission beside the committed ones. Repeatable.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="The folder of the committed submissions.")] = None,
    protocol: Annotated[str | None, typer.Option("--protocol", help=f"{PROTOCOL} Default: every version that ships.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The page; default: docs/leaderboard.md, with files or folders of your own leaderboard.md."),
    ] = None,
) -> None:
    """Build the leaderboard again out of the committed submissions alone, or with files of your own beside them."""
    from experiments.benchmark.leaderboard import write_page

    for line in write_page(results, further or [], protocol, out):
        typer.echo(line)


def _free(out: Path, name: str) -> Path:
    """The file of a submission. Problem, before any work, where one is there already or the folder cannot be one."""
    path = out / f"{name}.json"
    if path.exists():
        raise Problem(f"{path} is there: give another --out, or remove it first")
    if not next(place for place in (out.absolute(), *out.absolute().parents) if place.exists()).is_dir():
        raise Problem(f"--out {out} is no folder")
    return path


def _write(submission: object, path: Path) -> None:
    from experiments.benchmark.submission import write_submission

    typer.echo(f"submission {write_submission(submission, path)}")
