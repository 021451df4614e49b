"""Verification of a store, or of one run: every file, every address, every parent."""

from collections.abc import Iterator
from pathlib import Path

from experiments.graph.files import disk_problems, read_object
from experiments.graph.fingerprint import read, source
from experiments.graph.manifest import Manifest, check_config, check_files, read_manifest
from experiments.problems import Problem


def runs_in(root: Path) -> list[Path]:
    """The folders of a store that hold a run, by name. Problem for a folder that cannot be listed."""
    with disk_problems(root):
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def verify_store(root: Path) -> Iterator[tuple[Path, str | None]]:
    """(run, what is wrong with it or None) of every run of a store."""
    for path in runs_in(root):
        try:
            verify_run(path)
            yield path, None
        except Problem as problem:
            yield path, str(problem)


def verify_run(path: Path, renamed: bool = False) -> Manifest:
    """The manifest of a run that is complete, matches its address, and whose parents are those that it was made from.

    Problem otherwise. renamed: a committed copy, without its parents.
    """
    manifest = read_manifest(path)
    check_config(path, renamed)
    check_files(path, manifest)
    if strange := sorted(_files(path) - set(manifest.files) - {"manifest.json"}):
        raise Problem(f"{path / strange[0]} is no file of the run")
    for name, seal in () if renamed else manifest.parents.items():
        parent = path.parent / name
        if not parent.is_dir():
            raise Problem(f"{path} was made of {name}, which is not there any more")
        if read_manifest(parent).seal != seal:
            raise Problem(f"{path} was made of another {name}")
    return manifest


def code_changes(manifest: Manifest) -> list[str]:
    """The modules of a run that have changed since."""
    return [name for name, then in manifest.code.items() if _digest(name) not in (then, None)]


def describe(path: Path) -> Iterator[str]:
    """What a run is, its inputs and its code, and what has changed since, line by line. Problem where it is no run."""
    manifest, config, made = read_manifest(path), check_config(path), read_object(path / "provenance.json")
    torch = made["machine"].get("torch") if isinstance(made.get("machine"), dict) else None
    yield f"{path.name}   {config.get('title', '')}"
    yield f"  made     {made.get('finished')} on {made.get('device')}, torch {torch}, revision {made.get('revision')}"
    for name, held in config["values"].items():
        yield f"  {name:8} {held}"
    for name, seal in manifest.parents.items():
        parent = path.parent / name
        state = "not there any more" if not parent.is_dir() else "" if read_manifest(parent).seal == seal else "another by now"
        yield f"  of       {name}   {state}".rstrip()
    changed = code_changes(manifest)
    yield f"  code     {len(manifest.code)} modules, " + (f"another by now: {', '.join(changed)}" if changed else "unchanged")
    for one in manifest.accepted:
        yield f"  accepted {one.get('when')} although it was {'; '.join(map(str, one.get('although', ())))}"


def _digest(module: str) -> str | None:
    """The digest of a module's code now; "" where there is no such module, None of a class that was typed into a notebook."""
    if module.startswith("__main__"):
        return None
    file = source(module) if all(part.isidentifier() for part in module.split(".")) else None
    return "" if file is None else read(file)[0]


def _files(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if not file.is_dir()}
