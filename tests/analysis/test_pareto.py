"""Fronts and the areas under them, in closed form and by simulation."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.compare import wide
from analysis.statistics.paired import difference
from analysis.statistics.pareto import COLUMNS, Axis, _pseudo, area, areas, axes_of, front, of_means
from analysis.table import summarise

WS = (0.0, 1.0, 2.0, 4.0)
STEPS = 16


def rows(method, points, seeds=4, noise=None, steps=STEPS, per_step=2.0, trainings=1):
    """points: w -> (fid, diversity). noise: (runs, 2), shared by all cells of a run."""
    for w, (fid, diversity) in points.items():
        for run in range(seeds * trainings):
            off = (0.0, 0.0) if noise is None else noise[run]
            here = {"world": "moons", "train_seed": run // seeds, "method": method, "w": w, "sampler": "ddim", "steps": steps}
            here |= {"seed": run % seeds, "n": 100}
            values = {"fid_moons": fid + off[0], "diversity_moons": diversity + off[1]}
            values["nfe_denoiser_forward"] = steps * (per_step if w else 1.0)
            for metric, value in values.items():
                yield {**here, "metric": metric, "value": value}


# plain guidance: fid 4 -> 2 -> 4 -> 6 while diversity falls 3 -> 2; spans 4 and 1, reference point fid 8, diversity 2
PLAIN = {0.0: (4.0, 3.0), 1.0: (2.0, 2.8), 2.0: (4.0, 2.4), 4.0: (6.0, 2.0)}


def told(*others, **options):
    table = pd.DataFrame([*rows("classifier-free", PLAIN, **options), *(row for other in others for row in other)])
    return areas(table, "fid_moons", "diversity_moons", STEPS).set_index("method")


def test_the_area_of_points_is_that_of_the_union_of_their_rectangles():
    assert area(np.array([[1.0, 1.0]])) == 1.0 and area(np.array([[2.0, 1.0], [1.0, 3.0]])) == 4.0
    assert area(np.array([[2.0, 1.0], [1.0, 3.0], [0.5, 0.5], [2.0, 0.2], [1.0, 3.0]])) == 4.0, "what is beaten adds nothing"
    assert area(np.array([[0.0, 5.0], [np.nan, 9.0]])) == 0.0 and area(np.zeros((0, 2))) == 0.0
    points = np.random.default_rng(0).uniform(0, 1, (30, 2))
    drawn = np.random.default_rng(1).uniform(0, 1, (200_000, 2))
    inside = (drawn[:, None] <= points[None]).all(axis=2).any(axis=1)
    assert area(points) == pytest.approx(inside.mean(), abs=0.005)
    assert area(points[::-1]) == pytest.approx(area(points), abs=1e-12)


def test_the_area_of_plain_guidance_in_closed_form():
    """In shares w = 0 is (1, 1) and w = 1 is (1.5, 0.8), joined by a line: 1 and a trapezium of 0.5 by the mean of 1 and 0.8."""
    found = told()
    assert list(found.reset_index()) == COLUMNS
    assert found.loc["classifier-free", "area"] == pytest.approx(1.45, abs=0.002)
    quality, diversity = axes_of(pd.DataFrame(rows("classifier-free", PLAIN)), "fid_moons", "diversity_moons", STEPS)
    assert (quality.worst, quality.span, diversity.worst, diversity.span) == (8.0, 4.0, 2.0, 1.0)


def test_a_method_adds_what_it_wins_and_another_changes_nothing_of_it():
    """A straight gain of one unit of fid at w = 0's diversity is a quarter; a copy with few ws is equivalent."""
    better, copy = {1.0: (3.0, 3.0)}, {1.0: PLAIN[1.0]}
    noise = np.random.default_rng(0).normal(0, 0.01, (4, 2))
    found = told(rows("better", better, noise=noise), rows("copy", copy, noise=noise), noise=noise)
    alone = told(rows("copy", copy, noise=noise), noise=noise)
    assert found.loc["better", "area"] == pytest.approx(1.25, abs=0.01) and found.loc["copy", "verdict"] == "equivalent"
    assert (
        found.loc["copy", ["area", "sd", "reference", "low"]].tolist()
        == alone.loc["copy", ["area", "sd", "reference", "low"]].tolist()
    )
    assert found.loc["copy", "area"] == pytest.approx(1.45, abs=0.01) and found.loc["better", "units"] == 4


def test_a_network_of_its_own_is_not_lent_plain_guidances_w_0():
    """Without guidance it is at half the share of plain guidance's; at other numbers of levels its w = 0 is none of the front."""
    worse, lent = {0.0: (6.0, 3.0), 1.0: (6.0, 2.5)}, {1.0: (6.0, 2.5)}
    found = told(rows("worse", worse), rows("lent", lent))
    assert found.loc["worse", "area"] == pytest.approx(0.5) and found.loc["worse", "verdict"] == "worse"
    assert found.loc["lent", "area"] == pytest.approx(1.0)
    elsewhere = told(rows("worse", worse), rows("worse", {0.0: (2.0, 3.0)}, steps=8))
    assert elsewhere.loc["worse", "area"] == pytest.approx(0.5)
    table = pd.DataFrame([*rows("classifier-free", PLAIN), *rows("worse", worse), *rows("worse", {0.0: (2.0, 3.0)}, steps=8)])
    by_price = areas(table, "fid_moons", "nfe", STEPS).set_index("method")
    assert by_price.loc["worse", "area"] == pytest.approx(0.5)


