"""The code behind a value: the syntax of every file that its classes import in the package, without comments and docstrings.

Imports are followed by name: `from guidance import sample` leads to the file that defines `sample`, not to all that the package
re-exports, so that a change of one method makes the runs of that method stale and no others.

A file is read once per process, before anything of it runs here: the record is of the code that ran, even if a file is
edited meanwhile. How runs are stored (APART) is not part of the result.
"""

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, MappingProxyType
from typing import Any

from experiments.problems import Problem

OURS = ("guidance", "classifiers", "experiments", "analysis")
APART = ("experiments.graph", "experiments.problems", "experiments.progress")  # how runs are kept and told, not what is in them


def fingerprint(classes: Iterable[type]) -> Mapping[str, str]:
    """Digest by module of all the code that these classes rest on; of a class typed into a notebook that of its own source."""
    return _fingerprint(frozenset(classes))


def require_unedited() -> None:
    """Problem where a file that this process has read was edited since: a notebook that reloads code would record the old one."""
    for file, stamp in _stamps.items():
        if _stamp(file) != stamp:
            raise Problem(f"{file} was edited since this process began: begin a new one (in a notebook, restart the kernel)")


@cache
def _fingerprint(classes: frozenset[type]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for kind in classes:
        module = _module(kind)
        found |= closure(module) or {f"{module}.{kind.__qualname__}": _typed(kind)}
    return MappingProxyType(dict(sorted(found.items())))


@cache
def closure(module: str) -> dict[str, str]:
    """Digest by module of a module and of what it imports from its own top-level package and from ours, and so on."""
    found: dict[str, str] = {}
    rooms, waiting = {*OURS, module.partition(".")[0]}, [module]
    while waiting:
        name = waiting.pop()
        if name in found or name.startswith(APART) or (file := source(name)) is None:
            continue
        found[name], uses, _ = read(file)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for where, what in uses:
            with suppress(ImportError):  # of a relative import beyond the top, which fails when it is run, too
                if (where := resolve_name(where, package)).partition(".")[0] in rooms:
                    waiting += resolve(where, what)
    return found


@cache
def source(module: str) -> Path | None:
    """The file of a module, found without importing it where it has not been; None if it has none."""
    if loaded := sys.modules.get(module):
        file = getattr(loaded, "__file__", None)
        return Path(file) if file and file.endswith(".py") and Path(file).is_file() else None
    package, _, name = module.rpartition(".")
    if package and (above := source(package)) is not None and above.name == "__init__.py":
        options = (above.parent / f"{name}.py", above.parent / name / "__init__.py")
        return next((file for file in options if file.is_file()), None)
    for folder in () if package else (Path(entry).absolute() for entry in sys.path):  # a process may change its folder
        if file := next((f for f in (folder / f"{name}.py", folder / name / "__init__.py") if f.is_file()), None):
            return file
    return None


@cache
def resolve(module: str, name: str | None) -> tuple[str, ...]:
    """The modules that hold what is imported: a submodule, or where a package's __init__ has the name from, or the module."""
    if name is not None and source(f"{module}.{name}") is not None:
        return (f"{module}.{name}",)
    file = source(module)
    if name is not None and file is not None and file.name == "__init__.py" and (found := read(file)[2].get(name)):
        where = resolve_name(found[0], module)
        return resolve(where, found[1]) if (where, found[1]) != (module, name) else (module,)
    return (module,)


@cache
def read(file: Path) -> tuple[str, tuple[tuple[str, str | None], ...], dict[str, tuple[str, str]]]:
    """The digest of a file's syntax; its imports as (module, name): name None for a plain import, dots where relative; and
    where the names of its top level are imported from. Problem for a file that is no Python.
    """
    _stamps[file] = _stamp(file)
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        raise Problem(f"{file} cannot be read as Python: {error}") from error
    top = {
        alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
        for node in _top(tree.body)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return _digest(tree), tuple(dict.fromkeys(_imports(tree))), top


_stamps: dict[Path, tuple[int, int] | None] = {}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue  # nothing of it runs
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
        yield from _imports(node)


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those below `if TYPE_CHECKING` too: what a package imports lazily it names there."""
    for node in body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _typed(kind: type) -> str:
    """The digest of a class that no file holds: of its methods' source where that is kept, as a notebook does, or their code."""
    found = [kind.__qualname__]
    for name, held in sorted(vars(kind).items()) if isinstance(kind, type) else [("", kind)]:
        function = inspect.unwrap(getattr(held, "__func__", getattr(held, "fget", None) or held))
        if not inspect.isfunction(function) or function.__code__.co_filename == "<string>":  # what a decorator generated
            continue
        try:
            found += [name, _digest(ast.parse(textwrap.dedent(inspect.getsource(function))))]
        except (OSError, TypeError, SyntaxError):
            found += [name, *_bytecode(function.__code__)]
    return hashlib.sha256("\0".join(found).encode()).hexdigest()[:16]


def _bytecode(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for held in code.co_consts:
        yield from _bytecode(held) if isinstance(held, CodeType) else [repr(held)]


def _module(kind: type) -> str:
    """The name under which the file of a class can be imported: that of a script, or of `python -m`, is `__main__` at first."""
    if kind.__module__ not in ("__main__", "__mp_main__"):
        return kind.__module__
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec else Path(file).stem if file else "__main__"


def _digest(tree: ast.AST) -> str:
    return hashlib.sha256("\0".join(_shape(tree)).encode()).hexdigest()[:16]


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
