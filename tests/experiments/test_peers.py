"""Other people's loops are asked for the same samples as ours, and what is told of them is what was timed."""

import json
from importlib import import_module

import pytest
import torch
from small import here
from torch import nn

from experiments.peers.compare import FAMILIES, PEERS, Timed, installed, timed
from experiments.peers.report import markdown, rows, shown
from experiments.peers.task import NETWORK, Task
from experiments.problems import Problem
from guidance.compute import Compute

SMALL = {"is": "unet", "width": 8, "multipliers": (1,), "attention": ()}


class Known(nn.Module):
    """eps of data that depend on the label: guidance moves samples, and clipping cuts some of their numbers off, not all."""

    conditioned_on = "logsnr"

    def forward(self, z, logsnr, label):
        square = torch.sigmoid(logsnr)[:, None, None, None]
        x = 0.6 * torch.tanh(z) + 0.3 * (label % 4)[:, None, None, None]
        return (z - square.sqrt() * x) / (1 - square).sqrt()


@pytest.fixture
def task():
    made = Task(batch=3, steps=10, network=SMALL, size=8)
    vars(made)["net"] = Known()
    return made


def test_the_loop_by_hand_makes_our_samples(task):
    ours = import_module("experiments.peers.ours").systems(task)
    by_hand = import_module("experiments.peers.by_hand").systems(task)
    assert set(by_hand) == {(kind, "by hand") for kind, _ in ours}
    for kind in ("conditional", "cfg", "classifier"):
        torch.testing.assert_close(by_hand[kind, "by hand"](), ours[kind, "ours"](), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(ours["cfg", "ours"](), ours["conditional", "ours"](), atol=1e-2)


@pytest.mark.parametrize("family", PEERS)
def test_a_peer_makes_our_samples(task, family):
    module, package, _ = FAMILIES[family]
    pytest.importorskip(package)
    ours = import_module("experiments.peers.ours").systems(task)
    theirs = import_module(f"experiments.peers.{module}").systems(task)
    assert {"conditional", "cfg"} <= {kind for kind, _ in theirs}
    for (kind, system), run in theirs.items():
        if kind != "classifier":  # guided-diffusion does not clip there
            torch.testing.assert_close(run(), ours[kind, "ours"](), rtol=1e-3, atol=1e-3, msg=lambda m, s=system: f"{s}: {m}")


def test_the_network_is_of_about_six_and_a_half_million_parameters():
    assert 6.2e6 < sum(p.numel() for p in Task(batch=1, steps=10, network=NETWORK).net.parameters()) < 6.8e6


def test_a_peer_that_is_not_installed_is_a_line_and_an_unknown_one_is_refused(monkeypatch):
    monkeypatch.setitem(FAMILIES, "k-diffusion", ("with_k_diffusion", "no_such_package_anywhere", "pip install k-diffusion"))
    there, lines = installed(["k-diffusion"])
    assert there == [] and lines[0].endswith("pip install k-diffusion") and "not installed" in lines[0]
    with pytest.raises(Problem, match="no peer 'kdiff'"):
        installed(["kdiff"])


def measured() -> Timed:
    found = Timed(Task(batch=2, steps=10))
    for system, seconds in (("ours", [1.0, 1.1]), ("by hand", [0.9, 1.0]), ("slow", [2.0, 2.2]), ("fast", [1.2, 1.1])):
        found.seconds["cfg", system], found.bare["cfg", system] = seconds, [0.5, 0.5]
    return found


def test_ratios_are_taken_within_a_round_and_the_best_peer_is_neither_ours_nor_by_hand():
    found = measured()
    assert found.best_peer("cfg") == ("cfg", "fast") and found.best_peer("classifier") is None
    assert found.against_ours(("cfg", "slow")) == pytest.approx([2.0, 2.0])
    assert found.over_bare(("cfg", "ours")) == pytest.approx([1.0, 1.1])  # 10 steps of two calls
    assert found.per_image(("cfg", "slow")) == pytest.approx(105.0)
    by_system = {row["system"]: row for row in rows(found)}
    assert by_system["fast"]["best_peer"] and not by_system["slow"]["best_peer"]
    assert shown(by_system["fast"]["of_ours"]) == "1.10 (1.00 to 1.20)"


def test_the_table_of_the_readme_holds_what_was_measured():
    ratio = {"median": 1.25, "min": 1.2, "max": 1.3}
    machine = {"device": "a CPU", "instructions": ["avx2"], "threads": 1, "torch": "2.15", "seconds": "CPU"}
    record = {
        "machine": machine,
        "parameters": 6_350_000,
        "steps": 10,
        "rounds": 2,
        "launches": 1,
        "systems": list(rows(measured())),
    }
    text = "\n".join(markdown(record | {"free_network": {"1": {"conditional": {"ratio": ratio}}}}))
    assert "| 2 | cfg | 52.5 | 1.05 (1.00 to 1.10) | fast | 1.10 (1.00 to 1.20) |" in text
    assert "1.25 (1.20 to 1.30) (conditional, 1 image)" in text and "avx2" in text
    assert json.loads(json.dumps(record)) == record
    half = next(row for row in record["systems"] if (row["system"], row["kind"]) == ("ours", "cfg")) | {
        "system": "ours, bfloat16"
    }
    half["of_ours"] = {"median": 0.5, "min": 0.4, "max": 0.6}
    text = "\n".join(markdown(record | {"systems": [*record["systems"], half], "free_network": {}}))
    assert "| ours in bfloat16, of float32 |" in text and "| 1.10 (1.00 to 1.20) | 0.50 (0.40 to 0.60) |" in text
    assert text.count("|  |\n") == len({(row["batch"], row["kind"]) for row in record["systems"]}) - 1, (
        "what was not timed is left empty"
    )


@pytest.mark.slow
def test_every_system_is_timed_in_a_process_of_its_own_in_turn():
    found = timed(Task(batch=2, steps=10, network=SMALL, size=8), [], rounds=1, launches=2)
    assert {system for _, system in found.seconds if not system.startswith("ours, ")} == {"ours", "by hand"}
    always = [seconds for key, seconds in found.seconds.items() if not key[1].startswith("ours, ")]  # that is a probe's choice
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in always)
    with pytest.raises(Problem, match="ours: ValueError: unet has no option 'heads'"):
        timed(Task(batch=2, steps=10, network={"is": "unet", "width": 8, "heads": 3}), [], rounds=1)


