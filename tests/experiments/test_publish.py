"""Results to be committed: from clean code only, whole, and the same when they are made again."""

import re
import shutil
from pathlib import Path

import pytest
from small import here

from experiments.graph.files import read_json, sha256, write_json
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies.publish import check_published, publish, remake, wrong_rows

pytest.importorskip("pyarrow")  # what is published has its table as parquet too
CLEAN = "0123456789abcdef0123456789abcdef01234567"


def rewrite(file: Path, change) -> None:
    """Changes a JSON file of a run, and lets the manifest name the new bytes."""
    write_json(file, change(read_json(file)))
    forge(file.parent)


def forge(run: Path) -> None:
    found = read_json(run / "manifest.json")
    write_json(run / "manifest.json", found | {"files": {name: sha256(run / name) for name in found["files"]}})


@pytest.fixture(scope="module")
def clean(tiny, tmp_path_factory) -> Path:
    """A store whose runs say that a clean checkout made them."""
    runs = shutil.copytree(tiny("controls-exact").parent, tmp_path_factory.mktemp("clean") / "runs")
    for run in (path for path in runs.iterdir() if not path.name.startswith(".")):
        rewrite(run / "provenance.json", lambda made: made | {"revision": CLEAN})
    return runs


@pytest.fixture
def store(clean, tmp_path) -> Path:
    return shutil.copytree(clean, tmp_path / "runs")


def report(store: Path) -> Path:
    (found,) = store.glob("controls-exact-*")
    return found


def test_what_clean_code_made_is_published_whole(store, tmp_path):
    place = publish(report(store), tmp_path / "results" / "controls-exact-cpu")
    check_published(place)
    assert {path.name for path in place.iterdir()} == {path.name for path in report(store).iterdir()} | {"table.parquet"}
    assert read_json(place / "manifest.json")["files"]["table.parquet"] == sha256(place / "table.parquet")
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    with pytest.raises(Problem, match="is there already"):
        publish(report(store), place)


def test_what_is_large_is_published_as_parquet_alone_and_read_and_verified_like_the_other(store, tmp_path, monkeypatch, capsys):
    import pandas as pd

    from analysis.table import parquet_bytes, read_table

    monkeypatch.setattr("experiments.studies.publish.LARGE", 1000)
    place = publish(report(store), tmp_path / "place")
    held, made = ({path.name for path in folder.iterdir()} for folder in (place, report(store)))
    large = {"table.csv", "summary.csv"}
    assert held == made - large | {"table.parquet", "summary.parquet"}
    assert large.isdisjoint(read_json(place / "manifest.json")["files"])
    assert read_table(place / "table.csv").equals(read_table(report(store) / "table.csv"))
    assert "whole" in here(["verify", str(place)], capsys).stdout
    assert "rows agree" in remade(place, store)[-1]
    summary = pd.read_parquet(place / "summary.parquet")
    (place / "summary.parquet").write_bytes(parquet_bytes(summary.assign(value=summary["value"] * 1.5)))
    forge(place)
    assert "summary.parquet is not the summary of table.parquet: " in here(["verify", str(place)], capsys).stderr


def test_a_parquet_of_other_numbers_is_found(store, tmp_path):
    from analysis.table import parquet_bytes, read_table

    place = publish(report(store), tmp_path / "place")
    table = read_table(place / "table.csv")
    (place / "table.parquet").write_bytes(parquet_bytes(table.assign(value=table["value"] * 1.5)))
    forge(place)
    with pytest.raises(Problem, match=r"table\.parquet is not the table of table\.csv"):
        check_published(place)


