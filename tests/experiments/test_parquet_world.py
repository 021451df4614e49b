"""Worlds of parquet files and of sets of the hub: the same as those of folders, columns found or named."""

import io
import json
import logging

import pytest
import torch
from folders import CLASSES, encoded, folder, picture

from experiments.problems import Problem
from experiments.worlds import data
from experiments.worlds.cifar10 import Cifar10, Cifar10Jpeg
from experiments.worlds.images import Images

arrow = pytest.importorskip("pyarrow")
import pyarrow.parquet as parquet  # noqa: E402

pytestmark = pytest.mark.usefixtures("cache")


STRUCT = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])


def rows(n: int = 6) -> tuple[list[bytes], list[int]]:
    """The images of folders.folder, class by class."""
    return [encoded(picture(100 * c + i)) for c in range(3) for i in range(n)], [c for c in range(3) for _ in range(n)]


def write(path, images=None, labels=None, image="img", label="label", more=(), metadata=None, struct=True, **options):
    usual = rows()
    images, labels = images or usual[0], labels if labels is not None else usual[1]
    held = (
        arrow.array([None if x is None else {"bytes": x, "path": None} for x in images], STRUCT)
        if struct
        else arrow.array(images)
    )
    table = arrow.table({image: held, label: labels, **dict(more)})
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table.replace_schema_metadata(metadata), path, **options)
    return path


def images(path, **options) -> Images:
    return Images(**{"path": str(path), "size": 8, "preprocessing": "edm", "held_out": 2, **options})


@pytest.mark.parametrize("struct", [True, False])
@pytest.mark.parametrize("text", [True, False])
def test_a_file_gives_what_a_folder_of_the_same_images_gives(tmp_path, struct, text):
    wanted = data(images(folder(tmp_path / "zoo")))
    labels = [sorted(CLASSES)[c] for c in rows()[1]] if text else None
    world = images(write(tmp_path / "zoo.parquet", labels=labels, struct=struct, row_group_size=4))
    found = data(world)
    assert world.label == "images-zoo-8-edm" and world.classes == 3
    for part in ("train", "test"):
        assert torch.equal(getattr(found, part).x[:], getattr(wanted, part).x[:])
        assert torch.equal(getattr(found, part).label, getattr(wanted, part).label)


def test_files_of_one_folder_are_one_set_and_test_files_its_test_part(tmp_path):
    x, label = rows()
    for name, part in (
        ("train-00000-of-00002", slice(0, 9)),
        ("train-00001-of-00002", slice(9, 18)),
        ("test-00000-of-00001", slice(3, 9)),
    ):
        write(tmp_path / "set" / f"{name}.parquet", x[part], label[part])
    found = data(images(tmp_path / "set"))
    assert len(found.train.x) == 18 and found.test.label.tolist() == [0, 1, 0, 1, 0, 1]
    apart = images(tmp_path / "set" / "train-00000-of-00002.parquet", test=str(tmp_path / "set" / "test-00000-of-00001.parquet"))
    assert len(data(apart).train.x) == 9 and apart.classes == 2


def test_names_of_classes_are_taken_from_the_metadata(tmp_path):
    features = {"label": {"names": ["a", "b", "c", "never seen"], "_type": "ClassLabel"}}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    world = images(write(tmp_path / "zoo.parquet", metadata=about))
    assert world.classes == 4
    with pytest.raises(Problem, match="no image of class 3 to hold out"):
        data(world)


def test_columns_are_named_where_they_cannot_be_told(tmp_path):
    x, label = rows()
    write(tmp_path / "two.parquet", image="front", label="kind", more={"back": arrow.array(x), "place": label[::-1]}.items())
    with pytest.raises(Problem, match=r"has 2 columns that may be of image bytes: set image_column to one of front, back"):
        images(tmp_path / "two.parquet")
    with pytest.raises(Problem, match=r"set label_column to one of kind, place"):
        images(tmp_path / "two.parquet", image_column="back")
    with pytest.raises(Problem, match=r"has no column 'side' of image bytes; its columns are front .*kind \(int64\)"):
        images(tmp_path / "two.parquet", image_column="side")
    one, other = (images(tmp_path / "two.parquet", image_column="back", label_column=name) for name in ("kind", "place"))
    assert one.fingerprint != other.fingerprint and len(data(one).train.x) == 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": [0.5] * 18}, r"has no column of labels \(integers or text\); its columns are img"),
        ({"labels": [-1] * 18}, r"row 0 has no label \(-1\)"),
        ({"labels": [0] * 9 + [None] * 9}, r"row 9 has no label \(None\)"),
        ({"struct": False, "images": ["text"] * 18}, r"has no column of image bytes"),
    ],
)
def test_a_set_without_labels_or_images_is_refused(tmp_path, options, words):
    with pytest.raises(Problem, match=words) as caught:
        images(write(tmp_path / "zoo.parquet", **options))
    assert "\n" not in str(caught.value)


