"""What a free cell costs on an engine, beside the pool and this process.

`pytest -m slow -s tests/experiments/test_cluster_scale.py` prints it.
"""

import os
import time

import pytest
from engine import until
from toys import Cell

from experiments.cluster import connected
from experiments.graph.executors import executor
from experiments.graph.run import plan, run
from experiments.graph.store import Store

pytest.importorskip("distributed", reason="dask is not installed: pip install 'guidance-bench[cluster]'")
CELLS, ROUNDS = 1000, 2


@pytest.mark.slow
def test_a_free_cell_on_the_engine_costs_less_than_20_ms(engine, tmp_path):
    """CPU of client, scheduler and both workers together, the cell's files included; each way in turn, the start aside."""
    store, cpu, wall = Store(tmp_path), {}, {}
    with connected(str(engine.file), store.root) as there, executor(2) as pool, executor(1) as alone:
        until(lambda: len(there.client.nthreads()) == 2)

        def elsewhere() -> float:
            used = [*there.client.run(time.process_time).values(), there.client.run_on_scheduler(time.process_time)]
            return sum(used) + sum(dict(one.result() for one in [pool.submit(slowly) for _ in range(2)]).values())

        for turn in range(-1, ROUNDS):
            for index, (way, workers) in enumerate(((there, there.workers), (pool, 2), (alone, 1))):
                size = CELLS if turn >= 0 else 20
                cells = [Cell(w=10_000 * (3 * turn + index) + cell) for cell in range(size)]
                planned, before, began = plan(cells, store), elsewhere() + time.process_time(), time.monotonic()
                assert run(planned, store, way, workers).made == size
                if turn >= 0:
                    wall.setdefault(index, []).append((time.monotonic() - began) / size)
                    cpu.setdefault(index, []).append((elsewhere() + time.process_time() - before) / size)
    for index, name in enumerate(("engine, 2 workers", "pool, 2 processes", "this process")):
        shown = [" ".join(f"{1000 * each:.1f}" for each in found[index]) for found in (cpu, wall)]
        print(f"\n{name}: CPU ms a cell {shown[0]}, wall ms a cell {shown[1]}", end="")
    assert min(cpu[0]) < 0.02


def slowly() -> tuple[int, float]:
    """Slowly enough that each process of the pool is asked once."""
    time.sleep(0.5)
    return os.getpid(), time.process_time()
