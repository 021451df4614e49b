"""Worlds of somebody's images: what is read, how it is split and named, what is kept, and what is refused, in one line."""

import json
import os
import shutil

import numpy as np
import pytest
import torch
from folders import CLASSES, encoded, folder, picture
from PIL import Image
from small import here

from experiments.graph.value import digest, encode
from experiments.problems import Problem
from experiments.registry import build
from experiments.worlds import data, prepared
from experiments.worlds.imagenet import ImageNet64
from experiments.worlds.images import Images
from experiments.worlds.preprocessing import prepare
from experiments.worlds.split import held_out, interleaved


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def images(path, **options) -> Images:
    return Images(**{"path": str(path), "size": 8, "preprocessing": "edm", "held_out": 2, **options})


def pixels_of(seed: int, **options) -> torch.Tensor:
    return torch.from_numpy(prepare(picture(seed, **options), 8, 3, "edm").copy()).float() / 127.5 - 1


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


def bad(place, **changes) -> dict:
    """One bad image in an otherwise good folder."""
    folder(place)
    target = place / "bee" / "003.png"
    if "held" in changes:
        target.write_bytes(changes["held"])
    else:
        target.unlink()
        target.symlink_to(place / "nowhere.png")
    return {"path": place}


CUT = encoded(picture(1))[:-40]
BAD = {
    "corrupt": (CUT, r"bee/003\.png is corrupt \(.*\): mend or remove it, or set skip"),
    "no image": (b"<html>", r"bee/003\.png is no image"),
    "empty": (b"", r"bee/003\.png is missing or empty"),
    "grey": (encoded(picture(1, mode="L")), r"bee/003\.png is grey, not RGB \(3 channels\): set convert or skip"),
    "transparent": (encoded(picture(1, mode="RGBA")), r"003\.png is of mode RGBA"),
    "of 16 bits": (encoded(Image.fromarray(np.full((9, 9), 40_000, np.uint16))), r"003\.png is of mode I;16.*make it 8 bits"),
    "too small": (encoded(picture(1, width=9, height=7)), r"bee/003\.png is 9 x 7, smaller than 8 x 8"),
    "of a format that is not decoded": (encoded(picture(1), "PCX"), r"003\.png is no image \(JPEG, PNG, .*\)"),
}


@pytest.mark.parametrize("what", [*BAD, "dangling"])
def test_an_image_that_does_not_fit_is_named_and_nothing_is_left_behind(tmp_path, cache, what):
    held, words = BAD.get(what, (None, r"bee/003\.png is missing"))
    bad(tmp_path / "zoo", **({} if held is None else {"held": held}))
    with pytest.raises(Problem, match=words) as caught:
        images(tmp_path / "zoo").load()
    assert "\n" not in str(caught.value)
    assert not [path for path in (cache / "images").iterdir() if not path.name.endswith(".lock")]


@pytest.mark.parametrize("what", BAD)
def test_or_it_is_skipped_by_rule_and_counted_on_the_card(tmp_path, what):
    bad(tmp_path / "zoo", held=BAD[what][0])
    found = data(images(tmp_path / "zoo", skip=True))
    assert len(found.train.x) + len(found.test.x) == 17
    assert found.card["skipped"].startswith("1: 1 ") and "003.png" in found.card["skipped"]
    assert found.card["classes"].startswith("3, 5 to 6 of each")


def test_or_converted_and_counted(tmp_path):
    bad(tmp_path / "zoo", held=BAD["grey"][0])
    found = data(images(tmp_path / "zoo", convert=True))
    assert found.card["converted"] == "1 of other channels" and len(found.train.x) + len(found.test.x) == 18
    grey = (found.train.x[:].amax(1) == found.train.x[:].amin(1)).flatten(1).all(1).sum()
    grey += (found.test.x[:].amax(1) == found.test.x[:].amin(1)).flatten(1).all(1).sum()
    assert grey == 1


def test_the_size_and_the_channels_are_those_of_the_world(tmp_path):
    place = folder(tmp_path / "zoo")
    with pytest.raises(Problem, match=r"000\.png is 10 x 8, not 8 x 8: name a preprocessing: adm, edm or area"):
        images(place, preprocessing="none").load()
    with pytest.raises(Problem, match=r"000\.png is of mode RGB, not L \(1 channel\)"):
        images(place, channels=1).load()
    assert data(images(place, channels=1, convert=True)).train.x.shape[1:] == (1, 8, 8)
    assert len(data(images(folder(tmp_path / "exact", width=8), preprocessing="none")).train.x) == 12


