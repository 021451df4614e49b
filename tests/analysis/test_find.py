"""Which study a notebook shows."""

import os

import pytest

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
    study_folder("runs/digits-0ld", age=100)
    newest = study_folder("runs/digits-12ab", age=50)
    other = study_folder("runs/digits-exact-34cd")
    study_folder("elsewhere/digits-later", age=-100)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    assert find_study("digits", tmp_path / "deep" / "er") == newest
    assert find_study("digits-exact", tmp_path / "deep" / "er") == other


def test_the_variable_wins_and_must_be_right(study_folder, tmp_path, monkeypatch):
    study_folder("runs/digits-new")
    named = study_folder("elsewhere/mine")
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(named))
    assert find_study("digits", tmp_path) == named
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(tmp_path))
    with pytest.raises(ValueError, match="GUIDANCE_BENCH_STUDY is .* holds no table.csv"):
        find_study("digits", tmp_path)


def test_the_committed_study_is_the_last_resort(tmp_path, monkeypatch):
    import analysis.find as module

    monkeypatch.delenv("GUIDANCE_BENCH_STUDY", raising=False)
    monkeypatch.setattr(module, "__file__", str(tmp_path / "package" / "find.py"))
    with pytest.raises(ValueError, match="guidance-bench study digits"):
        find_study("digits", tmp_path)
    committed = tmp_path / "package" / "results" / "digits-full-cpu"
    committed.mkdir(parents=True)
    (committed / "table.csv").write_text("x")
    assert find_study("digits", tmp_path) == committed
