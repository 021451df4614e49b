"""The code behind a value: the syntax of every project file that its classes import, without comments and docstrings.

Imports are followed by name: `from guidance import sample` leads to the file that defines `sample`, not to everything that the
package re-exports, so that changing one method makes the runs of that method stale and no others.

A file is read once per process, before a task that uses it runs: the fingerprint is of the code that ran, even if the file is
edited later. Modules that only store runs, report progress or find components by name (EXCLUDED_MODULES) do not affect results
and are left out: what a name stood for is a value with code of its own.
"""

import ast
import gc
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, MappingProxyType
from typing import Any

from experiments.problems import Problem

PROJECT_PACKAGES = ("guidance", "classifiers", "experiments", "analysis")
EXCLUDED_MODULES = ("experiments.graph", "experiments.problems", "experiments.progress", "experiments.registry")


def fingerprint(classes: Iterable[type]) -> Mapping[str, str]:
    """Digest by module of all the code that these classes depend on; a class defined in a notebook has that of its own source."""
    return _fingerprint(frozenset(classes))


def require_unedited() -> None:
    """Problem if a file that this process has read was edited since: a notebook that reloads code would record the old code."""
    for file, stamp in _stamps.items():
        if _stamp(file) != stamp:
            raise Problem(f"{file} was edited since this process started: start a new one (in a notebook, restart the kernel)")


@cache
def _fingerprint(classes: frozenset[type]) -> Mapping[str, str]:
    digests: dict[str, str] = {}
    for kind in classes:
        module = _module(kind)
        digests |= closure(module) or {f"{module}.{kind.__qualname__}": _digest_without_file(kind)}
    return MappingProxyType(dict(sorted(digests.items())))


@cache
def closure(module: str) -> dict[str, str]:
    """Digest by module of a module and, recursively, of its imports from its own top-level package and from this project."""
    digests: dict[str, str] = {}
    packages, waiting = {*PROJECT_PACKAGES, module.partition(".")[0]}, [module]
    while waiting:
        name = waiting.pop()
        if name in digests or name.startswith(EXCLUDED_MODULES) or (file := source(name)) is None:
            continue
        digests[name], imports, _ = read(file)
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for target, attribute in imports:
            with suppress(ImportError):  # a relative import beyond the top-level package, which also fails when it is run
                if (target := resolve_name(target, package)).partition(".")[0] in packages:
                    waiting += resolve(target, attribute)
    return digests


def packages(modules: Iterable[str]) -> set[str]:
    """The top-level packages that modules with a file import, wherever in it."""
    files = [file for module in modules if (file := source(module)) is not None]
    return {target.partition(".")[0] for file in files for target, _ in read(file)[1]}


@cache
def source(module: str) -> Path | None:
    """The file of a module, located without importing the module; None if it has none."""
    if loaded := sys.modules.get(module):
        file = getattr(loaded, "__file__", None)
        return Path(file) if file and file.endswith(".py") and Path(file).is_file() else None
    package, _, name = module.rpartition(".")
    if package and (init := source(package)) is not None and init.name == "__init__.py":
        candidates = (init.parent / f"{name}.py", init.parent / name / "__init__.py")
        return next((file for file in candidates if file.is_file()), None)
    for folder in () if package else (Path(entry).absolute() for entry in sys.path):  # a process may change its folder
        if file := next((f for f in (folder / f"{name}.py", folder / name / "__init__.py") if f.is_file()), None):
            return file
    return None


@cache
def resolve(module: str, name: str | None) -> tuple[str, ...]:
    """The module that defines `name`: a submodule, the module that a package's __init__ imports it from, or `module`."""
    if name is not None and source(f"{module}.{name}") is not None:
        return (f"{module}.{name}",)
    file = source(module)
    if name is not None and file is not None and file.name == "__init__.py" and (origin := read(file)[2].get(name)):
        target, original = resolve_name(origin[0], module), origin[1]
        return resolve(target, original) if (target, original) != (module, name) else (module,)
    return (module,)


@cache
def read(file: Path) -> tuple[str, tuple[tuple[str, str | None], ...], dict[str, tuple[str, str]]]:
    """The digest of a file's syntax; its imports as (module, name), with name None for a plain import and leading dots for a
    relative one; and the origin (module, name) of each name imported at its top level. Problem if it is not valid Python.
    """
    _stamps[file] = _stamp(file)
    with _unsearched():
        return _read(file)


@contextmanager
def _unsearched() -> Iterator[None]:
    """Without searches for garbage: a tree of syntax is large and holds none, and they took four fifths of the time to parse."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read(file: Path) -> tuple[str, tuple[tuple[str, str | None], ...], dict[str, tuple[str, str]]]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        raise Problem(f"{file} cannot be read as Python: {error}") from error
    origins = {
        alias.asname or alias.name: ("." * node.level + (node.module or ""), alias.name)
        for node in _top_level(tree.body)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return _digest(tree), tuple(dict.fromkeys(_imports(tree))), origins


_stamps: dict[Path, tuple[int, int] | None] = {}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _imports(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue  # never executed
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (("." * node.level + (node.module or ""), alias.name) for alias in node.names)
        elif not isinstance(node, ast.expr):  # no statement is inside of one
            yield from _imports(node)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, including those below `if TYPE_CHECKING`, where a package lists what it imports lazily."""
    for node in body:
        yield from node.body if isinstance(node, ast.If) else [node]


def _digest_without_file(kind: type) -> str:
    """The digest of a class that is in no file: of its methods' source if available, as in a notebook, or of their bytecode."""
    parts = [kind.__qualname__]
    for name, member in sorted(vars(kind).items()) if isinstance(kind, type) else [("", kind)]:
        function = inspect.unwrap(getattr(member, "__func__", getattr(member, "fget", None) or member))
        if not inspect.isfunction(function) or function.__code__.co_filename == "<string>":  # generated by a decorator
            continue
        try:
            parts += [name, _digest(ast.parse(textwrap.dedent(inspect.getsource(function))))]
        except (OSError, TypeError, SyntaxError):
            parts += [name, *_bytecode(function.__code__)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _bytecode(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        yield from _bytecode(constant) if isinstance(constant, CodeType) else [repr(constant)]


def _module(kind: type) -> str:
    """The name under which the file of a class can be imported, also if it now runs as `__main__` (a script or `python -m`)."""
    if kind.__module__ not in ("__main__", "__mp_main__"):
        return kind.__module__
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    return spec.name if spec else Path(file).stem if file else "__main__"


def _digest(tree: ast.AST) -> str:
    words: list[str] = []
    _shape(tree, words.append)
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def _shape(node: Any, say: Callable[[str], None]) -> None:
    """The syntax word by word, without positions, docstrings and empty fields, so that it is equal in every Python."""
    if isinstance(node, ast.AST):
        say(type(node).__name__)
        for field in node._fields:
            content: Any = getattr(node, field, None)
            if field == "body" and _has_docstring(node):
                content = content[1:]
            if content is not None and content != []:
                say(field)
                _shape(content, say)
    elif isinstance(node, list):
        say("[")
        for element in node:
            _shape(element, say)
        say("]")
    else:
        say(repr(node))


def _has_docstring(node: ast.AST) -> bool:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
