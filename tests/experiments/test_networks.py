"""What the values of a network and of its objective mean: its kind, its address, the labels it is trained with."""

import json
from dataclasses import replace

import pytest
import torch

from experiments.graph.value import encode
from experiments.networks import DiT, UNet
from experiments.objectives.denoising import Denoising
from experiments.problems import Problem
from experiments.settings import override
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.digits_exact import QUICK as DIGITS_EXACT
from experiments.studies.gaussians import QUICK as GAUSSIANS
from experiments.tasks.sources import Checkpoint, Guide
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from guidance.backbones.dit import DiT as Transformer
from guidance.backbones.unet import UNet as UNetwork

STUDIES = {"digits": DIGITS, "digits-exact": DIGITS_EXACT, "gaussians": GAUSSIANS}


def read(network: object = "unet", **objective: object) -> Train:
    return Train(world="digits", network=network, objective={"is": "denoising", **objective}, fit={"steps": 1})


def test_values_that_name_groups_are_a_grouped_model_and_others_keep_their_address():
    plain, grouped = read(), read(groups=3)
    assert plain.objective == Denoising() and grouped.objective == Denoising(groups=3)
    assert "groups" not in json.dumps(plain.identity) and plain.address != grouped.address
    assert read(groups=0).address == plain.address, "the default is no part of an address"
    again = Train(**{name: held for name, held in encode(grouped, expand=True).items() if name != "is"})
    assert again == grouped and again.address == grouped.address
    assert grouped.module().condition.label.num_embeddings == 10 + 3 + 1
    assert plain.module().condition.label.num_embeddings == 10 + 1


def test_a_patch_is_of_a_transformer():
    task = read({"is": "dit", "patch": 4, "width": 16, "depth": 2})
    assert task.network == DiT(patch=4, width=16, depth=2) and isinstance(task.module(), Transformer)
    assert read({"is": "unet", "width": 16}).network == UNet(width=16) and isinstance(read().module(), UNetwork)


def test_the_unet_in_adms_form_attends_at_named_resolutions():
    task = read({"is": "unet", "attention_at": [4], "head_width": 8, "resample": "block"})
    network = task.module()
    assert network.attentions == 3 and [len(stage) for level in network.down for stage in level] == [1, 2]
    assert network.middle[1].heads == 6
    with pytest.raises(ValueError, match=r"attention_at: images of height 8 have feature maps of \[8, 4\], none of \[16\]"):
        read({"is": "unet", "attention_at": [16]}).module()


@pytest.mark.parametrize("network", [{"is": "unet", "width": 16}, {"is": "dit", "patch": 4, "width": 16, "depth": 2}])
def test_a_strength_is_an_option_that_is_no_part_of_other_addresses(network):
    plain, off, on = read(network), read(network | {"strength": False}), read(network | {"strength": True})
    assert plain == off and plain.address == off.address != on.address and "strength" not in json.dumps(plain.identity)
    assert plain.module().condition.strength is None and on.module().condition.strength is not None


def test_a_grouped_model_is_trained_without_the_class_and_without_both():
    objective, label = Denoising(groups=2, p_group=0.3, p_uncond=0.2), torch.arange(10).repeat(1000)
    dropped = objective._drop(label, torch.rand(len(label), generator=torch.Generator().manual_seed(0)), Digits.classes)
    shares = [((dropped >= low) & (dropped < high)).float().mean().item() for low, high in ((0, 10), (10, 12), (12, 13))]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert Denoising(p_uncond=0.2)._drop(label, torch.linspace(0, 1, len(label)), Digits.classes).max() == 10


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["objective.groups=-1"], "objective.groups: Input should be greater than or equal to 0, not -1"),
        (["objective.groups=2", "objective.p_group=0.95"], "objective.p_group and p_uncond add up to 1 at most, not 1.05"),
        (['network={"is": "dit", "patch": 2, "blocks": 1}'], "network: dit has no option 'blocks'"),
        (['network={"is": "dit"}'], "network: dit needs patch"),
        (["network.width=0"], "network.width: Input should be greater than or equal to 1, not 0"),
        (['network={"is": "unet", "width": 0}'], "network.width: Input should be greater than or equal to 1, not 0"),
    ],
)
def test_a_complaint_names_the_key_and_not_the_kind(settings, words):
    with pytest.raises(Problem) as caught:
        override(DIGITS, [f"model.{setting}" for setting in settings])
    assert f"model.{words}" in str(caught.value)


def test_settings_change_what_they_name_and_nothing_else():
    study = override(DIGITS, ["model.objective.groups=2", "model.objective.p_group=0.1"])
    assert study.model.objective == Denoising(groups=2, p_group=0.1) and study.model.fit == DIGITS.model.fit
    for setting, words in (("groups=-1", "greater than or equal to 0"), ("group=2", "no 'group' in denoising; did you mean")):
        with pytest.raises(Problem, match=words):
            override(DIGITS, [f"model.objective.{setting}"])


@pytest.mark.parametrize(
    ("study", "method", "words"),
    [
        ("digits", "two-conditions", "two-conditions needs a model that knows groups of classes: set model.objective.groups"),
        ("digits", "discriminator", "discriminator needs a discriminator of the model's samples"),
        ("digits-exact", "pag", "pag needs a network whose layers can be perturbed"),
        ("gaussians", "fdg", "fdg needs images, and the samples of gaussians are points"),
    ],
)
def test_a_method_that_lacks_what_it_needs_is_refused_before_any_work(study, method, words):
    sweep = [{"sampler": "ddim", "steps": 4, "ws": [1]}]
    with pytest.raises(Problem, match=words):
        override(STUDIES[study], [f'methods=["{method}"]', f"sweeps={json.dumps(sweep)}"])


def test_a_study_takes_a_model_that_is_no_training_with_a_classifier_that_is_one():
    """The cells of a checkpoint of somebody else's are placed by the classifier's training seeds."""
    model = Checkpoint(world=Digits(), file="weights.pt", sha256="0" * 64, adapter="json:loads")
    study = replace(DIGITS, model=model, train_seeds=(0, 2))
    guided = [placed.task for placed in study.cells() if placed.place.get("method") == "classifier" and placed.place["w"]]
    assert {task.samples.others["classifier"].seed for task in guided} == {0, 2}
    assert {task.samples.model for task in guided} == {model} and study.models == [(0, False), (2, False)]
    assert replace(DIGITS, model=model, methods=("classifier-free",), classifier=None).models == [(-1, False)]


def test_accuracy_under_the_guide_is_of_a_guide_that_was_trained():
    study = replace(DIGITS, classifier=Guide(classifier=DIGITS.classifier, temperature=2.0))
    assert all(placed.task.guide is None for placed in study.cells() if placed.table == "table")
