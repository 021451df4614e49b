"""The best w, chosen on some sampling seeds, and its paired difference from w = 0 on the others."""

import math

import numpy as np
import pandas as pd
import pytest
from synthetic import study

from analysis.statistics.best import COMPARED, best, best_against_plain, with_plain
from analysis.table import COLUMNS, summarise


def curve(differences, candidates=(0.1,), trainings=3):
    """FID 1 + r at w = 0 in run r; the first candidate differs by differences[r], the others are far worse."""
    rows, seeds = [], len(differences) // trainings
    for run, difference in enumerate(differences):
        worse = {w: 9.0 + run for w in candidates[1:]}
        for w, value in {0.0: 1.0 + run, **worse, candidates[0]: 1.0 + run + difference}.items():
            rows.append(("digits", run // seeds, "classifier-free", w, "ddim", 8, run % seeds, 100, "fid_digits", value))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_minimum_is_the_one_that_was_put_there():
    found = best(summarise(study()), "fid_digits")
    assert len(found) == 2 * 2 * 2 and (found["w"] == 0.1).all() and "real" not in set(found["method"])
    assert found.query("method == 'classifier' and n == 1000 and sampler == 'ddim'")["value"].item() == pytest.approx(0.30)
    with pytest.raises(ValueError, match="the table has no fid_inception"):
        best(summarise(study()), "fid_inception")
    with pytest.raises(ValueError, match="the table has no fid_inception"):
        best_against_plain(study(), "fid_inception")


def test_pairs_cancel_what_the_runs_share():
    """Between runs FID moves by 1, within pairs by 0.01 from seed to seed: unpaired, nothing could be seen."""
    found = best_against_plain(curve([-0.02, -0.01, -0.03] * 3, candidates=(0.1, 0.5)), "fid_digits").iloc[0]
    assert found["w"] == 0.1 and found["difference"] == pytest.approx(-0.025), "of seeds 0 and 2: seed 1 has chosen"
    assert found["high"] - found["low"] == pytest.approx(2 * 12.7062 * 0.005, rel=1e-4), (
        "two seeds of the same noise in each training"
    )
    assert (found["units"], found["over"]) == (3, "trainings x 2 sampling seeds") and found["sd_seeds"] == pytest.approx(
        0.01 / 2**0.5
    )


def test_the_seeds_that_chose_do_not_report():
    """A w that looks best on seeds 1 and 3 by luck is reported with what it is on seeds 0 and 2."""
    found = best_against_plain(curve([0.2, -0.5, 0.1, -0.4] * 3), "fid_digits").iloc[0]
    assert found["w"] == 0.1 and found["difference"] == pytest.approx(0.15)
    assert found["sd_seeds"] == pytest.approx(np.std([0.2, 0.1], ddof=1))


def test_trainings_are_what_is_independent():
    """Three trainings that differ by -0.1, -0.2 and -0.3, each on four seeds: the interval is that of three numbers."""
    found = best_against_plain(curve([-0.1] * 4 + [-0.2] * 4 + [-0.3] * 4), "fid_digits").iloc[0]
    assert found["difference"] == pytest.approx(-0.2) and found["sd_trainings"] == pytest.approx(0.1)
    assert found["sd_seeds"] == pytest.approx(0, abs=1e-12)
    assert found["high"] == pytest.approx(-0.2 + 4.302652729911275 * 0.1 / 3**0.5)
    one = best_against_plain(curve([-0.1, -0.2, -0.3, -0.4], trainings=1), "fid_digits").iloc[0]
    assert (one["units"], one["over"]) == (2, "sampling seeds") and math.isnan(one["sd_trainings"])


def test_w_zero_does_not_differ_from_itself():
    found = best_against_plain(curve([0.5] * 9), "fid_digits").iloc[0]
    assert found["w"] == 0 and found[["difference", "low", "high", "detectable"]].isna().all()


def test_a_run_without_its_partner_is_left_out():
    table = curve([-0.02] * 9)
    lonely = table.drop(table[(table["train_seed"] == 2) & (table["seed"] != 1) & (table["w"] == 0)].index)
    assert best_against_plain(lonely, "fid_digits")["units"].item() == 2


def test_a_group_without_w_zero_is_left_out():
    table = curve([-0.02] * 6)
    other = table[table["w"] > 0].assign(sampler="heun")
    assert best_against_plain(pd.concat([table, other]), "fid_digits")["sampler"].tolist() == ["ddim"]
    alone = best_against_plain(other, "fid_digits")
    assert alone.empty and list(alone.columns) == COMPARED


def test_one_sampling_seed_leaves_nothing_to_test():
    one = best_against_plain(study(runs=1), "fid_digits")
    assert one.empty and list(one.columns) == COMPARED == list(best_against_plain(study(), "fid_digits").columns)


def test_a_run_is_lent_only_to_a_method_that_has_it():
    table = curve([-0.02, -0.01] * 3)
    bare = table[(table["w"] != 0) & (table["train_seed"] < 2)].assign(method="apg")
    lent = with_plain(pd.concat([table, bare])).query("method == 'apg' and w == 0")
    assert set(lent["train_seed"]) == {0, 1} and len(lent) == 4
    pd.testing.assert_frame_equal(with_plain(table), table)


def test_a_method_without_a_plain_cell_takes_the_others():
    """w = 0 is the conditional model for all; that of another stage of the training is another model."""
    table = curve([-0.02, -0.01] * 3)
    bare = table[table["w"] != 0].assign(method="apg(radius=5)")
    stage = table[table["w"] != 0].assign(method="apg (after 10 steps)")
    found = best_against_plain(pd.concat([table, bare, stage]), "fid_digits").set_index("method")
    assert set(found.index) == {"classifier-free", "apg(radius=5)"}
    assert found["difference"].nunique() == 1 and (found["w"] == 0.1).all()
    lowest = best(summarise(pd.concat([table, bare.assign(value=99.0), stage])), "fid_digits").set_index("method")
    assert lowest.loc["apg(radius=5)", ["w", "value"]].tolist() == [0.0, table.loc[table["w"] == 0, "value"].mean()]
    assert lowest.loc["apg (after 10 steps)", "w"] == 0.1
    early = table.assign(method="classifier-free (after 10 steps)", value=table["value"] + table["w"])
    found = best_against_plain(pd.concat([table, stage, early]), "fid_digits").set_index("method")
    assert found.loc["apg (after 10 steps)", "difference"] == found.loc["classifier-free", "difference"]
