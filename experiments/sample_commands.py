"""The commands `sample` and `check-checkpoint`: their options. What they do is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Device, resumable

Adapter = typer.Option(help="What reads the weights: adm-64, edm2, diffusers, ... (docs/checkpoints.md), or package.module:name.")
OfWorld = Annotated[
    list[str] | None, typer.Option("--set", help="An option of the world, as in --set world.size=64. Repeatable.")
]


def sample(
    out: Annotated[Path, typer.Option(help="A grid (.png), a folder (a PNG for each), or an .npz.")],
    world: Annotated[
        str | None,
        typer.Option(
            help="The world sampled from (see guidance-bench worlds): by its exact or shipped model if no other is given. "
            "Default: digits-exact."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The model is this file or folder of weights, with --adapter and --world.")
    ] = None,
    adapter: Annotated[str | None, Adapter] = None,
    run: Annotated[
        Path | None, typer.Option(help="The model is this training, as runs/denoiser-...: see guidance-bench ls denoiser.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(help="A training for another role of the method, as in weak=runs/denoiser-.... Repeatable."),
    ] = None,
    method: Annotated[str, typer.Option(help="The guidance method: see guidance-bench methods.")] = "cfg",
    w: Annotated[
        float | None, typer.Option(help="Strength of guidance; 0: none, the conditional model. Default: the method's.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="How many samples.")] = 64,
    label: Annotated[int | None, typer.Option(help="The class of all samples. Default: every class in turn.")] = None,
    labels: Annotated[str | None, typer.Option(help="Classes taken in turn, as in 0,3,7.")] = None,
    sampler: Annotated[str, typer.Option(help="See guidance-bench samplers.")] = "ddim",
    steps: Annotated[int, typer.Option(min=2, help="Steps of the sampler.")] = 32,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise: sample i of a seed is the same in every batch.")] = 0,
    clip: Annotated[
        str | None, typer.Option(help="The bound of x at every step, or none. Default: 1 for images, none for exact worlds.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="As in --set method.eta=0.5, --set sampler.v=0.3, --set world.size=64. Repeatable."),
    ] = None,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace --out if it is there.")] = False,
) -> None:
    """Sample from an exact world, a training or somebody's checkpoint into a picture, a folder of them or an .npz."""
    from experiments.sample_command import sample as sampled

    given = {"out": out, "world": world, "checkpoint": checkpoint, "adapter": adapter, "run": run, "roles": role or []}
    given |= {"method": method, "w": w, "n": n, "label": label, "labels": labels, "sampler": sampler, "steps": steps}
    with resumable("nothing was written"):
        sampled(**given, seed=seed, clip=clip, settings=settings or [], device=device, force=force, tell=typer.echo)


def check_checkpoint(
    file: Annotated[Path, typer.Argument(help="A file or folder of somebody's weights.")],
    adapter: Annotated[str, Adapter],
    world: Annotated[str, typer.Option(help="The world whose test images are denoised.")],
    settings: OfWorld = None,
    device: Device = "auto",
    n: Annotated[int, typer.Option(min=8, help="How many test images.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of images, and of the noise.")] = 0,
) -> None:
    """Check that an adapter is right for some weights, on noisy test images; ends with 1 if one of four verdicts is FAILED."""
    from experiments.check_command import check_checkpoint as checked

    with resumable("nothing was written"):
        raise typer.Exit(0 if checked(file, adapter, world, settings or [], device, n, seed, typer.echo) else 1)
