"""The wide table says what the summary says, with as many decimals as the deviation deserves."""

import pytest
from synthetic import study

from analysis.headline import headline, markdown
from analysis.table import summarise


@pytest.fixture(scope="module")
def summary():
    return summarise(study())


def test_cells_are_mean_and_deviation(summary):
    wide = headline(summary, sampler="ancestral", steps=32, n=1000, metrics=["fid_digits", "is_digits"])
    assert list(wide.columns) == ["fid_digits", "is_digits"]
    assert wide.loc[("classifier-free", "0.1"), "fid_digits"] == "0.280 ± 0.028"  # trainings: 0.26 and 0.30
    assert wide.loc[("classifier", "4"), "fid_digits"] == "1.450 ± 0.028"
    assert list(wide.loc["classifier"].index) == ["0", "0.1", "0.5", "4"]


def test_real_data_joins_only_at_its_own_n(summary):
    cell = {"sampler": "ancestral", "steps": 32, "metrics": ["fid_digits"]}
    small = headline(summary, n=500, **cell)
    assert small.index[-1] == ("real test set", "") and small.iloc[-1, 0] == "0.370"
    assert "real test set" not in headline(summary, n=1000, **cell).index.get_level_values("method")


def test_one_run_has_no_deviation_and_three_digits():
    wide = headline(summarise(study(runs=1)), sampler="ancestral", steps=32, n=1000, metrics=["fid_digits"])
    assert wide.loc[("classifier-free", "0.5"), "fid_digits"] == "0.500"


def test_what_is_not_there_is_named_with_what_is(summary):
    with pytest.raises(ValueError, match="T = 32 n = 1000"):
        headline(summary, sampler="ancestral", steps=999, n=1000)
    with pytest.raises(ValueError, match="no metric fid_inception"):
        headline(summary, sampler="ancestral", steps=32, n=1000, metrics=["fid_inception"])


def test_markdown_is_a_github_table(summary):
    wide = headline(summary, sampler="ancestral", steps=32, n=1000, metrics=["fid_digits"])
    lines = markdown(wide).splitlines()
    assert lines[:2] == ["| method | w | fid_digits |", "| --- | --- | --- |"] and len(lines) == 2 + len(wide)
    assert "| classifier-free | 0.1 | 0.280 ± 0.028 |" in lines
