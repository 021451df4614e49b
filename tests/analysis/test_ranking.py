"""Ranks: choices reported on other seeds, gaps in the noise as ties, two feature networks that must agree."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.paired import halves
from analysis.statistics.ranking import BETTER, TIE, WORSE, at_strength, ranking


def made(
    curves: dict[str, dict[float, float]], seeds: int = 8, noise: float = 0.01, own: float = 0.01, metric: str = "frechet_exact"
):
    """A tidy table: `noise` is shared by the methods of a seed, `own` is each cell's."""
    random = np.random.default_rng(0)
    shared = random.normal(0, noise, seeds)
    rows = [
        {"method": name, "w": w, "seed": seed, "value": mean + shared[seed] + random.normal(0, own)}
        for name, curve in curves.items()
        for w, mean in curve.items()
        for seed in range(seeds)
    ]
    place = {"world": "a", "train_seed": -1, "sampler": "ddim", "steps": 16, "n": 100, "metric": metric, "protocol": "p 1"}
    return pd.DataFrame(rows).assign(**place)


SIMULATED = 300  # tables
THREE = {"plain": {0.0: 2.0, 1.0: 1.0}, "good": {0.0: 2.0, 4.0: 0.8}, "same": {0.0: 2.0, 2.0: 1.0}, "bad": {0.0: 2.0, 1.0: 3.0}}


def test_ranks_are_by_tests_and_what_the_noise_hides_is_a_tie():
    found = ranking(made(THREE), ["frechet_exact"], None, "plain").set_index("method")
    assert dict(found["rank"]) == {"good": 1, "plain": 2, "same": 2, "bad": 4}
    assert dict(found["ties"]) == {"good": 0, "plain": 1, "same": 1, "bad": 0}
    assert dict(found["against"]) == {"good": BETTER, "plain": "", "same": TIE, "bad": WORSE}
    assert dict(found["ws"]) == {"good": "4", "plain": "1", "same": "2", "bad": "0"}
    assert found.loc["good", "frechet_exact gap"] == pytest.approx(-0.2, abs=0.03)
    assert found.loc["good", "frechet_exact gap high"] < 0 < found.loc["same", "frechet_exact gap high"]


def test_with_more_noise_everything_is_a_tie_and_of_first_rank():
    found = ranking(made(THREE, own=2.0), ["frechet_exact"], None, "plain")
    assert set(found["rank"]) == {1} and set(found["ties"]) == {3} and set(found["against"]) == {"", TIE}


def test_noise_that_all_share_hides_nothing():
    found = ranking(made(THREE, noise=2.0), ["frechet_exact"], None, "plain").set_index("method")
    assert found.loc["good", "against"] == BETTER and found.loc["same", "against"] == TIE


@pytest.mark.slow
def test_of_many_methods_that_are_the_same_none_is_called_better():
    """Of sixty at 5 % three would be, without Holm."""
    found = ranking(made({f"m{i}": {0.0: 1.0} for i in range(60)}), ["frechet_exact"], None, "m0")
    assert set(found["against"]) == {"", TIE}


def test_equal_samples_are_a_tie():
    table = made({"plain": {0.0: 1.0}})
    found = ranking(pd.concat([table, table.assign(method="twin")]), ["frechet_exact"], None, "plain")
    assert set(found["rank"]) == {1} and set(found["against"]) == {"", TIE}


def test_what_differs_by_rounding_is_a_tie_however_often_it_does():
    table = made({"plain": {0.0: 1.0}})
    for factor, word in ((1 - 1e-6, TIE), (1 - 1e-4, BETTER)):
        other = table.assign(method="other", value=table["value"] * factor)
        found = ranking(pd.concat([table, other]), ["frechet_exact"], None, "plain").set_index("method")
        assert found.loc["other", "against"] == word


@pytest.mark.slow  # a simulation
def test_the_level_of_the_test_is_what_the_docstring_says():
    """Two methods that are the same at each of five ws: the halves choose by noise."""
    random, wrong = np.random.default_rng(0), []
    place = {"world": "a", "train_seed": -1, "sampler": "ddim", "steps": 16, "n": 100, "metric": "frechet_exact"}
    keys = [(name, w, seed) for name in ("plain", "same") for w in range(5) for seed in range(8)]
    frame = pd.DataFrame(keys, columns=["method", "w", "seed"]).assign(**place)
    for _ in range(SIMULATED):
        found = ranking(frame.assign(value=random.normal(9.0, 1.0, len(frame))), ["frechet_exact"], None, "plain")
        wrong.append((found["against"].isin([BETTER, WORSE])).any())
    assert 0.06 < np.mean(wrong) < 0.12


