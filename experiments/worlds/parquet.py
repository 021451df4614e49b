"""Labelled images in parquet files or in a set of Hugging Face's hub: columns for the image and the label, by name or found.

An image is a struct with `bytes`, as Hugging Face writes it, or binary; a label is an integer from 0, or text.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from experiments.problems import Problem
from experiments.worlds.source import TEST, TRAIN, Item, Source

ROWS = 256  # read at a time
IMAGES = ("image", "img", "jpg", "jpeg", "png", "webp")  # names to be preferred, where several columns would do
LABELS = ("label", "labels", "class", "cls", "fine_label", "target", "y")
MAGIC = b"PAR1"  # how a parquet file begins
EXTRA = "pip install 'guidance-bench[images]'"


def pyarrow() -> Any:
    """The module. Problem where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise Problem(f"parquet files are read with pyarrow: {EXTRA}") from error
    return pyarrow


def of_files(place: Path, test: Path | None, image: str | None, label: str | None) -> Source:
    """A parquet file, or a folder of them: those with validation, val or test in their names, the first of these, are the test
    part, and those with another of them are left out.
    """
    parts = {"train": files_of(place)}
    if test is not None:
        parts["test"] = files_of(test)
    elif held := [path for path in parts["train"] if is_part(path, TEST) and not is_part(path, TRAIN)]:
        word = next(word for word in TEST if any(is_part(path, (word,)) for path in held))
        parts = {
            "train": [path for path in parts["train"] if path not in held],
            "test": [path for path in held if is_part(path, (word,))],
        }
    if not parts["train"]:
        raise Problem(f"{place} has test files only: say which are to train on")
    first = open_file(parts["train"][0])
    columns = image_and_label(first.schema_arrow, parts["train"][0], image, label)
    names = class_names(first.schema_arrow.metadata, columns[1]) or text_labels(parts["train"], columns[1])
    runs = {name: partial(items, paths, columns, names) for name, paths in parts.items()}
    classes = len(names) or 1 + largest(parts["train"], columns[1])
    return Source(classes, runs, names)


def of_hub(name: str, image: str | None, label: str | None) -> Source:
    """A set of the hub, NAME, NAME@REVISION or NAME:CONFIGURATION, fetched by Hugging Face's `datasets` into its own cache."""
    try:
        import datasets
    except ImportError as error:
        raise Problem(f"sets of the hub are fetched by Hugging Face's datasets: {EXTRA}") from error
    if not name:
        raise Problem("hub: names no set: say which, as in hub:NAME")
    name, _, revision = name.partition("@")
    name, _, configuration = name.partition(":")
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    try:
        logger.setLevel(logging.ERROR)  # every attempt is a warning; what came of them is said below
        found = datasets.load_dataset(name, configuration or None, revision=revision or None)
    except Exception as error:  # of the network, of the hub, of its builders
        said = (str(error).strip().splitlines() or [""])[0]
        raise Problem(f"hub:{name} cannot be fetched ({type(error).__name__}: {said})") from error
    finally:
        logger.setLevel(level)
    splits = {split: next((part for part in names if part in found), None) for split, names in (("train", TRAIN), ("test", TEST))}
    if splits["train"] is None:
        raise Problem(f"hub:{name} has no part to train on, but {', '.join(found)}")
    table = found[splits["train"]]
    columns = image_and_label(table.features.arrow_schema, f"hub:{name}", image, label)
    kind = table.features[columns[1]]
    names = tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else ()
    if not names and "string" in str(kind):
        names = tuple(sorted(set(table.unique(columns[1]))))
    parts = {split: found[part] for split, part in splits.items() if part is not None}
    runs = {split: partial(rows_of_hub, part, columns, names, f"hub:{name} {split}") for split, part in parts.items()}
    classes = len(names) or 1 + max(table.unique(columns[1]))
    return Source(classes, runs, names)


def rows_of_hub(table: Any, columns: tuple[str, str], names: tuple[str, ...], where: str) -> Iterator[Item]:
    """The items of one part, from the memory-mapped table of `datasets`, as bytes."""
    table = table.with_format("arrow")
    for start in range(0, len(table), ROWS):
        batch = table[start : start + ROWS]
        yield from in_batch(batch.column(columns[0]), batch.column(columns[1]), names, where, start, files=True)


def items(paths: list[Path], columns: tuple[str, str], names: tuple[str, ...]) -> Iterator[Item]:
    """The items of parquet files, a few hundred rows at a time."""
    for path in paths:
        start = 0
        for batch in open_file(path, columns).iter_batches(ROWS, columns=list(columns)):
            yield from in_batch(batch.column(columns[0]), batch.column(columns[1]), names, str(path), start)
            start += len(batch)


