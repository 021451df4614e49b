"""What `evaluate` says of networks and sets: by the names they were given, and with what they lack."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import encoded, folder, picture
from small import here

from analysis.measures.extrapolation import least
from experiments.evaluate import evaluate
from experiments.features.timm import Timm
from experiments.problems import Problem

NETWORK = Timm(arch="test_resnet", random=True, size=32)
TIMM = {"is": "timm", "arch": "test_resnet", "random": True, "size": 32}
LABEL = NETWORK.label


@pytest.fixture
def runs(tmp_path) -> Path:
    return tmp_path / "runs"


def test_a_feature_network_is_named_as_it_was_given(tmp_path, runs, capsys):
    good = folder(tmp_path / "good")
    words = ["evaluate", str(good), "--reference", str(good), "--runs", str(runs), "--features"]
    spelled = json.dumps({**TIMM, "seed": 0})
    done = here([*words, json.dumps(TIMM), "--features", spelled], capsys)
    assert done.stderr == f"guidance-bench: features: {spelled} is the same network as {json.dumps(TIMM)}: give it once\n"
    with pytest.raises(Problem, match=f"the same network as {LABEL}: give it once"):
        evaluate(good, good, (NETWORK, TIMM), runs=runs)
    done = here([*words, "efficientnet-lite"], capsys)
    assert done.returncode == 2 and "0: " not in done.stderr and "did you mean 'efficientnet-lite0'" in done.stderr
    assert not runs.exists()


def test_samples_of_an_exact_world_are_no_images(tmp_path, runs):
    (tmp_path / "run").mkdir()
    np.savez(tmp_path / "run" / "samples.npz", x=np.zeros((9, 1, 8, 8), np.float32), label=np.zeros(9, int), index=np.arange(9))
    with pytest.raises(
        Problem, match=r"samples\.npz holds x, the float32 samples of an exact world, .*guidance-bench sample --world"
    ):
        evaluate(tmp_path / "run", "digits", (NETWORK,), runs=runs)


def test_what_a_set_is_too_small_for_is_named_with_the_images_it_needs(tmp_path, runs):
    lines: list[str] = []
    made, few, many = folder(tmp_path / "made", n=2), folder(tmp_path / "few", n=1, first=7), folder(tmp_path / "many", n=20)
    (few / "ant" / "more.png").write_bytes(encoded(picture(50)))
    found = evaluate(made, few, (NETWORK,), runs=runs, device="cpu", tell=lines.append)
    (line,) = [line for line in lines if "left out" in line]
    assert line.startswith(f"{tmp_path / 'made'} has n = 6: left out on {LABEL}: density, coverage, clipped_density, clipped_cov")
    for words in ("clipped_coverage (n >= 6 in both sets)", "mind (n <= 4, the images", "vendi_class (n >= 20 of each class)"):
        assert words in line
    named = {name.strip() for part in line.split(": ")[2].split("; ") for name in part.partition(" (")[0].split(",")}
    assert f"fid_infinity (n >= {least(width())})" in line and not {f"{name}_{LABEL}" for name in named} & set(found)
    more = evaluate(many, many, (NETWORK,), runs=runs, device="cpu", tell=lines.append)
    assert lines[-1].endswith(f": left out on {LABEL}: fid_infinity (n >= {least(width())})")
    assert {f"{name}_{LABEL}" for name in named - {"fid_infinity"}} <= set(more)


def width() -> int:
    return NETWORK.load("cpu")(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))[0].shape[1]
