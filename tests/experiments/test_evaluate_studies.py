"""`evaluate` of the samples of a study, on networks that were trained here, and of two protocols."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_evaluate import LABEL, TIMM, taken
from tiny import tiny_study

from experiments.checkpoints.exported import export
from experiments.features.timm import Timm
from experiments.graph.files import sha256
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.tasks.evaluating import evaluate as evaluated
from experiments.tasks.feature_measure import FeatureMeasure
from experiments.tasks.images import from_uint8


@pytest.fixture
def runs(tmp_path) -> Path:
    return tmp_path / "runs"


@pytest.mark.slow  # ten seconds of training
def test_what_was_trained_here_is_a_feature_network_too(tmp_path, runs, tiny):
    store, study = Store(tiny("digits").parent), tiny_study("digits")
    for name, source in (("mine", study.judges[0].classifier), ("model", study.network("model", 0))):
        export(source, store, tmp_path / f"{name}.safetensors")
    mine, model = (
        {"is": "exported", "file": str(file), "sha256": sha256(file)}
        for file in (tmp_path / "mine.safetensors", tmp_path / "model.safetensors")
    )
    samples = next(tiny("digits").parent.glob("sample-*"))
    found = taken(samples, "digits", runs=runs, features=(mine,))
    assert f"fid_digits-test-convnext-{mine['sha256'][:8]}" in found
    images = np.load(samples / "samples.npz")["images"]
    features, _ = evaluated(study.judges[0].classifier.load(store, "cpu"), from_uint8(images), "cpu")
    kept = [np.asarray(load_file(path)["features"]) for path in runs.glob("features-*/features.safetensors")]
    assert any(one.shape == features.shape and np.allclose(one, features, atol=1e-5) for one in kept)
    with pytest.raises(Problem, match="is a denoiser: features are those of a classifier of clean images"):
        taken(samples, "digits", runs=tmp_path / "none", features=(model,))
    with pytest.raises(Problem, match=r"has images of 8 x 8 x 1, and fashion-test-convnext-\w{8} takes 28 x 28 x 1 alone"):
        taken(samples, "digits", runs=tmp_path / "none", features=("fashion-judge",))
    with pytest.raises(Problem, match="it is another file, or a damaged one"):
        taken(samples, "digits", runs=tmp_path / "none", features=({**mine, "sha256": "0" * 64},))
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_two_protocols_in_one_comparison_are_refused(tmp_path, tiny, runs):
    samples = next(tiny("digits").parent.glob("sample-*"))
    for place in (samples, samples / "samples.npz"):
        with pytest.raises(Problem, match="was drawn with labels balanced, and the protocol measures labels random"):
            taken(place, "digits", runs=runs, protocol="adm")
    assert not runs.exists()
    assert f"fid_{LABEL}" in taken(samples, "digits", runs=runs)


def test_a_task_refuses_two_protocols_and_two_networks():
    study = tiny_study("digits", {"features": [TIMM]})
    task = next(placed.task for placed in study.cells() if isinstance(placed.task, FeatureMeasure) and placed.place["w"] == 1)
    adm = replace(task.protocol, labels="random")
    with pytest.raises(ValueError, match="protocol: the samples were drawn with labels balanced, and it says random"):
        replace(task, protocol=adm)
    with pytest.raises(ValueError, match="its features are of"):
        replace(task, features=replace(task.features, network=Timm(arch="test_resnet", random=True, size=16)))
