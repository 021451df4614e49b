"""Methods beside the reference: the reference with another w is recognised, what is better or worse is said."""

import numpy as np
import pandas as pd
import pytest

from analysis.compare import at_equal, equal_cost, nearest, overview, verdicts, wide
from analysis.table import summarise

AT = {"world": "moons", "train_seed": 0, "sampler": "ddim", "steps": 16, "n": 100}
STRENGTHS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


def rows(method, ws, quality, diversity):
    """Three runs of each cell, whose standard deviation is 0.01 in both metrics."""
    for w in ws:
        for seed, off in enumerate((-0.01, 0.0, 0.01)):
            here = {**AT, "method": method, "w": w, "seed": seed}
            yield {**here, "metric": "fid", "value": quality(w) + off}
            yield {**here, "metric": "div", "value": diversity(w) + off}


def cells(*others):
    every = [rows("classifier-free", STRENGTHS, lambda w: 1 + w, lambda w: 3 - w / 2), *(rows(*other) for other in others)]
    return wide(summarise(pd.DataFrame([row for part in every for row in part])), world="moons", sampler="ddim", steps=16)


def verdict(name, quality, diversity):
    found = verdicts(cells((name, (1.0, 2.0), quality, diversity)), ["fid", "div"], "fid", "div")
    return found.set_index("method").loc[name]


def test_the_reference_told_with_another_scale_is_recognised_with_its_own_w():
    found = nearest(cells(("rescaled", (1.0, 2.0), lambda w: 1 + w / 2, lambda w: 3 - w / 4)), ["fid", "div"])
    own = found[found["method"] == "rescaled"]
    assert own["nearest_w"].to_numpy() == pytest.approx([0.5, 1.0], rel=0.05) and (own["distance"] < 1).all()
    told = verdict("rescaled", lambda w: 1 + w / 2, lambda w: 3 - w / 4)
    assert told["verdict"] == "plain guidance with another w" and told["better"] == told["worse"] == 0


def test_a_method_that_does_nothing_is_not_called_guidance_with_another_w():
    told = verdict("idle", lambda w: 1 + w / 1000, lambda w: 3 - w / 2000)
    assert told["verdict"] == "no effect at these strengths" and told["distance"] < 1


@pytest.mark.parametrize(("off", "words"), [(-0.3, "different, better"), (0.3, "different, worse")])
def test_better_and_worse_are_judged_at_equal_diversity(off, words):
    told = verdict("other", lambda w: 1 + w + off, lambda w: 3 - w / 2)
    assert told["verdict"] == words and told["better"] + told["worse"] == 2 and told["distance"] > 3
    assert told["gain"] == pytest.approx(-(1 + off) / (np.sqrt(2) * 0.01), rel=0.01)  # its best is at w = 1, the reference's at 0


def test_a_diversity_that_the_reference_never_has_has_no_counterpart():
    told = verdict("collapsed", lambda w: 1.0, lambda w: 0.2)
    assert told["no counterpart"] == 2 and told["verdict"] == "different, beyond the reference's diversity"


def test_at_equal_diversity_the_best_of_the_references_strengths_counts():
    turning = rows("classifier-free", STRENGTHS, lambda w: 1 + w, lambda w: 3 - w if w <= 1 else w)
    summary = summarise(pd.DataFrame([*turning, *rows("other", (1.0,), lambda w: 1.0, lambda w: 2.5)]))
    found = at_equal(wide(summary, world="moons", sampler="ddim"), "div", "fid").set_index("method").loc["other"]
    assert found["fid_reference"] == pytest.approx(1.5, abs=0.05) and found["fid_difference"] == pytest.approx(-0.5, abs=0.05)
    assert found["sigmas"] == pytest.approx(-0.5 / (np.sqrt(2) * 0.01), rel=0.1)


def test_diversity_that_comes_back_as_damage_is_no_counterpart():
    turning = rows("classifier-free", STRENGTHS, lambda w: 1 + w, lambda w: 3 - w if w <= 1 else 2 * w)  # 3, 2, 4, 8
    summary = summarise(pd.DataFrame([*turning, *rows("wide", (1.0,), lambda w: 1.0, lambda w: 3.5)]))
    found = at_equal(wide(summary, world="moons", sampler="ddim"), "div", "fid").set_index("method").loc["wide"]
    assert np.isnan(found["sigmas"]), "at w = 1.8 the reference is as far apart, and worse: that is not the same diversity"


def test_at_equal_cost_each_method_has_the_levels_that_cost_what_the_reference_does():
    def priced(method, per_step, levels):
        for steps in levels:
            for row in rows(method, (1.0, 2.0), lambda w: 1 + w, lambda w: 3 - w):
                yield {**row, "steps": steps}
                yield {**row, "steps": steps, "metric": "nfe_denoiser_forward", "value": per_step * steps}

    every = [*rows("classifier-free", (0.0,), lambda w: 1.0, lambda w: 3.0), *priced("classifier-free", 2, (16,))]
    every += [*priced("cheap", 1, (16, 32)), *priced("dear", 3, (11, 16)), *priced("usual", 2, (16,))]
    cells = wide(
        summarise(pd.DataFrame(every).drop_duplicates(["method", "w", "steps", "metric", "seed"])), world="moons", sampler="ddim"
    )
    found = equal_cost(cells, "nfe", 16)
    assert dict(zip(found["method"], found["steps"])) == {"classifier-free": 16, "cheap": 32, "dear": 11, "usual": 16}
    assert (found["w"] == 0).sum() == 1 and found.loc[found["method"] == "cheap", "nfe"].eq(32).all()


def test_without_the_conditional_model_or_a_second_run_nothing_is_compared():
    only = pd.DataFrame(rows("other", (1.0,), lambda w: 1.0, lambda w: 1.0))
    with pytest.raises(ValueError, match="classifier-free at w = 0"):
        wide(summarise(only), world="moons", sampler="ddim")
    one = pd.DataFrame(rows("classifier-free", STRENGTHS, lambda w: 1 + w, lambda w: 3 - w))
    with pytest.raises(ValueError, match="fid has no standard deviation"):
        nearest(wide(summarise(one[one["seed"] == 0]), world="moons", sampler="ddim"), ["fid"])


def test_the_overview_has_the_worlds_beside_each_other():
    same = {"family": "correction", "verdict": "plain guidance with another w"}
    rows = [
        {"world": "gaussians", "method": "apg", "distance": 0.44, **same},
        {"world": "digits", "method": "apg", "distance": 2, **same},
    ]
    rows.append({"world": "digits", "method": "pag", "distance": 9.0, "family": "weak branch", "verdict": "different, worse"})
    found = overview(pd.DataFrame(rows))
    assert list(found.columns) == ["gaussians", "digits"]
    assert found.loc[("correction", "apg")].tolist() == ["another w (0.4)", "another w (2.0)"]
    assert found.loc[("weak branch", "pag")].tolist() == ["", "worse (9.0)"]