def test_levels_are_those_of_the_chain_from_noise_to_data():
    task = Task(batch=1, steps=20)
    assert task.timesteps[0] == 999 and task.timesteps[-1] == 49 and len(task.levels) == 20
    assert task.levels == sorted(task.levels)
    with pytest.raises(ValueError, match="divide"):
        Task(batch=1, steps=7)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_ours_is_also_timed_as_a_probe_finds_fastest(monkeypatch, precision):
    ours = import_module("experiments.peers.ours")
    task = Task(batch=2, steps=2, size=8, network={"is": "unet", "width": 8, "multipliers": [1], "attention": []})
    dtypes, convolution = set(), next(layer for layer in task.net.modules() if isinstance(layer, nn.Conv2d))
    convolution.register_forward_hook(lambda layer, inputs, output: dtypes.add(output.dtype))
    monkeypatch.setattr(ours, "probe", lambda network, inputs, lossy: (Compute(precision), {}))
    found = ours.probed(task)
    assert {system for _, system in found} == ({"ours, bfloat16"} if precision == "bfloat16" else set())
    assert {run().dtype for run in found.values()} <= {torch.float32}
    assert dtypes == ({torch.bfloat16} if precision == "bfloat16" else set())


def test_a_file_that_is_no_comparison_is_one_line(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{}")
    found = here(["speed", "--show", f"{tmp_path / 'other.json'}"], capsys)
    assert found.returncode == 2 and "is nothing that --out of this command wrote" in found.stderr
    found = here(["speed", "--against", "azula", "--batches", "a", "--device", "cpu"], capsys)
    assert found.returncode == 2 and "--batches: give numbers of images" in found.stderr


def test_a_comparison_is_written_whole_as_json_and_its_systems_as_csv(tmp_path, monkeypatch, capsys):
    record = {"rounds": 1, "systems": [{"batch": 1, "of_ours": {"median": 2.0}}, {"batch": 4, "of_ours": {"median": 3.0}}]}
    monkeypatch.setattr("experiments.speed.against", lambda *_: iter([("a line", None), (None, record)]))
    words = ["speed", "--against", "azula", "--network", '{"is": "unet", "width": 8}', "--batches", "1", "--device", "cpu"]
    for out in (tmp_path / "a.json", tmp_path / "a.csv"):
        assert here([*words, "--out", str(out)], capsys).returncode == 0
    assert json.loads((tmp_path / "a.json").read_text()) == record
    assert (tmp_path / "a.csv").read_text() == "batch,of_ours_median\n1,2.0\n4,3.0\n"
