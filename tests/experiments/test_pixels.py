"""Images kept as bytes: what is read of them is what a tensor of floats would give, and no more of them than is read."""

import pickle
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from experiments.objectives.batches import batch, by_level, noisy_parts
from experiments.tasks.early_stopping import split_validation
from experiments.tasks.evaluating import pixel_moments
from experiments.tasks.images import FromBytes, as_bytes, from_uint8, to_uint8
from experiments.tasks.training_set import TrainingSet
from experiments.worlds.digits import Digits
from experiments.worlds.pixels import RELEASE, Pixels
from experiments.worlds.world import Labelled
from guidance.seeding import generator

N = 30
BYTES = np.random.default_rng(0).integers(0, 256, (N, 3, 4, 5), dtype=np.uint8)
FLOATS = torch.from_numpy(BYTES).float() / 127.5 - 1


@pytest.fixture(params=["memory", "file"])
def pixels(request, tmp_path) -> Pixels:
    if request.param == "memory":
        return Pixels(BYTES)
    (tmp_path / "images").write_bytes(BYTES.tobytes())
    return Pixels.of_file(tmp_path / "images", BYTES.shape)


@pytest.mark.parametrize(
    "rows", [3, -1, slice(None), slice(2, 9), slice(-4, None), torch.tensor([4, 4, 29, 0]), FLOATS[:, 0, 0, 0] > 0]
)
def test_what_is_read_is_what_the_tensor_of_floats_holds(pixels, rows):
    assert len(pixels) == N and pixels.shape == FLOATS.shape
    assert torch.equal(pixels[rows], FLOATS[rows]) and pixels[rows].dtype == torch.float32
    some = torch.tensor([7, 3, 3, 20] * 7 + [1, 2])
    assert torch.equal(pixels.subset(some)[rows], FLOATS[some][rows])
    kept = pixels.subset(FLOATS[:, 0, 0, 0] > 0)
    assert torch.equal(kept.subset(slice(1, 5))[torch.tensor([0, 2])], FLOATS[FLOATS[:, 0, 0, 0] > 0][1:5][[0, 2]])


def test_parts_are_all_of_it_and_a_batch_does_not_change_what_is_kept(pixels):
    assert torch.equal(torch.cat(list(pixels.split(7))), FLOATS)
    assert [len(part) for part in pixels.subset(slice(0, 10)).split(4)] == [4, 4, 2]
    pixels[:5].zero_()
    assert torch.equal(pixels[:], FLOATS)
    with pytest.raises(IndexError):
        pixels[N]


def test_to_another_process_goes_the_place_and_not_the_images(pixels):
    again = pickle.loads(pickle.dumps(pixels.subset(slice(5, 9))))
    assert torch.equal(again[:], FLOATS[5:9])
    if pixels.mapped is not None:
        assert len(pickle.dumps(pixels)) < 1000 < BYTES.nbytes


def test_bytes_of_a_world_are_those_of_its_floats_and_come_back(pixels):
    images = as_bytes(pixels)
    assert np.array_equal(images, to_uint8(FLOATS)) and np.array_equal(images, as_bytes(FLOATS))
    lazy = FromBytes(images)
    assert torch.equal(lazy[3:9], from_uint8(images)[3:9]) and torch.equal(torch.cat(list(lazy.split(8))), FLOATS)
    assert len(lazy) == N and np.array_equal(FromBytes(images, numpy=True)[2:4], FLOATS[2:4].numpy())


def test_moments_of_pixels_do_not_need_them_all_at_once(pixels):
    flat = FLOATS.flatten(1).double().numpy()
    mean, covariance = pixel_moments(pixels, size=7)
    np.testing.assert_allclose(mean, flat.mean(0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(covariance, np.cov(flat.T), rtol=0, atol=1e-12)


def test_a_file_of_another_length_is_refused(tmp_path):
    (tmp_path / "images").write_bytes(BYTES.tobytes()[:-1])
    with pytest.raises(ValueError, match="1,799 bytes"):
        Pixels.of_file(tmp_path / "images", BYTES.shape)


@pytest.mark.slow  # a file of gigabytes
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux says how much of a file is in memory")
def test_pages_that_were_read_are_given_back(tmp_path):
    """Of a file eight times as large as RELEASE no more is in memory than twice that at any time."""
    shape = (8 * RELEASE // 12_288, 3, 64, 64)
    with (tmp_path / "images").open("wb") as file:
        file.truncate(int(np.prod(shape)))
    mapped = Pixels.of_file(tmp_path / "images", shape)
    most = 0
    for part in mapped.split(100):
        assert part.min() == -1
        most = max(most, resident(tmp_path / "images"))
    assert 0 < most < 2 * RELEASE


def resident(path: Path) -> int:
    """Bytes of a mapped file in this process's memory."""
    lines, at = Path("/proc/self/smaps").read_text().splitlines(), False
    for line in lines:
        if "-" in line.split(" ")[0] and not line.split(" ")[0].endswith(":"):
            at = line.endswith(str(path))
        elif at and line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    return 0


def test_batches_turn_half_of_the_images_where_the_set_says_so_and_draw_the_same_ones():
    label = torch.arange(N)
    plain, lazy, flipped = (
        Labelled(x, label, flip) for x, flip in ((FLOATS, False), (Pixels(BYTES), False), (Pixels(BYTES), True))
    )
    drawn = [batch(images, 400, generator("train denoising", 0, 3)) for images in (plain, lazy, flipped)]
    assert torch.equal(drawn[0][0], drawn[1][0]) and all(torch.equal(drawn[0][1], one[1]) for one in drawn)
    turned = (drawn[2][0] == drawn[0][0].flip(-1)).flatten(1).all(1)
    assert 150 < turned.sum() < 250 and torch.equal(drawn[2][0][~turned], drawn[0][0][~turned])
    again = batch(flipped, 400, generator("train denoising", 0, 3))
    assert torch.equal(again[0], drawn[2][0])


def test_means_by_level_do_not_depend_on_how_images_are_kept_or_cut():
    label = torch.arange(N) % 3
    kept = [
        by_level(Labelled(x, label), "cpu", lambda x, eps, logsnr, c: (x + eps).flatten(1).sum(1) * logsnr + c)
        for x in (FLOATS, Pixels(BYTES))
    ]
    assert kept[0] == kept[1] and len(set(kept[0].values())) > 5


def test_the_noise_of_an_image_does_not_depend_on_the_part_that_it_is_in():
    images = Labelled(Pixels(BYTES), torch.arange(N))
    whole, parts = (tuple(torch.cat(held) for held in zip(*noisy_parts(images, size))) for size in (N, 7))
    assert all(torch.equal(*both) for both in zip(whole, parts)) and torch.equal(whole[0], FLOATS)
    assert len(set(whole[1][:, 0, 0, 0].tolist())) == N


def test_validation_images_are_taken_from_bytes_as_from_floats():
    label = torch.arange(N) % 3
    train, validation = split_validation(Labelled(Pixels(BYTES), label, flip=True), patience=1)
    floats, held = split_validation(Labelled(FLOATS, label), patience=1)
    assert isinstance(train.x, Pixels) and train.flip and len(validation.x) == len(held.x) == 3
    assert torch.equal(train.x[:], floats.x) and torch.equal(validation.x[:], held.x)


@pytest.mark.parametrize("n", [None, 15_000])
def test_the_training_images_of_a_mapped_set_are_never_all_in_memory(n, tmp_path, monkeypatch):
    shape = (20_000, 3, 64, 64)
    with (tmp_path / "images").open("wb") as file:
        file.truncate(int(np.prod(shape)))  # 246 MB that take no room
    train = Labelled(Pixels.of_file(tmp_path / "images", shape), torch.arange(shape[0]) % 10)
    monkeypatch.setattr("experiments.tasks.training_set.data", lambda world: SimpleNamespace(train=train))
    tracemalloc.start()
    images, label = TrainingSet(world=Digits(), n=n).images(None)
    first, last = images[:50], images[-50:]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(images) == len(label) == (n or shape[0]) and first.shape == last.shape == (50, 64, 64, 3) and peak < 5e6
