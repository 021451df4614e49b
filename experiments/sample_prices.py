"""What a sample of every method of a study costs on this machine: drawn, with networks that are not trained, and not predicted.

Untrained networks cost what trained ones do; but of methods that decide by their numbers (adaptive) the time is another. Nothing
is replayed from a CUDA graph, which two batches take.
"""

import gc
import statistics
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from experiments.gpu_prices import PLAIN
from experiments.graph.run import everything
from experiments.graph.value import label
from experiments.pricing.networks import NOWHERE
from experiments.pricing.untrained import untrained
from experiments.problems import Problem
from experiments.studies.computing import of_compute
from experiments.studies.study import Report
from experiments.tasks.drawing import Drawing
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train
from guidance.cost import NFE
from guidance.methods import METHODS

BATCH, ROUNDS = 500, 3


def measured_prices(study: Any, device: str, n: int = BATCH, rounds: int = ROUNDS) -> Iterator[dict[str, Any]]:
    """A row for each world and method of a study, at its largest w, as it is measured; before the first of a network, sampler,
    number of steps and way to compute, one of that network unguided. The first network of a world has no name in its row, a
    further one that of the method which has it.

    evaluations: of networks by a sample, as `NFE.brief`; ms: the median of `rounds` sets of n samples in one batch; times_nfe and
    times_ms: over the unguided model's evaluations, all kinds alike, and time; mib: at most. Problem for a study without samples
    of networks that are trained.
    """
    unguided: dict[str, dict[str, Any]] = {}
    places: set[tuple[str, str, str, int]] = set()
    for task in dearest(study):
        plain = replace(task, method=METHODS["classifier-free"](w=0.0), others={})
        if plain.address not in unguided:
            unguided[plain.address] = found = _measured(plain, device, n, rounds)
            name = PLAIN + of_compute(task.compute)
            place = (task.world.label, name, task.sampler_label, task.steps)
            yield _row(plain, f"{name}, {called(task)}" if place in places else name, found, found)
            places.add(place)
        yield _row(task, called(task), _measured(task, device, n, rounds), unguided[plain.address])


def dearest(study: Any) -> list[Sample]:
    """By world and method: the samples at its largest w, of the first sampler that has them, and of networks that are trained,
    also where the exact model guides beside them. Problem if there are none.
    """
    chosen: dict[tuple[str, str], Sample] = {}
    for task in everything([Report(study=study)]):
        if not isinstance(task, Sample) or not isinstance(task.model, Train) or not task.method.w:
            continue
        key = (task.world.label, called(task))
        first = chosen.setdefault(key, task)
        if (first.sampler_label, first.steps) == (task.sampler_label, task.steps) and task.method.w > first.method.w:
            chosen[key] = task
    if not chosen:
        raise Problem(f"{study.name}: --measure draws with untrained networks, and it has no samples of networks that it trains")
    return [*chosen.values()]


def called(task: Sample) -> str:
    """What a table calls its method."""
    return label(task.method, "w") + of_compute(task.compute)


def _measured(task: Sample, device: str, n: int, rounds: int) -> dict[str, Any]:
    gc.collect()  # networks of the row before, which refer to themselves
    drawing = Drawing(replace(untrained(task), n=n, batch=n), NOWHERE, device)
    found = [drawing.drawn(range(n))[1] for _ in range(rounds)]
    return {
        "nfe": NFE(*(found[0][kind] / n for kind in vars(NFE()))),
        "ms": 1e3 * statistics.median(price["seconds"] for price in found) / n,
        "mib": max(price["peak_memory_mib"] for price in found),
    }


def _row(task: Sample, name: str, found: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    calls, calls_of_plain = (sum(vars(one["nfe"]).values()) for one in (found, plain))
    return {
        "world": task.world.label,
        "method": name,
        "w": task.method.w,
        "sampler": task.sampler_label,
        "steps": task.steps,
        "evaluations": found["nfe"].brief(),
        "ms": found["ms"],
        "times_nfe": calls / calls_of_plain,
        "times_ms": found["ms"] / plain["ms"],
        "mib": found["mib"],
    }


def lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The rows as a table, each as it comes, under the name of its world."""
    titles = f"{'evaluations':>24}{'ms a sample':>13}{'x evaluations':>15}{'x time':>9}{'MiB':>9}"
    yield f"{'method':34}{'w':>6}  {'sampler':26}{titles}"
    world = None
    for row in rows:
        if row["world"] != world:
            yield (world := row["world"])
        made = f"{row['sampler']} T={row['steps']}"
        cost = f"{row['ms']:13.4g}{row['times_nfe']:15.2f}{row['times_ms']:9.2f}{row['mib']:9.0f}"
        yield f"{row['method']:34}{row['w']:6g}  {made:26}{row['evaluations']:>24}{cost}"
