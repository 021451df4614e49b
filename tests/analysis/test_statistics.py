"""The statistics of the comparison, against simulation and by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.paired import Difference, best_w, by_run, difference, halves, holm, judge, spread
from analysis.statistics.reference_curve import ReferenceCurve, turn


def runs(trainings: int, seeds: int) -> pd.MultiIndex:
    return pd.MultiIndex.from_product([range(trainings), range(seeds)], names=["train_seed", "seed"])


def test_spreads_between_trainings_and_seeds_are_told_apart():
    """3 within and 40 between in the simulation; pooled into nine runs they would be one number, near 34."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        networks = rng.normal(0, 40, 3)
        rows = [(t, s, networks[t] + rng.normal(0, 3)) for t in range(3) for s in range(3)]
        found.append(spread(pd.DataFrame(rows, columns=["train_seed", "seed", "value"])))
    assert np.sqrt(np.mean([one.within**2 for one in found])) == pytest.approx(3, rel=0.05)
    assert np.sqrt(np.mean([one.between**2 for one in found])) == pytest.approx(math.sqrt(40**2 + 3), rel=0.1)
    assert (found[0].trainings, found[0].runs) == (3, 9)


def test_a_spread_that_cannot_be_known_is_nan_and_a_run_stands_once():
    frame = pd.DataFrame({"train_seed": [0, 0], "seed": [0, 1], "value": [1.0, 3.0]})
    one = spread(frame)
    assert math.isnan(one.between) and one.within == pytest.approx(math.sqrt(2)) and one.mean == 2
    assert math.isnan(spread(frame.iloc[:1]).within)
    with pytest.raises(ValueError, match="twice"):
        spread(pd.concat([frame, frame]))


def test_pairs_are_of_trainings_where_there_are_several():
    values = pd.Series([1.0, 3.0, 5.0, 7.0], index=runs(2, 2))
    several = difference(values.xs(0, level="seed", drop_level=False))
    assert (several.mean, several.units, several.over) == (3.0, 2, "trainings at one sampling seed")
    assert several.error == pytest.approx(math.sqrt(((1 - 3) ** 2 + (5 - 3) ** 2) / 1) / math.sqrt(2))
    assert several.high - several.mean == pytest.approx(12.7062 * several.error, rel=1e-4)
    assert difference(values.loc[[0]]).over == "sampling seeds"
    with pytest.raises(ValueError, match="no run has both"):
        difference(values * math.nan)


def test_seeds_that_trainings_share_are_a_chance_of_their_own():
    """By hand: means 2, 6 of trainings and 3, 5 of seeds, and nothing besides; then without an effect of the seed."""
    values = pd.Series([1.0, 3.0, 5.0, 7.0], index=runs(2, 2))
    both = difference(values)
    assert (both.mean, both.units, both.over) == (4.0, 2, "trainings x 2 sampling seeds")
    assert both.error == pytest.approx(math.sqrt(8 / 2 + 2 / 2)) and both.df == pytest.approx((4 + 1) ** 2 / (4**2 + 1**2))
    apart = difference(pd.Series([1.0, 3.0, 7.0, 5.0], index=runs(2, 2)))
    assert apart.error == pytest.approx(math.sqrt(8 / 2)) and apart.df == 1, "the seeds' means are equal"
    lacking = difference(values.iloc[:3])
    assert (lacking.mean, lacking.over) == (3.5, "trainings at one sampling seed"), "one training has the second seed alone"


@pytest.mark.parametrize("of_training, of_seed, of_run", [(1, 0, 1), (1, 1, 1), (0, 1, 0.3), (0, 0, 1)])
def test_the_interval_holds_the_truth_for_other_trainings_and_other_seeds(of_training, of_seed, of_run):
    """Three of each, of normal effects; over trainings alone it is wrong 8 to 54 times in 100 where seeds have an effect."""
    rng, times = np.random.default_rng(11), 800
    wrong = 0
    for _ in range(times):
        table = of_training * rng.normal(size=(3, 1)) + of_seed * rng.normal(size=(1, 3)) + of_run * rng.normal(size=(3, 3))
        wrong += difference(pd.Series(table.ravel(), index=runs(3, 3))).apart
    assert wrong / times < 0.06 + 3 * math.sqrt(0.06 * 0.94 / times)


def test_of_one_run_nothing_is_said():
    one = difference(pd.Series([0.0], index=runs(1, 1)))
    assert not one.apart and not one.alike(1e9) and one.detectable() == math.inf


