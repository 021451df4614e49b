"""Feature networks as values: labels that tell them apart, files that are missing or are others, and what they extract."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from small import here

from experiments.features import efficientnet_lite0, files
from experiments.features.dinov2 import DINOv2
from experiments.features.efficientnet_lite0 import EfficientNetLite0
from experiments.features.inception import Inception
from experiments.features.timm import Timm
from experiments.fields import FeatureOf
from experiments.graph.files import sha256
from experiments.graph.value import digest, encode
from experiments.problems import Missing, Problem
from experiments.registry import FEATURES
from experiments.tasks.features import extract

RANDOM = {"arch": "test_resnet", "random": True}
DIGEST = "ab" * 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "cache"


def test_whatever_makes_other_numbers_makes_another_label_and_another_address():
    networks = [
        EfficientNetLite0(),
        EfficientNetLite0(size=192),
        EfficientNetLite0(interpolation="bilinear"),
        Inception(),
        Inception(layer="768"),
        DINOv2(),
        DINOv2(variant="vits14"),
        DINOv2(size=448),
        Timm(**RANDOM),
        Timm(**RANDOM, seed=1),
        Timm(**RANDOM, size=32),
        Timm(**RANDOM, interpolation="nearest"),
        Timm(**RANDOM, layer=1),
        Timm(**RANDOM, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
        Timm(**RANDOM, mean=(0.25, 0.25, 0.25), std=(0.5, 0.5, 0.5)),
        Timm(**RANDOM, mean=(0.5, 0.5, 0.25), std=(0.5, 0.5, 0.5)),
        Timm(arch="test_resnet", sha256=DIGEST),
        Timm(arch="test_byobnet", sha256=DIGEST),
    ]
    labels = [network.label for network in networks]
    assert len(set(labels)) == len({digest(encode(one, whole=False)) for one in networks}) == len(networks), labels
    assert labels[0] == "effnet-lite0" and labels[3] == "inception" and labels[5] == "dinov2-vitl14"
    assert all(label == label.lower() and "_" not in label for label in labels)
    assert all({"network", "weights", "preprocessing", "layer", "compares with"} <= set(one.card()) for one in networks)


def test_where_a_file_lies_is_no_part_of_a_network():
    one, other = (Timm(arch="test_resnet", sha256=DIGEST, file=file) for file in ("a.pth", "b.pth"))
    assert one.label == other.label and digest(encode(one, whole=False)) == digest(encode(other, whole=False))


def test_networks_come_by_name_and_random_weights_only_where_they_are_asked_for():
    read = TypeAdapter(FeatureOf).validate_python
    assert set(FEATURES) >= {"efficientnet-lite0", "inception", "dinov2", "timm"}
    assert read("inception") == Inception() and read({"is": "timm", **RANDOM}) == Timm(**RANDOM)
    for options in ({}, {"sha256": DIGEST, "random": True}, {"random": True, "file": "x.pth"}, {"sha256": DIGEST, "seed": 1}):
        with pytest.raises(ValidationError, match="sha256|seed"):
            Timm(arch="test_resnet", **options)


@pytest.mark.parametrize(
    ("network", "file", "begins"),
    [
        ("inception", "pt_inception-2015-12-05-6726825d.pth", "6726825d"),
        ("dinov2", "dinov2_vitl14_pretrain.pth", "d5383ea8"),
        (json.dumps({"is": "timm", "arch": "test_resnet", "sha256": DIGEST}), "test_resnet.safetensors", DIGEST),
    ],
)
def test_a_missing_file_is_one_line_with_its_hash_and_place_and_exit_code_3(network, file, begins, tmp_path, capsys, own_cache):
    samples = tmp_path / "samples.npz"
    np.savez(samples, arr_0=np.zeros((4, 8, 8, 3), np.uint8))
    runs = tmp_path / "runs"
    done = here(
        ["evaluate", str(samples), "--reference", "digits", "--features", network, "--runs", str(runs), "--device", "cpu"], capsys
    )
    assert done.returncode == 3 and not done.stdout and not runs.exists()
    (line,) = done.stderr.strip().splitlines()
    assert file in line and str(own_cache / "weights") in line
    (found,) = [word.strip("(),") for word in line.split() if len(word.strip("(),")) == 64]
    assert found.startswith(begins) and set(found) <= set("0123456789abcdef")


def test_a_study_misses_its_file_before_any_work(tmp_path, capsys):
    from small import words

    done = here(words(tmp_path / "runs", {"features": ["inception"]}), capsys)
    assert done.returncode == 3 and "pt_inception" in done.stderr and not list((tmp_path / "runs").glob("*-*"))


def test_another_file_under_the_name_is_refused_unread(own_cache, tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "boom",)

    place = own_cache / "weights" / "pt_inception-2015-12-05-6726825d.pth"
    place.parent.mkdir(parents=True)
    torch.save(Bomb(), place)
    with pytest.raises(Problem, match="it is another file"):
        Inception().require()
    with pytest.raises(Problem, match="could run code") as refused:
        files.tensors(place)
    assert not isinstance(refused.value, Missing) and refused.value.exit_code == 2
    assert not (tmp_path / "boom").exists()
    torch.save([1, 2], place)
    with pytest.raises(Problem, match="no state_dict"):
        files.tensors(place)
    with pytest.raises(Missing, match="nowhere.pth does not exist"):
        Inception(file="nowhere.pth").require()


def test_the_folder_of_torch_hub_is_looked_into_too(tmp_path, monkeypatch):
    place = tmp_path / "torch" / "hub" / "checkpoints" / "b.pth"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    known = hashlib.sha256(b"weights").hexdigest()
    assert files.weights_file("x", ("a.pth", "b.pth"), known, "nowhere") == place
    place.write_bytes(b"Weights")  # of the same length: the hash is of what is there now
    import os

    os.utime(place, ns=(1, 1))
    with pytest.raises(Problem, match="another file"):
        files.weights_file("x", ("a.pth", "b.pth"), known, "nowhere")


def test_features_of_timm_from_a_file_are_those_of_the_network(tmp_path):
    from classifiers.pretrained import build

    file = tmp_path / "w.safetensors"
    save_file(build("test_resnet", 32, None, seed=9).state_dict(), file)
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1), np.uint8)
    kept, random = (
        Timm(arch="test_resnet", size=32, **own)
        for own in ({"sha256": sha256(file), "file": str(file)}, {"random": True, "seed": 9})
    )
    found, expected = (extract(network.load("cpu"), images, 3, "cpu") for network in (kept, random))
    assert all(np.array_equal(one, other) for one, other in zip(found, expected)) and found[0].shape[0] == 7
    whole = extract(random.load("cpu"), images, 7, "cpu")
    assert np.allclose(whole[0], found[0], atol=1e-5), "the batch is no part of it"
    with pytest.raises(Problem, match="holds no weights of test_byobnet"):
        Timm(arch="test_byobnet", sha256=sha256(file), file=str(file)).load("cpu")


@pytest.fixture
def package():
    return pytest.importorskip(efficientnet_lite0.PACKAGE)


def test_efficientnet_lite0_is_converted_once_and_loaded_by_name(package, own_cache, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    first = extract(EfficientNetLite0(size=32).load("cpu"), images, 2, "cpu")
    (kept,) = (own_cache / "weights").glob("*.safetensors")
    assert efficientnet_lite0.content(load_file(kept)) == efficientnet_lite0.CONTENT
    monkeypatch.setattr(efficientnet_lite0, "converted", lambda *args: pytest.fail("converted twice"))
    again = extract(EfficientNetLite0(size=32).load("cpu"), images, 2, "cpu")
    assert first[0].shape == (2, 1280) and first[1].shape == (2, 1000)
    assert all(np.array_equal(one, other) for one, other in zip(first, again))


def test_an_altered_or_damaged_cache_is_made_again(package, own_cache):
    weights = efficientnet_lite0.weights()
    (kept,) = (own_cache / "weights").glob("*.safetensors")
    altered = {**weights, "classifier.bias": weights["classifier.bias"] + 1}
    for spoil in (lambda: save_file(altered, kept), lambda: kept.write_bytes(kept.read_bytes()[:1000])):
        spoil()
        assert efficientnet_lite0.content(efficientnet_lite0.weights()) == efficientnet_lite0.CONTENT
        assert efficientnet_lite0.content(load_file(kept)) == efficientnet_lite0.CONTENT


def test_efficientnet_lite0_knows_images(package):
    """The flower that scikit-learn ships is ImageNet's class 985, a daisy: tensors in another order would not say so."""
    from sklearn.datasets import load_sample_image

    flower = load_sample_image("flower.jpg")[:, 106:533][None]
    _, logits = extract(EfficientNetLite0().load("cpu"), np.ascontiguousarray(flower), 1, "cpu")
    assert logits.shape == (1, 1000) and logits[0].argmax() == 985


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_package")
    with pytest.raises(Missing, match=r"pip install 'guidance-bench\[features\]'"):
        EfficientNetLite0().require()
