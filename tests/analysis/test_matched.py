"""Methods beside plain guidance in one measure: at their own best w, at equal cost, at matched effective w."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.matched import COLUMNS, at_equal_cost, at_matched_w, at_own_best

WS = (0.0, 0.5, 1.0, 2.0, 4.0)


def cells(method, ws, fid, steps=16, seeds=8, evaluations=2.0, pushed=1.0, own=0.001, trainings=1):
    """Runs share their noise with every other method's but for `own`; w = 0 costs one evaluation a step."""
    shared = np.random.default_rng(1).normal(0, 0.3, (trainings, seeds))
    rng = np.random.default_rng(sum(map(ord, method)) + steps)
    for w in ws:
        for training in range(trainings):
            for seed in range(seeds):
                here = {"world": "moons", "train_seed": training, "method": method, "w": w, "sampler": "ddim", "steps": steps}
                here |= {"seed": seed, "n": 100}
                value = fid(w) + shared[training, seed] + rng.normal(0, own)
                price = steps * (evaluations if w else 1.0)
                costs = {"nfe_denoiser_forward": price, "seconds_per_sample": price / 100, "effective_w": pushed * w}
                for metric, number in {"fid_moons": value, "is_moons": -value, **costs}.items():
                    yield {**here, "metric": metric, "value": number}


def bowl(w):
    return 2 + (w - 1) ** 2


def table(*others, **options):
    return pd.DataFrame([*cells("classifier-free", WS, bowl, **options), *(row for other in others for row in other)])


def test_each_is_compared_at_the_best_of_its_own():
    """The same bowl on a scale of its own is equivalent, a deeper one is better, a shallow one is worse."""
    found = at_own_best(
        table(
            cells("scaled", (0.05, 0.1, 0.4), lambda w: bowl(10 * w)),
            cells("deep", (0.5, 1.0), lambda w: bowl(w) - 0.9),
            cells("shallow", (0.5, 1.0), lambda w: bowl(w) + 0.9),
        ),
        "fid_moons",
        16,
    ).set_index("method")
    assert list(found.reset_index()) == COLUMNS
    assert found["verdict"].to_dict() == {"scaled": "equivalent", "deep": "better", "shallow": "worse"}
    assert found["w"].to_dict() == {"scaled": 0.1, "deep": 1.0, "shallow": 1.0} and (found["reference_w"] == 1.0).all()
    assert found.loc["deep", "difference"] == pytest.approx(-0.9, abs=0.01) and (found["units"] == 4).all(), "half of the seeds"
    assert (found["low"] <= found["difference"]).all() and (found["difference"] <= found["high"]).all()
    assert found["margin"].tolist() == pytest.approx([0.9] * 3, rel=0.01), "a tenth of 2 to 11"


def test_of_a_score_higher_is_better_and_of_a_diversity_nothing():
    rows = table(cells("deep", (0.5, 1.0), lambda w: bowl(w) - 1.5))
    assert at_own_best(rows, "is_moons", 16)["verdict"].tolist() == ["better"]
    with pytest.raises(ValueError, match="neither direction of diversity_moons is better"):
        at_own_best(rows, "diversity_moons", 16)


def test_a_gap_in_the_noise_is_undecided_and_says_what_it_may_hide():
    found = at_own_best(table(cells("loose", (0.5, 1.0), lambda w: bowl(w) - 0.9, own=1.5)), "fid_moons", 16).iloc[0]
    assert found["verdict"] == "undecided" and found["detectable"] > 0.9


def test_at_equal_cost_levels_are_those_that_cost_the_same():
    """A method of one evaluation a step has 32 levels for the price of 16, and is better there only; one too dear is left out."""
    cheap = [
        cells("cheap", (0.5, 1.0), lambda w, off=off: bowl(w) + off, steps, evaluations=1.0) for steps, off in ((16, 2), (32, -2))
    ]
    rows = table(*cheap, cells("dear", (0.5, 1.0), bowl, evaluations=22.0))
    for price in ("nfe", "seconds_per_sample"):
        found = at_equal_cost(rows, "fid_moons", price, 16)
        assert found[["method", "steps", "verdict"]].values.tolist() == [["cheap", 32, "better"]]
        assert found["price"].tolist() == pytest.approx([1.0])
    with pytest.raises(ValueError, match="no seconds_per_sample"):
        at_equal_cost(rows[rows["metric"] != "seconds_per_sample"], "fid_moons", "seconds_per_sample", 16)
    with pytest.raises(ValueError, match="there is no price 'memory'"):
        at_equal_cost(rows, "fid_moons", "memory", 16)


