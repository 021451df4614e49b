"""`guidance-bench paper`: the figures and tables of a paper, of a world or a checkpoint, in one folder."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Accept, Cluster, Device, Full, Remake, Retry, Runs, Settings, Show, Workers, answer, resumable
from experiments.problems import Problem
from experiments.quiet import uncollected

COPIED = ("*.csv", "report.html", "figures/*.png")


def paper(
    which: Annotated[
        str,
        typer.Argument(
            help="cfg: Ho & Salimans, Figures 1 to 5, Tables 1 and 2 (arXiv 2207.12598); adm: Dhariwal & Nichol, Table 4, "
            "Figures 3 to 5 (arXiv 2105.05233)."
        ),
    ],
    world: Annotated[
        str, typer.Option(help="digits, fashion, the name of any study of images, or package.module:Name of your own.")
    ] = "digits",
    checkpoint: Annotated[Path | None, typer.Option(help="The model is this file or folder of weights, with --adapter.")] = None,
    adapter: Annotated[str | None, typer.Option(help="What reads the weights (docs/checkpoints.md).")] = None,
    full: Full = False,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    out: Annotated[
        Path | None, typer.Option(help="Copy the page, figures and tables to this folder; they lie in the runs too.")
    ] = None,
    device: Device = "auto",
    workers: Workers = None,
    cluster: Cluster = None,
    remake: Remake = False,
    accept: Accept = False,
    retry: Retry = False,
    show: Show = False,
) -> None:
    """Draw a paper's figures and tables of a world, the published numbers beside it. Only what is missing is computed."""
    with uncollected():
        from experiments.studies.chosen import shown
        from experiments.studies.paper_chosen import chosen_paper

        study = chosen_paper(which, world, full, settings or [], checkpoint, adapter)
    if show:
        return typer.echo(shown(study))
    if out is not None:
        require_place(out)
    stale = answer(remake, accept)
    from experiments.graph.store import Store
    from experiments.studies.running import make

    with resumable():
        done = make(study, Store(runs), workers, device, stale, retry, typer.echo, cluster)
    typer.echo(done.summary())
    folder = done.folder if out is None else copied(done.folder, out)
    typer.echo(f"figures {folder / 'figures'}\ntables  {folder / '*.csv'}\npage    {folder / 'report.html'}")
    raise typer.Exit(1 if done.outcome.failed else 0)


def require_place(out: Path) -> None:
    """Problem for a place that is no folder, or a folder that holds something else than an earlier page of a paper."""
    if out.is_dir() and any(out.iterdir()) and not ((out / "report.html").is_file() and (out / "summary.csv").is_file()):
        raise Problem(f"--out: {out} holds other files: give a new folder, or one that this command filled")
    if not out.is_dir() and (out.exists() or out.is_symlink()):
        raise Problem(f"--out: {out} is no folder")


def copied(folder: Path, out: Path) -> Path:
    """What people read of a run, file by file, each whole; figures and tables of an earlier page that this one has not go."""
    from analysis.files import write_atomically

    kept = {path.relative_to(folder) for pattern in COPIED for path in folder.glob(pattern)}
    for name in sorted(kept):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out / name, (folder / name).read_bytes())
    for old in {path for pattern in COPIED for path in out.glob(pattern)}:
        if old.relative_to(out) not in kept:
            old.unlink()
    return out
