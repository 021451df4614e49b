"""The command line: `guidance-bench study digits`. What takes seconds to import is imported when a command needs it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments.ownership import require_own_guidance
from experiments.problems import Problem

app = typer.Typer(
    help="Diffusion guidance on shared backbones, from the same noise, at a counted cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Name = Annotated[str, typer.Argument(help="The study, digits, gaussians, digits-exact, controls or controls-exact.")]
World = Annotated[str, typer.Argument(help="The world, e.g. digits.")]
Runs = Annotated[Path, typer.Option(help="The folder that holds all runs.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one.")]


@app.command()
def study(
    name: Name,
    full: Annotated[
        bool, typer.Option("--full", help="Three trainings and three sampling seeds, more samplers: hours on a CPU.")
    ] = False,
    redraw: Annotated[bool, typer.Option("--redraw", help="Make table, figures and report anew from finished runs.")] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a value, as in --set denoiser.fit.steps=500. Repeatable.")
    ] = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes of one thread; default: one per core, at most 8, and 1 on a GPU.")
    ] = None,
    show: Annotated[bool, typer.Option("--show-config", help="Print the configuration and stop.")] = False,
) -> None:
    """Train, sample, measure, and write one table, the figures and a report. What is done already is not done again."""
    from experiments.configs import STUDIES
    from experiments.device import resolve
    from experiments.pool import cores
    from experiments.report_parts import announce, at_a_glance
    from experiments.runs import Store
    from experiments.study import study as run_study

    if name not in STUDIES:
        raise Problem(f"there is no study {name!r}; known: {', '.join(STUDIES)}")
    config = STUDIES[name]["full" if full else "quick"].override(settings or [])
    if show:
        typer.echo(config.model_dump_json(indent=1))
        return
    device = resolve(device)
    workers = workers or cores(device)
    typer.echo(announce(config, device, workers, runs))
    try:
        folder = run_study(Store(runs, device), config, workers, redraw)
    except KeyboardInterrupt:
        typer.echo("\nguidance-bench: stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    typer.echo(at_a_glance(folder, config))
    typer.echo(f"table   {folder / 'table.csv'}\nfigures {folder / 'figures'}\nreport  {folder / 'report.html'}")


@app.command()
def methods() -> None:
    """List the guidance methods: name, roles, and what the first line of their file says."""
    from guidance import METHODS

    for name, method in METHODS.items():
        head = sys.modules[method.__module__].__doc__.splitlines()
        typer.echo(f"{name:18}{', '.join(method.roles):20}{head[0]}\n{'':38}{head[2]}")


@app.command()
def samplers() -> None:
    """List the samplers: name, order of convergence, whether they draw noise, and what the first line of their file says."""
    from guidance import SAMPLERS

    for name, sampler in SAMPLERS.items():
        noisy = "draws noise" if sampler().stochastic else "no noise"
        head = sys.modules[sampler.__module__].__doc__.splitlines()[0]
        typer.echo(f"{name:20}order {sampler.order}   {noisy:14}{head}")


@app.command()
def data(world: World) -> None:
    """Print the card of a world's data."""
    from experiments.worlds import WORLDS

    if world not in WORLDS:
        raise Problem(f"there is no world {world!r}; known: {', '.join(WORLDS)}")
    for name, value in WORLDS[world]().card.items():
        typer.echo(f"{name:10}{value}")


def main() -> None:
    """Runs a command; a Problem is one line on standard error and exit code 2."""
    try:
        require_own_guidance()
        app()
    except Problem as problem:
        print(f"guidance-bench: {problem}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