def test_figures_and_tables_of_a_run_and_of_its_committed_copy_are_written(store, tmp_path, capsys):
    place = publish(report(store), tmp_path / "place")
    for run, samples in ((report(store), True), (place, False)):
        out = tmp_path / f"of-{samples}"
        done = here(["figures", str(run), str(out), "--format", "svg"], capsys)
        assert done.returncode == 0 and f"{len(list(out.iterdir()))} files in {out}" in done.stdout
        names = {path.name for path in out.iterdir()}
        assert any(name.startswith("samples") for name in names) == samples and "cost.svg" in names
        lacking = sorted({path.stem for path in (run / "figures").iterdir()} - {path.stem for path in out.iterdir()})
        left_out = f"left out: {', '.join(lacking)}: they show samples, which {run} has none of"
        assert (left_out in done.stdout) if lacking else ("left out" not in done.stdout)
        assert bool(lacking) != samples and all(name.startswith("samples") for name in lacking)
    assert here(["tables", str(place), str(tmp_path / "tex"), "--format", "latex"], capsys).returncode == 0
    assert "\\toprule" in (tmp_path / "tex" / "main_digits-exact.tex").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["figures", "RUN", "new", "--format", "eps"], "--format eps: choose of png, pdf, svg"),
        (["tables", "RUN", "new", "--format", "xlsx"], "--format xlsx: choose of csv, parquet, latex"),
        (["figures", "nowhere", "new"], "nowhere: name the folder that `guidance-bench study` prints"),
        (["tables", "RUN", "full"], "full has files already"),
        (["tables", "RUN", "file"], "file is a file: name the folder to fill"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(store, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    done = here([str(report(store)) if word == "RUN" else word for word in words], capsys)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists() and [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("revision", [CLEAN + "+", None, 5])
@pytest.mark.parametrize("kind", ["controls-exact", "measure-exact", "sample"])
def test_code_that_was_not_committed_publishes_nothing(store, tmp_path, kind, revision):
    """Of the report, of a cell, and of what the cell is made of: further back than the report's own parents."""
    run = next(store.glob(f"{kind}-*"))
    rewrite(run / "provenance.json", lambda made: made | {"revision": revision})
    with pytest.raises(Problem, match=f"{run.name} was made .*(changes|outside a checkout).*commit first"):
        publish(report(store), tmp_path / "place")
    assert not (tmp_path / "place").exists()


def test_what_was_accepted_is_not_published(store, tmp_path):
    run = next(store.glob("sample-*"))
    found = read_json(run / "manifest.json")
    write_json(run / "manifest.json", found | {"accepted": [{"when": "now", "although": ["made by a different version of a"]}]})
    with pytest.raises(Problem, match="was accepted although it was stale"):
        publish(report(store), tmp_path / "place")


@pytest.mark.parametrize("damage", ["file", "gone"])
def test_a_broken_run_behind_it_publishes_nothing(store, tmp_path, damage):
    run = next(store.glob("sample-*"))
    shutil.rmtree(run) if damage == "gone" else (run / "cost.json").write_text("{}")
    with pytest.raises(Problem, match=f"{run.name}.*(altered|not there any more)"):
        publish(report(store), tmp_path / "place")


def test_what_is_no_study_is_not_published(store, tmp_path):
    for run in (next(store.glob("sample-*")), tmp_path):
        with pytest.raises(Problem, match="is no run of a study|is the run of"):
            publish(run, tmp_path / "place")


def altered(place: Path) -> None:
    """One number of a table, of which nobody can see that it is another."""
    lines = (place / "table.csv").read_text().splitlines(keepends=True)
    rows = [i for i, line in enumerate(lines) if ",frechet_exact," in line]
    at = max(rows, key=lambda i: float(lines[i].rsplit(",", 1)[1]))  # seen on another class of machine, too
    head, value = lines[at].rstrip("\n").rsplit(",", 1)
    lines[at] = f"{head},{float(value) * 1.5}\n"
    (place / "table.csv").write_text("".join(lines))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.iloc[1:], "missing"),
        (lambda rows: rows.assign(w=rows["w"] + 1), "missing|of no row of the table"),
        (lambda rows: rows.assign(sd_seeds=rows["sd_seeds"] * 1.01), "sd_seeds is .* of the table"),
        (lambda rows: rows.assign(runs=rows["runs"] + 1), "runs is 3, and 2 of the table"),
        (lambda rows: rows.assign(low=float("nan")), "low is nan"),
        (lambda rows: rows.drop(columns="high"), "it has no column high"),
    ],
)
def test_a_summary_that_is_not_that_of_its_table_is_refused_by_its_row(change, words, tiny):
    import pandas as pd

    from analysis.table import read_table

    folder = tiny("controls-exact")
    table, summary = read_table(folder / "table.csv"), pd.read_csv(folder / "summary.csv")
    assert not list(wrong_rows(table, summary))
    first = next(wrong_rows(table, change(summary)))
    assert re.search(words, first) and ("column" in first or "digits-exact" in first)


