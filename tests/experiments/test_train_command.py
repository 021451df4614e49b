"""`guidance-bench train`: what it records, what it refuses, and the weights that it begins with."""

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from small import here

from classifiers.adversarial import attack
from experiments.graph.files import read_json
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.networks import HalfUNet, Timm, UNet
from experiments.objectives import noisy_cross_entropy
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.problems import Problem
from experiments.tasks.early_stopping import split_validation
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds import data
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact

NETWORKS = {  # of every objective
    "denoising": UNet(width=8),
    "noisy-cross-entropy": Timm(),
    "cross-entropy": Timm(),
    "joint-energy": HalfUNet(width=8, attention=()),
    "guidance-free": UNet(width=8, strength=True),
    "model-guidance": UNet(width=8),
}


def classifier(steps: int, **objective: object) -> Train:
    return Train(world=Digits(), network=Timm(), objective=NoisyCrossEntropy(**objective), fit=Fit(steps=steps, batch=8))


@pytest.fixture
def trained(tmp_path) -> Path:
    store, task = Store(tmp_path / "trained"), classifier(4)
    store.make(task, "cpu")
    return store.path(task)


def test_attacks_leave_the_statistics_of_a_batch_normalisation_alone(tmp_path, monkeypatch):
    """Each step of training sees its batch once in training mode; the attack before it looks without leaving a trace."""
    attacked = []

    def looked_at(network, z, *rest):
        attacked.append(network.training)
        return attack(network, z, *rest)

    monkeypatch.setattr(noisy_cross_entropy, "attack", looked_at)
    store, task = Store(tmp_path / "runs"), classifier(3, attack_radius=0.5, attack_steps=2)
    store.make(task, "cpu")
    assert attacked == 3 * [False]
    weights = load_file(store.open(task) / "model.safetensors")
    counts = [held for name, held in weights.items() if name.endswith("num_batches_tracked")]
    assert counts and all(count == 3 for count in counts)


def train(runs: Path, capsys, *more: str, kind: str = "classifier"):
    return here(["train", kind, "--runs", str(runs), "--device", "cpu", *more], capsys)


def test_train_tells_what_was_reached_by_lambda_and_stops_when_nothing_is_learned(tmp_path, capsys):
    more = ["--arch", "half-unet", "--set", "network.width=8", "--set", "fit.steps=300", "--set", "fit.batch=8"]
    result = train(tmp_path, capsys, *more, "--set", "fit.patience=1", "--set", "fit.look_every=1", "--set", "fit.lr=1e-9")
    assert result.returncode == 0, result.stderr
    for word in ("lambda", "accuracy", "nll", "calibration_error", "-10", "steps", "classifier-"):
        assert word in result.stdout
    (run,) = tmp_path.glob("classifier-*")
    log = read_json(run / "log.json")
    assert len(log["loss"]) == len(log["validation_nll"]) < 300
    assert min(log["validation_nll"]) == log["validation_nll"][-2], "the last look was no better, and ended it"
    steps = len(log["loss"])
    assert (
        f"{steps} steps; the weights are those after {steps - 1}, validation nll {min(log['validation_nll']):.3f}"
        in result.stdout
    )
    assert len(read_json(run / "metrics.json")["nll"]) == 9


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--arch", "resnt18"], "no model named 'resnt18'; the nearest names are resnet18"),
        (["--world", "mnist"], "there is no world 'mnist'"),
        (["--world", "gaussians"], "gaussians has no images to train on"),
        (["--arch", "test_vit", "--set", "network.size=9"], "test_vit cannot take images of 9 x 9: Input height (9)"),
        (["--set", "begin=/nowhere/at.all"], "there is no file or run /nowhere/at.all"),
        (["--set", f"begin={__file__}", "--set", "begin.sha256=12"], "begin.sha256"),
        (["--set", "network.noise_conditioning=loudly"], "noise_conditioning"),
        (["--set", "network.size=7"], "size 7 is smaller than the images, 8 x 8: set size to 8 or more"),
        (["--arch", "half-unet", "--set", "network.size=4"], "size 4 is smaller than the images, 8 x 8"),
        (["--arch", "half-unett"], "the nearest names are half-unet"),
        (["--set", "world=digits-exact"], "--world says digits and --set world=digits-exact: say one"),
    ],
)
def test_train_refuses_in_one_line(tmp_path, capsys, more, said):
    result = train(tmp_path / "runs", capsys, *more)
    assert result.returncode == 2 and said in result.stderr.strip().splitlines()[-1], result.stderr
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("classifier-*"))


