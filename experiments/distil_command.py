"""`guidance-bench distil`: the student of a guided teacher, and the students of half as many steps, one training a round."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Device, resumable


def distil(
    teacher: Annotated[Path, typer.Argument(help="The folder of a training, as `guidance-bench ls denoiser` lists them.")],
    start: Annotated[
        int | None, typer.Option("--from", help="Steps of the teacher's own sampling, which every round halves.")
    ] = None,
    end: Annotated[int | None, typer.Option("--to", help="Steps of the last student, with --from; default: 4.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="As in --set objective.high=8 or --set fit.steps=2000, of every round. Repeatable."),
    ] = None,
    device: Device = "auto",
) -> None:
    """Train a student conditioned on w that does guidance in one evaluation; with --from, students of ever fewer steps.

    The student of --from may itself be one of guidance: its own students are conditioned on w too. Runs lie beside the teacher's.
    """
    from experiments.distilled import students

    with resumable():
        for line in students(teacher, start, end, settings or [], device):
            typer.echo(line)