def test_what_is_no_labelled_set_is_refused(tmp_path):
    folder(tmp_path / "zoo")
    flat, empty = tmp_path / "zoo" / "ant", tmp_path / "empty"
    (empty / "ant").mkdir(parents=True)
    (empty / "notes.txt").write_text("none")
    folder(tmp_path / "new" / "train")
    folder(tmp_path / "new" / "test" / "deep")
    (tmp_path / "file.png").write_bytes(encoded(picture(0)))
    (tmp_path / "table" / "folder.parquet").mkdir(parents=True)
    for path, words in (
        (tmp_path / "nowhere", "there is no file or folder .*nowhere"),
        (flat, "ant has no labels: put the images of each class into a folder"),
        (empty, "ant is a class without images"),
        (empty / "ant", "ant holds no images: a set is a folder with a folder for each class, parquet files, or hub:NAME"),
        (tmp_path / "new", "test has a class 'deep' that .*train has not"),
        (tmp_path / "file.png", "file.png is no parquet file: a set is a folder with a folder for each class"),
        (tmp_path / "table", "cannot read .*folder.parquet: Is a directory"),
    ):
        with pytest.raises(Problem, match=words):
            images(path)
    with pytest.raises(Problem, match="class 0 has 6 images, and 4 of each class are to be held out: set held_out to at most 3"):
        images(tmp_path / "zoo", held_out=4).load()
    with pytest.raises(Problem, match="there is no file or folder .*gone"):
        images(tmp_path / "zoo", test=str(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (encoded(picture(0))[:60], "ant/000.png is corrupt"),
        (b"text", "ant/000.png is no image"),
        (b"", "ant/000.png is missing or empty"),
        (encoded(picture(0, mode="L")), "ant/000.png is grey, not RGB (3 channels): set convert or skip, or mend it"),
    ],
)
def test_an_image_that_is_refused_is_one_line_of_the_command_and_leaves_nothing(tmp_path, capsys, cache, held, said):
    (folder(tmp_path / "zoo") / "ant" / "000.png").write_bytes(held)
    options = (f"path={tmp_path / 'zoo'}", "size=8", "preprocessing=edm", "held_out=2")
    done = here(["worlds", "images", *(word for one in options for word in ("--set", one))], capsys)
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not [path for path in (cache / "images").rglob("*") if not path.name.endswith(".lock")]


def test_a_class_without_images_is_named(tmp_path):
    place = folder(tmp_path / "zoo")
    with pytest.raises(
        Problem, match=r"zoo has no image of class 3 to hold out: leave no gap between labels, or give a test set"
    ):
        images(place, classes=5).load()
    for path in (place / "bee").iterdir():
        path.write_bytes(b"")
    with pytest.raises(Problem, match="no image of class 1"):
        images(place, skip=True).load()


def test_a_killed_preparation_leaves_nothing_that_is_taken_for_a_set(tmp_path, cache, monkeypatch):
    world, put = images(folder(tmp_path / "zoo")), prepared.put

    def killed(*places):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepared, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        world.load()
    assert not list((cache / "images").glob("[!.]*")) and not list((cache / "images").glob(".*.new"))
    monkeypatch.setattr(prepared, "put", put)
    half = cache / "images" / f".{world.fingerprint[:16]}-{world.rules.words}.new"  # what SIGKILL leaves
    half.mkdir()
    (half / "train.pixels").write_bytes(b"half")
    assert len(world.load().train.x) == 12
    (made,) = (cache / "images").glob("[!.]*")
    (made / "train.pixels").write_bytes(b"half")
    with pytest.raises(Problem, match=r"is damaged \(.*\): remove it, and it is made again"):
        world.load()


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    place = folder(tmp_path / "zoo")
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("GUIDANCE_BENCH_CACHE", str(tmp_path / "taken"))
    with pytest.raises(Problem, match=r"cannot use .*taken.*: Not a directory; GUIDANCE_BENCH_CACHE may name another folder"):
        images(place)


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
