"""What a sample of a study would cost on GPUs that are not here: FLOPs, counted, over what a data sheet promises, assumed.

The assumptions are those of `guidance-bench cost --device NAME` (experiments.pricing): the share of the peak rate that is
reached, and no less than 10 us a kernel. Nothing is sampled.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from experiments.graph.run import everything
from experiments.pricing.devices import DEVICES, UTILISATION
from experiments.pricing.machine import Listed
from experiments.pricing.sampling import price_sample
from experiments.problems import Problem
from experiments.studies.study import Report
from experiments.tasks.sample import Sample

PLAIN = "unguided (w = 0)"


def gpu_prices(
    study: Any, devices: Sequence[str] = ("t4", "rtx4090", "a100", "h100"), utilisation: float = UTILISATION, bf16: bool = False
) -> pd.DataFrame:
    """A row per method of the study's first sampler and T: GFLOP a sample, then milliseconds a sample on each device.

    Each method at its largest w. Problem for a device that is not in the table, naming those that are.
    """
    if unknown := [name for name in devices if name not in DEVICES]:
        raise Problem(f"{unknown[0]} is no listed device: {', '.join(DEVICES)}")
    tasks = [task for task in everything([Report(study=study)]) if isinstance(task, Sample)]
    tasks = [task for task in tasks if (task.sampler, task.steps) == (tasks[0].sampler, tasks[0].steps)]
    chosen: dict[str, Sample] = {}
    for task in sorted(tasks, key=lambda task: task.method.w):
        chosen[PLAIN if task.method.w == 0 else task.method.name] = task
    rows: dict[str, dict[str, float]] = {name: {} for name in chosen}
    for device in devices:
        machine, known = Listed(DEVICES[device], utilisation, bf16), {}
        for name, task in chosen.items():
            price = price_sample(task, machine, known)
            rows[name]["GFLOP a sample"] = price.flops / task.n / 1e9
            rows[name][f"ms on {DEVICES[device].name}"] = 1e3 * price.seconds / task.n
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")
