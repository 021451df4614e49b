"""Which study a notebook shows."""

import os
from pathlib import Path

import pytest

from analysis import find
from analysis.find import find_study


@pytest.fixture
def study_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("GUIDANCE_BENCH_STUDY", raising=False)

    def make(name, age=0):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "table.csv").write_text("x")
        os.utime(folder / "table.csv", (1e9 - age, 1e9 - age))
        return folder

    return make


def test_the_newest_run_above_is_found(study_folder, tmp_path):
    study_folder("runs/digits-0123456789ab", age=100)
    newest = study_folder("runs/digits-00000000ffff", age=50)
    other = study_folder("runs/digits-exact-34cd34cd34cd")
    strangers = ("digits-later", "digits-full-000000000000", "digits-0000000000000")
    for name in ("elsewhere/digits-000000000000", *(f"runs/{name}" for name in strangers)):
        study_folder(name, age=-100)  # newer, and no run of this study
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert find_study("digits", tmp_path / "deep" / "er") == newest
    assert find_study("digits-exact", tmp_path / "deep" / "er") == other


def test_the_variable_wins_and_must_be_right(study_folder, tmp_path, monkeypatch):
    study_folder("runs/digits-aaaaaaaaaaaa")
    named = study_folder("elsewhere/mine")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(named))
    assert find_study("digits", tmp_path) == named
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(tmp_path))
    with pytest.raises(ValueError, match="GUIDANCE_BENCH_STUDY is .* holds no table.csv"):
        find_study("digits", tmp_path)


@pytest.fixture
def checkout(study_folder, tmp_path, monkeypatch):
    """Makes a committed study of a checkout, beside which no run is found."""
    monkeypatch.setattr(find, "COMMITTED", tmp_path / "checkout" / "docs" / "results")
    (tmp_path / "elsewhere").mkdir()
    return lambda name: study_folder(f"checkout/docs/results/{name}")


def test_the_committed_study_is_the_last_resort(checkout, study_folder, tmp_path):
    checkout("digits-exact-cpu")
    with pytest.raises(ValueError, match="no finished study digits in or above"):
        find_study("digits", tmp_path / "elsewhere")
    full = checkout("digits-full-cpu")
    assert find_study("digits", tmp_path / "elsewhere") == full
    quick = checkout("digits-cpu")
    assert find_study("digits", tmp_path / "elsewhere") == quick
    run = study_folder("elsewhere/runs/digits-012345678901")
    assert find_study("digits", tmp_path / "elsewhere") == run


def test_it_is_looked_for_in_the_checkout_of_this_package():
    assert Path(__file__).parents[2] / "docs" / "results" == find.COMMITTED


def test_only_a_command_that_exists_is_advised(checkout, tmp_path):
    with pytest.raises(ValueError, match=r"^there is no study cifar; known: digits, gaussians$"):
        find_study("cifar", tmp_path / "elsewhere", known=["digits", "gaussians"])
    with pytest.raises(ValueError, match="run `guidance-bench study digits`, or name a study's folder in GUIDANCE_BENCH_STUDY"):
        find_study("digits", tmp_path / "elsewhere", known=["digits", "gaussians"])
    with pytest.raises(ValueError, match="elsewhere: name a study's folder in GUIDANCE_BENCH_STUDY$"):
        find_study("mine", tmp_path / "elsewhere")
    mine = checkout("mine-cpu")
    assert find_study("mine", tmp_path / "elsewhere", known=["digits"]) == mine, "what is there need not be known"
