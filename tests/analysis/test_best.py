"""The smallest mean, and its paired difference from w = 0."""

import numpy as np
import pandas as pd
import pytest
from synthetic import study

from analysis.best import COMPARED, best, best_against_plain
from analysis.table import COLUMNS, summarise


def curve(differences, candidates=(0.1,)):
    """FID 1 + r at w = 0 in run r; the first candidate differs by differences[r], the others are far worse."""
    rows = []
    for run, difference in enumerate(differences):
        for w, value in {
            0.0: 1.0 + run,
            **{w: 9.0 + run for w in candidates[1:]},
            candidates[0]: 1.0 + run + difference,
        }.items():
            rows.append(("digits", run // 3, "classifier-free", w, "ddim", 8, run % 3, 100, "fid_digits", value))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_the_minimum_is_the_one_that_was_put_there():
    found = best(summarise(study()), "fid_digits")
    assert len(found) == 2 * 2 * 2 and (found["w"] == 0.1).all() and "real" not in set(found["method"])
    assert found.query("method == 'classifier' and n == 1000 and sampler == 'ddim'")["value"].item() == pytest.approx(0.30)
    with pytest.raises(ValueError, match="the table has no fid_inception"):
        best(summarise(study()), "fid_inception")


def test_pairs_cancel_what_the_runs_share():
    """Between runs FID moves by 1, within pairs by 0.01: unpaired, nothing could be seen."""
    found = best_against_plain(curve([-0.02, -0.01, -0.03] * 3), "fid_digits").iloc[0]
    assert found["difference"] == pytest.approx(-0.02) and found["sd"] == pytest.approx(0, abs=1e-12)
    assert (found["w"], found["trainings"], found["lower"], found["runs"], found["runs_lower"]) == (0.1, 3, 3, 9, 9)


def test_runs_of_one_training_are_averaged_before_the_spread_is_taken():
    """Three trainings that differ by -0.1, -0.2 and -0.3, each in three runs: the sd is that of three numbers, not of nine."""
    found = best_against_plain(curve([-0.1] * 3 + [-0.2] * 3 + [-0.3] * 3), "fid_digits").iloc[0]
    assert found["difference"] == pytest.approx(-0.2) and found["sd"] == pytest.approx(0.1)


def test_mixed_signs_are_counted():
    found = best_against_plain(curve([-0.5, 0.1, -0.2, 0.1, -0.3, 0.1]), "fid_digits").iloc[0]
    assert (found["lower"], found["trainings"], found["runs_lower"], found["runs"]) == (2, 2, 3, 6)


def test_w_zero_does_not_differ_from_itself():
    found = best_against_plain(curve([0.5] * 9), "fid_digits").iloc[0]
    assert (found["w"], found["difference"], found["lower"], found["runs_lower"]) == (0, 0, 0, 0)


def test_a_run_without_its_partner_is_left_out():
    table = curve([-0.02] * 9)
    lonely = table.drop(table[(table["train_seed"] == 2) & (table["seed"] == 1) & (table["w"] == 0)].index)
    assert best_against_plain(lonely, "fid_digits")["runs"].item() == 8


def test_a_group_without_w_zero_is_left_out():
    table = curve([-0.02] * 3)
    other = table[table["w"] > 0].assign(sampler="heun")
    assert best_against_plain(pd.concat([table, other]), "fid_digits")["sampler"].tolist() == ["ddim"]
    alone = best_against_plain(other, "fid_digits")
    assert alone.empty and list(alone.columns) == COMPARED


def test_one_run_leaves_nothing_to_test():
    one = best_against_plain(study(runs=1), "fid_digits")
    assert one.empty and list(one.columns) == COMPARED == list(best_against_plain(study(), "fid_digits").columns)


def test_one_training_beside_others_has_no_spread():
    table = pd.concat([curve([-0.02] * 9), curve([-0.02]).assign(sampler="heun")])
    found = best_against_plain(table, "fid_digits").set_index("sampler")
    assert found.loc["heun", "runs"] == 1 and np.isnan(found.loc["heun", "sd"]) and found.loc["ddim", "sd"] < 1e-9
