"""The tidy table: round trip, refusals, means with NaN among the keys, and where a study is found."""

import os

import numpy as np
import pandas as pd
import pytest
from synthetic import study

from analysis.table import COLUMNS, find_study, read_table, summarise, write_table


@pytest.fixture(scope="module")
def table():
    return study()


def row(summary, **where):
    for column, wanted in where.items():
        summary = summary[summary[column] == wanted]
    assert len(summary) == 1
    return summary.iloc[0]


def test_a_table_comes_back_from_its_file_unchanged(tmp_path, table):
    table = table.assign(value=table["value"] * np.pi)  # digits that rounding would lose
    path = write_table(table, tmp_path / "table.csv")
    pd.testing.assert_frame_equal(read_table(path), table)
    real = read_table(path).query("method == 'real'")
    assert (real["sampler"] == "").all() and real["w"].isna().all()


def test_means_and_deviations_are_over_runs(table):
    found = row(summarise(table), metric="fid_digits", method="classifier", w=0.5, sampler="ancestral", n=1000)
    runs = 0.52 + np.array([0.0, 0.02, 0.04, 0.06])
    assert found["value"] == pytest.approx(runs.mean()) and found["runs"] == 4
    assert found["sd"] == pytest.approx(np.sqrt(((runs - runs.mean()) ** 2).sum() / 3))
    assert (found["low"], found["high"]) == pytest.approx((found["value"] - found["sd"], found["value"] + found["sd"]))


def test_real_data_survives_though_its_w_is_not_a_number(table):
    found = row(summarise(table), method="real", metric="fid_digits")
    assert found["value"] == 0.37 and np.isnan(found["sd"]) and np.isnan(found["low"]) and found["runs"] == 1
    assert found["n"] == 500 and found["sampler"] == ""


def test_neither_n_nor_samplers_are_mixed(table):
    summary = summarise(table)
    assert row(summary, metric="fid_digits", method="classifier", w=0.5, sampler="ancestral", n=500)["runs"] == 4
    assert len(summary) == len(table[["method", "w", "sampler", "steps", "n", "metric"]].drop_duplicates())


def test_order_of_rows_does_not_matter(table):
    pd.testing.assert_frame_equal(summarise(table), summarise(table.sample(frac=1, random_state=0)))


def test_missing_columns_are_named(tmp_path, table):
    path = tmp_path / "table.csv"
    table.drop(columns=["seed", "n"]).to_csv(path, index=False)
    with pytest.raises(ValueError, match=r"table\.csv lacks seed, n"):
        read_table(path)


def test_files_that_are_no_table_are_named(tmp_path):
    with pytest.raises(ValueError, match="there is no table .*nowhere.csv"):
        read_table(tmp_path / "nowhere.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="empty.csv is not a table"):
        read_table(tmp_path / "empty.csv")
    (tmp_path / "words.csv").write_text(",".join(COLUMNS) + "\ndigits,0,real,,,0,-1,500,fid_digits,good\n")
    with pytest.raises(ValueError, match="words.csv has text among its value"):
        read_table(tmp_path / "words.csv")


def test_a_run_counted_twice_is_refused(tmp_path, table):
    twice = pd.concat([table, table.iloc[[5]]])
    with pytest.raises(ValueError, match="twice"):
        summarise(twice)
    with pytest.raises(ValueError, match="twice"):
        write_table(twice, tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())


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
    study_folder("runs/digits-old", age=100)
    newest = study_folder("runs/digits-new")
    study_folder("runs/cifar", age=-100)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert find_study(tmp_path / "deep" / "er") == newest


def test_the_variable_wins_and_must_be_right(study_folder, tmp_path, monkeypatch):
    study_folder("runs/digits-new")
    named = study_folder("elsewhere/mine")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(named))
    assert find_study(tmp_path) == named
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(tmp_path))
    with pytest.raises(ValueError, match="GUIDANCE_BENCH_STUDY is .* holds no table.csv"):
        find_study(tmp_path)


def test_the_committed_study_is_the_last_resort(tmp_path, monkeypatch):
    import analysis.table as module

    monkeypatch.delenv("GUIDANCE_BENCH_STUDY", raising=False)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "package" / "table.py"))
    with pytest.raises(ValueError, match="make study"):
        find_study(tmp_path)
    committed = tmp_path / "package" / "results" / "digits-full-cpu"
    committed.mkdir(parents=True)
    (committed / "table.csv").write_text("x")
    assert find_study(tmp_path) == committed
