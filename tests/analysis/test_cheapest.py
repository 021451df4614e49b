"""The price of plain guidance's quality."""

import numpy as np
import pandas as pd
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


def test_of_these_networks_alone_the_sampling_seeds_are_what_is_independent():
    one, trainings = table(cells("free", **CHEAP["free"])), []
    own = (one["method"] == "free") & (one["metric"] == "fid_moons")
    for training in range(3):  # better on average, by far not in every training
        trainings.append(one.assign(train_seed=training, value=one["value"] + own * (2.0 * (training - 1) - 0.9)))
    rows = pd.concat(trainings)
    any_, these = (cheapest(rows, "fid_moons", 16, given).set_index("method").loc["free"] for given in (False, True))
    assert any_["difference"] == pytest.approx(these["difference"])
    assert (any_["over"], any_["verdict"]) == ("trainings", "undecided")
    assert (these["over"], these["verdict"]) == ("sampling seeds", "better")


def test_seconds_are_those_of_the_fastest_cell():
    rows = table(cells("free", **CHEAP["free"]))
    slow = (rows["metric"] == "seconds_per_sample") & (rows["method"] == "free") & (rows["seed"] == 0)
    rows.loc[slow, "value"] *= 5.0
    assert cheapest(rows, "fid_moons", 16).set_index("method").loc["free", "seconds"] == pytest.approx(1.0)


def test_without_an_unguided_cell_there_is_no_price():
    rows = table(cells("free", **CHEAP["free"]))
    with pytest.raises(ValueError, match="no cell at w = 0: there is no unguided cost"):
        cheapest(rows[rows["w"] != 0], "fid_moons", 16)