@pytest.mark.slow  # a simulation
def test_holm_does_not_mend_the_level_and_noise_that_strengths_share_does():
    """Thirty methods that are plain guidance at every w: how often any is called different from it, after Holm."""
    scipy = pytest.importorskip("scipy.stats")
    methods, ws, seeds = 31, 7, 8
    for shared, low, high in ((0.0, 0.06, 0.13), (0.95, 0.02, 0.08)):  # the correlation of the strengths of a method
        random, wrong = np.random.default_rng(1), []
        for _ in range(SIMULATED):
            own = random.normal(size=(methods, 1, seeds)) * shared**0.5
            values = own + random.normal(size=(methods, ws, seeds)) * (1 - shared) ** 0.5
            table = pd.DataFrame({"w": np.repeat(np.arange(ws), seeds), "seed": np.tile(np.arange(seeds), ws)})
            table = table.assign(train_seed=-1, metric="frechet_exact")
            told = [at_strength(table.assign(value=one.ravel(), method="m"), "frechet_exact", "m", None)[0] for one in values]
            p = [scipy.ttest_rel(one, told[0]).pvalue for one in told[1:]]
            wrong.append(min(p) < 0.05 / len(p))  # Holm's first step
        assert low < np.mean(wrong) < high


def test_every_run_is_reported_once_at_a_strength_that_was_chosen_without_it():
    """One half is made to look best at w = 1, the other at w = 2: each is reported at the choice of the other."""
    table = made({"plain": {0.0: 5.0, 1.0: 5.0, 2.0: 5.0}}, noise=0, own=0)
    runs = pd.MultiIndex.from_product([[-1], range(8)], names=["train_seed", "seed"])
    first, second = ([seed for _, seed in half] for half in halves(runs))
    table.loc[table["seed"].isin(first) & (table["w"] == 1), "value"] = 1.0
    table.loc[table["seed"].isin(second) & (table["w"] == 2), "value"] = 1.0
    values, ws = at_strength(table, "frechet_exact", "plain", None)
    assert ws == "1, 2" and set(values) == {5.0} and len(values) == 8  # neither half gains by its own luck


def test_the_best_of_many_equal_strengths_gains_nothing():
    """The minimum of twenty noisy means would look 0.5 better; chosen on other seeds it does not."""
    gaps = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        table = made({"plain": dict.fromkeys(map(float, range(20)), 0.0)}, noise=0, own=0).assign(value=random.normal(0, 1, 160))
        gaps.append(at_strength(table, "frechet_exact", "plain", None)[0].mean())
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(40) and np.mean(gaps) > -0.2


def test_more_is_better_where_it_is():
    found = ranking(made(THREE, metric="is_exact"), ["is_exact"], None, "plain").set_index("method")
    assert found.loc["bad", "rank"] == 1 and found.loc["bad", "ws"] == "1" and found.loc["bad", "against"] == BETTER


def test_at_one_strength_those_without_it_are_left_out():
    found = ranking(made(THREE), ["frechet_exact"], 1.0, "plain")
    assert list(found["method"]) == ["plain", "bad"] and set(found["ws"]) == {"1"}


def two(curves_one: dict, curves_two: dict) -> pd.DataFrame:
    return pd.concat([made(curves_one, metric="fid_one"), made(curves_two, metric="fid_two")])


def test_two_feature_networks_must_agree():
    other = {**THREE, "good": {0.0: 2.0, 4.0: 1.0}, "same": {0.0: 2.0, 2.0: 0.5}}
    found = ranking(two(THREE, other), ["fid_one", "fid_two"], None, "plain").set_index("method")
    assert dict(found["against"]) == {"good": TIE, "plain": "", "same": TIE, "bad": WORSE}
    assert dict(found["rank"]) == {"good": 1, "plain": 1, "same": 1, "bad": 4}
    agreed = ranking(two(THREE, THREE), ["fid_one", "fid_two"], None, "plain").set_index("method")
    assert agreed.loc["good", "rank"] == 1 and agreed.loc["plain", "rank"] == 2 and agreed.loc["good", "ws"] == "4 / 4"


def test_one_feature_network_ranks_nothing():
    found = ranking(made(THREE, metric="fid_one"), ["fid_one"], None, "plain")
    assert found["rank"].isna().all() and found["method"].iloc[0] == "good"  # by value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.assign(protocol=np.where(table["method"] == "bad", "p 2", "p 1")), "two of protocol"),
        (lambda table: table.assign(world=np.where(table["method"] == "bad", "b", "a")), "two of world"),
        (lambda table: table[(table["method"] != "bad") | (table["seed"] != 3) | (table["w"] != 0)], "bad lacks frechet_exact"),
        (lambda table: table[table["method"] != "plain"], "plain, which all are compared with"),
        (lambda table: table[table["seed"] == 0], "one sampling seed"),
    ],
)
def test_what_cannot_be_ranked_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        ranking(change(made(THREE)), ["frechet_exact"], None, "plain")
