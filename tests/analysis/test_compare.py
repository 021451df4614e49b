"""Methods beside the reference in figures: at equal cost, and with the conditional model that all share."""

import pandas as pd
import pytest

from analysis.statistics.compare import equal_cost, wide
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


def test_without_the_conditional_model_nothing_is_compared():
    only = pd.DataFrame(rows("other", (1.0,), lambda w: 1.0, lambda w: 1.0))
    with pytest.raises(ValueError, match="classifier-free at w = 0"):
        wide(summarise(only), world="moons", sampler="ddim")
