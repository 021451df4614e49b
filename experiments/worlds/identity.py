"""What images a path holds: the sha256 of their content, taken once and kept in the cache until a file is another one."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from analysis.files import write_atomically
from experiments.graph.files import read_object, write_json
from experiments.worlds.cache import alone, cache, cache_problems
from experiments.worlds.opening import HUB, open_source
from experiments.worlds.prepared import content


class Place(NamedTuple):
    """Where a set lies: arguments of `open_source`."""

    path: str
    test: str | None
    image_column: str | None
    label_column: str | None

    @property
    def is_there(self) -> bool:
        """Whether its files can be looked at; a set of the hub is only ever asked for where it must be fetched."""
        return not self.path.startswith(HUB) and Path(self.path).expanduser().exists()


def identity(place: Place) -> tuple[str, int]:
    """The sha256 of the content, and the number of classes. Problem for what holds no labelled images.

    A set of the hub, which has no files to be listed, is what it was when it was first fetched.
    """
    whole = [str(Path(one).expanduser().absolute()) if one and not one.startswith(HUB) else one for one in place[:2]]
    key = hashlib.sha256(json.dumps([*whole, *place[2:]]).encode()).hexdigest()[:16]
    file = cache() / "fingerprints" / f"{key}.json"
    with cache_problems(file), alone(file):
        known = read_object(file) if file.is_file() else {}
        seen = hashlib.sha256("".join(listing(place)).encode()).hexdigest()
        if known.get("files_sha256") != seen:
            source = open_source(*place)
            known = {"path": place.path, "content": content(source), "classes": source.classes, "files_sha256": seen}
            write_atomically(file.with_suffix(".files"), "".join(listing(place)).encode())
            write_json(file, known)
        return known["content"], known["classes"]


def listing(place: Place) -> Iterator[str]:
    """Path, size and time of change of every file that there is, one a line: what shows that a source was changed."""
    for each in (Path(one).expanduser() for one in place[:2] if one is not None and not one.startswith(HUB)):
        yield from files_below(str(each)) if each.is_dir() else [line(str(each))]


def files_below(folder: str) -> Iterator[str]:
    """The lines of all files in a folder and below it, but for those whose names begin with a dot."""
    with os.scandir(folder) as entries:
        found = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir():
            yield from files_below(entry.path)
        else:
            yield line(entry.path)


def line(path: str) -> str:
    """The line of one file."""
    try:
        about = os.stat(path)
    except OSError:
        return f"{path}\tmissing\n"
    return f"{path}\t{about.st_size}\t{about.st_mtime_ns}\n"
