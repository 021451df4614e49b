"""The words for a world: the same value however it is said, the same refusal by every command."""

import json
from typing import ClassVar

import numpy as np
import pytest
from small import here

from experiments.graph.value import value
from experiments.problems import Problem
from experiments.worlds.chosen import apart, world_of
from experiments.worlds.gaussians import Gaussians
from experiments.worlds.world import World


@value
class Line(World):
    """A world of a user's, never loaded."""

    name: ClassVar[str] = "line"
    classes: ClassVar[int] = 2
    shape: ClassVar[tuple[int, ...]] = (2,)
    offset: float = 1.5


LINE, WIDE = "test_chosen_world:Line", Line(offset=3.0)


def test_a_name_a_path_of_modules_and_json_say_the_same():
    for text in ("gaussians", "experiments.worlds.gaussians:Gaussians", '{"is": "gaussians"}'):
        assert world_of(text) == Gaussians(), text
    assert world_of(LINE) == Line(offset=1.5) and world_of(LINE, ["offset=3"]) == WIDE
    assert world_of(json.dumps({"is": LINE, "offset": 3})) == WIDE
    assert world_of(json.dumps({"is": LINE, "offset": 1}), ["offset=3"]) == WIDE, "a setting is said last"
    assert world_of("test_chosen_world:WIDE") == WIDE
    assert world_of("test_chosen_world:WIDE", ["offset=4"]) == Line(offset=4.0)


def test_settings_of_the_world_are_told_from_the_others():
    given = ["world.size=64", "method.eta=0.5", "world=digits", "world.split.seed=1"]
    assert apart(given) == (["size=64", "split.seed=1"], ["method.eta=0.5", "world=digits"])


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("gaussian", (), "there is no world 'gaussian'; did you mean 'gaussians'"),
        ("{nonsense", (), "neither the name of a world nor JSON"),
        ('{"size": 8}', (), "say which world"),
        ("math:pi", (), "math:pi is no world: a frozen dataclass with a name and load"),
        ("guidance:Mixture", (), "guidance:Mixture is no world"),
        (LINE, ("ofset=3",), "Line has no option 'ofset'; it has offset"),
        (LINE, ("offset",), "--set wants field=value, as in --set size=64, not 'offset'"),
        (LINE, ("offset=far",), "offset: .*valid number.*'far'"),
        (LINE, ("offset.x=3",), "unknown configuration key 'offset.x'"),
        ("test_chosen_world:WIDE", ("ofset=3",), "did you mean 'offset'"),
        ("images", (), "images needs path, size, preprocessing: say them"),
    ],
)
def test_what_is_no_world_is_one_line(text, settings, said):
    with pytest.raises(Problem, match=said) as refused:
        world_of(text, settings)
    assert "\n" not in str(refused.value)


def commands(tmp_path) -> dict[str, list[str]]:
    """Every command that takes a world, its world still to be said."""
    np.savez(tmp_path / "made.npz", arr_0=np.zeros((4, 8, 8, 1), np.uint8))
    (tmp_path / "weights.safetensors").write_bytes(b"")
    runs = ["--runs", str(tmp_path / "runs")]
    return {
        "train": ["train", "classifier", *runs, "--world"],
        "sample": ["sample", "--out", str(tmp_path / "grid.png"), "--world"],
        "check-checkpoint": ["check-checkpoint", str(tmp_path / "weights.safetensors"), "--adapter", "dit-xl-2-256", "--world"],
        "evaluate": ["evaluate", str(tmp_path / "made.npz"), *runs, "--reference"],
        "worlds": ["worlds"],
    }


@pytest.mark.parametrize("command", ["train", "sample", "check-checkpoint", "evaluate", "worlds"])
def test_every_command_says_the_same_of_a_world(command, tmp_path, capsys):
    words, prefix = commands(tmp_path)[command], "" if command == "worlds" else "world."
    features = ["--features", json.dumps({"is": "timm", "arch": "test_resnet", "random": True})] * (command == "evaluate")
    for world, settings, said in (
        ("digits", ["size=64"], "digits has no option 'size'; it has none"),
        ("images", ["size=64"], "images needs path, preprocessing: say them"),
        ("images", ["size=many", "path=x", "preprocessing=adm"], "images: size: "),
        ("math:pi", [], "math:pi is no world: a frozen dataclass with a name and load"),
    ):
        done = here([*words, world, *features, *(word for one in settings for word in ("--set", prefix + one))], capsys)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout
        assert done.stderr.startswith(f"guidance-bench: {said}") and done.stderr.count("\n") == 1, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"made.npz", "weights.safetensors"}


def test_options_are_of_the_world_alone_where_nothing_else_has_any(tmp_path, capsys):
    made = str(tmp_path / "made.npz")
    np.savez(made, arr_0=np.zeros((4, 8, 8, 1), np.uint8))
    for reference, setting, said in (
        ("digits", "size=8", "--set size=8: only the reference's world has options here"),
        (made, "world.size=8", "made.npz is a file, and no world"),
        ("nowhere.npz", "world.size=8", "there is no file nowhere.npz, and no world of this name"),
    ):
        done = here(["evaluate", made, "--reference", reference, "--set", setting, "--runs", str(tmp_path / "runs")], capsys)
        assert done.returncode == 2 and said in done.stderr and not (tmp_path / "runs").exists(), done.stderr


def test_the_samples_are_of_the_world_of_their_model(tmp_path, capsys):
    done = here(["sample", "--out", str(tmp_path / "a.npz"), "--world", "gaussians", "--set", "world=digits"], capsys)
    assert done.returncode == 2 and "model: it is of the world gaussians, and the samples are of digits" in done.stderr
    assert not (tmp_path / "a.npz").exists()
