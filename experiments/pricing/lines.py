"""A prediction in words, and as plain data."""

from collections.abc import Iterator
from typing import Any

from experiments.pricing.devices import KERNEL
from experiments.pricing.machine import Here
from experiments.pricing.predict import Prediction, unpriced
from experiments.pricing.price import Price

ANY = 10**9  # workers: as many as there is work for


def as_data(name: str, prediction: Prediction, workers: int) -> dict[str, Any]:
    """What --out writes."""
    machine = prediction.machine
    kinds = {kind: total(prices) for kind, prices in prediction.kinds().items()}
    return {
        "study": name,
        "device": machine.name,
        "measured": machine.measures,
        "assumed": list(assumed(prediction)),
        "found": len(prediction.planned.tasks) - len(prediction.prices),
        "kinds": kinds,
        "flops": prediction.flops,
        "seconds": prediction.seconds,
        "device_hours": prediction.seconds / 3600,
        "workers": workers,
        "seconds_by_the_clock_at_least": prediction.at_least(workers),
        "memory_bytes": prediction.libraries + max((kind["memory_bytes"] for kind in kinds.values()), default=0.0),
        "disk_bytes": sum(kind["disk_bytes"] for kind in kinds.values()),
        "unpriced": list(unpriced(prediction)),
    }


def total(prices: list[Price]) -> dict[str, float]:
    """Sums over the tasks of a kind; of the memory, the largest."""
    return {
        "tasks": len(prices),
        "flops": sum(price.flops for price in prices),
        "seconds": sum(price.seconds for price in prices),
        "memory_bytes": max(price.memory for price in prices),
        "disk_bytes": sum(price.disk for price in prices),
        "at_most": any(price.bound for price in prices),
    }


def lines(study: Any, prediction: Prediction, workers: int) -> Iterator[str]:
    """What `guidance-bench cost` prints."""
    data, machine = as_data(study.name, prediction, workers), prediction.machine
    yield study.describe()
    states = f"{data['found']} of {len(prediction.planned.tasks)} runs are there and cost nothing"
    stale = len([address for address in prediction.planned.stale if address in prediction.prices])
    yield states + (f"; {stale} are stale, and priced as made again" if stale else "")
    if not prediction.prices:
        return
    how = f"measured here, one thread, in {prediction.probed:.0f} s" if machine.measures else "nothing was measured"
    yield f"on {machine.name}: {how}"
    yield f"\n{'':16}{'runs':>7}{'FLOPs':>11}{'seconds':>14}{'memory':>12}{'disk':>12}"
    for kind, row in data["kinds"].items():
        bound = " at most" if row["at_most"] else ""
        yield f"{kind:16}{row['tasks']:7,}{row['flops']:11.2e}{row['seconds']:14,.1f}{size(row)}{bound}"
    if prediction.started:
        yield f"{'libraries':16}{'':7}{'':11}{prediction.started:14,.1f}{in_bytes(prediction.libraries):>12}"
    yield f"{'in all':16}{len(prediction.prices):7,}{data['flops']:11.2e}{data['seconds']:14,.1f}{size(data)}"
    clock = data["seconds_by_the_clock_at_least"]
    if machine.measures:
        seconds = "seconds of the device" if machine.is_gpu else "CPU seconds of one worker"
        wall = f"{workers} worker{'s'[: workers > 1]} need at least {clock:,.0f} s by the clock"
        yield f"\n{data['device_hours']:,.2f} device-hours ({seconds}); {wall}"
    else:
        longest = prediction.at_least(ANY) / 3600
        yield f"\n{data['device_hours']:,.2f} device-hours, on one device; the longest chain of runs takes {longest:,.2f} h"
    for words in data["assumed"]:
        yield f"assumed: {words}"
    for words in data["unpriced"]:
        yield f"not in it: {words}"


def assumed(prediction: Prediction) -> Iterator[str]:
    """What no measurement says."""
    machine = prediction.machine
    if isinstance(machine, Here):
        if machine.guessed:
            yield f"networks of {', '.join(sorted(machine.guessed))} are too large to be timed here: at the rate of a smaller one"
    else:
        kind = "bf16" if machine.bf16 else "float32 by TF32"
        peak, source = machine.rate / machine.utilisation, machine.known.source
        yield f"{machine.utilisation:.0%} of the peak of {peak / 1e12:,.0f} TFLOP/s ({kind}; {source}) is reached"
        yield f"a kernel takes {KERNEL * 1e6:.0f} us at least; noise, guidance, files, figures and report take nothing"
        most = max((price.memory for price in prediction.prices.values()), default=0.0)
        if most > machine.known.memory:
            has = machine.known.memory / 1e9
            yield f"{most / 1e9:,.0f} GB at once, where a device has {has:,.0f}: batches are cut or spread, device-hours stay"
        yield "statistics of samples run on the processor, at the speed of this machine's"
    if machine.measures and any(prediction.planned.tasks[address].derived for address in prediction.prices):
        yield "figures and report take as long as a start"


def size(row: dict[str, Any]) -> str:
    """Memory and disk."""
    return f"{in_bytes(row['memory_bytes']):>12}{in_bytes(row['disk_bytes']):>12}"


def in_bytes(n: float) -> str:
    """As 1.2 GB."""
    for unit in ("kB", "MB", "GB"):
        n /= 1000
        if n < 1000:
            return f"{n:.1f} {unit}"
    return f"{n / 1000:,.1f} TB"
