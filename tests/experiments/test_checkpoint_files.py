"""Files that do not fit are refused in one line; released networks have the counts of their files; checkpoints play roles."""

import os
import re
import sys
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from foreign import ADMS, CLASSIFIERS, DITS, EDM2S
from pickles import Calls, pickled, snapshot
from safetensors.torch import load_file, save_file
from test_checkpoint_adapters import state_of
from toys import make

from experiments.checkpoints import state_dict
from experiments.graph.files import content_sha256
from experiments.graph.value import value
from experiments.problems import Problem
from experiments.registry import CHECKPOINTS
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Checkpoint, Guide
from experiments.worlds.world import World
from guidance import METHODS
from guidance.schedules import CosineLogSNR


@value
class Toy(World):
    """No data, only a shape."""

    name: ClassVar[str] = "toy"
    shape: tuple[int, ...] = (3, 32, 32)
    classes: int = 5


SMALL_ADM, SMALL_CLASSIFIER, SMALL_DIT = ADMS["adm"], CLASSIFIERS["classifier-cosine"], DITS["dit"]


def checkpoint(path: Path, adapter: str, world: World) -> Checkpoint:
    return Checkpoint(world=world, file=str(path), sha256=content_sha256(path), adapter=adapter)


@pytest.fixture
def dit(tmp_path) -> Path:
    """Weights of a small DiT."""
    save_file(state_of(SMALL_DIT), tmp_path / "dit.safetensors")
    return tmp_path / "dit.safetensors"


@pytest.fixture
def files(tmp_path) -> dict[str, Path]:
    """Weights of small networks of ADM, whose code is azula's."""
    pytest.importorskip("azula.plugins.adm")
    made = {}
    for name, adapter in {"adm": SMALL_ADM, "classifier": SMALL_CLASSIFIER}.items():
        made[name] = tmp_path / f"{name}.safetensors"
        save_file(state_of(adapter), made[name])
    return made


def sample(runs: Path, method: str, density: CosineLogSNR, model: Checkpoint, w: float = 1.0, file: str = "cost.json", **others):
    """What the run of two samples in two steps holds of itself, their cost."""
    from experiments.graph.files import read_json
    from experiments.graph.store import Store

    own = {"sampler": "ddim", "steps": 2, "seed": 0, "n": 2, "clip": 1.0}
    task = Sample(world=model.world, model=model, others=others, method=METHODS[method](w=w), density=density, **own)
    for why in make(runs, task).failed.values():
        raise ValueError(why)
    return read_json(Store(runs).open(task) / file)


@pytest.mark.slow
def test_checkpoints_play_the_model_the_weak_model_and_the_classifier(files, tmp_path):
    model = checkpoint(files["adm"], "test_checkpoint_files:SMALL_ADM", Toy())
    guide = checkpoint(files["classifier"], "test_checkpoint_files:SMALL_CLASSIFIER", Toy())
    density = CosineLogSNR(-15.0, 10.0)
    guided = sample(tmp_path / "runs", "classifier", density, model, classifier=guide)
    assert guided["denoiser_forward"] == 4 and guided["classifier_forward"] == guided["classifier_backward"] > 0
    tempered = Guide(classifier=guide, temperature=2.0)
    assert sample(tmp_path / "runs", "classifier", density, model, classifier=tempered)["classifier_backward"] > 0
    with pytest.raises(ValueError, match="not those of a checkpoint"):
        Guide(classifier=guide, softplus=3.0)
    assert sample(tmp_path / "runs", "autoguidance", density, model, weak=model)["denoiser_forward"] > 0
    with pytest.raises(ValueError, match="trained with labels only and says nothing without one"):
        sample(tmp_path / "runs", "classifier-free", density, model)
    effective = sample(tmp_path / "runs", "classifier", density, model, w=2.0, classifier=guide, file="effective.json")
    assert effective["overall"]["scale"] is None and effective["by_call"]["logsnr"] == []


