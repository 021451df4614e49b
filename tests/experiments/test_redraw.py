"""A committed result drawn again: by the same code it is the same page to the byte, by another what it says is another."""

import re
import shutil
from pathlib import Path

import pytest
from test_publish import CLEAN, clean, report, store

from experiments.graph.files import read_json
from experiments.problems import Problem
from experiments.studies import redraw as redrawing
from experiments.studies.publish import check_published, publish
from experiments.studies.redraw import redraw

__all__ = ["clean", "store"]  # fixtures


@pytest.fixture
def place(store, tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(redrawing, "revision", lambda: CLEAN)
    return publish(report(store), tmp_path / "controls-exact-cpu")


def content(folder: Path) -> dict[str, bytes]:
    made = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: held for name, held in made.items() if name not in ("manifest.json", "provenance.json")}


def test_by_the_same_code_it_is_the_same_to_the_byte(place):
    before, record = content(place), read_json(place / "provenance.json")
    assert redraw(place) == [] and [path.name for path in place.parent.glob("*controls*")] == [place.name]
    check_published(place)
    now = read_json(place / "provenance.json")
    assert now.pop("redrawn")["revision"] == CLEAN and now == record
    after = content(place)
    assert before.keys() == after.keys() and "figures/samples_classifier-free.png" in after
    page, again = before.pop("report.html").decode(), after.pop("report.html").decode()
    said, count = re.subn(r'<p class="redrawn">.*? by commit (\w+); .*?</p>', "", again)
    assert before == after and said == page and count == 1
    redraw(place)
    assert (place / "report.html").read_text() == again


@pytest.mark.slow
def test_by_other_code_its_sentences_are_others_and_its_numbers_stay(place, monkeypatch):
    before = content(place)
    monkeypatch.setattr("analysis.reports.common.found", lambda results: ["Told anew."])
    redraw(place)
    after = content(place)
    assert "Told anew." in after["summary.txt"].decode() and "Told anew." in after["report.html"].decode()
    same = {name for name, held in after.items() if before.get(name) == held}
    assert {"table.csv", "table.parquet", "summary.csv", "config.json", "figures/cost.png"} <= same


@pytest.mark.slow
def test_what_was_altered_or_is_no_commit_is_refused_and_stays_as_it_is(place, monkeypatch):
    monkeypatch.setattr(redrawing, "revision", lambda: CLEAN + "+")
    before = content(place)
    with pytest.raises(Problem, match="commit it first"):
        redraw(place)
    monkeypatch.setattr(redrawing, "revision", lambda: CLEAN)
    monkeypatch.setattr("experiments.studies.redraw._sealed", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        redraw(place)
    assert content(place) == before and len(list(place.parent.glob(".*controls*"))) == 0
    shutil.copy(place / "table.csv", place / "summary.csv")
    with pytest.raises(Problem, match="altered"):
        redraw(place)
