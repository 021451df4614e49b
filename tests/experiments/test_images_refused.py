"""Images that do not fit, sets that are none, and a preparation that is stopped: one line, and nothing half made."""

import socket

import numpy as np
import pytest
from folders import encoded, folder, images, picture
from PIL import Image
from small import here

from experiments.problems import Problem
from experiments.worlds import data, prepared

pytestmark = pytest.mark.usefixtures("cache")


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
        (
            empty / "ant",
            "ant holds no images: a set is a folder with a folder for each class .or, to be measured, with images., parquet",
        ),
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
    assert not list((cache / "images").glob("[!.]*")) and not list((cache / "images").glob(".*.new.*"))
    monkeypatch.setattr(prepared, "put", put)
    name = f".{world.fingerprint[:16]}-{world.rules.words}.new.{socket.gethostname()}.{2**22 + 1}.ab"  # what SIGKILL leaves
    (half := cache / "images" / name).mkdir()
    (half / "train.pixels").write_bytes(b"half")
    assert len(world.load().train.x) == 12 and not half.exists()
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