def in_batch(images: Any, labels: Any, names: tuple[str, ...], where: str, start: int, files: bool = False) -> Iterator[Item]:
    """The items of one batch of rows; files: an image may be a path alone, as in sets that `datasets` has unpacked.

    Problem for a row without a label, or one that names no class.
    """
    by_name = {name: i for i, name in enumerate(names)}
    for i, (image, label) in enumerate(zip(images.to_pylist(), labels.to_pylist())):
        at = f"{where} row {start + i}"
        number = by_name.get(label) if isinstance(label, str) else label
        if label is None or (isinstance(number, int) and number < 0):
            raise Problem(f"{at} has no label ({label}): every image needs one")
        if number is None:
            raise Problem(f"{at}: {label!r} is none of the {len(names)} classes of the training part")
        held = image.get("bytes") if isinstance(image, dict) else image
        if held is None and files and image and image.get("path"):
            held = Path(image["path"])
        yield Item(at, number, held)


def image_and_label(schema: Any, where: Any, image: str | None, label: str | None) -> tuple[str, str]:
    """The names of the two columns. Problem where one is missing, or where several would do."""
    types = pyarrow().types

    def holds_images(kind: Any) -> bool:
        inside = types.is_struct(kind) and any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
        return inside or types.is_binary(kind) or types.is_large_binary(kind)

    def labels(kind: Any) -> bool:
        return types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind)

    return (
        one_column(schema, where, "image", "image bytes", holds_images, image, IMAGES),
        one_column(schema, where, "label", "labels (integers or text)", labels, label, LABELS),
    )


def one_column(schema: Any, where: Any, what: str, words: str, fits: Callable, wanted: str | None, usual: tuple[str, ...]) -> str:
    """The column that is wanted, or the one that fits, a usual name first. Problem that lists the columns otherwise."""
    every = ", ".join(f"{column.name} ({column.type})" for column in schema)
    fitting = [column.name for column in schema if fits(column.type)]
    if wanted is not None and wanted not in fitting:
        raise Problem(f"{where} has no column {wanted!r} of {words}; its columns are {every}")
    found = [wanted] if wanted else [name for name in usual if name in fitting] or fitting
    if not found:
        raise Problem(f"{where} has no column of {words}; its columns are {every}")
    if len(found) > 1 and found[0] not in usual:
        raise Problem(f"{where} has {len(found)} columns that may be of {words}: set {what}_column to one of {', '.join(found)}")
    return found[0]


def class_names(metadata: dict[bytes, bytes] | None, label: str) -> tuple[str, ...]:
    """The names that Hugging Face's `datasets` has left in a file's metadata, or none."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(features[label]["names"])
    except (KeyError, ValueError, TypeError):
        return ()


def text_labels(paths: list[Path], label: str) -> tuple[str, ...]:
    """The sorted texts of a column of text; none for a column of numbers."""
    if not pyarrow().types.is_integer(open_file(paths[0], (label,)).schema_arrow.field(label).type):
        return tuple(sorted({text for path in paths for text in column(path, label) if text is not None}))
    return ()


def largest(paths: list[Path], label: str) -> int:
    """The largest label of a column of numbers. Problem if there is none."""
    found = [number for path in paths for number in column(path, label) if number is not None]
    if not found:
        raise Problem(f"{paths[0]} has no label in its column {label!r}")
    return max(found)


def column(path: Path, name: str) -> list[Any]:
    """All of one small column."""
    return open_file(path, (name,)).read([name]).column(name).to_pylist()


def open_file(path: Path, columns: tuple[str, ...] = ()) -> Any:
    """A parquet file. Problem for one that is none, or that lacks columns that the first file of the set has."""
    require_parquet(path)
    arrow = pyarrow()
    try:
        found = arrow.parquet.ParquetFile(path)
    except (OSError, arrow.ArrowException) as error:
        raise Problem(f"{path} is no parquet file ({' '.join(str(error).split())[:120]})") from error
    if lacking := [name for name in columns if name not in found.schema_arrow.names]:
        raise Problem(f"{path} has no column {lacking[0]!r}, as the first file of the set has")
    return found


def require_parquet(path: Path) -> None:
    """Problem for a file of another kind; it needs no pyarrow to be found out."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(MAGIC))
    except OSError as error:
        raise Problem(f"cannot read {path}: {error.strerror}") from error
    if begins != MAGIC:
        raise Problem(f"{path} is no parquet file: a set is a folder with a folder for each class, parquet files, or hub:NAME")


def files_of(place: Path) -> list[Path]:
    """The parquet files that a path means. Problem if there is none."""
    found = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
    if not found:
        raise Problem(f"{place} holds no parquet files, as the other part of the set does")
    return found


def is_part(path: Path, names: tuple[str, ...]) -> bool:
    """Whether a file's name has one of these words."""
    words = path.stem.lower().replace("_", "-").replace(".", "-").split("-")
    return any(name in words for name in names)
