"""What a graph costs: 10,000 cells planned in 5 CPU seconds, 20 ms of overhead a cell. The bounds here are of a busy machine."""

import time

import pytest
from toys import Cell, Part, Sum, make

from experiments.graph.executors import executor
from experiments.graph.run import plan, run
from experiments.graph.store import Store


def graph(count: int) -> Sum:
    """`count` cells: each with a parent of its own and three shared ones, and a value inside."""
    shared = tuple(Cell(w=-1 - w) for w in range(3))
    own = [Cell(w=w, part=Part(size=w / 7), of=shared) for w in range(count // 2)]
    return Sum(of=tuple(Cell(w=one.w, of=(one, *shared)) for one in own))


def seconds(what) -> float:
    before = time.process_time()
    what()
    return time.process_time() - before


@pytest.mark.slow
@pytest.mark.parametrize("count", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_graph_is_planned_and_made_at_little_cost(tmp_path, count):
    assert seconds(lambda: plan([graph(count)], Store(tmp_path))) < 5 * max(count / 10_000, 0.2)
    made = seconds(lambda: make(tmp_path, graph(count)))
    assert made < 0.02 * count
    again: list = []
    assert seconds(lambda: again.append(plan([graph(count)], Store(tmp_path)))) < 5 * max(count / 10_000, 0.2)
    assert not again[0].wanted and len(again[0].tasks) == count + 4


@pytest.mark.slow
def test_a_free_cell_in_the_pool_costs_little(tmp_path):
    """CPU of this process and of the workers together, the start of the pool aside."""
    store = Store(tmp_path)
    with executor(2) as pool:
        run(plan([Cell(w=-w) for w in range(1, 9)], store), store, pool, 2)
        before, there = time.process_time(), sum(pool.submit(busy).result() for _ in range(1))
        run(plan([graph(1000)], store), store, pool, 2)
        here = time.process_time() - before
        there = pool.submit(busy).result() - there
    assert (here + 2 * there) / 1000 < 0.02


def busy() -> float:
    time.sleep(0.2)
    return time.process_time()
