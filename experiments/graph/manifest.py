"""The record of a finished run: its values, its files and their hashes, its parents, and the code that made it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256 as sha
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ConfigDict, StrictInt, TypeAdapter, ValidationError

from experiments.graph.files import read_object, sha256
from experiments.graph.value import digest
from experiments.problems import Problem

SCHEMA = 2  # of the run folder; a reader refuses any other
ABOUT = ("config.json", "provenance.json")  # what a run says of itself: no part of what is made of it


class OtherVersion(Problem):
    """A run of another version of guidance-bench: whole, perhaps, and to be kept."""


@dataclass(frozen=True)
class Manifest:
    """files: sha256 by name. clocked: those among them that depend on a clock only. parents: their seals by address.

    code: the digest of each module that made it. accepted: the changes that the user accepted.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")
    schema: StrictInt
    files: dict[str, str]
    clocked: tuple[str, ...] = ()
    parents: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    accepted: tuple[dict[str, Any], ...] = ()

    @property
    def seal(self) -> str:
        """Equal content, equal seal: of the files, without those that depend on a clock or on the machine."""
        made = {name: found for name, found in self.files.items() if name not in self.clocked and name not in ABOUT}
        return sha(json.dumps(made, sort_keys=True).encode()).hexdigest()


_MANIFEST = TypeAdapter(Manifest)


def read_manifest(path: Path, wanted: Iterable[str] = ()) -> Manifest:
    """The manifest of a run. Problem where it is none, leaves out a file that is `wanted`, or names anything outside the store;
    OtherVersion where another version wrote it.
    """
    file = path / "manifest.json"
    found = read_object(file)
    schema = found.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise OtherVersion(
            f"{path} was written by a newer version of guidance-bench (run schema {schema}, this one reads {SCHEMA}): upgrade "
            "guidance-bench, or choose another folder with --runs"
        )
    if type(schema) is int and schema < SCHEMA:
        raise OtherVersion(
            f"{path} was made by an earlier version of guidance-bench (run schema {schema}, this one makes {SCHEMA}): choose "
            "another folder with --runs, or delete the old one"
        )
    try:
        manifest = _MANIFEST.validate_python(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(f"{file} is no manifest ({'.'.join(map(str, first['loc']))}: {first['msg']})") from error
    if forgotten := sorted({*wanted, *ABOUT} - set(manifest.files)):
        raise Problem(f"{file} does not name {forgotten[0]}")
    for name in (name for name in manifest.files if not _inside(name)):
        raise Problem(f"{file} names {name!r}, which is no file of the run")
    for name in (name for name in manifest.parents if not _inside(name) or "/" in name):
        raise Problem(f"{file} names {name!r}, which is no run of its store")
    return manifest


def check_files(path: Path, manifest: Manifest) -> None:
    """Problem where a file is missing or altered."""
    root = path.resolve()
    for name, expected in manifest.files.items():
        file = path / name
        if not file.exists() or file.resolve() != root / name:  # a link leads elsewhere
            raise Problem(f"{file} is missing")
        if sha256(file) != expected:
            raise Problem(f"{file} is truncated or altered (its sha256 is not the one recorded)")


def check_config(path: Path, renamed: bool = False) -> dict[str, Any]:
    """The configuration of a run. Problem unless it is the one that its folder is named after (or the folder is `renamed`)."""
    match config := read_object(path / "config.json"):
        case {"identity": {"kind": str(kind)} as identity, "values": dict()}:
            if renamed or f"{kind}-{digest(identity)}" == path.name:
                return config
            raise Problem(f"{path} holds the run of other values, {kind}-{digest(identity)}")
    raise Problem(f"{path / 'config.json'} is no configuration of a run")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
