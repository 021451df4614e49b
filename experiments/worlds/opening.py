"""The source that a path means: a folder of class folders, parquet files, a set of the hub, or CIFAR-10's own files."""

from pathlib import Path

from experiments.problems import Problem
from experiments.worlds import cifar_files, parquet
from experiments.worlds.folder import of_folder
from experiments.worlds.source import Source

HUB = "hub:"


def open_source(path: str, test: str | None, image_column: str | None, label_column: str | None) -> Source:
    """The source that a path means. Problem, naming the path, for what holds no labelled images."""
    columns = image_column, label_column
    if path.startswith(HUB):
        if test is not None:
            raise Problem(f"test: {path} brings its own parts; leave test out")
        return parquet.of_hub(path.removeprefix(HUB), *columns)
    place, other = Path(path).expanduser(), None if test is None else Path(test).expanduser()
    for each in (one for one in (place, other) if one is not None):
        if not each.exists():
            raise Problem(f"there is no file or folder {each}: set path (of a study world.path) to where the images lie")
    if place.is_file() or any(place.glob("*.parquet")):
        return parquet.of_files(place, other, *columns)
    if (batches := cifar_files.folder_in(place)) is not None:
        return cifar_files.source(batches)
    return of_folder(place, other)
