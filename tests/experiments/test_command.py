"""The command on a study's page makes an equal study."""

import shlex
from dataclasses import replace

import pytest

from experiments.problems import Problem
from experiments.studies.chosen import chosen
from experiments.studies.command import command_of


@pytest.mark.parametrize(
    "name, full, settings",
    [
        ("digits", False, []),
        ("digits", True, []),
        ("digits", False, ["n=600", "model.fit.steps=400", "sample_seeds=[0,1]"]),
        ("digits", True, ["sweeps.1.steps=8"]),
        ("digits", False, ['methods=["apg", "classifier-free"]']),
        ("methods", True, []),
        ("methods", True, ["worlds.fashion=null", "worlds.digits=null"]),
        ("classifiers", False, []),
    ],
)
def test_the_command_makes_an_equal_study(name, full, settings):
    study = chosen(name, full, settings)
    first, verb, known, *rest = shlex.split(command_of(study))
    given = [rest[i + 1] for i, word in enumerate(rest) if word == "--set"]
    assert (first, verb, known, "--full" in rest) == ("guidance-bench", "study", name, full)
    assert len(given) == len(settings) and chosen(known, full, given) == study


def test_a_field_of_the_world_is_set_once(tmp_path):
    """It is set in the world of every network and reference with it."""
    study = chosen("fashion", False, [f"world.folder={tmp_path}"])
    assert study != chosen("fashion", False, []) and command_of(study).count("--set") == 1


def test_a_study_that_no_setting_makes_has_no_command():
    assert command_of(replace(chosen("digits", False, []), name="mine")) == ""


def test_a_world_is_taken_out_by_its_name():
    assert [*chosen("one-forward", False, ["worlds.fashion=null"]).worlds] == ["digits", "digits-exact"]
    with pytest.raises(Problem, match="no 'fashio'; did you mean 'fashion'"):
        chosen("one-forward", False, ["worlds.fashio=null"])
