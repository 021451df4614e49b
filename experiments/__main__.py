"""The command line: `guidance-bench study digits`. What takes seconds to import is imported when a command needs it."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

Name = Annotated[
    str, typer.Argument(help="The study: digits, gaussians, digits-exact, methods, classifiers, controls or controls-exact.")
]
World = Annotated[str, typer.Argument(help="The world, e.g. digits.")]
Runs = Annotated[Path, typer.Option(help="The folder that holds all runs.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one.")]


@contextmanager
def going_on() -> Iterator[None]:
    """Ctrl-C is one line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nguidance-bench: stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None


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
    from experiments.runs import Store
    from experiments.studies import doing

    if name not in STUDIES:
        raise Problem(f"there is no study {name!r}; known: {', '.join(STUDIES)}")
    config = STUDIES[name]["full" if full else "quick"].override(settings or [])
    if show:
        typer.echo(json.dumps(config.whole(), indent=1))
        return
    device = resolve(device)
    workers = workers or cores(device)
    announced, run, glance = doing(config)
    for one in announced:
        typer.echo(one(device, workers, runs))
    with going_on():
        folder = run(Store(runs, device), config, workers, redraw)
    typer.echo(glance(folder))
    typer.echo(f"table   {folder / 'table.csv'}\nfigures {folder / 'figures'}\nreport  {folder / 'report.html'}")


@app.command()
def train(
    kind: Annotated[str, typer.Argument(help="classifier (noise-aware), evaluator (of clean images) or joint-energy.")],
    world: Annotated[str, typer.Option(help="The world to train on, e.g. digits.")] = "digits",
    arch: Annotated[str | None, typer.Option(help="Any timm classification model, or half-unet.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change a value, as in --set fit.steps=2000. Repeatable.")
    ] = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    show: Annotated[bool, typer.Option("--show-config", help="Print the configuration and stop.")] = False,
) -> None:
    """Train one classifier, and print what it reaches on held-out images, by lambda. What is trained already is found again."""
    from experiments.train_command import train as run_train

    with going_on():
        run_train(kind, world, arch, settings or [], runs, device, show)


@app.command()
def methods() -> None:
    """List the guidance methods by family: cost of a guided step, roles, space, needs; citation, formula, and what they do."""
    from guidance.methods import FAMILIES, METHODS

    typer.echo("F, B: forward and backward pass of the denoiser; f, b: of a classifier; W: forward of a second denoiser")
    for family in FAMILIES:
        typer.echo(f"\n{family}")
        for name, method in METHODS.items():
            if method.family == family:
                about, head = method(), (sys.modules[method.__module__].__doc__ or method.__doc__).splitlines()
                needs = f", needs {', '.join(method.needs)}" if method.needs else ""
                asks = f", asks the sampler for {', '.join(method.asks)}" if method.asks else ""
                typer.echo(f"\n  {name:24} {about.price.brief():17} {', '.join(method.roles)}; space {about.space}{needs}{asks}")
                formula = [head[2]] if len(head) > 2 else []
                for line in (head[0], *formula, method.__doc__.splitlines()[0]):
                    typer.echo(f"{'':27}{line}")


@app.command()
def laws(method: Annotated[str, typer.Argument(help="A method of the registry, yours too: see guidance-bench methods.")]) -> None:
    """Hold one method to the laws that all are held to."""
    from guidance import METHODS
    from guidance.laws import LAWS

    if method not in METHODS:
        raise Problem(f"there is no method {method!r}; known: {', '.join(METHODS)}")
    broken = 0
    for law in LAWS:
        try:
            law(METHODS[method])
        except Exception as error:  # a method may fail in as many ways as there are authors
            broken += 1
            said = str(error).strip().splitlines() or [type(error).__name__]
            typer.echo(f"broken  {law.__name__}: {said[0]}")
        else:
            typer.echo(f"holds   {law.__name__}")
    raise typer.Exit(min(broken, 1))


@app.command()
def speed(device: Device = "auto") -> None:
    """Time sampler and method beside a hand-written loop, with a network that costs nothing, and the ways to batch branches."""
    import torch

    from experiments.device import resolve
    from experiments.memory import keep_memory
    from experiments.provenance import device_name
    from experiments.speed import BATCH, SHAPE, overhead, policies

    device = resolve(device)
    torch.set_num_threads(1)
    keep_memory()  # as the studies do
    typer.echo(f"{device_name(device)}, one thread, DDIM, {BATCH} x {SHAPE}, network: one multiplication; microseconds a step")
    for name, row in overhead(device).items():
        typer.echo(f"  {name:17}" + "   ".join(f"{key} {value:.3g}" for key, value in row.items()))
    typer.echo(f"\nconditional and null branch of a U-Net, {BATCH} images, so many rows at a time (--set rows=...); milliseconds")
    measured = policies(device)
    for rows, milliseconds in measured.items():
        mark = "  fastest" if milliseconds == min(measured.values()) else ""
        typer.echo(f"  {rows:>4}  {milliseconds:8.1f}{mark}")


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
