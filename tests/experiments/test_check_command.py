"""The command check-checkpoint: its table, its verdicts, its exit codes."""

import pytest
import torch
from safetensors.torch import save_file
from small import here


@pytest.fixture
def weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_file({"weight": torch.zeros(2)}, tmp_path / "weights.safetensors")
    return "weights.safetensors"


def words(file, adapter, *more, world="digits-exact"):
    return ["check-checkpoint", file, "--adapter", adapter, "--world", world, "--device", "cpu", *more]


def test_the_command_prints_a_table_and_four_verdicts(weights, capsys):
    done = here(words(weights, "exact_foreign:right"), capsys)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line[:14] for line in lines[-4:]] == ["passed  error ", "passed  null  ", "passed  labels", "passed  range "]
    assert "sha256" in lines[0] and len([line for line in lines if line.strip()[:1] in "-0123456789" and "." in line[:21]]) == 10
    none = here(words(weights, "exact_foreign:without_null", "--n", "16"), capsys)
    assert none.returncode == 0 and "none    null    there is no null label" in none.stdout


def test_the_command_ends_with_1_for_a_wrong_adapter(weights, capsys):
    done = here(words(weights, "exact_foreign:wrong_map"), capsys)
    assert done.returncode == 1 and "FAILED  error" in done.stdout


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (words("nowhere.pt", "exact_foreign:right"), "nowhere.pt cannot be read"),
        (words("weights.safetensors", "adn"), "there is no checkpoint 'adn'"),
        (words("weights.safetensors", "exact_foreign:absent"), "exact_foreign:absent cannot be loaded"),
        (words("weights.safetensors", "exact_foreign:right", world="digit"), "did you mean 'digits'"),
        (words("weights.safetensors", "exact_foreign:right", "--set", "world.size=64"), "no option 'size'"),
        (words("weights.safetensors", "exact_foreign:right", "--set", "w=64"), "only the world has options"),
        (words("weights.safetensors", "exact_foreign:right", "--n", "6000"), "has 5000 test images"),
        (words("weights.safetensors", "exact_foreign:of_three_channels"), "evaluated on digits-exact: RuntimeError: shapes"),
        (words("weights.safetensors", "exact_foreign:right", world="{nonsense"), "neither the name of a world nor JSON"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(weights, capsys, given, said):
    done = here(given, capsys)
    assert done.returncode == 2 and said in done.stderr.strip().splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr
