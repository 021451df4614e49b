"""Options that several commands share, as typer takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from experiments.problems import Problem

Name = Annotated[
    str,
    typer.Argument(
        help="A study: digits, fashion, gaussians, digits-exact, controls, controls-exact, methods, classifiers, claims, "
        "one-forward, distillation-digits, p-uncond-digits, p-uncond-fashion, dropout-digits, weak-models-digits, "
        "two-conditions-digits, two-conditions-fashion, two-conditions-exact, cifar10-jpeg, cifar10-jpeg-dit, paper-cfg-digits, "
        "paper-cfg-fashion, paper-adm-digits, paper-adm-fashion, or "
        "package.module:Name."
    ),
]
Full = Annotated[bool, typer.Option("--full", help="The full form: more seeds, trainings and samplers; hours on a CPU.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="Change a value, as in --set model.fit.steps=500. Repeatable.")]
Runs = Annotated[Path, typer.Option(help="The folder that holds all runs.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes of one thread; default: one per core, at most 8, and 1 on a GPU.")
]
Cluster = Annotated[
    str | None,
    typer.Option(help="Run on the workers of a dask scheduler: its address, or its scheduler.json (docs/cluster.md)."),
]
Remake = Annotated[bool, typer.Option("--remake", help="Make runs again that other code or other parents made.")]
Accept = Annotated[bool, typer.Option("--accept", help="Keep them as they are, and say so in their manifests.")]
Retry = Annotated[bool, typer.Option("--retry", help="Try runs again that failed before.")]


class Ways(StrEnum):
    """What a probe may choose from."""

    lossless = "lossless"
    lossy = "lossy"


Probe = Annotated[
    Ways | None,
    typer.Option(help="Measure how the denoiser computes fastest on this device, and do so; lossy: in tf32 or bfloat16 too."),
]
Show = Annotated[bool, typer.Option("--show-config", help="Print every value that --set can change, and stop.")]


def answer(remake: bool, accept: bool) -> Literal["ask", "remake", "accept"]:
    """What is done with runs that other code or other parents made. Problem for two answers."""
    if remake and accept:
        raise Problem("--remake and --accept answer the same question: give one of them")
    return "remake" if remake else "accept" if accept else "ask"


@contextmanager
def resumable(then: str = "the same command goes on from here") -> Iterator[None]:
    """Ctrl-C is one line and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"\nguidance-bench: stopped; {then}", err=True)
        raise typer.Exit(130) from None
