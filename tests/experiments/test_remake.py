"""What is no result is not published, and a study is made again to the same tables."""

import json

import pytest
from tiny import make_here, tiny_study
from toys import Cell, make

from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies.publish import publish, remake


def test_a_study_of_toys_is_no_result(tmp_path):
    make(tmp_path, Cell())
    with pytest.raises(Problem):
        publish(Store(tmp_path).path(Cell()), tmp_path / "place")


@pytest.mark.slow
def test_the_tables_are_equal_when_made_anew(tiny, tmp_path):
    """Bit-equal on the same machine: every cell again, in another store."""
    lines = list(remake(tiny("controls-exact"), Store(tmp_path), 1, "cpu"))
    assert lines[0].startswith("machine of the same class: yes") and json.dumps(lines)
    first, _, second = lines[-1].split()[:3]
    assert first == second != "0"
    assert make_here(tiny_study("controls-exact"), tmp_path)
