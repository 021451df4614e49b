"""`guidance-bench study`: from the values of a study to its table, figures and report."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Cluster, Device, Full, Name, Probe, Runs, Settings, Show, Ways, Workers, resumable
from experiments.problems import Problem
from experiments.quiet import uncollected


def study(
    name: Name,
    full: Full = False,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    workers: Workers = None,
    cluster: Cluster = None,
    remake: Annotated[bool, typer.Option("--remake", help="Make runs again that other code or other parents made.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Keep them as they are, and say so in their manifests.")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="Try runs again that failed before.")] = False,
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
    if remake and accept:
        raise Problem("--remake and --accept answer the same question: give one of them")
    from experiments.studies.running import make

    if probe is not None:
        from experiments.collectives import decided
        from experiments.device import resolve
        from experiments.graph.executors import one_thread
        from experiments.studies.computing import probed

        one_thread()
        chosen_study = decided(partial(probed, chosen_study, resolve(device), probe is Ways.lossy, typer.echo))
    with resumable():
        answer = "remake" if remake else "accept" if accept else "ask"
        done = make(chosen_study, Store(runs), workers, device, answer, retry, typer.echo, cluster)
    typer.echo(done.summary())
    typer.echo(f"table   {done.folder / 'table.csv'}\nfigures {done.folder / 'figures'}\nreport  {done.folder / 'report.html'}")
    raise typer.Exit(1 if done.outcome.failed else 0)
