"""A study of somebody's images, end to end: its name in the table and the metrics, and nothing made again of the same images."""

from pathlib import Path

import pytest
from folders import folder
from small import here

from experiments.networks import Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies import Sweep, TradeOff, run_study
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds.images import Images
from guidance.samplers.ddim import DDIM


def study(path: Path, **options) -> TradeOff:
    world = Images(**{"path": str(path), "size": 8, "preprocessing": "edm", "held_out": 3, "flip": True, **options})
    few, stopping = Fit(steps=3, batch=8), Fit(steps=2, batch=8, patience=1, look_every=1)
    return TradeOff(
        name="zoo",
        world=world,
        model=Train(world=world, network=UNet(width=8), objective=Denoising(), fit=few),
        classifier=Train(world=world, network=Timm(), objective=NoisyCrossEntropy(), fit=stopping),
        evaluator=Train(world=world, network=Timm(arch="test_byobnet"), objective=CrossEntropy(), fit=few, seed=900),
        methods=("classifier-free", "classifier"),
        sweeps=(Sweep(sampler=DDIM(), steps=2, ws=(0.0, 1.0)),),
        n=12,
        part=9,
    )


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder(tmp_path / "zoo", 20)


@pytest.mark.slow
def test_a_study_of_a_folder_tells_its_set_in_every_name_and_is_found_again_elsewhere(zoo, tmp_path):
    results = run_study(study(zoo), runs="runs", workers=1)
    assert not results.failed and set(results.table["world"]) == {"images-zoo-8-edm"} == set(results.worlds)
    metrics = set(results.table["metric"])
    assert {"fid_images-zoo-8-edm", "is_images-zoo-8-edm", "fid_pixels", "accuracy_guide"} <= metrics
    assert (results.folder / "report.html").is_file() and str(tmp_path) not in (results.folder / "table.csv").read_text()
    before = {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/manifest.json")}
    again = run_study(study(folder(tmp_path / "elsewhere" / "zoo", 20)), runs="runs", workers=1)
    assert before == {path: path.stat().st_mtime_ns for path in Path("runs").glob("*/manifest.json")}
    assert again.table.equals(results.table)
    grey = study(zoo, channels=1, convert=True)
    assert grey.world.label == "images-zoo-8-grey-edm" and grey.model.address != study(zoo).model.address


def test_the_command_line_trains_on_a_folder(zoo, capsys):
    world = [
        "--world",
        "images",
        *(word for one in (f"path={zoo}", "size=8", "preprocessing=adm", "held_out=2") for word in ("--set", f"world.{one}")),
    ]
    done = here(["train", "evaluator", *world, "--set", "fit.steps=2", "--set", "fit.batch=4", "--runs", "runs"], capsys)
    assert done.returncode == 0 and "accuracy" in done.stdout, done.stderr
    done = here(["train", "evaluator", *world[:-2], "--set", "world.held_out=many", "--runs", "runs"], capsys)
    assert done.returncode == 2 and "held_out: " in done.stderr and len(done.stderr.splitlines()) == 1
