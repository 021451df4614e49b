"""What was timed, as lines and as plain data."""

import platform
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.peers.compare import Timed

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")  # what decides which kernels run


def machine(device: str) -> dict[str, Any]:
    """What class of machine it is: no name of it, only what its speed depends on."""
    import torch

    from experiments.graph.provenance import device_name

    return {
        "device": device_name(device),
        "instructions": [flag for flag in FLAGS if flag in cpu_flags()],
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "seconds": "device" if device.startswith("cuda") else "CPU",
    }


def cpu_flags() -> set[str]:
    """The instruction sets of the processor, as Linux tells them; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return set(next(line for line in lines if line.startswith(("flags", "Features"))).split(":")[1].split())
    except (OSError, StopIteration):
        return set()


def rows(timed: Timed) -> Iterator[dict[str, Any]]:
    """One for each system: milliseconds an image and step, over the bare calls, and its ratio to ours over the rounds."""
    for key in sorted(timed.seconds, key=lambda key: (KINDS.index(key[0]), timed.per_image(key))):
        row = {"batch": timed.task.batch, "kind": key[0], "system": key[1], "ms_per_image_step": timed.per_image(key)}
        if key[0] != "classifier":
            row["over_bare_calls"] = spread(timed.over_bare(key))
            row["bare_ms_per_image"] = 1e3 * statistics.median(timed.bare[key]) / (timed.task.batch * timed.task.steps)
        yield row | {"of_ours": spread(timed.against_ours(key)), "best_peer": key == timed.best_peer(key[0])}


KINDS = ("conditional", "cfg", "classifier")


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """The rows as a table, median (min to max) over the rounds."""
    yield f"{'batch':>5}  {'kind':12}{'system':32}{'ms/image/step':>14}{'over bare calls':>22}{'over ours':>22}"
    for row in found:
        bare = shown(row["over_bare_calls"]) if "over_bare_calls" in row else ""
        mark = "  best peer" if row["best_peer"] else ""
        numbers = f"{row['ms_per_image_step']:14.3g}{bare:>22}{shown(row['of_ours']):>22}"
        yield f"{row['batch']:5}  {row['kind']:12}{row['system']:32}{numbers}{mark}"


def shown(values: dict[str, float]) -> str:
    """As 1.02 (1.01 to 1.05)."""
    return f"{values['median']:.2f} ({values['min']:.2f} to {values['max']:.2f})"


def markdown(record: dict[str, Any]) -> Iterator[str]:
    """The table of docs/cost.md: what --out wrote, ours beside the fastest of the others; and the free network's line."""
    made, size = record["machine"], f"{record['parameters'] / 1e6:.2f} M parameters"
    what = f"{size}, DDIM of {record['steps']} steps, {record['launches']} x {record['rounds']} rounds, {made['seconds']} seconds"
    instructions = f" ({' '.join(made['instructions'])}, {made['threads']} thread)" if made["seconds"] == "CPU" else ""
    yield f"{made['device']}{instructions}, torch {made['torch']}, {what}:"
    yield ""
    systems = record["systems"]
    fast = dict.fromkeys(row["system"].removeprefix("ours, ") for row in systems if row["system"].startswith("ours, "))
    titles = ["images", "guidance", "ms an image and step", "over its bare calls", "fastest other", "takes so many times ours"]
    titles += [f"ours in {precision}, of float32" for precision in fast]
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    for ours in (row for row in systems if row["system"] == "ours"):
        alike = [row for row in systems if (row["batch"], row["kind"]) == (ours["batch"], ours["kind"])]
        best = next((row for row in alike if row["best_peer"]), None)
        cells = [str(ours["batch"]), ours["kind"], f"{ours['ms_per_image_step']:.3g}"]
        cells += [shown(ours["over_bare_calls"]) if "over_bare_calls" in ours else ""]
        cells += [best["system"], shown(best["of_ours"])] if best else ["", ""]
        own = {row["system"]: shown(row["of_ours"]) for row in alike}
        cells += [own.get(f"ours, {precision}", "") for precision in fast]
        yield f"| {' | '.join(cells)} |"
    free = [
        f"{shown(row['ratio'])} ({kind}, {batch} image{'s'[: int(batch) > 1]})"
        for batch, table in record["free_network"].items()
        for kind, row in table.items()
    ]
    yield ""
    yield f"With a network that costs nothing, a step takes so many times that of a loop by hand: {', '.join(free)}."
