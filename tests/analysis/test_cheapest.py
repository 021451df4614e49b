"""The price of plain guidance's quality."""

import numpy as np
import pytest
from test_matched import bowl, cells, table

from analysis.statistics.cheapest import cheapest, enough

CHEAP = {
    "free": dict(ws=(0.5, 1.0, 2.0), fid=bowl, evaluations=1.0),
    "late": dict(ws=(0.0, 1.0), fid=bowl, evaluations=1.2),
    "poor": dict(ws=(0.5, 1.0), fid=lambda w: bowl(w) + 0.9, evaluations=1.0),
    "dear": dict(ws=(0.5, 1.0), fid=lambda w: bowl(w) - 0.9, evaluations=3.0),
}


def found(*names):
    return cheapest(table(*(cells(name, **CHEAP[name]) for name in names)), "fid_moons", 16).set_index("method")


def test_prices_are_multiples_of_the_unguided_cost_and_the_cheapest_comes_first():
    told = found("dear", "late", "free", "poor")
    assert told["evaluations"].round(6).to_dict() == {
        "free": 1.0, "poor": 1.0, "late": 1.2, "classifier-free": 2.0, "dear": 3.0
    }  # fmt: skip
    assert np.allclose(told["evaluations"], told["seconds"]) and list(told.index)[-1] == "dear"
    assert told["verdict"].drop("classifier-free").to_dict() == {
        "free": "equivalent", "poor": "worse", "late": "equivalent", "dear": "better"
    }  # fmt: skip
    assert list(enough(told).index) == ["free", "late", "dear"] and told.loc["classifier-free", "w"] == 1.0


def test_without_an_unguided_cell_there_is_no_price():
    rows = table(cells("free", **CHEAP["free"]))
    with pytest.raises(ValueError, match="no cell at w = 0: there is no unguided cost"):
        cheapest(rows[rows["w"] != 0], "fid_moons", 16)