def simulated(mean: float, n: int, times: int = 2000) -> list:
    rng = np.random.default_rng(1)
    return [difference(pd.Series(rng.normal(mean, 1, n), index=runs(1, n))) for _ in range(times)]


def test_the_interval_holds_the_truth_19_times_in_20():
    inside = np.mean([one.low <= 0.7 <= one.high for one in simulated(0.7, 5)])
    assert inside == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 2000))


def test_likeness_is_wrongly_found_at_the_margin_at_most_once_in_20():
    wrong = np.mean([one.alike(1.0) for one in simulated(1.0, 12)])
    assert 0.02 < wrong < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 2000)


def test_a_failure_to_differ_is_no_likeness():
    few = simulated(0.0, 3, times=500)
    neither = np.mean([not one.apart and not one.alike(0.5) for one in few])
    assert neither > 0.8, "three seeds can rarely say either"


def test_what_is_detectable_is_detected_four_times_in_five():
    """The size that one run of the study calls detectable, as the true difference of many more: the power is as stated."""
    size = np.mean([one.detectable(0.8) for one in simulated(0.0, 16, times=400)])
    assert np.mean([one.apart for one in simulated(float(size), 16)]) == pytest.approx(0.8, abs=0.05)


def test_few_units_need_a_larger_difference_than_two_quantiles_of_t():
    """Power by simulation at two and three units, where the sum of the quantiles of t is 14.1 and 5.36 standard errors."""
    rng = np.random.default_rng(4)
    for n, expected in ((2, 16.3), (3, 5.65)):
        unit = difference(pd.Series([-1.0, 1.0] if n == 2 else [-1.0, 0.0, 1.0], index=runs(1, n)))
        assert unit.detectable() / unit.error == pytest.approx(expected, abs=0.05)
        draws = rng.normal(expected / math.sqrt(n), 1, (20_000, n))
        t = draws.mean(1) / (draws.std(1, ddof=1) / math.sqrt(n))
        assert np.mean(np.abs(t) > {2: 12.7062, 3: 4.3027}[n]) == pytest.approx(0.8, abs=0.02)


def test_a_curve_is_read_run_by_run():
    rows = [
        {"train_seed": 0, "seed": s, "method": "m", "metric": "q", "w": w, "value": 10 * s + w}
        for s in (0, 1)
        for w in (0.0, 1.0)
    ]
    assert by_run(pd.DataFrame(rows), "q", "m").loc[(0, 1)].tolist() == [10.0, 11.0]


def test_the_best_is_chosen_on_other_seeds_than_it_is_reported_on():
    """Forty ws that are all alike: the best of all seeds is far too good, the best of one half is not."""
    rng = np.random.default_rng(2)
    reported, lucky = [], []
    for _ in range(200):
        curve = pd.DataFrame(rng.normal(0, 1, (8, 40)), index=runs(1, 8), columns=np.linspace(0, 4, 40))
        reported.append(best_w(curve)[1].mean())
        lucky.append(curve.mean().min())
    assert abs(np.mean(reported)) < 4 * 0.5 / math.sqrt(200) and np.mean(lucky) < -0.6
    choose, report = halves(runs(3, 4))
    assert set(choose.get_level_values("train_seed")) == set(report.get_level_values("train_seed")) == {0, 1, 2}
    assert not set(choose) & set(report)
    assert [len(half) for half in halves(runs(1, 3))] == [1, 2], "the larger half reports, so that it has a spread"
    with pytest.raises(ValueError, match="one sampling seed"):
        halves(runs(3, 1))


def test_a_w_that_collapsed_in_some_run_is_not_chosen_by_the_runs_that_survived():
    curve = pd.DataFrame({0.0: [3.0] * 4, 1.0: [2.0] * 4, 9.0: [0.1, 0.1, math.nan, 0.1]}, index=runs(1, 4))
    assert best_w(curve)[0] == 1.0
    with pytest.raises(ValueError, match="no w has a value in every run"):
        best_w(curve[[9.0]])
    rows = curve.melt(ignore_index=False, var_name="w").reset_index().assign(method="classifier-free", metric="q")
    read = ReferenceCurve(rows.dropna(), ["q"])
    assert read.ws.tolist() == [0.0, 1.0] and len(read.runs) == 4


