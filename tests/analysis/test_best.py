"""The smallest mean, and the paired test which says whether it is more than the luck of many candidates."""

import numpy as np
import pandas as pd
import pytest
from synthetic import study

from analysis.best import best, best_against_plain
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
    found = best_against_plain(curve([-0.02, -0.01, -0.03] * 3)).iloc[0]
    assert found["difference"] == pytest.approx(-0.02) and found["sd"] == pytest.approx(np.std([2, 1, 3] * 3, ddof=1) / 100)
    assert (found["w"], found["pairs"], found["lower"]) == (0.1, 9, 9)
    assert found["p"] == pytest.approx(2 / 2**9) and found["differs"]


def test_every_candidate_makes_a_lucky_minimum_likelier():
    differences = [-0.02] * 8
    alone = best_against_plain(curve(differences))
    among_ten = best_against_plain(curve(differences, tuple(0.1 * np.arange(1, 11))))
    assert alone["p"].item() == pytest.approx(2 / 2**8) and alone["differs"].item()
    assert among_ten["p"].item() == pytest.approx(20 / 2**8) and not among_ten["differs"].item()


def test_mixed_signs_do_not_differ():
    found = best_against_plain(curve([-0.5, 0.1, -0.2, 0.1, -0.3, 0.1])).iloc[0]
    assert found["lower"] == 3 and found["p"] == 1 and not found["differs"]


def test_w_zero_does_not_differ_from_itself():
    found = best_against_plain(curve([0.5] * 9)).iloc[0]
    assert (found["w"], found["difference"], found["lower"], found["p"]) == (0, 0, 0, 1) and not found["differs"]


def test_a_run_without_its_partner_is_left_out():
    table = curve([-0.02] * 9)
    lonely = table.drop(table[(table["train_seed"] == 2) & (table["seed"] == 1) & (table["w"] == 0)].index)
    assert best_against_plain(lonely)["pairs"].item() == 8


def test_without_w_zero_there_is_nothing_to_compare():
    table = curve([-0.02] * 3)
    with pytest.raises(ValueError, match="no w = 0"):
        best_against_plain(table[table["w"] > 0])