def test_at_matched_w_names_of_strengths_do_not_matter():
    """A method whose w = 0.1 pushes as w = 1 does is plain guidance there; what pushes beyond the curve is left out."""
    rows = table(cells("renamed", (0.05, 0.1, 0.2, 0.8), lambda w: bowl(10 * w), pushed=10.0))
    found = at_matched_w(rows, "fid_moons", 16)
    assert found["w"].tolist() == [0.05, 0.1, 0.2] and found["reference_w"].tolist() == pytest.approx([0.5, 1.0, 2.0])
    assert (
        found["difference"].abs().max() < 0.01 and found["verdict"].tolist() == ["equivalent"] * 3 and (found["units"] == 8).all()
    )
    with pytest.raises(ValueError, match="no effective_w"):
        at_matched_w(rows[rows["metric"] != "effective_w"], "fid_moons", 16)


def test_trainings_are_the_units_where_there_are_several():
    rows = table(cells("deep", (0.5, 1.0), lambda w: bowl(w) - 1.5, trainings=3), trainings=3)
    found = at_own_best(rows, "fid_moons", 16).iloc[0]
    assert (found["units"], found["over"]) == (3, "trainings x 4 sampling seeds")


def test_methods_that_are_best_without_guidance_are_no_tests_and_change_no_verdict():
    """Of a family of one the difference is found, and of one of forty, 39 of which are the plain model, too."""
    plain, idle = lambda w: 2.0 + w, lambda w: 2.5 + w

    def judged(others):
        ways = [cells("better", (0.5,), lambda w: 1.6, own=0.1), *(cells(f"idle{k}", (0.5,), idle) for k in range(others))]
        rows = [row for way in (cells("classifier-free", (0.0, 0.5, 1.0), plain), *ways) for row in way]
        return at_own_best(pd.DataFrame(rows), "fid_moons", 16).set_index("method")

    alone, among = judged(0), judged(39)
    assert alone.loc["better", "verdict"] == among.loc["better", "verdict"] == "better"
    assert alone.loc["better", "detectable"] == among.loc["better", "detectable"]
    assert set(among["verdict"].drop("better")) == {"no guidance"} and set(among["difference"].drop("better")) == {0.0}


def test_the_order_of_rows_and_what_else_a_table_holds_change_nothing():
    rows = table(cells("deep", (0.5, 1.0), lambda w: bowl(w) - 1.5))
    plain = at_own_best(rows, "fid_moons", 16)
    more = pd.concat([rows, rows.assign(n=50, value=9.0), rows.assign(method="real", steps=0, sampler="")], ignore_index=True)
    pd.testing.assert_frame_equal(at_own_best(more.sample(frac=1, random_state=0), "fid_moons", 16), plain)
    with pytest.raises(ValueError, match="the worlds moons, suns"):
        at_own_best(pd.concat([rows, rows.assign(world="suns")]), "fid_moons", 16)
    with pytest.raises(ValueError, match="one sampling seed"):
        at_own_best(pd.concat([rows.assign(train_seed=t) for t in (0, 1)]).query("seed == 0"), "fid_moons", 16)


@pytest.mark.slow
def test_of_methods_that_are_plain_guidance_none_is_called_better():
    """Six with noise of their own at four ws: the best is lucky on the seeds that chose it, not on those that report."""
    rng, wrong = np.random.default_rng(3), []
    for _ in range(40):
        rows = table(*(cells(f"m{i}", WS[1:], bowl, own=0.0) for i in range(6)))
        noisy = rows["metric"].eq("fid_moons")
        rows.loc[noisy, "value"] += rng.normal(0, 0.5, noisy.sum())
        wrong.append(at_own_best(rows, "fid_moons", 16)["verdict"].isin(["better", "worse"]).any())
    assert np.mean(wrong) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
