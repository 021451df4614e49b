"""The tidy table: round trip, refusals, means with NaN among the keys."""

import numpy as np
import pandas as pd
import pytest
from synthetic import study

from analysis.statistics.paired import spread
from analysis.table import COLUMNS, cells_at, read_table, summarise, write_table


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


def test_the_spread_is_that_of_trainings_and_apart_from_it_that_of_seeds(table):
    """Two trainings 0.04 apart, two seeds 0.02 apart: four runs are two."""
    found = row(summarise(table), metric="fid_digits", method="classifier", w=0.5, sampler="ancestral", n=1000)
    runs = 0.52 + np.array([[0.0, 0.02], [0.04, 0.06]])
    assert found["value"] == pytest.approx(runs.mean()) and (found["trainings"], found["runs"]) == (2, 4)
    assert found["sd"] == pytest.approx(runs.mean(axis=1).std(ddof=1))
    assert found["sd_seeds"] == pytest.approx(runs[0].std(ddof=1))
    assert (found["low"], found["high"]) == pytest.approx((found["value"] - found["sd"], found["value"] + found["sd"]))


def test_the_spreads_are_those_of_the_statistics(table):
    keys, sampled = ["method", "w", "sampler", "n", "metric"], table.dropna(subset="w")
    summary = summarise(sampled).set_index(keys)
    assert summary.index.is_unique and len(summary) == sampled.groupby(keys).ngroups
    for key, cell in sampled.groupby(keys):
        found, expected = summary.loc[key], spread(cell)
        numbers = (expected.mean, expected.sd, expected.within, expected.trainings, expected.runs)
        assert tuple(found[["value", "sd", "sd_seeds", "trainings", "runs"]]) == pytest.approx(numbers, nan_ok=True), key


def test_seeds_are_the_spread_of_one_training_and_an_empty_training_is_none(table):
    one = summarise(table[table["train_seed"] == 0])
    found = row(one, metric="fid_digits", method="classifier", w=0.5, sampler="ancestral", n=1000)
    assert found["sd"] == found["sd_seeds"] == pytest.approx(np.std([0.52, 0.54], ddof=1)) and found["trainings"] == 1
    table = table.copy()
    table.loc[(table["train_seed"] == 1) & (table["metric"] == "fid_digits"), "value"] = np.nan
    again = row(summarise(table), metric="fid_digits", method="classifier", w=0.5, sampler="ancestral", n=1000)
    pd.testing.assert_series_equal(again, found, check_names=False)


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


def test_cells_at_are_one_sampler_with_w_ascending(table):
    summary = summarise(table)
    found = cells_at(summary.sample(frac=1, random_state=0), "fid_digits", "ddim", 16)
    assert set(found["sampler"]) == {"ddim"} and set(found["method"]) == {"classifier", "classifier-free"}
    assert found["w"].is_monotonic_increasing and set(found["n"]) == {500, 1000}
    with pytest.raises(ValueError, match="no cell has sampler 'heun' and 16 steps: it holds ancestral T = 32"):
        cells_at(summary, "fid_digits", "heun", 16)
