"""Every quick study, tiny, is to the digit what it was before the room was rebuilt (golden/README.md)."""

import shutil
from pathlib import Path

import pytest
from frozen import GOLDEN, differences, same_machine
from tiny import TINY

from experiments.registry import STUDIES


def test_every_study_that_there_is_has_a_frozen_table():
    assert set(STUDIES) >= set(TINY) == {path.name for path in GOLDEN.iterdir() if path.is_dir()}
    assert all((GOLDEN / name / "table.csv").is_file() for name in TINY)


HEAVY = ("classifiers", "digits-exact", "methods")  # twenty CPU seconds each


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in TINY])
def test_a_tiny_study_is_what_it_was(tiny, name):
    """The digits once more in two processes: test_study.py, where they are killed at every stage."""
    assert not list(differences(name, tiny(name), exactly=same_machine()))


@pytest.mark.parametrize("name", TINY)
def test_the_frozen_tables_are_what_they_are_and_a_digit_is_seen(tmp_path, name):
    """The comparison itself: nothing differs from itself either way, and what does is named."""
    copy = tmp_path / name
    shutil.copytree(GOLDEN / name, copy)
    assert not list(differences(name, copy, exactly=True)) and not list(differences(name, copy, exactly=False))
    table = copy / "table.csv"
    *rows, last = table.read_text().splitlines()
    *key, value = last.split(",")
    by = {"in its last digit": float(value) * (1 + 1e-12) + 1e-300, "widely": 1.2 * float(value) + 0.5}
    for words, changed in by.items():
        table.write_text("\n".join([*rows, ",".join([*key, repr(changed)])]) + "\n")
        assert len(list(differences(name, copy, exactly=True))) == 1, words
        assert len(list(differences(name, copy, exactly=False))) == (words == "widely")
    table.write_text("\n".join([*rows, ",".join([key[0], "77", *key[2:], value])]) + "\n")
    assert all(len(list(differences(name, copy, exactly))) == 1 for exactly in (True, False)), "another training seed"
    table.write_text("\n".join(rows) + "\n")
    assert all(len(list(differences(name, copy, exactly))) == 1 for exactly in (True, False)), "a row less"


def clocked(folder: Path) -> set[str]:
    return {line.split(",")[-2] for line in (folder / "table.csv").read_text().splitlines()}


def test_what_a_clock_says_is_in_the_table_and_not_in_the_frozen_one(tiny):
    left_out = {"seconds_per_sample", "peak_memory_mib"}
    assert left_out <= clocked(tiny("gaussians")) and not left_out & clocked(GOLDEN / "gaussians")