def test_better_and_worse_are_found_and_damage_is_not_diversity():
    noise = np.random.default_rng(2).normal(0, 0.05, (6, 2))
    good = {1.0: (1.0, 2.9), 2.0: (1.0, 2.8)}
    broken = {1.0: (7.0, 90.0), 2.0: (7.9, 900.0)}
    found = told(rows("good", good, 6, noise), rows("broken", broken, 6, noise), seeds=6, noise=noise)
    assert found.loc["good", "verdict"] == "better" and found.loc["good", "low"] > 0.1
    assert found.loc["broken", "area"] == pytest.approx(1.0, abs=0.01), "as good as no guidance, not better"


def test_at_a_lower_price_the_same_quality_is_worth_more():
    """Plain guidance: fid 2 at 32 evaluations, w = 0 at 16. In shares (2, 1), (1, 1.5): 2.5, of 2. At 16: 3."""
    cheap = [*rows("cheap", {1.0: PLAIN[1.0]}, steps=8)]
    table = pd.DataFrame([*rows("classifier-free", PLAIN), *cheap])
    found = areas(table, "fid_moons", "nfe", STEPS).set_index("method")
    assert found.loc["classifier-free", "area"] == pytest.approx(1.25) and found.loc["cheap", "area"] == pytest.approx(1.5)


def test_the_areas_of_means_are_those_of_the_cells_alone():
    """As above, and no line joins cells: of quality and diversity w = 1 adds 0.5 by 0.8 to w = 0."""
    cheap = [*rows("cheap", {1.0: PLAIN[1.0]}, steps=8)]
    cells = wide(summarise(pd.DataFrame([*rows("classifier-free", PLAIN), *cheap])), world="moons", sampler="ddim")
    axes, found = of_means(cells, "fid_moons", "nfe")
    assert found == {"classifier-free": pytest.approx(1.25), "all": pytest.approx(1.5)}
    assert [(axis.worst, axis.span) for axis in axes] == [(8.0, 4.0), (48.0, 16.0)]
    _, found = of_means(cells, "fid_moons", "diversity_moons")
    assert found["classifier-free"] == pytest.approx(1.4)


def test_a_front_has_what_nothing_beats():
    points = pd.DataFrame({"name": list("abcd"), "fid": [1.0, 2.0, 3.0, np.nan], "div": [1.0, 3.0, 2.0, 9.0]})
    axes = (Axis("fid", 9.0, 1.0, False), Axis("div", 0.0, 1.0, True))
    assert front(points, axes)["name"].tolist() == ["b", "a"]
    twice = pd.concat([points, points])
    assert sorted(front(twice, axes)["name"]) == ["a", "a", "b", "b"], "equals do not beat each other"


def test_units_are_trainings_where_there_are_several():
    noise = np.random.default_rng(3).normal(0, 0.05, (6, 2))
    good = {1.0: (1.0, 2.9)}
    table = pd.DataFrame([*rows("classifier-free", PLAIN, 2, noise, trainings=3), *rows("good", good, 2, noise, trainings=3)])
    found = areas(table, "fid_moons", "diversity_moons", STEPS).iloc[1]
    assert (found["units"], found["over"]) == (3, "trainings x 2 sampling seeds")
    one = areas(table[(table["seed"] == 0) & (table["train_seed"] == 0)], "fid_moons", "diversity_moons", STEPS).iloc[1]
    assert one["verdict"] == "undecided" and np.isnan(one["sd"])


@pytest.mark.slow
def test_plain_guidance_at_other_ws_is_not_called_better_or_worse():
    """With noise of every cell's own, and at half as many ws: as many as stand beside it."""
    rng, wrong, off = np.random.default_rng(4), [], []
    dense = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
    for _ in range(20):
        table = pd.DataFrame(
            [*rows("classifier-free", {w: (2 + (w - 1) ** 2, 3 - w / 4) for w in dense}, 5)]
            + [row for i in range(4) for row in rows(f"m{i}", {w: (2 + (w - 1) ** 2, 3 - w / 4) for w in (0.4, 1.5, 3.0)}, 5)]
        )
        noisy = ~table["metric"].str.startswith("nfe")
        table.loc[noisy, "value"] += rng.normal(0, 0.05, noisy.sum())
        found = areas(table, "fid_moons", "diversity_moons", STEPS).iloc[1:]
        wrong.append(found["verdict"].isin(["better", "worse"]).any())
        off.append(found["difference"].mean())
    assert np.mean(wrong) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 20) and abs(np.mean(off)) < 0.02


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match="no fid_moons at w = 0"):
        areas(pd.DataFrame(rows("other", PLAIN)), "fid_moons", "diversity_moons", STEPS)
    flat = {w: (4.0, diversity) for w, (_, diversity) in PLAIN.items()}
    with pytest.raises(ValueError, match="the same at every w"):
        areas(pd.DataFrame(rows("classifier-free", flat)), "fid_moons", "diversity_moons", STEPS)


def test_pseudo_values_of_a_mean_are_the_values():
    values = np.array([1.0, 4.0, 7.0, 12.0])
    means = [values.mean(), *(np.delete(values, left).mean() for left in range(4))]
    assert _pseudo(means, [("seed", one) for one in range(4)]).tolist() == pytest.approx(values)
    grid = np.array([[1.0, 4.0], [7.0, 12.0], [3.0, 3.0]])
    left = [grid.mean(), *(np.delete(grid, i, 0).mean() for i in range(3)), *(np.delete(grid, j, 1).mean() for j in range(2))]
    both = difference(_pseudo(left, [*(("train_seed", i) for i in range(3)), *(("seed", j) for j in range(2))]))
    assert both.mean == pytest.approx(grid.mean())
    assert both.error**2 == pytest.approx(grid.mean(1).var(ddof=1) / 3 + grid.mean(0).var(ddof=1) / 2)
