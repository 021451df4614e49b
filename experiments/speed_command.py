"""`guidance-bench speed`: what sampling costs beside the network, and beside other people's loops."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Device, resumable
from experiments.problems import Problem

Peers = Annotated[
    str | None,
    typer.Option(help="Other systems to be timed beside ours: diffusers, azula, guided-diffusion, k-diffusion, or all."),
]
Net = Annotated[
    str | None, typer.Option(help='With --against or --ways: a network by name or as JSON, {"is": "unet", "width": 32}.')
]


def speed(
    device: Device = "auto",
    against: Peers = None,
    network: Net = None,
    size: Annotated[int, typer.Option(min=4, help="With --against or --ways: of the images, in pixels.")] = 32,
    batches: Annotated[str, typer.Option(help="With --against or --ways: images at a time, as 16,64.")] = "16,64",
    steps: Annotated[int, typer.Option(min=2, help="With --against or --ways: levels of DDIM; they divide 1000.")] = 10,
    rounds: Annotated[int, typer.Option(min=1, help="With --against: how often each system is timed, in turn.")] = 5,
    launches: Annotated[int, typer.Option(min=1, help="With --against: how often processes are started anew for that.")] = 3,
    ways: Annotated[
        bool, typer.Option("--ways", help="Time guided images by precision, CUDA graph and branches in one batch or two calls.")
    ] = False,
    compiled: Annotated[bool, typer.Option("--compiled", help="With --ways: by torch.compile too, a minute for each.")] = False,
    show: Annotated[Path | None, typer.Option(help="Print the table of a .json that --out wrote, as in docs/cost.md.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --against or --ways: write every number as .json, or the table as .csv.")
    ] = None,
) -> None:
    """Time what sampler and method cost beside the network, against a hand-written loop; and the ways to batch branches.
    With --against: beside other people's loops, on the same network. With --ways: guided images, by how they are computed.
    """
    from experiments.device import resolve
    from experiments.graph.executors import one_thread
    from experiments.records import require_place, write_record
    from experiments.speed import report

    if show is not None:
        from experiments.graph.files import read_object
        from experiments.peers.report import markdown

        try:
            found = [*markdown(read_object(show))]
        except (KeyError, TypeError) as error:
            raise Problem(f"--show: {show} is nothing that --out of this command wrote: there is no {error}") from error
        return typer.echo("\n".join(found))
    if against is not None and ways:
        raise Problem("speed: --against and --ways are two measurements; give one of them")
    if compiled and not ways:
        raise Problem("speed: --compiled is of --ways")
    if out is not None and against is None and not ways:
        raise Problem("--out: there is something to write with --against or --ways")
    if out is not None:
        require_place(out)
    device = resolve(device)
    one_thread()  # as the studies do
    if against is None and not ways:
        for line in report(device):
            typer.echo(line)
        return
    with resumable("nothing was written"):
        if against is None:
            return by_ways(tasks_of(network, size, batches, steps, device), compiled, out)
        record = compared(against, network, size, batches, steps, (rounds, launches), device)
    if out is not None:
        write_record(out, record, rows="systems")


def compared(
    against: str, network: str | None, size: int, batches: str, steps: int, repeats: tuple[int, int], device: str
) -> dict:
    """Prints the comparison, and returns all of it."""
    from experiments.peers.compare import PEERS, installed
    from experiments.speed import against as measured

    names = PEERS if against == "all" else [name.strip() for name in against.split(",")]
    there, missing = installed(names)
    tasks = tasks_of(network, size, batches, steps, device)
    for line, record in measured(tasks, there, *repeats, missing):
        if line is None:
            return record
        typer.echo(line)
    raise AssertionError("the record comes last")


def tasks_of(network: str | None, size: int, batches: str, steps: int, device: str) -> list:
    """What is timed, one for each number of images. Problem, in one line, for what cannot be."""
    from experiments.peers.task import Task
    from experiments.settings import parse

    options = {"steps": steps, "network": parse(network) if network else None, "size": size, "device": device}
    try:
        if not all(batch.strip().isdigit() for batch in batches.split(",")):
            raise ValueError(f"--batches: give numbers of images, as 16,64, not {batches}")
        tasks = [Task(batch=int(batch), **options) for batch in batches.split(",")]
        if min(task.batch for task in tasks) < 1:
            raise ValueError(f"batches are numbers of images, not {batches}")
        _ = tasks[0].net  # that it can be built
    except (ValueError, AttributeError, RuntimeError) as error:
        raise Problem(f"speed: {' '.join(str(error).split())[:300]}") from error
    return tasks


def by_ways(tasks: list, compiled: bool, out: Path | None) -> None:
    """Prints a line for each way as it is timed, and writes all."""
    from experiments.peers.report import machine
    from experiments.records import write_record
    from experiments.speed import machine_line
    from experiments.ways import heading, line, measured

    made = machine(tasks[0].device)
    parameters = sum(p.numel() for p in tasks[0].net.parameters())
    typer.echo(machine_line(made))
    typer.echo(f"classifier-free guidance, DDIM of {tasks[0].steps} steps, {tasks[0].shape}, {parameters / 1e6:.2f} M parameters")
    typer.echo(heading())
    rows = []
    for row in measured(tasks, compiled):
        typer.echo(line(row))
        rows.append(row)
    if out is not None:
        made |= {"steps": tasks[0].steps, "shape": tasks[0].shape, "parameters": parameters}
        write_record(out, {"made": made, "rows": rows})
