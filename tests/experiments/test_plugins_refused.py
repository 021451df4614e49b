"""A package of another in this process: an adapter of checkpoints and a world that do not do what they say."""

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from toys import make

from experiments.graph.files import sha256
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Checkpoint
from experiments.tasks.train import Train
from experiments.worlds.world import data
from guidance.schedules import CosineLogSNR

SOURCE = Path(__file__).parent / "plugin" / "src"


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    """The package, importable; the registries have been read already, so it is named package.module:Name."""
    monkeypatch.syspath_prepend(SOURCE)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "rings"]:
        del sys.modules[name]


def test_an_adapter_plays_the_model_and_one_that_returns_no_denoiser_is_named(tmp_path):
    save_file({"scale": torch.tensor(0.9)}, tmp_path / "weights.safetensors")

    def samples(adapter: str, file: Path = tmp_path / "weights.safetensors") -> Sample:
        model = Checkpoint(world="rings.world:Ring", file=str(file), sha256=sha256(file), adapter=f"rings.checkpoint:{adapter}")
        own = {"method": "classifier-free", "sampler": "ddim", "steps": 2, "density": CosineLogSNR(), "seed": 0, "n": 8}
        return Sample(world="rings.world:Ring", model=model, **own)

    runs = tmp_path / "runs"
    assert make(runs, samples("shrink")).made == 1 and "rings.checkpoint" in samples("shrink").code
    for adapter, words in {
        "no_denoiser": "made 5, which is no Denoiser",
        "a_class": "Shrinks'>, which is no Denoiser",
        "says_a_tensor": "it returned Tensor",
        "missing": "cannot be loaded",
    }.items():
        with pytest.raises(Problem, match=words) as refused:
            make(runs, samples(adapter))
        assert "\n" not in str(refused.value) and "weights_only" not in str(refused.value)
    (tmp_path / "forged").write_bytes(b"\xff" * 8 + b"{}")
    with pytest.raises(Problem, match=r"the adapter rings.checkpoint:shrink cannot read \S+forged: SafetensorError"):
        make(runs, samples("shrink", tmp_path / "forged"))
    torch.save({"scale": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(Problem, match=r"bomb\.pt is a pickle of more than weights, which could run code"):
        make(runs, samples("unpickles", tmp_path / "bomb.pt"))
    changed = samples("shrink")
    save_file({"scale": torch.tensor(0.5)}, tmp_path / "weights.safetensors")
    with pytest.raises(Problem, match="it is another file"):
        make(tmp_path / "elsewhere", changed)
    assert not list((tmp_path / "elsewhere").glob("sample-*"))


class Bomb:
    def __reduce__(self):
        return (print, ("boom",))


def test_a_world_that_does_not_keep_its_word_is_named(tmp_path):
    from rings.world import RingImages

    with pytest.raises(Problem, match="ring-images says it has 2 classes, but its labels reach from 0 to 2"):
        data(RingImages(labels=3))
    world = RingImages(labels=3)
    model = Train(world=world, network="rings.network:Pixelwise", objective="denoising", fit={"steps": 2, "batch": 4})
    with pytest.raises(Problem, match="labels reach from 0 to 2") as refused:
        make(tmp_path, model)
    assert "\n" not in str(refused.value) and not list(Store(tmp_path).root.glob("denoiser-*"))