def test_a_row_that_does_not_fit_is_named_or_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.worlds.parquet.ROWS", 3)
    x, label = rows()
    path = write(tmp_path / "zoo.parquet", [*x[:7], None, *x[8:]], label)
    with pytest.raises(Problem, match=r"zoo\.parquet row 7 is missing or empty: mend or remove it, or set skip"):
        images(path).load()
    assert data(images(path, skip=True)).card["skipped"].startswith("1: 1 missing")
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Problem, match=r"cut\.parquet is no parquet file"):
        images(tmp_path / "cut.parquet")


def test_without_pyarrow_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "zoo.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(Problem, match=r"pip install 'guidance-bench\[images\]'"):
        images(path)


def test_a_set_of_the_hub_is_fetched_by_name_alone_and_then_found_in_the_cache(tmp_path, monkeypatch):
    """The loader of `datasets`, which takes a folder for a set of the hub too; no hub is there to be asked."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    x, label = rows()
    for part, n in (("train", slice(0, 18)), ("validation", slice(4, 10))):
        write(tmp_path / "zoo" / f"{part}-00000-of-00001.parquet", x[n], label[n], label="label")
    world = images(f"hub:{tmp_path / 'zoo'}", called="zoo")
    found = data(world)
    wanted = data(images(tmp_path / "zoo", called="zoo"))
    for part in ("train", "test"):
        assert torch.equal(getattr(found, part).x[:], getattr(wanted, part).x[:])
        assert torch.equal(getattr(found, part).label, getattr(wanted, part).label)

    def never(*words, **options):
        raise AssertionError("the hub is asked again")

    with pytest.raises(Problem, match=r"these are other images .* set fingerprint=null"):
        images(f"hub:{tmp_path / 'zoo'}", fingerprint="f" * 64, classes=3).load()
    monkeypatch.setattr(datasets, "load_dataset", never)
    assert images(f"hub:{tmp_path / 'zoo'}", called="zoo") == world and len(world.load().test.x) == 6


def test_a_set_of_the_hub_may_lie_there_as_files(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    wanted = data(images(folder(tmp_path / "zoo")))
    found = data(images(f"hub:{tmp_path / 'zoo'}"))
    assert torch.equal(found.train.x[:], wanted.train.x[:]) and found.card["classes"] == wanted.card["classes"]


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    datasets = pytest.importorskip("datasets")

    logger = logging.getLogger("huggingface_hub")
    level = logger.level

    def away(*words, **options):
        assert not logging.getLogger("huggingface_hub.utils").isEnabledFor(logging.WARNING), "every attempt is a line"
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(datasets, "load_dataset", away)
    with pytest.raises(Problem, match=r"hub:some/set cannot be fetched \(ConnectionError: no route\)"):
        images("hub:some/set")
    assert logger.level == level
    with pytest.raises(Problem, match=r"hub: names no set: say which"):
        images("hub:", called="none")


def cifar(path, kind: str):
    x = [encoded(picture(i, 32, 32), kind) for i in range(20)]
    return str(write(path, x, [i % 10 for i in range(20)]))


def test_cifar10_is_lossless_and_whole_and_its_jpeg_copy_is_another_set(tmp_path, monkeypatch):
    png, jpeg = cifar(tmp_path / "png.parquet", "PNG"), cifar(tmp_path / "jpeg.parquet", "JPEG")
    copy = Cifar10Jpeg(path=jpeg, test=jpeg)
    assert copy.label == "cifar10-jpeg" and data(copy).train.x.shape == (20, 3, 32, 32) and copy.classes == 10
    with pytest.raises(Problem, match="row 0 is a JPEG, which is another data set than the original: it is cifar10-jpeg"):
        Cifar10(path=jpeg, test=jpeg).load()
    with pytest.raises(Problem, match="png.parquet is not cifar10, whose train part has 50,000 images: it has 20"):
        Cifar10(path=png, test=png).load()
    monkeypatch.setattr(Cifar10, "sizes", {"train": 20, "test": 20})
    assert data(Cifar10(path=png, test=png)).test.label[:10].tolist() == list(range(10))
    assert io.BytesIO(encoded(picture(3, 32, 32))).read(4) == b"\x89PNG"


def test_the_validation_part_is_taken_before_a_test_part_whose_labels_are_kept_back(tmp_path):
    """As ImageNet has them: 18 images to train on, 9 to validate with, and 18 whose labels are all -1."""
    held, labels = rows(3)
    write(tmp_path / "set" / "train-0.parquet")
    write(tmp_path / "set" / "validation-0.parquet", held, labels)
    write(tmp_path / "set" / "test-0.parquet", labels=[-1] * 18)
    found = data(images(tmp_path / "set"))
    assert len(found.train.label) == 18 and len(found.test.label) == 9


def test_a_set_of_the_hub_takes_no_other_test_part():
    with pytest.raises(Problem, match="test: hub:name brings its own parts; leave test out"):
        images("hub:name", test="elsewhere")
