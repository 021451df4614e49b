"""Methods beside the reference: likeness is shown, not assumed, and what n does not carry is undecided."""

import numpy as np
import pandas as pd
import pytest

from analysis.statistics.reference_curve import ReferenceCurve
from analysis.statistics.verdicts import VERDICTS, overview, verdicts

AT = {"world": "moons", "sampler": "ddim", "steps": 16, "n": 100}
WS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
SPAN = 4.0  # of the reference's quality over WS; 2 of its diversity


def rows(method, ws, quality, diversity, seeds, own=0.0, shared=0.05, rng=None):
    """Runs that share their noise with every other method (`shared`), but for a little of their own (`own`)."""
    rng = rng or np.random.default_rng(0)
    common = np.random.default_rng(7).normal(0, shared, (seeds, 2))
    for w in ws:
        for seed in range(seeds):
            here = {**AT, "train_seed": 0, "method": method, "w": w, "seed": seed}
            yield {
                **here,
                "metric": "fid",
                "value": quality(w) + common[seed, 0] + rng.normal(0, own) if own else quality(w) + common[seed, 0],
            }
            yield {**here, "metric": "div", "value": diversity(w) + common[seed, 1] + (rng.normal(0, own) if own else 0)}


def told(quality, diversity, seeds=6, own=0.01, ws=(1.0, 2.0), measures=("fid", "div"), shared=0.05, rng=None):
    plain = rows("classifier-free", WS, lambda w: 1 + w, lambda w: 3 - w / 2, seeds, shared=shared)
    table = pd.DataFrame([*plain, *rows("other", ws, quality, diversity, seeds, own, shared, rng)])
    return verdicts(table, list(measures), "fid", "div").set_index("method").loc["other"]


def test_the_reference_with_another_scale_is_recognised_with_its_w():
    found = told(lambda w: 1 + w / 2, lambda w: 3 - w / 4)
    assert found["verdict"] == VERDICTS["another w"] and found["alike"] == 2
    assert [float(w) for w in found["nearest w of the reference"].split(", ")] == pytest.approx([0.5, 1.0], abs=0.05)
    assert found["better"] == found["worse"] == 0


def test_what_does_nothing_is_not_called_guidance_with_another_w():
    assert told(lambda w: 1 + w / 1000, lambda w: 3 - w / 2000)["verdict"] == VERDICTS["no effect"]


@pytest.mark.parametrize(("off", "word"), [(-0.9, "better"), (0.9, "worse")])
def test_better_and_worse_are_at_equal_diversity(off, word):
    found = told(lambda w: 1 + w + off, lambda w: 3 - w / 2)
    assert found["verdict"] == VERDICTS[word] and found[word] == 2


def test_two_noisy_runs_decide_nothing_where_a_large_spread_was_once_likeness():
    """Once "alike" was a difference below three pooled standard deviations: the noisier, the more alike."""
    assert told(lambda w: 1 + w + 0.3, lambda w: 3 - w / 2, seeds=2, own=0.5)["verdict"] == VERDICTS["undecided"]


def test_shared_noise_cancels():
    """A shift of a twentieth of the noise that all methods share is found, since runs are paired."""
    found = told(lambda w: 1 + w + 1.6, lambda w: 3 - w / 2, own=0.001, shared=30.0)
    assert found["different"] == 2 and found["units"] == 6 and found["over"] == "sampling seeds"


@pytest.mark.slow
def test_better_needs_the_margin_and_holm_over_the_strengths():
    """A difference that is certain but below the margin is none that counts; nor is one strength's of many by chance."""
    assert told(lambda w: 1 + w - 0.3, lambda w: 3 - w / 2, own=0.001)["better"] == 0
    assert told(lambda w: 1 + w - 0.5, lambda w: 3 - w / 2, own=0.001)["better"] == 2
    rng, ws = np.random.default_rng(8), (0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 3.0)
    found = [told(lambda w: 1 + w, lambda w: 3 - w / 2, seeds=4, own=2.0, ws=ws, rng=rng) for _ in range(60)]
    assert np.mean([one["better"] + one["worse"] > 0 for one in found]) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_the_margin_is_of_the_span_up_to_where_the_paper_goes():
    """A collapse of plain guidance at w = 16 does not widen what counts as alike at w = 1."""
    reference = rows("classifier-free", (*WS, 16.0), lambda w: 1 + w + (100 if w > 4 else 0), lambda w: 3 - w / 2, 6)
    other = rows("other", (1.0,), lambda w: 1 + w + 2.0, lambda w: 3 - w / 2, 6, 0.01)
    found = verdicts(pd.DataFrame([*reference, *other]), ["fid", "div"], "fid", "div").iloc[0]
    assert found["verdict"] == VERDICTS["worse"]


