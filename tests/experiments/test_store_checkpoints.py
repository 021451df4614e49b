"""Files that hold weights: a checkpoint under another name, a forged header, a pickle."""

import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from experiments.graph.files import sha256
from experiments.graph.manifest import SCHEMA
from experiments.problems import Problem
from experiments.tasks.begin import Weights, begin_with, load_state, weights_of
from experiments.tasks.fit import Fit, fit
from experiments.tasks.train import Train


class Stop(Exception):
    pass


def trained(partial: Path, until: int | None = None) -> tuple[dict, list[float]]:
    """A line fitted in 12 steps, a checkpoint every 4; stopped at step `until`."""
    torch.manual_seed(0)
    network, seen = nn.Linear(3, 1), []

    def loss(generator: torch.Generator) -> torch.Tensor:
        seen.append(1)
        if until is not None and len(seen) > until:
            raise Stop
        return network(torch.randn(8, 3, generator=generator)).square().flatten()

    return fit(
        network,
        loss,
        Fit(steps=12, batch=8, warmup=0, ema=0.5, checkpoint_every=4),
        torch.Generator().manual_seed,
        partial,
        "line",
    )


@pytest.fixture
def partial(tmp_path) -> Path:
    with pytest.raises(Stop):
        trained(tmp_path / "partial", 9)
    assert len(list((tmp_path / "partial").iterdir())) == 2
    return tmp_path / "partial"


def test_a_run_that_was_killed_goes_on_to_the_same_weights(partial, tmp_path):
    whole, losses = trained(tmp_path / "other")
    again, losses_again = trained(partial)
    assert losses == losses_again and all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.parametrize("step", [7, 9, 11])
def test_a_checkpoint_that_was_renamed_to_another_step_is_refused(partial, step):
    """Its bytes are true to its name's sha256; the step stands inside, too."""
    newest = max(partial.iterdir())
    newest.rename(newest.with_name(newest.name.replace("step-0000008", f"step-{step:07d}")))
    if step == 7:
        (partial / sorted(path.name for path in partial.iterdir())[0]).unlink()
    with pytest.raises(Problem, match=r"named after another step than the one it holds, 8: delete it"):
        trained(partial)


def test_a_checkpoint_that_was_cut_is_refused(partial):
    newest = max(partial.iterdir())
    newest.write_bytes(newest.read_bytes()[:-10])
    with pytest.raises(Problem, match="is truncated or altered: delete it"):
        trained(partial)


FORGED = {
    "huge header": struct.pack("<Q", 2**63) + b"{}",
    "header beyond the end": struct.pack("<Q", 1000) + b"{}",
    "deep header": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "offsets beyond the end": (lambda head: struct.pack("<Q", len(head)) + head)(
        b'{"weight":{"dtype":"F32","shape":[1,3],"data_offsets":[0,1200000000]}}'
    ),
    "overlapping": (lambda head: struct.pack("<Q", len(head)) + head + b"\0" * 12)(
        b'{"weight":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]},"bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    ),
    "empty": b"",
    "a pickle": pickle.dumps({"weight": 1}),
}


@pytest.mark.parametrize("content", FORGED.values(), ids=FORGED)
def test_weights_with_a_forged_header_are_one_line(tmp_path, content):
    (file := tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(Problem, match=r"model\.safetensors cannot be loaded") as refused:
        load_state(nn.Linear(3, 1), file)
    assert "\n" not in str(refused.value) and "weights_only" not in str(refused.value)


def test_weights_of_another_network_are_one_line(tmp_path):
    save_file({"weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(Problem, match="cannot be loaded") as refused:
        load_state(nn.Linear(3, 1), tmp_path / "model.safetensors")
    assert "\n" not in str(refused.value)


class Bomb:
    def __reduce__(self):
        return (print, ("boom",))


def training(**more: object) -> Train:
    network = {"is": "timm", "arch": "test_byobnet"}
    return Train(world="digits", network=network, objective="noisy-cross-entropy", fit={"steps": 1}, **more)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_that_could_run_code_is_refused_in_our_words(tmp_path, capsys, how):
    file = tmp_path / "bomb.pth"
    torch.save({"a": Bomb()}, file) if how == "torch" else file.write_bytes(pickle.dumps(Bomb()))
    one = training(begin={"path": str(file), "sha256": sha256(file)})
    with pytest.raises(Problem, match=r"bomb\.pth is a pickle of more than weights, which could run code") as refused:
        begin_with(one.module(), one.begin, one)
    assert "weights_only" not in str(refused.value) and "\n" not in str(refused.value) and "boom" not in capsys.readouterr().out


@pytest.mark.timeout(30)
@pytest.mark.parametrize("what", ["photos", "photos with a manifest", "an old run", "pipe", "nothing", "text"])
def test_whatever_is_named_to_begin_with_is_one_line_and_nobody_deletes_it(tmp_path, what):
    import os

    path = tmp_path / "my photos"
    if what == "pipe":
        os.mkfifo(path)
    elif what == "text":
        path.write_text("no weights")
    elif what != "nothing":
        path.mkdir()
        if what != "photos":
            text = "[]" if what == "photos with a manifest" else '{"schema": 1, "sha256": {}}'
            (path / "manifest.json").write_text(text)
    with pytest.raises(Problem, match=r"my photos") as refused:
        one = training(begin=str(path))
        begin_with(one.module(), one.begin, one)
    assert "delete the folder" not in str(refused.value) and "\n" not in str(refused.value)
    assert SCHEMA > 1 and (what != "an old run" or "earlier version" in str(refused.value))


def test_a_run_that_holds_other_weights_by_now_is_refused(tmp_path):
    from toys import make

    from experiments.graph.store import Store

    (tmp_path / "runs").mkdir()
    network = {"is": "unet", "width": 8, "multipliers": (1,), "attention": ()}
    one = Train(world="digits", network=network, objective="denoising", fit={"steps": 1, "batch": 2})
    make(tmp_path / "runs", one)
    path = Store(tmp_path / "runs").path(one)
    assert weights_of(str(path)).sha256 == sha256(path / "model.safetensors")
    begin_with(one.module(), weights_of(str(path)), one)
    with pytest.raises(Problem, match="holds other weights by now"):
        begin_with(one.module(), Weights(path=str(path), sha256="0" * 64), one)
