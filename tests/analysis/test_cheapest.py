"""The price of plain guidance's quality, and what is said of it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from made import of_methods, pictures, results
from test_matched import bowl, cells, table

from analysis.findings import found
from analysis.findings.cheapest import _way
from analysis.findings.words import by_measures
from analysis.metrics import metric
from analysis.results import WorldFacts
from analysis.statistics.cheapest import cheapest, enough

CHEAP = {
    "free": dict(ws=(0.5, 1.0, 2.0), fid=bowl, evaluations=1.0),
    "late": dict(ws=(0.0, 1.0), fid=bowl, evaluations=1.2),
    "poor": dict(ws=(0.5, 1.0), fid=lambda w: bowl(w) + 0.9, evaluations=1.0),
    "dear": dict(ws=(0.5, 1.0), fid=lambda w: bowl(w) - 0.9, evaluations=3.0),
}


def priced(*names):
    return cheapest(table(*(cells(name, **CHEAP[name]) for name in names)), "fid_moons", 16).set_index("method")


def test_prices_are_multiples_of_the_unguided_cost_and_the_cheapest_comes_first():
    told = priced("dear", "late", "free", "poor")
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
    assert (any_["over"], any_["verdict"]) == (f"trainings x {len(set(one['seed'])) // 2} sampling seeds", "undecided")
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


@pytest.mark.slow
def test_the_cheapest_way_to_the_quality_of_plain_guidance_is_told_with_its_price():
    def of(*others, trainings=1):
        frame = table(*others, trainings=trainings)
        more = frame[frame["metric"] == "fid_moons"].assign(metric="diversity_moons", value=lambda rows: 3 - rows["w"] / 2)
        frame = pd.concat([frame, more])
        return found(
            replace(results(frame, [WorldFacts("moons", 10, (1, 8, 8), {}, False, 500)], pictures()), sampler="ddim", steps=16)
        )

    text = " ".join(of(cells("free", (0.5, 1.0, 2.0), bowl, evaluations=1.0), cells("dear", (0.5, 1.0), bowl, evaluations=3.0)))
    assert "is free, at w = 1, 1.00 times the evaluations of the unguided model and 1.00 times its seconds" in text
    assert "2.00 times the evaluations of the unguided model and 2.00 times its seconds" in text, "plain guidance itself"
    none = " ".join(of(cells("poor", (0.5, 1.0), lambda w: bowl(w) + 0.9, evaluations=1.0)))
    assert "No other method is shown to have the quality" in none and "Of these networks alone" not in none
    dear = " ".join(of(cells("dear", (0.5, 1.0), bowl, evaluations=3.0), cells("alike", (0.5, 1.0), bowl, evaluations=2.0)))
    assert "No other method is shown" in dear and "seconds) for fewer evaluations." in dear, (
        "plain guidance itself costs no more than these"
    )
    three = of(cells("free", (0.5, 1.0, 2.0), bowl, evaluations=1.0, trainings=3), trainings=3)
    assert "over 3 trainings" in three[1] and not any("Of these networks" in text for text in three), "the same answer"
    few = of(cells("free", (0.5, 1.0, 2.0), bowl, evaluations=1.0))
    assert few[0].startswith("With classifier-free guidance") and few[1].startswith("The cheapest that is shown")
    many = of(*(cells(f"free{k}", (0.5, 1.0, 2.0), bowl, evaluations=1.0) for k in range(7)))
    assert many[0].startswith("The cheapest that is shown") and many[1].startswith("Of 7 methods ")


def test_at_w_0_the_way_is_no_guidance_and_not_the_method_that_was_asked_there():
    def row(method, w):
        return SimpleNamespace(method=method, w=w)

    assert _way(row("apg", 0.0)) == "no guidance" and _way(row("apg", 0.0), row("apg", 1.0)) == _way(row("apg", 1.0)) == "apg"
    assert _way(row("classifier-free (last)", 0.0)) == "classifier-free (last)", "a network of its own"


def test_of_these_networks_alone_is_said_where_that_names_another():
    """Free is lower on average and not in every training: undecided of trainings, the cheapest of these three."""
    frame = table(cells("free", **CHEAP["free"], trainings=3), trainings=3)
    own = (frame["method"] == "free") & (frame["metric"] == "fid_moons")
    frame = frame.assign(value=frame["value"] + own * (2.0 * (frame["train_seed"] - 1) - 0.9))
    more = frame[frame["metric"] == "fid_moons"].assign(metric="diversity_moons", value=lambda rows: 3 - rows["w"] / 2)
    facts = [WorldFacts("moons", 10, (1, 8, 8), {}, False, 500)]
    told = found(replace(results(pd.concat([frame, more]), facts, pictures()), sampler="ddim", steps=16))
    over_trainings, these = [text for text in told if "to have the quality" in text]
    assert over_trainings.startswith("No other method is shown") and " over 4 sampling seeds" in these
    assert these.startswith("Of these networks alone: the cheapest that is shown") and " is free, at w = 1" in these


def test_of_two_sampling_seeds_nothing_is_told_of_the_networks_alone():
    """One of them chooses w, so that one reports: whatever it says, it says nothing of the given networks."""
    frame = table(cells("free", **CHEAP["free"], trainings=3), trainings=3)
    frame = frame[frame["seed"] < 2]
    more = frame[frame["metric"] == "fid_moons"].assign(metric="diversity_moons", value=lambda rows: 3 - rows["w"] / 2)
    facts = [WorldFacts("moons", 10, (1, 8, 8), {}, False, 500)]
    told = found(replace(results(pd.concat([frame, more]), facts, pictures()), sampler="ddim", steps=16))
    assert any("to have the quality" in text for text in told) and not any("Of these networks alone" in text for text in told)


def test_features_behind_several_measures_are_said_once():
    text = by_measures(["fid_moons", "fid_pixels", "recall_moons"])
    assert text == f"Fréchet distance, recall on moons features, {metric('fid_pixels').title}"
    assert by_measures(["kl_tilted", "frechet_exact"]) == ", ".join(metric(name).title for name in ("kl_tilted", "frechet_exact"))
    named = "; ".join(metric(name).title for name in ("kl_tilted", "nll_exact"))
    assert "nats per" in named and by_measures(["kl_tilted", "nll_exact"]) == named, "one name has a comma of its own"


def of_two_networks(**by_network):
    """What is told by the features of moons and of suns; of each the bowls of the methods there."""
    frames = []
    for features, bowls in by_network.items():
        frame = table(*(cells(name, (0.5, 1.0, 2.0), fid, evaluations=1.0) for name, fid in bowls.items()))
        more = frame[frame["metric"] == "fid_moons"].assign(metric="diversity_moons", value=lambda rows: 3 - rows["w"] / 2)
        frame = pd.concat([frame, more])
        own = frame["metric"].str.endswith("_moons")
        frames.append(frame[own | (features == "moons")].replace({"metric": r"_moons$"}, f"_{features}", regex=True))
    facts = [WorldFacts("moons", 10, (1, 8, 8), {}, False, 500)]
    return found(replace(results(pd.concat(frames), facts, pictures()), sampler="ddim", steps=16))


@pytest.mark.slow
def test_a_quality_is_asked_for_on_every_feature_network():
    """A method that has it on one of two alone has not got it; where another has it on both, that is the answer."""
    good, poor = bowl, lambda w: bowl(w) + 0.9
    (one,) = [text for text in of_two_networks(moons={"free": good}, suns={"free": poor}) if "to have the quality" in text]
    assert one.startswith("No other method is shown") and "networks for fewer evaluations. But in Fréchet" in one
    assert "distance on moons features free has it at w = 1" in one and "on suns features free" not in one
    both = of_two_networks(moons={"free": good, "apg": good}, suns={"free": poor, "apg": good})
    (two,) = [text for text in both if "to have the quality" in text]
    assert (
        two.startswith("The cheapest that is shown")
        and " is apg, in Fréchet distance on moons features at w = 1" in two
        and two.count("difference") == 2
    )


@pytest.mark.slow
def test_a_second_network_is_said_to_agree_or_not():
    def told(suns):
        texts = of_two_networks(moons={"deep": lambda w: bowl(w) - 1.8}, suns={"deep": suns})
        return next(text for text in texts if text.startswith("By suns features"))

    assert told(lambda w: bowl(w) - 1.8) == "By suns features 1 method has the same verdict."
    assert told(bowl).startswith("By suns features no method has the same verdict")


@pytest.mark.slow
def test_the_answer_of_a_world_comes_before_what_is_told_of_all():
    names = tuple(f"m{k}" for k in range(7))
    made = of_methods(worlds=("plane", "moons"), methods=("classifier-free", *names))
    own = made.table["world"] == "moons"  # guidance reaches something there alone
    lower = 2 * made.table["w"] * (own & made.table["metric"].isin(["fid_moons", "fid_pixels"]))
    told = found(replace(made, table=made.table.assign(value=made.table["value"] - lower)))
    assert [text.split(" ")[0] for text in told[:4]] == ["moons:", "plane:", "plane:", "moons:"]
    assert "the quality of classifier-free guidance at its best w" in told[0] and told[3].startswith("moons: Of 7 methods")
