"""Worlds of somebody's images: what is read, how it is split and named, what is kept, and what is refused, in one line."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from folders import CLASSES, encoded, folder, images, picture, pixels_of
from PIL import Image
from small import here

from experiments.graph.value import digest, encode
from experiments.problems import Problem
from experiments.registry import build
from experiments.worlds import data, prepared
from experiments.worlds.imagenet import ImageNet64
from experiments.worlds.images import Images
from experiments.worlds.split import held_out, interleaved

pytestmark = pytest.mark.usefixtures("cache")


def test_a_folder_of_classes_is_a_world_that_knows_its_name_and_content(tmp_path):
    world = images(folder(tmp_path / "My Zoo"))
    assert (world.label, world.classes, world.shape) == ("images-my-zoo-8-edm", 3, (3, 8, 8))
    assert images(world.path, channels=1, called="zoo", convert=True).label == "images-zoo-8-grey-edm"
    found = data(world)
    assert len(found.train.x) == 12 and found.test.label.tolist() == [0, 1, 2, 0, 1, 2]
    rows = {
        tuple(x.flatten().tolist()): int(label) for part in (found.train, found.test) for x, label in zip(part.x[:], part.label)
    }
    wanted = {tuple(pixels_of(100 * c + i).flatten().tolist()): c for c in range(3) for i in range(6)}
    assert rows == wanted, "every image once, with its label, classes sorted by name"


def test_the_card_says_what_they_are(tmp_path):
    found = data(images(folder(tmp_path / "zoo"), flip=True))
    card = found.card
    assert found.train.flip and not found.test.flip
    assert "18 labelled images, images-zoo-8-edm" in card["what"] and card["classes"] == "3, all 6: ant, bee, cat"
    assert card["train"].startswith("12 images") and card["test"].startswith("6 images") and "2 of each class" in card["split"]
    assert card["skipped"] == card["converted"] == "none" and "Lanczos" in card["preprocessing"] and "half" in card["flip"]
    assert str(tmp_path) not in json.dumps(card), "where a set lies is no part of what it is"


def test_where_they_lie_is_no_part_of_the_address_and_what_they_are_is(tmp_path):
    one, two = folder(tmp_path / "a" / "zoo"), folder(tmp_path / "b" / "zoo")
    other = folder(tmp_path / "c" / "zoo", first=1)

    def address(world: Images) -> str:
        return digest(encode(world, whole=False))

    usual = images(one)
    assert address(usual) == address(images(two)) != address(images(other))
    changes = (
        {"size": 4},
        {"channels": 1},
        {"preprocessing": "adm"},
        {"flip": True},
        {"skip": True},
        {"held_out": 1},
        {"called": "x"},
    )
    assert len({address(usual), *(address(images(one, **change)) for change in changes)}) == 1 + len(changes)
    shutil.rmtree(one)
    again = build("worlds", encode(usual))  # as a run's configuration has it: nothing is looked for
    assert again == usual and "fingerprint" in encode(usual, whole=False)
    with pytest.raises(Problem, match=r"there is no file or folder .*zoo"):
        data(again)


def test_another_place_or_time_finds_the_same_bytes_in_the_cache(tmp_path, cache, monkeypatch):
    place = folder(tmp_path / "zoo")
    world = images(place)
    first = world.load()
    (made,) = (cache / "images").glob("[!.]*")
    assert {path.name for path in made.iterdir()} == {"train.pixels", "train.labels.npy", "record.json"}
    monkeypatch.setattr(prepared, "make", None)
    monkeypatch.setattr("experiments.worlds.identity.content", None)
    assert torch.equal(images(place).load().train.x[:], first.train.x[:]), "neither read nor made again"
    shutil.rmtree(place)
    assert torch.equal(world.load().test.x[:], first.test.x[:]), "the images are in the cache"


def test_a_source_that_changed_is_noticed(tmp_path):
    place = folder(tmp_path / "zoo")
    world = images(place)
    world.load()
    file = place / "ant" / "000.png"
    before = file.stat()
    picture(77).save(file)
    with pytest.raises(Problem, match=r"zoo holds other images .*than this world .*fingerprint=null"):
        world.load()
    assert images(place).fingerprint != world.fingerprint
    picture(0).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert len(world.load().train.x) == 12, "touched, and the same"
    (place / "bee" / "new.png").write_bytes(encoded(picture(5)))
    with pytest.raises(Problem, match="holds other images"):
        world.load()


def test_a_folder_with_parts_has_its_own_test_images_class_by_class_in_turn(tmp_path):
    folder(tmp_path / "set" / "train", 4)
    folder(tmp_path / "set" / "val", 3, first=50)
    found = data(images(tmp_path / "set"))
    assert len(found.train.x) == 12 and found.test.label.tolist() == [0, 1, 2] * 3
    assert torch.equal(found.test.x[4], pixels_of(151)) and "the set's own" in found.card["split"]
    elsewhere = data(images(tmp_path / "set" / "train", test=str(tmp_path / "set" / "val")))
    assert torch.equal(elsewhere.test.x[:], found.test.x[:])


def test_a_test_part_is_no_class(tmp_path):
    folder(tmp_path / "mixed")
    folder(tmp_path / "mixed" / "val", 3)
    with pytest.raises(Problem, match=r"mixed/val is a test part, and there is no .*mixed/train beside it"):
        images(tmp_path / "mixed")
    folder(tmp_path / "large" / "Train", 4)
    folder(tmp_path / "large" / "Test", 2, first=50)
    found = data(images(tmp_path / "large"))
    assert (len(found.train.x), len(found.test.x)) == (12, 6) and found.card["classes"].startswith("3, ")


def test_imagenet_says_which_of_its_three_sets_it_is(tmp_path):
    folder(tmp_path / "in" / "train", 3, width=70, height=66)
    folder(tmp_path / "in" / "val", 2, width=70, height=66)
    Image.fromarray(np.zeros((70, 70), dtype=np.uint8)).save(tmp_path / "in" / "train" / "ant" / "grey.png")
    worlds = [ImageNet64(path=str(tmp_path / "in"), preprocessing=name) for name in ("adm", "edm", "area")]
    assert [world.label for world in worlds] == ["imagenet64-adm", "imagenet64-edm", "imagenet64-area"]
    assert data(worlds[0]).card["converted"] == "1 of other channels" and data(worlds[0]).train.x.shape == (10, 3, 64, 64)
    with pytest.raises(ValueError, match="preprocessing"):
        ImageNet64(path=str(tmp_path / "in"))
    with pytest.raises(ValueError, match="size"):
        ImageNet64(path=str(tmp_path / "in"), preprocessing="adm", size=32)


def test_the_rule_of_the_split_is_that_of_the_digits():
    from sklearn.datasets import load_digits

    from experiments.worlds.digits import Digits

    found, digits = load_digits(), data(Digits())
    train, test = held_out(found.target, 50, 10)
    x = torch.from_numpy(found.images / 8 - 1).float()[:, None]
    assert torch.equal(x[test], digits.test.x) and torch.equal(x[train], digits.train.x)


def test_classes_take_turns():
    label = np.array([2, 2, 0, 0, 0, 1])
    rows = interleaved(label)
    assert label[rows].tolist() == [0, 1, 2, 0, 2, 0] and rows.tolist() == [2, 5, 0, 3, 1, 4]


def test_the_command_line_prepares_and_prints_and_refuses(tmp_path, capsys):
    place = folder(tmp_path / "zoo")
    own = [word for one in (f"path={place}", "size=8", "preprocessing=adm", "held_out=2") for word in ("--set", one)]
    done = here(["worlds", "images", *own], capsys)
    assert done.returncode == 0 and "images-zoo-8-adm" in done.stdout and "all 6: ant, bee, cat" in done.stdout
    for words, said in (
        (["worlds", "images", "--set", f"path={place}"], "images needs size, preprocessing"),
        (["worlds", "images", *own[:-2], "--set", "heldout=2"], "images has no option 'heldout'"),
        (["worlds", "images", *own, "--set", "size=x"], "size: "),
        (["worlds", "images", *own, "--set", "channels=2"], "channels: "),
        (["worlds", "--set", "size=8"], "say of which world"),
        (["worlds", "digits", "--download"], "digits has no --download"),
    ):
        done = here(words, capsys)
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_classes_are_those_of_the_folder(tmp_path):
    assert sorted(CLASSES) == data(images(folder(tmp_path / "zoo"))).card["classes"].partition(": ")[2].split(", ")


def test_a_part_of_a_set_is_balanced_named_and_told_on_the_card(tmp_path):
    place = folder(tmp_path / "zoo")
    whole, part = images(place), images(place, at_most=(7, 4))
    found = data(part)
    assert part.label == "images-zoo-8-edm-7" and digest(encode(part, whole=False)) != digest(encode(whole, whole=False))
    assert found.train.label.tolist() == [0, 1, 2, 0, 1, 2, 0] and found.test.label.tolist() == [0, 1, 2, 0]
    kept = {tuple(x.flatten().tolist()) for x in data(whole).train.x[:]}
    assert {tuple(x.flatten().tolist()) for x in found.train.x[:]} < kept
    assert torch.equal(found.test.x[:], data(whole).test.x[:4])
    assert "at most 7 and 4, the first of each class in turn" in found.card["split"] and found.card["train"].startswith("7 ")
    assert data(images(place, at_most=(700, 400))).train.label.bincount().tolist() == [4, 4, 4]
    assert ImageNet64(path=str(place), preprocessing="edm", at_most=(7, 4)).label == "imagenet64-edm-7"
