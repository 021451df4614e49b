"""A study as a notebook opens it."""

import json
from pathlib import Path

import pytest
from synthetic import study

from analysis import find, opened
from analysis.opened import open_study
from analysis.table import parquet_bytes, write_table


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a committed study `digits`, in a folder of which a notebook runs."""
    monkeypatch.delenv("GUIDANCE_BENCH_STUDY", raising=False)
    committed = tmp_path / "docs" / "results"
    for module in (find, opened):
        monkeypatch.setattr(module, "COMMITTED", committed)
    folder = committed / "digits-cpu"
    (folder / "figures").mkdir(parents=True)
    write_table(study(runs=2), folder / "table.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def test_a_committed_study_is_named_without_its_machine_with_what_to_run(checkout, capsys, tmp_path):
    assert open_study("digits", takes="six minutes").folder == checkout
    said = capsys.readouterr().out
    assert said.startswith("reading docs/results/digits-cpu/table.csv (sha256 ") and str(tmp_path) not in said
    assert "`guidance-bench study digits` (six minutes), then run all cells again" in said


def test_a_large_committed_study_has_a_parquet_alone(checkout, capsys):
    table = open_study("digits").table
    (checkout / "table.parquet").write_bytes(parquet_bytes(table))
    (checkout / "table.csv").unlink()
    capsys.readouterr()
    found = open_study("digits")
    assert capsys.readouterr().out.startswith("reading docs/results/digits-cpu/table.parquet (sha256 ")
    assert found.table.equals(table)


def test_a_run_comes_first_unless_committed_ones_are_asked_for(checkout, capsys, monkeypatch):
    run = Path("runs/digits-0123456789ab")
    run.mkdir(parents=True)
    write_table(study(runs=1), run / "table.csv")
    assert open_study("digits").folder == run.absolute() and "the newest run" in capsys.readouterr().out
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", "committed")
    assert open_study("digits").folder == checkout
    monkeypatch.setenv("GUIDANCE_BENCH_STUDY", str(run))
    capsys.readouterr()
    assert open_study("digits").folder == run and "as GUIDANCE_BENCH_STUDY says" in capsys.readouterr().out


def test_where_nothing_is_found_the_command_is_named(checkout):
    with pytest.raises(ValueError, match="no finished study methods .*; `guidance-bench study methods` makes one, hours"):
        open_study("methods", takes="hours")


def test_a_figure_stands_for_samples_and_says_so(checkout, capsys):
    (checkout / "figures" / "samples.png").write_bytes(b"\x89PNG")
    found = open_study("digits")
    capsys.readouterr()
    assert found.figure("samples")._repr_png_() == b"\x89PNG" and "PNG" not in repr(found.figure("samples"))
    assert "samples are not in the table: the study's own figure, figures/samples.png" in capsys.readouterr().out
    assert found.figure("gallery") is None
    assert capsys.readouterr().out == "digits-cpu has no figures/gallery.png: this needs samples, which a table does not hold\n"


def test_tables_values_and_device(checkout):
    found = open_study("digits")
    assert len(found.summary) < len(found.table) and found.device == "a device that was not recorded" and not found.on_gpu
    with pytest.raises(ValueError, match=r"digits-cpu has no compared.csv: it holds table"):
        found.beside("compared")
    for device, on_gpu in (("a CPU", False), ("a GPU", True)):
        (checkout / "provenance.json").write_text(json.dumps({"device": device, "machine": {"processor": "a CPU"}}))
        assert (open_study("digits").device, open_study("digits").on_gpu) == (device, on_gpu)
    (checkout / "config.json").write_text(json.dumps({"values": {"study": {"n": 7}}}))
    assert found.values == {"n": 7}
