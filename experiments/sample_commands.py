"""The commands `sample` and `check-checkpoint`: their options. What they do is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Device, Settings, resumable


def sample(
    out: Annotated[Path, typer.Option(help="A grid (.png), a folder (a PNG for each), or an .npz.")],
    world: Annotated[str | None, typer.Option(help="Its exact or shipped model is sampled, if no other is given.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Somebody's weights, with --adapter.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Of the registry checkpoints, or package.module:function.")] = None,
    run: Annotated[Path | None, typer.Option(help="The folder of a trained denoiser.")] = None,
    role: Annotated[list[str] | None, typer.Option(help="A further role, as in weak=runs/denoiser-...; repeatable.")] = None,
    method: Annotated[str, typer.Option(help="See guidance-bench methods.")] = "cfg",
    w: Annotated[float | None, typer.Option(help="Strength; 0 is the conditional model. Default: the method's.")] = None,
    n: Annotated[int, typer.Option(min=1)] = 64,
    label: Annotated[int | None, typer.Option(help="One class for all. Default: every class in turn.")] = None,
    labels: Annotated[str | None, typer.Option(help="Classes in turn, as in 0,3,7.")] = None,
    sampler: Annotated[str, typer.Option(help="See guidance-bench samplers.")] = "ddim",
    steps: Annotated[int, typer.Option(min=2)] = 32,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    clip: Annotated[str | None, typer.Option(help="Bound of x at every step, or none. Default: 1 for images.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="As in --set method.eta=0.5, sampler.v=0.3.")] = None,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Sample: a picture, a folder or an npz, of an exact world, a training or somebody's checkpoint."""
    from experiments.sample_command import sample as sampled

    given = {"out": out, "world": world, "checkpoint": checkpoint, "adapter": adapter, "run": run, "roles": role or []}
    given |= {"method": method, "w": w, "n": n, "label": label, "labels": labels, "sampler": sampler, "steps": steps}
    with resumable("nothing was written"):
        sampled(**given, seed=seed, clip=clip, settings=settings or [], device=device, force=force, tell=typer.echo)


def check_checkpoint(
    file: Annotated[Path, typer.Argument(help="Somebody's weights.")],
    adapter: Annotated[str, typer.Option(help="Of the registry checkpoints, or package.module:function.")],
    world: Annotated[str, typer.Option(help="The world whose test images are denoised.")],
    settings: Settings = None,
    device: Device = "auto",
    n: Annotated[int, typer.Option(min=8, help="Test images.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of images, and of the noise.")] = 0,
) -> None:
    """Denoise test images at ten lambdas: are target, map of lambda, null label, labels and data range the right ones?"""
    from experiments.check_command import check_checkpoint as checked

    with resumable("nothing was written"):
        raise typer.Exit(0 if checked(file, adapter, world, settings or [], device, n, seed, typer.echo) else 1)
