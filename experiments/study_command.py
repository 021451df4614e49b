"""`guidance-bench study`: from the values of a study to its table, figures and report."""

from functools import partial
from pathlib import Path

import typer

from experiments.options import (
    Accept,
    Cluster,
    Device,
    Full,
    Name,
    Probe,
    Remake,
    Retry,
    Runs,
    Settings,
    Show,
    Ways,
    Workers,
    answer,
    resumable,
)
from experiments.quiet import uncollected


def study(
    name: Name,
    full: Full = False,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    workers: Workers = None,
    cluster: Cluster = None,
    remake: Remake = False,
    accept: Accept = False,
    retry: Retry = False,
    probe: Probe = None,
    show: Show = False,
) -> None:
    """Train, sample, measure, and write one table, the figures and a report. What is done already is not done again."""
    with uncollected():
        from experiments.graph.store import Store
        from experiments.studies.chosen import chosen, shown

        chosen_study = chosen(name, full, settings or [])
    if show:
        return typer.echo(shown(chosen_study))
    stale = answer(remake, accept)
    from experiments.studies.running import make

    if probe is not None:
        from experiments.collectives import decided
        from experiments.device import resolve
        from experiments.graph.executors import one_thread
        from experiments.studies.computing import probed

        one_thread()
        chosen_study = decided(partial(probed, chosen_study, resolve(device), probe is Ways.lossy, typer.echo))
    with resumable():
        done = make(chosen_study, Store(runs), workers, device, stale, retry, typer.echo, cluster)
    typer.echo(done.summary())
    typer.echo(f"table   {done.folder / 'table.csv'}\nfigures {done.folder / 'figures'}\nreport  {done.folder / 'report.html'}")
    raise typer.Exit(1 if done.outcome.failed else 0)