def test_trainings_are_what_counts_where_there_are_several():
    table = pd.concat(
        pd.DataFrame(rows(name, ws, lambda w: 1 + w, lambda w: 3 - w / 2, 3)).assign(train_seed=training)
        for training in (0, 1)
        for name, ws in (("classifier-free", WS), ("other", (1.0,)))
    )
    found = verdicts(table, ["fid", "div"], "fid", "div").iloc[0]
    assert (found["units"], found["over"]) == (2, "trainings x 3 sampling seeds")


@pytest.mark.slow  # a simulation; the one of a world is below
def test_noise_alone_is_rarely_called_a_difference():
    """80 methods that are plain guidance with noise of their own, at six strengths: one in 20 at most, and chance."""
    rng, ws = np.random.default_rng(3), (0.3, 0.5, 0.8, 1.0, 2.0, 3.0)
    found = [told(lambda w: 1 + w, lambda w: 3 - w / 2, seeds=8, own=0.3, ws=ws, rng=rng)["different"] > 0 for _ in range(80)]
    assert np.mean(found) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)


def test_of_one_measure_nothing_is_told_since_some_w_has_every_value():
    with pytest.raises(ValueError, match="one measure cannot tell"):
        told(lambda w: 2.0 + w / 2, lambda w: 2.5, measures=("fid",))


def test_noise_of_one_run_is_not_likeness():
    """Noise as large as the span, at strengths that another w would fit by chance, is undecided."""
    found = told(lambda w: 2.0 + w / 2, lambda w: 2.5, own=1.0, rng=np.random.default_rng(5))
    assert found["verdict"] == VERDICTS["undecided"] and found["alike"] == 0


def world(rng, methods, seeds, own, quality, ws=(0.5, 1.0, 2.0)):
    """Every cell of every run with noise of its own, that of plain guidance too: nothing cancels, the nearest w is estimated."""
    cells = [("classifier-free", WS), *((f"m{i}", ws) for i in range(methods))]
    return pd.DataFrame(
        {**AT, "train_seed": 0, "method": name, "w": w, "seed": seed, "metric": metric, "value": value + rng.normal(0, own)}
        for name, strengths in cells
        for w in strengths
        for seed in range(seeds)
        for metric, value in (("fid", 1 + w if name == "classifier-free" else quality(w)), ("div", 3 - w / 2))
    )


@pytest.mark.slow
@pytest.mark.parametrize("own", [0.1, 0.3])
def test_of_a_world_of_plain_guidance_no_method_at_all_is_called_different(own):
    """Five methods that are plain guidance, eight seeds, noise up to a seventh of the span: a wrong word in one world of 20.

    With the nearest w taken as known, this world had a method "worse" or "better" in 76 of 100 and a "different" in 14.
    """
    rng, times, wrong = np.random.default_rng(11), 40, []
    for _ in range(times):
        found = verdicts(world(rng, 5, 8, own, lambda w: 1 + w), ["fid", "div"], "fid", "div")
        wrong.append([(found["different"] > 0).any(), (found["better"] + found["worse"] > 0).any()])
    assert (np.mean(wrong, axis=0) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)).all()


@pytest.mark.slow
def test_of_a_world_at_the_margin_no_method_at_all_is_called_plain_guidance():
    """Eight methods two margins off in quality: the part across the curve, a diagonal, is one margin in both measures."""
    rng, times, wrong = np.random.default_rng(12), 40, []
    for _ in range(times):
        table = world(rng, 8, 6, 0.02, lambda w: 1 + w + 2 * 0.1 * SPAN, ws=(1.0,))
        wrong.append((verdicts(table, ["fid", "div"], "fid", "div")["alike"] > 0).any())
    assert np.mean(wrong) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / times)