def test_dit_has_a_null_label_and_can_be_perturbed(dit):
    model = checkpoint(dit, "test_checkpoint_files:SMALL_DIT", Toy(shape=(4, 8, 8)))
    denoiser = model.play("model", {}, None, "cpu", 250)["model"]
    from guidance.backbones.perturb import Perturbation
    from guidance.denoiser import Branch

    z, level, label = torch.randn(2, 4, 8, 8), torch.zeros(2), torch.tensor([1, 2])
    plain, null, skipped = denoiser.branches(z, level, [label, None, Branch(label, perturbation=Perturbation(skipped=(1,)))])
    assert not torch.allclose(plain.x, null.x, atol=1e-3) and not torch.allclose(plain.x, skipped.x, atol=1e-3)
    assert denoiser.rows == 250
    with pytest.raises(ValueError, match="outside the trained range"):
        denoiser(z, level + 30, label)


@pytest.mark.slow
def test_a_file_of_another_network_is_described_and_the_nearest_preset_named(tmp_path):
    with torch.device("meta"):
        tensors = CHECKPOINTS["dit-xl-2-256"].network().state_dict()
    found = {CHECKPOINTS["dit-xl-2-256"].their_name(name): each for name, each in tensors.items()}
    del found["pos_embed"]
    found["blocks.0.attn.qkv.bias"] = torch.empty(7, device="meta")
    found["extra"] = torch.empty(1, device="meta")
    with torch.device("meta"):
        wanted = {DITS["dit"].their_name(name): each for name, each in DITS["dit"].network().state_dict().items()}
    with pytest.raises(Problem) as refused:
        state_dict.require_fit(wanted, found, Path("some.pt"), "DiT of 8 x 8 latents")
    said = str(refused.value)
    assert "\n" not in said and "some.pt does not fit DiT of 8 x 8 latents, which has 32 tensors" in said
    assert "1 missing (pos_embed)" in said and "261 extra (" in said and "30 of another shape (" in said, said
    assert "y_embedder.embedding_table.weight (1001, 1152) not (6, 48), " in said
    assert said.endswith("the nearest preset is dit-xl-2-256, with 99% of the tensors and 99% of their names in common")
    with pytest.raises(Problem, match="no preset has such names"):
        state_dict.require_fit(wanted, {"a": torch.zeros(1)}, Path("some.pt"), "DiT")


def refused_in_one_line(path: Path, adapter: str, world: World, words: str) -> None:
    with pytest.raises(Problem, match=words) as refused:
        checkpoint(path, adapter, world).play("model", {}, None, "cpu")
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_weights_of_adm_in_another_place_are_one_line(files, dit):
    small = "test_checkpoint_files:SMALL_ADM"
    for path, adapter, world, words in (
        (dit, small, Toy(), "does not fit ADM of size 32, which has .* missing"),
        (files["adm"], "adm-64", Toy(), r"is for 3 x 64 x 64 of 1000 classes, but toy has 3 x 32 x 32 of 5"),
        (files["adm"], small, Toy(classes=4), "of 5 classes, but toy has 3 x 32 x 32 of 4"),
        (files["adm"], small, Toy(shape=(1, 32, 32)), "is for 3 x 32 x 32 of 5 classes"),
        (files["adm"], "test_checkpoint_files:SMALL_DIT", Toy(shape=(4, 8, 8)), "does not fit DiT .* missing"),
    ):
        refused_in_one_line(path, adapter, world, words)


