"""One line each, and nobody's folder is to be deleted: what a command says of a folder, a number or a cost that cannot be."""

import json
from pathlib import Path

import pytest
from small import here
from tiny import GAUSSIANS, TINY, sets, tiny_study
from toys import make

import experiments.tasks.measure as measures
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.studies.decode import load_trained, read_study
from experiments.studies.running import make as make_study


def words(settings: dict[str, object]) -> list[str]:
    return [word for one in sets(settings) for word in ("--set", one)]


FOLDERS = {
    "photos": lambda place: (place / "summer.jpg").write_text("summer"),
    "photos with a manifest": lambda place: (place / "manifest.json").write_text("[]"),
    "deep": lambda place: (place / "manifest.json").write_text("[" * 100_000),
    "an old run": lambda place: (place / "manifest.json").write_text('{"schema": 1, "sha256": {}}'),
    "a newer run": lambda place: (place / "manifest.json").write_text('{"schema": 3}'),
    "a whole manifest": lambda place: (place / "manifest.json").write_text(
        json.dumps({"schema": 2, "files": {"config.json": "0", "provenance.json": "0"}})
    ),
}


@pytest.mark.parametrize("fill", FOLDERS.values(), ids=FOLDERS)
def test_nobody_is_told_to_delete_a_folder_that_is_no_run(tmp_path, capsys, fill):
    (photos := tmp_path / "my photos").mkdir()
    fill(photos)
    for look in (load_trained, read_study):
        with pytest.raises(Problem, match="my photos") as refused:
            look(photos)
        assert "delete the folder" not in str(refused.value) and "\n" not in str(refused.value)
    commands = [["verify", str(photos)], ["publish", str(photos), str(tmp_path / "place")]]
    commands += [["train", "classifier", "--set", f"begin={photos}", "--runs", str(tmp_path / "runs")]]
    for command in commands:
        done = here(command, capsys)
        assert done.returncode in (1, 2) and "delete the folder" not in done.stdout + done.stderr, command
        assert len(done.stderr.splitlines()) <= 1 and "Traceback" not in done.stderr
    assert photos.is_dir()


def test_an_evaluator_that_says_nan_fails_its_cells_in_one_line(tmp_path, monkeypatch):
    study = tiny_study(
        "gaussians",
        {"sample_seeds": [0], "methods": ["classifier-free"], "sweeps": [{"sampler": "ddim", "steps": 2, "ws": [0, 1]}]},
    )
    cells = [placed.task for placed in study.cells() if getattr(placed.task, "w", None) == 1]
    real = measures.logits

    def nan(world, x, label):
        density, by_class = real(world, x, label)
        return density * float("nan"), by_class * float("nan")

    monkeypatch.setattr(measures, "logits", nan)
    outcome = make(tmp_path, *cells)
    assert len(outcome.failed) == len(cells)
    for why in outcome.failed.values():
        assert why.startswith("measures of ") and "\n" not in why


@pytest.mark.slow
@pytest.mark.parametrize("w", [1e38, -1e38])
def test_a_w_that_is_too_large_is_one_line_and_the_rest_is_made(tmp_path, capsys, w):
    few = {
        **GAUSSIANS,
        "sample_seeds": [0],
        "methods": ["classifier-free"],
        "sweeps": [{"sampler": "ddim", "steps": 4, "ws": [0, 1, w]}],
    }
    command = ["study", "gaussians", *words(few), "--runs", str(tmp_path), "--workers", "1", "--device", "cpu"]
    done = here(command, capsys)
    assert "Traceback" not in done.stdout + done.stderr and "NaN" not in done.stdout
    table = next(tmp_path.glob("gaussians-*")) / "table.csv"
    assert ",classifier-free,1.0," in table.read_text()
    if done.returncode:
        assert done.returncode == 1 and "failed: " in done.stdout and f"w={w:g}" in done.stdout
        again = here(command, capsys)
        assert again.returncode == 1 and "--retry tries them again" in again.stdout


def test_steps_without_end_say_beforehand_what_they_cost(tmp_path, monkeypatch):
    said: list[str] = []

    class Begun(Exception):
        pass

    def stop(*given, **options):
        raise Begun

    monkeypatch.setattr("experiments.studies.running.run", stop)
    sweep = [{"sampler": "ddim", "steps": 1_000_000, "ws": [1], "methods": ["classifier-free"]}]
    study = tiny_study("gaussians", {"sample_seeds": [0], "n": 240, "sweeps": sweep, "methods": ["classifier-free"]})
    with pytest.raises(Begun):
        make_study(study, Store(tmp_path), 1, "cpu", tell=said.append)
    assert f"about {2 * 240 * 1_000_000:,} network evaluations" in said[0]
    assert "1 trainings" not in said[0]
    digits = tiny_study("digits", {"model.fit.steps": 1_000_000})
    assert "4 trainings of 1,000,018 steps in all" in digits.describe()


def test_every_tiny_study_describes_what_it_costs():
    for name in TINY:
        assert any(word in tiny_study(name).describe() for word in ("network evaluations", "cells of")), name


def test_ls_names_what_is_broken_and_goes_on(tmp_path, capsys):
    from toys import Cell

    make(tmp_path, Cell(w=1), Cell(w=2))
    one, other = (Store(tmp_path).path(Cell(w=w)) for w in (1, 2))
    (one / "provenance.json").write_text("[]")
    (tmp_path / "notes").mkdir()
    listed = here(["ls", "--runs", str(tmp_path)], capsys).stdout
    assert f"{one.name}" in listed and "broken" in listed and f"{other.name}" in listed and "notes" not in listed
    assert Path(tmp_path / "notes").is_dir()