def test_an_altered_number_is_found_by_the_manifest_then_the_summary_then_by_making_it_again(store, tmp_path, capsys):
    from analysis.table import parquet_bytes, read_table, summarise

    place = publish(report(store), tmp_path / "place")
    assert "whole" in here(["verify", str(place)], capsys).stdout
    assert remade(place, store)[-1].startswith("183 of 183 rows agree") or "rows agree" in remade(place, store)[-1]
    altered(place)
    assert "table.csv is truncated or altered" in here(["verify", str(place)], capsys).stderr
    (place / "table.parquet").write_bytes(parquet_bytes(read_table(place / "table.csv")))
    forge(place)
    refused = here(["verify", str(place)], capsys)
    assert refused.returncode == 2 and "summary.csv is not the summary of table.csv: frechet_exact of " in refused.stderr
    summarise(read_table(place / "table.csv")).to_csv(place / "summary.csv", index=False)
    forge(place)
    check_published(place)
    with pytest.raises(Problem, match=r"1 rows differ, the first: frechet_exact of .* there, .* here"):
        remade(place, store)
    provenance = read_json(place / "provenance.json")
    rewrite(place / "provenance.json", lambda made: made | {"machine": {**provenance["machine"], "torch": "another"}})
    with pytest.raises(Problem, match="1 rows differ"):  # far beyond the tolerance of another machine, too
        remade(place, store)


def remade(place: Path, store: Path) -> list[str]:
    """The study again, in the store whose runs are there: the cells are found, so that this takes no time."""
    return list(remake(place, Store(store), 1, "cpu"))


def test_a_row_that_is_not_made_again_and_one_that_was_left_out_are_found(store, tmp_path):
    import pandas as pd

    from experiments.studies.publish import compare

    table = pd.read_csv(report(store) / "table.csv", keep_default_na=True)
    assert not list(compare(table, table.copy(), 0.0))
    assert any("not made again" in line for line in compare(table, table.iloc[:-1], 0.0))
    assert list(compare(table.iloc[:-1], table, 0.0))


def test_verify_looks_at_a_store_a_run_and_at_nothing_else(store, tmp_path, capsys):
    whole = here(["verify", str(store)], capsys)
    count = len([path for path in store.iterdir() if not path.name.startswith(".")])
    assert whole.returncode == 0 and f"{count} of {count} runs are whole" in whole.stdout
    run = next(store.glob("sample-*"))
    assert "whole" in here(["verify", str(run)], capsys).stdout
    (run / "cost.json").write_text("{}")
    broken = here(["verify", str(store)], capsys)
    assert broken.returncode == 1 and f"{run.name}/cost.json is truncated or altered" in broken.stdout
    (photos := tmp_path / "my photos").mkdir()
    assert "holds no run" in here(["verify", str(photos)], capsys).stderr
    (photos / "summer").mkdir()
    (photos / "summer" / "manifest.json").write_text("[")
    for words in (["verify", str(photos)], ["verify", str(photos / "summer")], ["explain", str(photos / "summer")]):
        done = here(words, capsys)
        assert done.returncode in (1, 2) and "delete" not in done.stdout + done.stderr and "Traceback" not in done.stderr
