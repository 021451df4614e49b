"""Which code makes a value: the syntax of every file that its classes import within the package, comments and docstrings aside.

Imports are followed by name: `from guidance import sample` leads to the file that defines `sample`, not to all that the package
re-exports, so that a change of one method makes the runs of that method stale and no others.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

OURS = ("guidance", "classifiers", "experiments", "analysis")


def fingerprint(classes: Iterable[type]) -> dict[str, str]:
    """Digest by module of all the code that these classes rest on; of a class typed into a notebook that of its own source."""
    found: dict[str, str] = {}
    for module in sorted({kind.__module__ for kind in classes}):
        found |= closure(module)
    return dict(sorted(found.items()))


@cache
def closure(module: str) -> dict[str, str]:
    """Digest by module of a module and of what it imports from its own top-level package and from ours, and so on."""
    found: dict[str, str] = {}
    rooms, waiting = {*OURS, module.partition(".")[0]}, [module]
    while waiting:
        name = waiting.pop()
        if name in found or (file := source(name)) is None:
            continue
        found[name], uses = read(file)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        uses = [(resolve_name(where, package), what) for where, what in uses]
        waiting += (target for use in uses if use[0].partition(".")[0] in rooms for target in resolve(*use))
    return found


@cache
def source(module: str) -> Path | None:
    """The file of a module, found without importing it where it has not been; None if it has none."""
    if loaded := sys.modules.get(module):
        file = getattr(loaded, "__file__", None)
        return Path(file) if file and file.endswith(".py") else None
    package, _, name = module.rpartition(".")
    if package and (above := source(package)) is not None and above.name == "__init__.py":
        options = (above.parent / f"{name}.py", above.parent / name / "__init__.py")
        return next((file for file in options if file.is_file()), None)
    for folder in () if package else map(Path, sys.path):
        if file := next((f for f in (folder / f"{name}.py", folder / name / "__init__.py") if f.is_file()), None):
            return file
    return None


@cache
def read(file: Path) -> tuple[str, tuple[tuple[str, str | None], ...]]:
    """The digest of a file's syntax, and its imports as (module, name): name None for a plain import, dots where relative."""
    tree = ast.parse(file.read_bytes())
    digest = hashlib.sha256("\0".join(_shape(tree)).encode()).hexdigest()[:16]
    return digest, tuple(dict.fromkeys(_imports(tree)))


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue  # nothing of it runs
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
        yield from _imports(node)


@cache
def resolve(module: str, name: str | None) -> tuple[str, ...]:
    """The modules that hold what is imported: a submodule, or where a package's __init__ has the name from, or the module."""
    if name is not None and source(f"{module}.{name}") is not None:
        return (f"{module}.{name}",)
    file = source(module)
    if name is not None and file is not None and file.name == "__init__.py":
        for node in _top(ast.parse(file.read_bytes()).body):
            for alias in node.names if isinstance(node, ast.ImportFrom) else ():
                if (alias.asname or alias.name) == name:
                    where = resolve_name("." * node.level + (node.module or ""), module)
                    return resolve(where, alias.name)
    return (module,)


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below `if TYPE_CHECKING` too: what a package imports lazily it names there."""
    for node in body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _shape(node: Any) -> Iterator[str]:
    """The syntax as a stream of words: positions, docstrings and what is empty left out, so that it is one in every Python."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for field, held in ast.iter_fields(node):
            if field == "body" and _has_docstring(node):
                held = held[1:]
            if held not in (None, []):
                yield field
                yield from _shape(held)
    elif isinstance(node, list):
        yield "["
        for one in node:
            yield from _shape(one)
        yield "]"
    else:
        yield repr(node)


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
