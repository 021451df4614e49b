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

SCHEMA = 2  # version of the layout of a run folder; any other is refused
METADATA_FILES = ("config.json", "provenance.json")  # in every run; they describe it and are not part of its seal


class OtherVersion(Problem):
    """A run written by another version of guidance-bench: it may be intact, so the advice for broken runs is not added."""


@dataclass(frozen=True)
class Manifest:
    """files: sha256 by name. clocked: names of the files that depend only on a clock. parents: seals by address.

    code: the digest of each module that the run was made with. accepted: the changes that the user accepted.
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
        """A hash of the files except those that depend on a clock or on the machine: equal content, equal seal."""
        hashes = {name: checksum for name, checksum in self.files.items() if name not in (*self.clocked, *METADATA_FILES)}
        return sha(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


_MANIFEST = TypeAdapter(Manifest)


def read_manifest(path: Path, wanted: Iterable[str] = ()) -> Manifest:
    """The manifest of a run. Problem if it is not valid, lacks a file that is `wanted`, or names anything outside the store;
    OtherVersion if another version wrote it.
    """
    file = path / "manifest.json"
    content = read_object(file)
    schema = content.get("schema")
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
        manifest = _MANIFEST.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise Problem(f"{file} is not a valid manifest ({'.'.join(map(str, first['loc']))}: {first['msg']})") from error
    if missing := sorted({*wanted, *METADATA_FILES} - set(manifest.files)):
        raise Problem(f"{file} does not name {missing[0]}")
    for name in (name for name in manifest.files if not _inside(name)):
        raise Problem(f"{file} names {name!r}, which is not a file of the run")
    for name in (name for name in manifest.parents if not _inside(name) or "/" in name):
        raise Problem(f"{file} names {name!r}, which is not a run of its store")
    return manifest


def check_files(path: Path, manifest: Manifest) -> None:
    """Problem if a file is missing or altered."""
    root = path.resolve()
    for name, expected in manifest.files.items():
        file = path / name
        if not file.exists() or file.resolve() != root / name:  # a link that leads elsewhere
            raise Problem(f"{file} is missing")
        if sha256(file) != expected:
            raise Problem(f"{file} is truncated or altered (its sha256 is not the one recorded)")


def check_config(path: Path, renamed: bool = False) -> dict[str, Any]:
    """The configuration of a run. Problem unless the folder is named after it, or is `renamed`."""
    match config := read_object(path / "config.json"):
        case {"identity": {"kind": str(kind)} as identity, "values": dict()}:
            if renamed or f"{kind}-{digest(identity)}" == path.name:
                return config
            raise Problem(f"{path} contains the run of other values, {kind}-{digest(identity)}")
    raise Problem(f"{path / 'config.json'} is not the configuration of a run")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
