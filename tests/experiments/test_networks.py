"""What a network's configuration means: its kind, its address, the labels it is trained with."""

import json

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from experiments.config import explain
from experiments.configs import STUDIES
from experiments.networks import ANY_DENOISER, DenoiserConfig, DiTConfig, GroupedDenoiserConfig, UNetConfig
from experiments.problems import Problem
from experiments.study_config import StudyConfig
from experiments.worlds import WORLDS
from guidance.backbones.dit import DiT

WORLD = WORLDS["digits"]()


def read(**values):
    return TypeAdapter(ANY_DENOISER).validate_python(values)


def test_values_that_name_groups_are_a_grouped_model_and_others_keep_their_address():
    plain, grouped = read(), read(groups=3)
    assert type(plain) is DenoiserConfig and type(grouped) is GroupedDenoiserConfig
    assert "groups" not in plain.model_dump() and plain.digest() != grouped.digest()
    assert read(**grouped.model_dump(mode="json")) == grouped
    assert grouped.build(WORLD).condition.label.num_embeddings == 10 + 3 + 1
    assert plain.build(WORLD).condition.label.num_embeddings == 10 + 1


def test_values_that_name_a_patch_are_a_transformer():
    config = read(network={"patch": 4, "width": 16, "depth": 2})
    assert config.network == DiTConfig(patch=4, width=16, depth=2) and isinstance(config.build(WORLD), DiT)
    assert read(network={"width": 16}).network == UNetConfig(width=16)


def test_a_grouped_model_is_trained_without_the_class_and_without_both():
    config, label = read(groups=2, p_group=0.3, p_uncond=0.2), torch.arange(10).repeat(1000)
    dropped = config.drop(label, torch.rand(len(label), generator=torch.Generator().manual_seed(0)), WORLD)
    shares = [((dropped >= low) & (dropped < high)).float().mean().item() for low, high in ((0, 10), (10, 12), (12, 13))]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert read(p_uncond=0.2).drop(label, torch.linspace(0, 1, len(label)), WORLD).max() == 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"groups": 0}, "denoiser.groups: Input should be greater than or equal to 1, not 0"),
        ({"groups": 2, "p_group": 0.95}, "denoiser: p_group and p_uncond add up to 1 at most, not 1.05"),
        ({"network": {"patch": 2, "blocks": 1}}, "denoiser.network.blocks: Extra inputs are not permitted"),
        ({"network": {"width": 0}}, "denoiser.network.width: Input should be greater than or equal to 1, not 0"),
    ],
)
def test_a_complaint_names_the_key_and_not_the_kind(values, words):
    with pytest.raises(ValidationError) as caught:
        StudyConfig.model_validate({"name": "digits", "world": "digits", "denoiser": values})
    assert words in explain(caught.value)


def test_a_setting_may_name_the_key_that_marks_another_kind():
    study = STUDIES["digits"]["quick"].override(["denoiser.groups=2", "denoiser.p_group=0.1"])
    assert study.denoiser == GroupedDenoiserConfig(groups=2, p_group=0.1, fit=study.denoiser.fit)
    for setting, words in (("denoiser.groups=0", "greater than or equal to 1"), ("denoiser.group=2", "no 'group'; ")):
        with pytest.raises(Problem, match=words):
            STUDIES["digits"]["quick"].override([setting])


@pytest.mark.parametrize(
    ("study", "method", "words"),
    [
        ("digits", "two-conditions", "two-conditions needs a model that knows groups of classes: set denoiser.groups"),
        ("digits", "discriminator", "discriminator needs a discriminator of the model's samples"),
        ("digits-exact", "pag", "pag needs a network whose insides can be altered"),
        ("gaussians", "fdg", "fdg needs images, and the samples of gaussians are points"),
    ],
)
def test_a_method_that_lacks_what_it_needs_is_refused_before_any_work(study, method, words):
    sweep = [{"sampler": {"name": "ddim", "steps": 4}, "ws": [1]}]
    with pytest.raises(Problem, match=words):
        STUDIES[study]["quick"].override([f'methods=["{method}"]', f"sweeps={json.dumps(sweep)}"])