def test_more_methods_make_a_verdict_harder_and_order_makes_none():
    rng = np.random.default_rng(13)
    table = world(rng, 12, 3, 0.05, lambda w: 1 + w + 0.8)
    few = verdicts(table[table["method"].isin(["classifier-free", "m0"])], ["fid", "div"], "fid", "div").iloc[0]
    many = verdicts(table, ["fid", "div"], "fid", "div").set_index("method").loc["m0"]
    assert few["worse"] > many["worse"] and few["detectable"] < many["detectable"] and few["largest"] == many["largest"]
    shuffled = verdicts(table.sample(frac=1, random_state=1), ["fid", "div"], "fid", "div").set_index("method")
    again = verdicts(table, ["fid", "div"], "fid", "div").set_index("method")
    assert shuffled.loc[again.index, "verdict"].equals(again["verdict"])
    assert shuffled.loc[again.index, "largest"].to_numpy() == pytest.approx(again["largest"].to_numpy())


def test_of_these_networks_the_seeds_are_what_counts():
    def tables():
        rng = np.random.default_rng(14)
        for training in (0, 1, 2):
            yield world(rng, 1, 8, 0.02, lambda w, t=training: 1 + w + 0.8 + 0.6 * t).assign(train_seed=training)

    table = pd.concat(tables())
    by = {given: verdicts(table, ["fid", "div"], "fid", "div", given).iloc[0] for given in (False, True)}
    assert (by[True]["units"], by[True]["over"]) == (8, "sampling seeds") and by[False]["over"] == "trainings x 8 sampling seeds"
    assert by[True]["verdict"] == VERDICTS["worse"] and by[False]["verdict"] == VERDICTS["undecided"]


def test_a_diversity_that_the_reference_never_has_is_no_comparison():
    found = told(lambda w: 1.0, lambda w: 0.2)
    assert found["verdict"] == VERDICTS["different"] and found["better"] == found["worse"] == 0


def test_without_a_curve_or_a_second_run_nothing_is_compared():
    with pytest.raises(ValueError, match="classifier-free has no curve"):
        verdicts(pd.DataFrame(rows("other", (1.0,), lambda w: 1.0, lambda w: 1.0, 3)), ["fid", "div"], "fid", "div")
    with pytest.raises(ValueError, match="one run"):
        told(lambda w: 1 + w, lambda w: 3 - w / 2, seeds=1)


def test_a_cell_that_has_no_value_is_undecided():
    table = pd.DataFrame(
        [
            *rows("classifier-free", WS, lambda w: 1 + w, lambda w: 3 - w / 2, 4),
            *(
                row
                for row in rows("other", (1.0,), lambda w: 2.0, lambda w: 2.5, 4)
                if not (row["metric"] == "fid" and row["seed"] == 1)
            ),
        ]
    )
    assert verdicts(table, ["fid", "div"], "fid", "div").iloc[0]["verdict"] == VERDICTS["undecided"]


def test_the_overview_has_the_worlds_side_by_side():
    same = {"family": "correction", "verdict": VERDICTS["another w"]}
    frame = pd.DataFrame(
        [
            {"world": "gaussians", "method": "apg", **same},
            {"world": "digits", "method": "apg", **same},
            {"world": "digits", "method": "pag", "family": "weak branch", "verdict": VERDICTS["worse"]},
        ]
    )
    found = overview(frame)
    assert list(found.columns) == ["gaussians", "digits"]
    assert found.loc[("correction", "apg")].tolist() == ["another w", "another w"]
    assert found.loc[("weak branch", "pag")].tolist() == ["", "worse"]


def test_a_w_that_is_a_little_off_makes_no_difference_across_the_curve():
    """Beside w = 1 a method that is plain guidance at 1.1 differs in both measures by what the curve explains, and in no more."""
    curve = ReferenceCurve(pd.DataFrame(rows("classifier-free", WS, lambda w: 1 + w, lambda w: 3 - w / 2, 3)), ["fid", "div"])
    index = int(np.abs(curve.grid - 1.0).argmin())
    cell = {"fid": curve.at("fid", 1.1), "div": curve.at("div", 1.1)}
    assert abs(cell["fid"] - curve.values["fid"][:, index]).min() > 0.05
    assert max(abs(gap).max() for gap in curve.across(cell, index).values()) < 1e-3