def test_a_wrong_adapter_a_wrong_world_and_a_file_of_no_weights_are_one_line(tmp_path, dit):
    torch.save({"step": 3}, tmp_path / "step.pt")
    torch.save({"ema": state_of(SMALL_DIT), "opt": {"lr": 0.1}}, tmp_path / "training.pt")
    (tmp_path / "net.pkl").write_bytes(snapshot("Precond", {"unet.out_gain": torch.tensor(1.0)}, EDM2S["edm2"]))
    (tmp_path / "bomb.pkl").write_bytes(pickled({"weight": Calls(os.system, f"touch {tmp_path / 'executed'}")}))
    (tmp_path / "cut.pt").write_bytes((tmp_path / "training.pt").read_bytes()[:3000])
    (tmp_path / "cut.safetensors").write_bytes(dit.read_bytes()[:3000])
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save({"weight": Calls(os.system, "true")}, tmp_path / "bomb.pt")
    torch.save({"weight": Calls(os.system, "true")}, tmp_path / "older.pt", _use_new_zipfile_serialization=False)
    small, square, latents, own = Toy(), Toy(shape=(3, 16, 16)), Toy(shape=(4, 8, 8)), "test_checkpoint_files:SMALL_DIT"
    plain, calls = "is a plain pickle: if it is EDM's or EDM2's, the adapters edm and edm2", f"{os.system.__module__}.system"
    for name, adapter, world, words in (
        (dit.name, own, small, "is for 4 x 8 x 8 of 5 classes, but toy has 3 x 32 x 32 of 5"),
        ("step.pt", own, latents, "step.pt holds no tensors by name, but a dictionary of step"),
        ("net.pkl", own, latents, plain),
        ("net.pkl", "edm", square, "holds no `ema` of the class EDMPrecond, but Precond"),
        ("net.pkl", "edm2", square, "does not fit the network of its own arguments"),
        ("net.pkl", "edm2", small, "net.pkl of EDM2 is for 3 x 16 x 16 of 5 classes, but toy has 3 x 32 x 32"),
        ("training.pt", "edm2", small, "training.pt is a file of torch.save, and no pickle of EDM or EDM2: another adapter is"),
        ("step.pt", "edm", small, "step.pt is a file of torch.save, and no pickle"),
        ("cut.pt", "edm", small, "cut.pt is no pickle of EDM or EDM2 that can be read"),
        ("bomb.pt", "edm", small, rf"bomb.pt .* calls {calls}, which"),
        ("older.pt", "edm2", small, rf"older.pt .* calls {calls}, which"),
        ("bomb.pkl", own, latents, rf"bomb.pkl .* calls {calls}, which"),
        ("cut.pt", own, latents, "cut.pt is no file of torch.save, or is cut short"),
        ("empty.pt", own, latents, r"empty.pt is no file of torch.save, or is cut short \(EOFError\)"),
        ("cut.safetensors", own, latents, "cut.safetensors is no safetensors file, or is cut short"),
        (dit.name, "dit-xl-2-265", latents, "there is no checkpoint 'dit-xl-2-265'; .*dit-xl-2-256"),
    ):
        refused_in_one_line(tmp_path / name, adapter, world, words)
    assert not (tmp_path / "executed").exists()
    assert checkpoint(tmp_path / "training.pt", own, latents).play("model", {}, None, "cpu")


def test_the_nearest_preset_of_a_network_of_another_width_is_of_its_family(files):
    with pytest.raises(Problem, match=r"the nearest preset is adm-\d+.*, with \d% of the tensors and \d\d% of their names"):
        state_dict.require_fit({"weight": torch.zeros(2)}, load_file(files["adm"]), files["adm"], "it")


def test_what_is_extra_alone_is_refused_too(tmp_path):
    wanted = {"weight": torch.zeros(2)}
    with pytest.raises(Problem, match=r"which has 1 tensors: 1 extra \(more\); no preset"):
        state_dict.require_fit(wanted, {**wanted, "more": torch.zeros(1)}, tmp_path / "some.pt", "it")
    state_dict.require_fit(wanted, dict(wanted), tmp_path / "some.pt", "it")


def test_the_page_of_checkpoints_runs_and_names_every_adapter(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module, cell = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    Path("my_dit.py").write_text(module)
    names: dict = {}
    exec(cell, names)
    sys.modules.pop("my_dit")
    assert names["prediction"].x.shape == (2, 4, 8, 8) and names["Checkpoint"] is Checkpoint
    for name in CHECKPOINTS.own:
        assert f"`{name}`" in page or f"`-{name.rpartition('-')[2]}`" in page, name


def test_a_missing_extra_says_what_to_install(monkeypatch, dit):
    monkeypatch.setitem(sys.modules, "azula.plugins.adm", None)
    with pytest.raises(Problem, match=r"pip install 'guidance-bench\[checkpoints\]'"):
        checkpoint(dit, "test_checkpoint_files:SMALL_ADM", Toy()).play("model", {}, None, "cpu")


def test_the_hash_of_a_folder_is_of_all_that_lies_in_it(tmp_path):
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    with pytest.raises(Problem, match="is an empty folder"):
        content_sha256(folder)
    (folder / "unet" / "config.json").write_text("{}")
    (folder / ".cache").write_text("a")
    first = content_sha256(folder)
    (folder / ".cache").write_text("b")
    assert content_sha256(folder) == first
    (folder / "unet" / "config.json").rename(folder / "config.json")
    moved = content_sha256(folder)
    (folder / "config.json").write_text("{ }")
    assert len({first, moved, content_sha256(folder)}) == 3
