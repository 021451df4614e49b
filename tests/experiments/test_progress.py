"""Bars where there is no terminal: whole lines, few of them, and the last one."""

import sys
import time

import pytest

from experiments import progress
from experiments.progress import Lines


@pytest.fixture
def clock(monkeypatch):
    """The seconds of this test, in tqdm too."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


def lines(said: str) -> list[str]:
    assert "\r" not in said and said.endswith("\n")
    return said.splitlines()


def test_a_bar_is_a_line_at_the_start_every_half_minute_and_at_the_end(clock, capsys):
    with Lines(desc="denoiser 0", total=2500, disable=False) as shown:
        for _ in range(2500):
            clock[0] += 0.0625
            shown.set_postfix(loss="0.1", refresh=False)
            shown.update()
    said = lines(capsys.readouterr().err)
    assert [int(line.split("/2500")[0].split()[-1]) for line in said] == [0, 480, 960, 1440, 1920, 2400, 2500]
    assert all(line.startswith("denoiser 0:") for line in said) and "loss=0.1" in said[-1]


@pytest.mark.parametrize(("steps", "wanted"), [(6, ["0/6", "6/6"]), (4, ["0/6", "4/6"]), (0, ["0/6"])])
def test_a_short_one_is_its_two_ends_also_if_it_ends_early(clock, capsys, steps, wanted):
    with Lines(desc="classifier 0", total=6, disable=False) as shown:
        for _ in range(steps):
            clock[0] += 0.5
            shown.update()
    said = lines(capsys.readouterr().err)
    assert len(said) == len(wanted) and all(words in line for words, line in zip(wanted, said))


def test_what_is_no_terminal_gets_lines_and_what_is_one_a_bar(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal, raising=False)
        with progress.bar("x", 3, "step") as shown:
            assert isinstance(shown, Lines) == (not terminal)
