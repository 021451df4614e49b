"""`guidance-bench export`: a training as one file, to be sent to others."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.problems import Problem


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a training, as `guidance-bench ls` lists them.")],
    out: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    half: Annotated[bool, typer.Option("--half", help="Weights in float16: half the size, to three digits.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a training to one file with its recipe; others play it by --checkpoint FILE --adapter exported."""
    from experiments.checkpoints.exported import export as write
    from experiments.graph.files import disk_problems, sha256
    from experiments.graph.store import Store
    from experiments.sample_command import trained

    if out.suffix != ".safetensors":
        raise Problem(f"{out}: give a name that ends in .safetensors")
    if out.exists() and not force:
        raise Problem(f"{out} exists: give another name, or --force to replace it")
    training = trained(run)
    with disk_problems(out, "give another name"):
        write(training, Store(run.absolute().parent), out, "float16" if half else "float32")
    typer.echo(f"{training.title}, {out.stat().st_size / 2**20:.2f} MiB, sha256 {sha256(out)}, in {out}")
