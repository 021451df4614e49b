"""Two folders of images measured by one call and one command; what cannot be measured is refused before any work, by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import encoded, folder, picture
from PIL import Image
from small import here

from experiments.evaluate import evaluate
from experiments.features.network import FeatureNetwork
from experiments.features.timm import Timm
from experiments.graph.value import value
from experiments.problems import Failed, Problem
from experiments.tasks.features import Features
from experiments.tasks.image_folder import folder_of_images, look_at
from experiments.tasks.npz import write_npz

NETWORK = Timm(arch="test_resnet", random=True, size=32)
TIMM = {"is": "timm", "arch": "test_resnet", "random": True, "size": 32}
LABEL = NETWORK.label
OF_FEW = ("singular", ": left out on ")  # said of every set that is smaller than its features are wide


def flat(place: Path, n: int = 9, first: int = 0, kind: str = "png", **options: object) -> Path:
    """n images in one folder."""
    place.mkdir(parents=True)
    for i in range(n):
        picture(first + i, **options).save(place / f"{i:03}.{kind}")
    return place


def pixels(place: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(place.rglob("*.*"))])


def of_few(line: str) -> bool:
    return any(words in line for words in OF_FEW)


def taken(*places: object, **more: object) -> dict[str, float]:
    """By the call, which must say nothing that it was not asked about."""
    options = {"features": (NETWORK,), "device": "cpu", "tell": lambda line: None if of_few(line) else pytest.fail(line)}
    return evaluate(*map(str, places), **{**options, **more})


@pytest.fixture
def runs(tmp_path) -> Path:
    return tmp_path / "runs"


def test_the_command_and_the_call_are_the_distance_of_the_features(tmp_path, runs, capsys):
    made, real = flat(tmp_path / "made", 110), flat(tmp_path / "real", 120, first=500)
    found = taken(made, real, runs=runs)
    words = ["evaluate", str(made), "--reference", str(real), "--features", json.dumps(TIMM), "--device", "cpu"]
    done = here([*words, "--runs", str(tmp_path / "others")], capsys)
    assert done.returncode == 0, done.stderr
    said = {line.split()[0]: line.split()[1] for line in done.stdout.splitlines()}
    assert said == {name: f"{number:.6g}" for name, number in found.items()} and "n = 110" in done.stdout
    assert {f"{name}_{LABEL}" for name in ("fid", "is", "precision", "recall")} <= set(found)
    network = NETWORK.load("cpu")
    x, y = (network(torch.from_numpy(pixels(one)).permute(0, 3, 1, 2))[0].double().numpy() for one in (made, real))
    (mx, sx), (my, sy) = ((rows.mean(0), np.cov(rows, rowvar=False)) for rows in (x, y))
    variances, basis = np.linalg.eigh(sx)
    root = basis * np.sqrt(variances.clip(0)) @ basis.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ sy @ root).clip(0)).sum()
    expected = np.sum((mx - my) ** 2) + np.trace(sx + sy) - 2 * overlap
    assert found[f"fid_{LABEL}"] == pytest.approx(expected, rel=1e-5) and expected > 0.001


def test_a_folder_is_measured_as_the_npz_of_its_images(tmp_path, runs):
    made, real = folder(tmp_path / "made"), folder(tmp_path / "real", first=7)
    for place in (made, real):
        write_npz(tmp_path / f"{place.name}.npz", pixels(place), np.repeat([0, 1, 2], 6))
    by_folder = taken(made, real, runs=runs)
    assert by_folder == taken(tmp_path / "made.npz", tmp_path / "real.npz", runs=runs)
    assert f"diversity_{LABEL}" in by_folder, "a folder for each class says the labels"
    (tmp_path / "flat").mkdir()
    for i, path in enumerate(sorted(made.rglob("*.png"))):
        shutil.copy(path, tmp_path / "flat" / f"{i:05}.png")
    without = taken(tmp_path / "flat", real, runs=runs)
    of_labels = (f"diversity_{LABEL}", f"kid_se_{LABEL}")  # the error of as many of each class is another one
    assert by_folder.keys() - without.keys() == {of_labels[0]} and by_folder[of_labels[1]] != without[of_labels[1]]
    assert all(without[name] == number for name, number in by_folder.items() if name not in of_labels)


def test_what_sample_writes_is_labelled_and_grey_images_are_measured(tmp_path, runs, capsys):
    words = ["sample", "--world", "digits-exact", "--method", "cfg", "--n", "20", "--steps", "2", "--out", str(tmp_path / "made")]
    if (done := here(words, capsys)).returncode:
        pytest.fail(done.stderr)
    found = taken(tmp_path / "made", "digits", runs=runs)
    assert f"diversity_{LABEL}" in found
    _, label = folder_of_images(tmp_path / "made").images(None)
    assert label.tolist() == [i % 10 for i in range(20)]


def test_images_are_decoded_where_they_are_read_and_a_changed_folder_is_refused(tmp_path):
    place = flat(tmp_path / "made")
    given = folder_of_images(place)
    images, label = given.images(None)
    assert images.shape == (9, 8, 10, 3) and label is None and images[2:4].shape == (2, 8, 10, 3)
    assert np.array_equal(np.ascontiguousarray(images[2:4]), pixels(place)[2:4])
    assert folder_of_images(shutil.copytree(place, tmp_path / "elsewhere")).sha256 == given.sha256
    moved = Features(samples=folder_of_images(tmp_path / "elsewhere"), network=NETWORK)
    assert moved.address == Features(samples=given, network=NETWORK).address
    picture(77).save(place / "004.png")
    assert folder_of_images(place).sha256 != given.sha256
    with pytest.raises(Problem, match="made holds other images"):
        given.images(None)


CUT = encoded(picture(1))[:-40]
BAD = {
    "another size": (encoded(picture(1, width=9)), r"005\.png is 9 x 8, and .*000\.png is 10 x 8: one set has one size"),
    "grey": (encoded(picture(1, mode="L")), r"005\.png is grey, and .*000\.png is RGB: one set has one number of channels"),
    "truncated": (CUT, r"005\.png is corrupt \(.*\): remove it, or write it again"),
    "no image": (b"<html>", r"005\.png is no image \(JPEG, PNG"),
    "empty": (b"", r"005\.png is empty: remove it"),
    "transparent": (encoded(picture(1, mode="RGBA")), r"005\.png is of mode RGBA: images are measured in RGB, or in grey"),
    "of 16 bits": (encoded(Image.fromarray(np.full((8, 10), 9000, np.uint16))), r"005\.png is of mode I;16: .*of 8 bits"),
    "a link to nothing": (None, r"005\.png cannot be read: No such file"),
}


@pytest.mark.parametrize("side", ["samples", "reference"])
@pytest.mark.parametrize("what", BAD)
def test_an_image_that_does_not_fit_is_named_with_the_rule_before_any_work(tmp_path, runs, capsys, what, side):
    held, words = BAD[what]
    places = {"samples": flat(tmp_path / "made"), "reference": flat(tmp_path / "real", first=50)}
    bad = places[side] / "005.png"
    bad.unlink()
    bad.symlink_to("nowhere.png") if held is None else bad.write_bytes(held)
    out = tmp_path / "out.npz"
    with pytest.raises(Problem, match=f"{places[side].name}/{words}") as caught:
        taken(*places.values(), runs=runs, out=out)
    assert "\n" not in str(caught.value) and not runs.exists() and not out.exists()
    line = ["evaluate", str(places["samples"]), "--reference", str(places["reference"]), "--runs", str(runs)]
    done = here([*line, "--features", json.dumps(TIMM)], capsys)
    assert (done.returncode, done.stdout) == (2, "") and str(caught.value) in done.stderr and not runs.exists()


def test_sets_that_are_none_are_refused(tmp_path, runs):
    good, few = flat(tmp_path / "good"), flat(tmp_path / "few", n=3)
    empty_class, both, nothing = folder(tmp_path / "zoo"), folder(tmp_path / "both"), tmp_path / "nothing"
    (empty_class / "dog").mkdir()
    picture(0).save(both / "grid.png")
    nothing.mkdir()
    for place, words in (
        (few, "few has 3 images: precision and recall need 4 at least"),
        (empty_class, "zoo/dog is a class without images"),
        (both, r"both/grid\.png lies beside .*both/ant, which holds images too"),
        (nothing, "nothing holds no images"),
        (tmp_path / "nowhere", "there is no file .*nowhere: name an .npz, a folder of images"),
    ):
        for places in ((place, good), (good, place)):
            with pytest.raises(Problem, match=words if place.name != "nowhere" else "there is no file .*nowhere"):
                taken(*places, runs=runs)
    with pytest.raises(Problem, match="--set world.size=8: .*good is a folder, and no world"):
        taken(good, good, runs=runs, settings=["world.size=8"])
    assert not runs.exists()


def told(*places: object, runs: Path) -> list[str]:
    lines: list[str] = []
    taken(*places, runs=runs, tell=lines.append)
    return [line for line in lines if not of_few(line)]


def test_what_moves_the_distance_is_said(tmp_path, runs, capsys):
    png, other, small = flat(tmp_path / "png"), flat(tmp_path / "other", first=50), flat(tmp_path / "small", width=9)
    assert told(png, other, runs=runs) == []
    mixed, jpeg = shutil.copytree(png, tmp_path / "mixed"), flat(tmp_path / "jpeg", kind="jpg")
    (mixed / "003.png").write_bytes(encoded(picture(3), "JPEG"))  # whatever its name says
    (line,) = told(mixed, jpeg, runs=runs)
    assert "mixed holds 8 PNG, 1 JPEG" in line and "mixed/003.png): JPEG loses detail" in line
    (line,) = told(png, jpeg, runs=runs)
    assert line.endswith("jpeg JPEG: compression moves the Frechet distance: use one format")
    (line,) = told(png, small, runs=runs)
    assert "png is 8 x 10 x 3 and" in line and "small 8 x 9 x 3: resizing moves" in line
    (line,) = told(flat(tmp_path / "grey", mode="L"), png, runs=runs)
    assert "grey is grey and" in line and "png RGB: colour moves the Frechet distance" in line
    assert look_at(str(mixed)).formats == {"PNG": 8, "JPEG": 1}
    words = ["evaluate", str(png), "--reference", str(jpeg), "--features", json.dumps(TIMM), "--runs", str(runs)]
    done = here([*words, "--device", "cpu"], capsys)
    assert done.returncode == 0 and done.stderr.count("warning: ") == done.stderr.count("\n") == 4, done.stderr
    assert "use one format" in done.stderr and done.stderr.count("covariance is singular") == 2
    with pytest.warns(UserWarning) as caught:
        evaluate(png, jpeg, [NETWORK], runs=runs, device="cpu")
    assert any("use one format" in str(one.message) for one in caught)


@value
class Broken(FeatureNetwork):
    name = "broken"

    @property
    def label(self) -> str:
        return "broken"

    def card(self) -> dict[str, str]:
        return {"network": "none"}

    def load(self, device: str):
        return lambda images: (images.flatten(1)[:, :2].float().log() - torch.inf, None)


def test_features_that_are_not_finite_fail_in_one_line_and_keep_nothing(tmp_path, runs):
    made, real, out = flat(tmp_path / "made"), flat(tmp_path / "real"), tmp_path / "out.npz"
    with pytest.raises(Failed, match=r"broken features of made: features are not finite \(the images or the network\)"):
        taken(made, real, runs=runs, features=(Broken(),))
    assert not list(runs.glob("*features-*")) and not list(runs.glob("feature-measure-*"))
    with pytest.raises(Failed, match="features are not finite"):
        taken(made, real, runs=runs, features=(NETWORK, Broken()), out=out)
    assert not out.exists(), "what one network gave stands for no whole answer"


def test_a_folder_whose_name_has_a_colon_is_a_folder(tmp_path, runs, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flat(tmp_path / "real_10:30", first=50)
    assert f"fid_{NETWORK.label}" in taken(flat(tmp_path / "made"), "real_10:30", runs=runs)
