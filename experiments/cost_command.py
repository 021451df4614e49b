"""`guidance-bench cost`: what a study will take, before anything runs."""

from pathlib import Path
from typing import Annotated

import typer

from experiments.options import Runs, Settings, Workers, resumable
from experiments.problems import Problem

Where = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda or cuda:1: this machine, measured in seconds; or one of a table: v100, t4, rtx3090, a100, rtx4090, "
        "l40s, h100, h200, b200, mi300x."
    ),
]
Share = Annotated[float, typer.Option(min=0.001, max=1.0, help="Of a listed device: the share of its peak that is reached.")]


def cost(
    name: Annotated[
        str, typer.Argument(help="A study, as for the command study; or paper-table1, paper-table2 of Ho & Salimans (2022).")
    ],
    full: Annotated[bool, typer.Option("--full", help="The full form of the study.")] = False,
    settings: Settings = None,
    runs: Runs = Path("runs"),
    device: Where = "auto",
    workers: Workers = None,
    utilisation: Share = 0.3,
    bf16: Annotated[bool, typer.Option("--bf16", help="Of a listed device: in bfloat16, not in float32.")] = False,
    measure: Annotated[
        bool, typer.Option("--measure", help="Draw a batch by every method here, untrained, and print what a sample costs.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="With --measure: samples in the batch.")] = 500,
    out: Annotated[Path | None, typer.Option(help="Write it as JSON too; with --measure as .json or .csv.")] = None,
) -> None:
    """Predict FLOPs, seconds, memory and disk of a study, by kind of run, before anything runs. What exists costs nothing.
    With --measure: what a sample of each of its methods takes on this machine.
    """
    from experiments.graph.executors import cores, one_thread
    from experiments.graph.store import Store
    from experiments.pricing.lines import as_data, lines
    from experiments.pricing.machine import Here
    from experiments.pricing.predict import predict

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise Problem(f"--out: give a file in a folder that exists, not {out}")
    study = chosen(name, full, settings or [])
    if measure:
        return measured(study, device, batch, out)
    machine = machine_of(device, utilisation, bf16)
    one_thread()
    with resumable("nothing was made"):
        began = start()  # in any case: imports are no part of the statistics that are timed here
        found = predict(study, Store(runs), machine, *(began if isinstance(machine, Here) else ()))
    workers = workers or (1 if not isinstance(machine, Here) or machine.is_gpu else cores())
    for line in lines(study, found, workers):
        typer.echo(line)
    if out is not None:
        from experiments.graph.files import write_json

        write_json(out, as_data(study.name, found, workers))


def measured(study, device: str, batch: int, out: Path | None) -> None:
    """Prints the rows as they come, and writes all."""
    from experiments.device import resolve
    from experiments.graph.executors import one_thread
    from experiments.graph.provenance import provenance
    from experiments.pricing.paper import PaperTable
    from experiments.records import require_place, write_record
    from experiments.sample_prices import dearest, lines, measured_prices

    if out is not None:
        require_place(out)
    if isinstance(study, PaperTable):
        raise Problem(f"{study.name}: --measure is of studies, and this is a table of the paper")
    here = resolve(device)
    dearest(study)
    rows: list[dict] = []
    with one_thread(), resumable("nothing was written"):
        for line in lines(kept(measured_prices(study, here, batch), rows)):
            typer.echo(line)
    if out is not None:
        write_record(out, {"made": {"study": study.name, "batch": batch, **provenance(here)}, "rows": rows})


def kept(items, into: list):
    """The items, each put into a list as it passes."""
    for item in items:
        into.append(item)
        yield item


def chosen(name: str, full: bool, settings: list[str]):
    """The study, or the paper's table, with its settings."""
    from experiments.pricing.paper import PAPER
    from experiments.settings import override
    from experiments.studies.chosen import chosen as registered

    if name not in PAPER:
        return registered(name, full, settings)
    if full:
        raise Problem(f"{name} has no full form")
    return override(PAPER[name], settings)


def machine_of(device: str, utilisation: float, bf16: bool):
    """This machine, or one of the table. Problem for an unknown one."""
    from experiments.device import resolve
    from experiments.graph.provenance import device_name
    from experiments.pricing.devices import DEVICES
    from experiments.pricing.machine import Here, Listed

    if device in DEVICES:
        return Listed(DEVICES[device], utilisation, bf16)
    try:
        here = resolve(device)
    except Problem as problem:
        raise Problem(f"{problem}, or a listed device: {', '.join(DEVICES)}") from problem
    return Here(here, device_name(here))


def start() -> tuple[float, int]:
    """CPU seconds and memory that a process has taken when it has imported what tasks need: this one's."""
    import time
    from importlib import import_module

    from experiments.graph.executors import PRELOADED
    from experiments.tasks.meter import peak_resident

    for name in (*PRELOADED, "analysis.measures.images", "analysis.reports"):
        import_module(name)
    return time.process_time(), peak_resident()
