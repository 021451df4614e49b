"""What a finished run says of itself: its values, its files and their hashes, its parents, and the code that made it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256 as sha
from pathlib import Path, PurePosixPath
from typing import Any

from experiments.graph.files import read_json, sha256
from experiments.graph.value import digest
from experiments.problems import Problem

SCHEMA = 2  # of the run folder; a reader refuses a newer one
ABOUT = ("config.json", "provenance.json")  # what a run says of itself: no part of what is made of it


@dataclass(frozen=True)
class Manifest:
    """files: sha256 by name. clocked: those among them that only hold what a clock said. parents: their seals by address.

    code: the digest of each module that made it. accepted: what the user took for good although it had changed.
    """

    files: Mapping[str, str]
    clocked: tuple[str, ...] = ()
    parents: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[Mapping[str, Any], ...] = ()

    @property
    def seal(self) -> str:
        """Equal content, equal seal: of the files that were made, without what a clock or the circumstances wrote."""
        made = {name: found for name, found in self.files.items() if name not in self.clocked and name not in ABOUT}
        return sha(json.dumps(made, sort_keys=True).encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **{name: held for name, held in vars(self).items()}}


def read_manifest(path: Path) -> Manifest:
    """The manifest of a run. Problem where it is none, names files outside the run, or was written by a newer version."""
    found = read_json(path / "manifest.json")
    match found:
        case {"schema": int(schema)} if schema > SCHEMA:
            raise Problem(
                f"{path} was written by a newer version of guidance-bench (run schema {schema}, this one reads up to {SCHEMA}): "
                "upgrade guidance-bench, or choose another folder with --runs"
            )
        case {"schema": int(schema)} if schema < SCHEMA:
            raise Problem(
                f"{path} was made by an earlier version of guidance-bench (run schema {schema}, this one makes {SCHEMA}): "
                "choose another folder with --runs, or delete the old one"
            )
        case {"schema": int(), "files": dict(files), "clocked": list(clocked), "parents": dict(parents), "code": dict(code)} if (
            files
        ):
            pass
        case _:
            raise Problem(f"{path / 'manifest.json'} is no manifest")
    if strange := next((name for name in files if not _inside(name)), None):
        raise Problem(f"{path / 'manifest.json'} names {strange!r}, which is no file of the run")
    return Manifest(files, tuple(clocked), parents, code, tuple(found.get("accepted", ())))


def check_files(path: Path, manifest: Manifest, wanted: Iterable[str] = ()) -> None:
    """Problem where a file is missing or altered, or the manifest leaves out one that is `wanted`."""
    if forgotten := sorted({*wanted, *ABOUT} - set(manifest.files)):
        raise Problem(f"{path / 'manifest.json'} does not name {forgotten[0]}")
    for name, expected in manifest.files.items():
        file = path / name
        if file.is_symlink() or not file.exists():
            raise Problem(f"{file} is missing")
        if sha256(file) != expected:
            raise Problem(f"{file} is truncated or altered (its sha256 is not the one recorded)")


def check_config(path: Path, renamed: bool = False) -> dict[str, Any]:
    """The configuration of a run, which must be the one that its folder is named after (unless `renamed`). Problem if it is
    not.
    """
    match config := read_json(path / "config.json"):
        case {"identity": {"kind": str(kind)} as identity, "values": dict()}:
            if renamed or f"{kind}-{digest(identity)}" == path.name:
                return config
            raise Problem(f"{path} holds the run of other values, {kind}-{digest(identity)}")
    raise Problem(f"{path / 'config.json'} is no configuration of a run")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts
