"""The command line: `guidance-bench study digits`. What takes seconds to import is imported when a command needs it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiments import launch
from experiments.benchmark_commands import benchmark, check_submission, leaderboard, submit
from experiments.cost_command import cost
from experiments.distil_command import distil
from experiments.evaluate_command import evaluate
from experiments.export_command import export
from experiments.figures_command import figures, tables
from experiments.options import Cluster, Device, Full, Runs, Settings, Show, Workers, resumable
from experiments.ownership import require_own_guidance
from experiments.paper_command import paper
from experiments.problems import Problem
from experiments.sample_commands import check_checkpoint, sample
from experiments.speed_command import speed
from experiments.study_command import study

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"guidance-bench {version('guidance-bench')}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")] = False,
) -> None:
    """Diffusion guidance on shared backbones, from the same noise, at a counted cost."""


app.command()(study)


@app.command()
def explain(
    what: Annotated[str, typer.Argument(help="The folder of a run, or a study, by its name as for the command study.")],
    full: Full = False,
    settings: Settings = None,
    runs: Runs = Path("runs"),
) -> None:
    """Say what a run is made of and by, and what has changed since; or what a study would make, and why. Nothing is made."""
    from experiments.graph.verify import describe
    from experiments.studies.chosen import chosen, explained

    folder = next((path for path in (Path(what), runs / what) if (path / "manifest.json").is_file()), None)
    for line in describe(folder) if folder is not None else explained(chosen(what, full, settings or []), runs):
        typer.echo(line)


@app.command()
def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A folder of runs, one run, or a committed result, as docs/results/digits-full-cpu or docs/results/benchmark."
        ),
    ],
    remake: Annotated[bool, typer.Option("--remake", help="Of a committed result: run its study again and compare.")] = False,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    workers: Workers = None,
    cluster: Cluster = None,
) -> None:
    """Check runs or committed results: every file against its recorded hash, every run against its values and its parents."""
    from experiments.graph.store import Store
    from experiments.graph.verify import verify_run, verify_store
    from experiments.studies import publish

    if not folder.is_dir():
        raise Problem(f"there is no folder {folder}")
    if any((folder / name).is_file() for name in ("table.csv", "table.parquet")):
        publish.check_published(folder)
        typer.echo(f"whole   {folder}")
        with resumable():
            for line in publish.remake(folder, Store(runs), workers, device, cluster) if remake else ():
                typer.echo(line)
        return
    if (folder / "manifest.json").is_file():
        verify_run(folder.absolute())
        typer.echo(f"whole   {folder}")
        return
    if any(folder.glob("guidance-bench-v*.json")):
        from experiments.benchmark.leaderboard import verified

        for line in verified(folder):
            typer.echo(line)
        return
    if not (found := dict(verify_store(folder))):
        raise Problem(f"{folder} holds no run")
    for why in (why for why in found.values() if why is not None):
        typer.echo(f"broken  {why}")
    broken = sum(why is not None for why in found.values())
    typer.echo(f"{len(found) - broken} of {len(found)} runs are whole")
    raise typer.Exit(min(broken, 1))


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="The folder of a study's run, as runs/digits-...; `guidance-bench ls` lists them.")],
    place: Annotated[Path, typer.Argument(help="The folder to be committed, as docs/results/digits-full-cpu.")],
) -> None:
    """Copy the results of a study to be committed; refused where uncommitted code made any of it."""
    from experiments.studies.publish import publish as copied

    typer.echo(f"{copied(run, place)}")


@app.command()
def redraw(
    folders: Annotated[list[Path], typer.Argument(help="Committed results, as docs/results/digits-full-cpu.")],
) -> None:
    """Draw committed results again by today's analysis: their numbers stay, sentences, figures and pages are made anew."""
    from experiments.studies.redraw import redraw as drawn

    for folder in folders:
        lost = drawn(folder)
        typer.echo(f"{folder}" + (f", without {', '.join(lost)}, which need more than its tables" if lost else ""))


@app.command()
def train(
    kind: Annotated[
        str,
        typer.Argument(
            help="classifier (noise-aware), evaluator (of clean images), joint-energy, or a denoiser that guides at one forward: "
            "guidance-free, model-guidance."
        ),
    ],
    world: Annotated[str, typer.Option(help="The world to train on: see guidance-bench worlds.")] = "digits",
    arch: Annotated[str | None, typer.Option(help="Any timm classification model, or half-unet.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="As in --set fit.steps=500, or --set world.size=64 of the world. Repeatable."),
    ] = None,
    runs: Runs = Path("runs"),
    device: Device = "auto",
    cluster: Cluster = None,
    show: Show = False,
) -> None:
    """Train one classifier, and print what it reaches on test images, by lambda. What is trained already is found again."""
    from experiments.train_command import train as run_train

    with resumable():
        run_train(kind, world, arch, settings or [], runs, device, show, cluster)


@app.command()
def ls(
    runs: Runs = Path("runs"),
    kind: Annotated[str, typer.Argument(help="Only runs whose kind begins so: denoiser, classifier, sample, digits, ...")] = "",
) -> None:
    """List the runs of a folder: address, what it is, when it was made."""
    from experiments.listings import list_runs

    for line in list_runs(runs, kind):
        typer.echo(line)


@app.command()
def worlds(
    name: Annotated[
        str | None, typer.Argument(help="A world, by name or package.module:Name: prints the card of its data.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the world, as in --set size=64. Repeatable.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Download its data first (fashion can).")] = False,
) -> None:
    """List the worlds (data sets and exact distributions), or print the card of one, whose images are prepared if need be."""
    from experiments.listings import list_worlds, world_card

    if name is None and (settings or download):
        raise Problem("say of which world: guidance-bench worlds NAME --set field=value")
    for line in list_worlds() if name is None else world_card(name, settings or [], download):
        typer.echo(line)


@app.command()
def methods() -> None:
    """List the guidance methods by family: cost of a guided step, roles, space, needs; citation, formula, and what they do."""
    from experiments.listings import list_methods

    typer.echo("\n".join(list_methods()))


@app.command()
def samplers() -> None:
    """List the samplers: name, order of convergence, whether they draw noise, and what the first line of their file says."""
    from experiments.listings import list_samplers

    typer.echo("\n".join(list_samplers()))


@app.command()
def laws(
    method: Annotated[str, typer.Argument(help="Its name (see guidance-bench methods), or package.module:Name of your own.")],
) -> None:
    """Test one guidance method by the laws that every method is tested by; ends with 1 if it breaks one."""
    from experiments.listings import hold_to_laws

    broken = 0
    for line in hold_to_laws(method):
        broken += line.startswith("broken")
        typer.echo(line)
    raise typer.Exit(min(broken, 1))


app.command()(distil)
app.command()(cost)
app.command()(sample)
app.command(name="check-checkpoint")(check_checkpoint)
app.command()(evaluate)
app.command()(export)
app.command()(paper)
app.command()(figures)
app.command()(tables)
app.command()(speed)
app.command()(benchmark)
app.command()(submit)
app.command(name="check-submission")(check_submission)
app.command()(leaderboard)


def main() -> None:
    """Runs a command; a Problem is one line on standard error and exit code 2, or 3 for a file that the user has to bring."""
    with launch.command(" ".join(sys.argv[1:2])):
        require_own_guidance()
        app()


if __name__ == "__main__":
    main()
