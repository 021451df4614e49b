"""What the commands say of themselves, and what the small ones answer."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small import here
from timed import cpu_of_children, of_torch

from experiments.quiet import uncollected

ROOT = Path(__file__).parents[2]


HELP = """
import sys
from experiments.__main__ import main
try:
    main()
finally:
    print([name for name in ("torch", "pandas", "timm", "pydantic") if name in sys.modules])
"""


def test_help_costs_less_than_a_second_and_imports_nothing_heavy():
    """A second of the processor's, whatever else keeps it busy."""
    seconds = []
    for _ in range(3):
        start = cpu_of_children()
        result = subprocess.run([sys.executable, "-c", HELP, "--help"], capture_output=True, text=True, cwd=ROOT)
        seconds.append(cpu_of_children() - start)
        assert result.returncode == 0 and "study" in result.stdout and result.stdout.strip().endswith("[]")
        if seconds[-1] < 1:
            break  # it is seen, and each more costs as much
    assert min(seconds) < 1


HEAVY = '"pandas", "pyarrow", "sklearn", "torchvision", "timm", "scipy", "matplotlib"'
SHOW = HELP.replace('"torch", "pandas", "timm", "pydantic"', HEAVY)


def test_a_study_shows_its_values_in_two_seconds_and_imports_torch_alone_of_what_is_heavy():
    """Two seconds of the processor's, of which torch takes more than one; where that takes longer, little more than it does."""
    seconds = []
    for _ in range(2):
        start = cpu_of_children()
        words = [sys.executable, "-c", SHOW, "study", "digits", "--show-config"]
        result = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
        seconds.append(cpu_of_children() - start)
        assert result.returncode == 0 and result.stdout.strip().endswith("[]"), result.stdout[-200:]
        if seconds[-1] < 2:
            break  # it is seen, and each more costs as much
    assert min(seconds) < 2 or min(seconds) < 1.3 * of_torch()


def test_nothing_is_collected_while_a_command_imports_and_all_is_as_before_after_it(monkeypatch):
    with uncollected():
        assert gc.isenabled(), "torch is here already"
    monkeypatch.delitem(sys.modules, "torch")
    try:
        with pytest.raises(KeyError), uncollected():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() and gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--version"], "guidance-bench 0."),
        (["methods"], "classifier-free"),
        (["samplers"], "dpm-solver++-sde"),
        (["worlds"], "digits-exact"),
        (["worlds", "digits"], "1,297"),
        (["worlds", "gaussians"], "three isotropic Gaussians"),
        (["study", "digits", "--show-config"], "p_uncond"),
    ],
)
def test_the_other_commands_answer(words, shown, capsys):
    result = here(words, capsys)
    assert result.returncode == 0 and shown in result.stdout


def test_help_says_what_every_command_and_option_is_and_names_every_study():
    from typer.main import get_command

    from experiments.__main__ import app
    from experiments.registry import STUDIES

    known = get_command(app).commands
    for name, one in known.items():
        assert one.help, name
        for option in one.params:
            assert getattr(option, "help", None), f"{name} {option.name}"
    (study,) = (option for option in known["study"].params if option.name == "name")
    assert set(STUDIES.own) <= set(re.split("[ ,]+", study.help))


def test_a_folder_of_runs_that_is_not_there_is_named(tmp_path, capsys):
    done = here(["ls", "--runs", str(tmp_path / "nowhere")], capsys)
    assert done.returncode == 2 and "there is no folder" in done.stderr and "--runs" in done.stderr
    (tmp_path / "empty").mkdir()
    assert here(["ls", "--runs", str(tmp_path / "empty")], capsys).returncode == 0


BARS = """
import sys, time
from experiments import progress
progress.SECONDS_BETWEEN_LINES = 0.0
shown = progress.bar("reading", None, "image")
shown.update(1)
print("soon", file=sys.stderr)
time.sleep(0.6)
shown.update(1)
progress.bar("training", 5, "step")
"""


def test_a_bar_of_no_known_end_shows_nothing_before_it_has_something_to_show():
    """So that a set whose first image is refused is one line."""
    environment = {name: held for name, held in os.environ.items() if name != "TQDM_DISABLE"}
    lines = subprocess.run(
        [sys.executable, "-c", BARS], capture_output=True, text=True, cwd=ROOT, env=environment
    ).stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["soon", "reading", "training"] and "2image" in lines[1], lines