def test_a_curve_turns_where_it_comes_back_by_more_than_the_noise():
    w = np.linspace(0, 1, 101)
    assert turn(-w, 0.1) == turn(w, 0.1) == 101
    assert turn(np.abs(w - 0.6), 0.1) == turn(-np.abs(w - 0.6), 0.1) == 61
    begins_up = np.where(w < 0.05, w, 0.1 - w)  # by half of the noise
    assert turn(begins_up, 0.1) == 101 and turn(begins_up, 0.02) == 6


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])


def test_of_given_networks_the_seeds_are_what_counts():
    """Trainings that differ by 40 and seeds by 1: of other networks nothing is known, of these all."""
    values = pd.Series([t * 40.0 + s for t in range(3) for s in range(4)], index=runs(3, 4))
    of_all, of_these = difference(values), difference(values, given=True)
    assert (of_these.units, of_these.over, of_these.mean) == (4, "sampling seeds", of_all.mean)
    assert of_these.error == pytest.approx(math.sqrt(5 / 3) / 2) and of_all.error > 20
    assert difference(values.iloc[:4], given=True) == difference(values.iloc[:4]), "one training is given anyhow"
    with pytest.raises(ValueError, match="no sampling seed is there for every training"):
        difference(pd.Series([1.0, 2.0], index=pd.MultiIndex.from_tuples([(0, 0), (1, 1)], names=["train_seed", "seed"])), True)


def test_p_values_are_those_of_scipy_and_of_two_one_sided_tests():
    from scipy.stats import ttest_1samp

    rng = np.random.default_rng(6)
    for n in (2, 3, 8):
        values = rng.normal(0.4, 1, n)
        one = difference(pd.Series(values, index=runs(1, n)))
        assert one.p == pytest.approx(ttest_1samp(values, 0).pvalue) and one.apart == (one.p < 0.05)
        sides = ttest_1samp(values, 0.9, alternative="less").pvalue, ttest_1samp(values, -0.9, alternative="greater").pvalue
        assert one.p_alike(0.9) == pytest.approx(max(sides)) and one.alike(0.9) == (one.p_alike(0.9) < 0.05)
    sure = Difference(0.3, 0.0, 0.3, 0.3, 3, "trainings")
    assert (sure.p, sure.p_alike(0.4), sure.p_alike(0.3)) == (0.0, 0.0, 1.0)


def of(values) -> Difference:
    """`difference` of sampling seeds, without a frame for each of thousands."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    return Difference(values.mean(), error, -math.inf, math.inf, len(values), "sampling seeds")


def test_what_is_detectable_in_a_family_is_detected_there_four_times_in_five():
    """Of 40 differences one is real, and as large as its family's `detectable` by the true error says; Holm finds it so often."""
    rng, found, size = np.random.default_rng(9), [], 40
    shift = Difference(0.0, 1 / math.sqrt(8), 0.0, 0.0, 8, "sampling seeds").detectable(tests=size)
    for _ in range(300):
        values = rng.normal(0, 1, (size, 8))
        values[0] += shift
        words = judge([of(row) for row in values], [1e-9] * size)
        found.append(words[0] == "worse")
    assert np.mean(found) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / 300))


def test_words_are_right_19_times_in_20_for_a_whole_family():
    """None of 12 differences is real: better or worse is rare. At the margin itself, so is equivalent."""
    rng, false, alike = np.random.default_rng(10), [], []
    for _ in range(300):
        null = [of(row) for row in rng.normal(0, 1, (12, 5))]
        edge = [of(row) for row in rng.normal(1, 0.4, (12, 5))]
        false.append(bool({"better", "worse"} & set(judge(null, [0.01] * 12))))
        alike.append("equivalent" in judge(edge, [1.0] * 12))
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
    assert np.mean(false) < limit and np.mean(alike) < limit


def test_words_by_hand():
    def sure(mean):
        return Difference(mean, 0.0, mean, mean, 3, "trainings")

    noisy = Difference(0.5, 1.0, -3.8, 4.8, 3, "trainings")
    assert judge([sure(-1.0), sure(1.0), sure(0.05), noisy], [0.1] * 4) == ["better", "worse", "equivalent", "undecided"]
    assert judge([sure(-1.0), sure(1.0)], [0.1] * 2, lower_is_better=False) == ["worse", "better"]
    assert judge([Difference(1.0, math.nan, -math.inf, math.inf, 1, "trainings")], [9.0]) == ["undecided"] and judge([], []) == []
