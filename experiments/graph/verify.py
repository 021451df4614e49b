"""Verification of a store, or of one run: every file, every address, every parent."""

from collections.abc import Iterator
from pathlib import Path

from experiments.graph.files import disk_problems, read_object
from experiments.graph.fingerprint import read, source
from experiments.graph.manifest import Manifest, check_config, check_files, read_manifest
from experiments.problems import Problem


def runs_in(root: Path) -> list[Path]:
    """The run folders of a store, sorted by name. Problem if the store cannot be listed."""
    with disk_problems(root):
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def verify_store(root: Path) -> Iterator[tuple[Path, str | None]]:
    """(folder, error or None) of every run of a store."""
    for path in runs_in(root):
        try:
            verify_run(path)
            yield path, None
        except Problem as problem:
            yield path, str(problem)


def verify_run(path: Path, renamed: bool = False) -> Manifest:
    """The manifest of a run. Problem unless it is complete, matches its address, and its parents are those it was made from.

    renamed: the run is a committed copy, whose parents are absent.
    """
    manifest = read_manifest(path)
    check_config(path, renamed)
    check_files(path, manifest)
    if unexpected := sorted(_files(path) - set(manifest.files) - {"manifest.json"}):
        raise Problem(f"{path / unexpected[0]} is not a file of the run")
    for name, seal in () if renamed else manifest.parents.items():
        parent = path.parent / name
        if not parent.is_dir():
            raise Problem(f"{path} was made from {name}, which no longer exists")
        if read_manifest(parent).seal != seal:
            raise Problem(f"{path} was made from a different {name}")
    return manifest


def code_changes(manifest: Manifest) -> list[str]:
    """The modules of a run that have changed since it was made."""
    return [name for name, recorded in manifest.code.items() if _digest(name) not in (recorded, None)]


def describe(path: Path) -> Iterator[str]:
    """Describes a run, its inputs, its code and what has changed since, line by line. Problem if the folder is not a run."""
    manifest, config, record = read_manifest(path), check_config(path), read_object(path / "provenance.json")
    torch = record["machine"].get("torch") if isinstance(record.get("machine"), dict) else None
    yield f"{path.name}   {config.get('title', '')}"
    yield f"  made     {record.get('finished')} on {record.get('device')}, torch {torch}, revision {record.get('revision')}"
    for name, content in config["values"].items():
        yield f"  {name:8} {content}"
    for name, seal in manifest.parents.items():
        parent = path.parent / name
        state = "no longer exists" if not parent.is_dir() else "" if read_manifest(parent).seal == seal else "has changed"
        yield f"  from     {name}   {state}".rstrip()
    changed = code_changes(manifest)
    yield f"  code     {len(manifest.code)} modules, " + (f"changed: {', '.join(changed)}" if changed else "unchanged")
    for entry in manifest.accepted:
        yield f"  accepted {entry.get('when')} although it was {'; '.join(map(str, entry.get('although', ())))}"


def _digest(module: str) -> str | None:
    """The current digest of a module; "" if there is no such module, None for a class that was defined in a notebook."""
    if module.startswith("__main__"):
        return None
    file = source(module) if all(part.isidentifier() for part in module.split(".")) else None
    return "" if file is None else read(file)[0]


def _files(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