@value
class Seven(Digits):
    """The digits by a world that does not know them all."""

    classes: ClassVar[int] = 7


@pytest.mark.parametrize("objective", NETWORKS)
def test_labels_that_the_world_does_not_have_are_named(tmp_path, objective):
    task = Train(world=Seven(), network=NETWORKS[objective], objective=objective, fit=Fit(steps=1, batch=4))
    with pytest.raises(Problem, match="digits says it has 7 classes, but its labels reach from 0 to 9"):
        Store(tmp_path / "runs").make(task, "cpu")


@pytest.mark.parametrize("world", [Digits(), DigitsExact()], ids=["digits", "digits-exact"])
def test_every_class_is_trained_on_and_stopped_by(world):
    """Also where labels come in turn, as in digits-exact: every tenth image would be of one class."""
    train = data(world).train
    kept, back = split_validation(train, 5)
    assert len(kept.x) + len(back.x) == len(train.x) and 100 < len(back.x) <= 1000
    shares = back.label.bincount() / len(back.x) - train.label.bincount() / len(train.x)
    assert shares.abs().max() < 0.01 and len(kept.label.unique()) == len(back.label.unique()) == 10
    assert split_validation(train, 0) == (train, None)


def test_it_goes_on_from_a_run_of_the_same_kind_only(tmp_path, capsys, trained):
    """A checkpoint of another architecture or world, or an altered one, is one line."""
    quick = ["--set", "fit.steps=1", "--set", "fit.batch=4", "--set", f"begin={trained}"]
    assert train(tmp_path, capsys, *quick).returncode == 0
    refusals = {
        ("--arch", "test_byobnet"): "has network.arch test_resnet, not test_byobnet",
        ("--world", "digits-exact"): "has world digits, not digits-exact",
        ("--set", "network.noise_conditioning=film"): "has network.noise_conditioning channel, not film",
    }
    for more, said in refusals.items():
        result = train(tmp_path / "other", capsys, *quick, *more)
        assert result.returncode == 2 and said in result.stderr.strip().splitlines()[-1], result.stderr
    assert train(tmp_path, capsys, kind="denoiser").returncode == 2
    with (trained / "model.safetensors").open("ab") as file:
        file.write(b"more")
    result = train(tmp_path / "altered", capsys, *quick)
    assert result.returncode == 2 and "truncated or altered" in result.stderr


@pytest.mark.parametrize("kind", ["evaluator", "joint-energy"])
def test_only_a_noise_aware_classifier_stops_early(tmp_path, capsys, kind):
    result = train(tmp_path, capsys, "--set", "fit.patience=3", kind=kind)
    assert result.returncode == 2 and "only a noise-aware classifier stops early" in result.stderr.strip().splitlines()[-1]


def test_a_half_unet_begins_with_a_run_and_no_file(tmp_path, capsys):
    save_file({"layer": torch.zeros(3)}, tmp_path / "file.safetensors")
    more = ["--arch", "half-unet", "--set", f"begin={tmp_path / 'file.safetensors'}"]
    result = train(tmp_path / "runs", capsys, *more)
    assert result.returncode == 2 and "begin: timm has no weights of this network; name the folder of a run" in result.stderr


def test_a_file_of_weights_is_checked_before_it_is_opened(tmp_path, capsys):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = Timm().noisy_classifier(Digits()).network
    file = tmp_path / "weights.safetensors"
    save_file(network.state_dict(), file)
    quick = ["--set", "fit.steps=1", "--set", "fit.batch=4", "--set", f"begin={file}"]
    asked = train(tmp_path / "a", capsys, *quick)
    assert asked.returncode == 2 and "set begin.sha256 (this one's is " in asked.stderr
    digest = asked.stderr.split("this one's is ")[1][:64]
    assert train(tmp_path / "b", capsys, *quick, "--set", f"begin.sha256={digest}").returncode == 0
    wrong = train(tmp_path / "c", capsys, *quick, "--set", f"begin.sha256={'0' * 64}")
    assert wrong.returncode == 2 and f"has the sha256 {digest[:12]}" in wrong.stderr
    assert not list((tmp_path / "c").glob("classifier-*"))
