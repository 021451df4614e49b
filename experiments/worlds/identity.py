"""What images a path holds: the sha256 of their content, taken once and kept in the cache until a file is another one."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from experiments.graph.files import disk_problems, read_object, write_json
from experiments.worlds.opening import HUB, open_source
from experiments.worlds.prepared import alone, cache, content


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

    A set of the hub is what it was when it was first fetched.
    """
    whole = [str(Path(one).expanduser().absolute()) if one and not one.startswith(HUB) else one for one in place[:2]]
    key = hashlib.sha256(json.dumps([*whole, *place[2:]]).encode()).hexdigest()[:16]
    file = cache() / "fingerprints" / f"{key}.json"
    hub = place.path.startswith(HUB)
    with disk_problems(file), alone(file):
        known = read_object(file) if file.is_file() else {}
        if hub and known:
            return known["content"], known["classes"]
        source = open_source(*place)
        files = listing(source.files)
        if known.get("files") != files:
            known = {"path": place.path, "content": content(source), "classes": source.classes, "files": files}
            write_json(file, known)
        return known["content"], known["classes"]


def listing(files: tuple[Path, ...]) -> str:
    """Path, size and time of change of every file, one a line: what shows that a source was changed."""
    lines = []
    for path in files:
        try:
            about = path.stat()
            lines.append(f"{path}\t{about.st_size}\t{about.st_mtime_ns}")
        except OSError:
            lines.append(f"{path}\tmissing")
    return "\n".join(lines)
